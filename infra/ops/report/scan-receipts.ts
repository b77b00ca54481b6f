import { DatabaseSync } from 'node:sqlite';
import { type DynamoDBClient, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { callDeadline, patientTimeouts } from '../../../lambda/aws/clients.ts';
import { receiptKey, textOf } from '../../../lambda/aws/dynamodb-items.ts';
import { tableKeys } from '../../../lambda/aws/table-layout.ts';
import { parseReceiptRow } from '../../../lambda/receipts/parse-rows.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { asStoreFailure } from '../../../lambda/receipts/store.ts';

/** Reads every receipt, unordered and without a snapshot. Throws `unavailable` if the store cannot be reached. */
export type ScanReceipts = (unreadable: () => void) => AsyncIterable<Receipt>;

/** Rows of one page. With their evidence they stay well under DynamoDB's limit of 1 MB. */
const defaultPage = 250;

/** Scans the receipts table, page by page. Passes errors of AWS to `failed`. */
export function scanDynamodb(
  client: DynamoDBClient,
  TableName: string,
  failed: (thrown: unknown) => void,
  page = defaultPage,
): ScanReceipts {
  const input = {
    TableName,
    Limit: page,
    FilterExpression: '#sort = :receipt',
    ProjectionExpression: '#row',
    ExpressionAttributeNames: { '#sort': tableKeys.sort, '#row': 'row' },
    ExpressionAttributeValues: { ':receipt': receiptKey('')[tableKeys.sort] ?? { S: '' } },
  };
  return async function* (unreadable) {
    let ExclusiveStartKey: ScanCommandOutput['LastEvaluatedKey'];
    do {
      const scan = new ScanCommand({ ...input, ExclusiveStartKey });
      const found = await asStoreFailure(() => client.send(scan, callDeadline(patientTimeouts.callMs)), failed);
      for (const item of found.Items ?? []) yield* parseRow(() => textOf(item, 'row'), unreadable);
      ExclusiveStartKey = found.LastEvaluatedKey;
    } while (ExclusiveStartKey !== undefined);
  };
}

/** Scans a SQLite file on its own connection, page by page, so that it does not block writers. */
export function scanSqlite(file: string, page = defaultPage): ScanReceipts {
  return async function* (unreadable) {
    const database = await asStoreFailure(() => new DatabaseSync(file, { readOnly: true }));
    try {
      const next = database.prepare('SELECT id, row FROM receipts WHERE id > ? ORDER BY id LIMIT ?');
      let rows = next.all('', page);
      while (rows.length > 0) {
        for (const { row } of rows) yield* parseRow(() => String(row), unreadable);
        rows = next.all(String(rows.at(-1)?.['id']), page);
      }
    } finally {
      database.close();
    }
  };
}

/** Parses a row. Reports and skips a row of an unknown version. */
function parseRow(row: () => string, unreadable: () => void): readonly Receipt[] {
  try {
    return [parseReceiptRow(row())];
  } catch {
    unreadable();
    return [];
  }
}
