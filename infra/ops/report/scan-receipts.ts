import { DatabaseSync } from 'node:sqlite';
import { type DynamoDBClient, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { callDeadline, patientTimeouts } from '../../../lambda/aws/clients.ts';
import { receiptKey, textOf } from '../../../lambda/aws/dynamodb-items.ts';
import { tableKeys } from '../../../lambda/aws/table-layout.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { parseReceiptRow } from '../../../lambda/receipts/row-schemas.ts';
import { asStoreFailure } from '../../../lambda/receipts/store.ts';

/** Every receipt, in no order, as it stood when the reading came by. Throws `unavailable` when the store is not there. */
export type ScanReceipts = (unreadable: () => void) => AsyncIterable<Receipt>;

/** Rows of one page: with their evidence they stay well under DynamoDB's megabyte. */
const usualPage = 250;

/** The scan of the receipts' table, one bounded page after the other; `failed` is told what AWS threw. */
export function scanDynamodb(
  client: DynamoDBClient,
  TableName: string,
  failed: (thrown: unknown) => void,
  page = usualPage,
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
      for (const item of found.Items ?? []) yield* readable(() => textOf(item, 'row'), unreadable);
      ExclusiveStartKey = found.LastEvaluatedKey;
    } while (ExclusiveStartKey !== undefined);
  };
}

/** The same of a SQLite file, on a connection of its own; a page at a time, so that nobody waits for the reader. */
export function scanSqlite(file: string, page = usualPage): ScanReceipts {
  return async function* (unreadable) {
    const database = await asStoreFailure(() => new DatabaseSync(file, { readOnly: true }));
    try {
      const next = database.prepare('SELECT id, row FROM receipts WHERE id > ? ORDER BY id LIMIT ?');
      let rows = next.all('', page);
      while (rows.length > 0) {
        for (const { row } of rows) yield* readable(() => String(row), unreadable);
        rows = next.all(String(rows.at(-1)?.['id']), page);
      }
    } finally {
      database.close();
    }
  };
}

/** A row of a version that this code does not know is told and left out. */
function readable(row: () => string, unreadable: () => void): readonly Receipt[] {
  try {
    return [parseReceiptRow(row())];
  } catch {
    unreadable();
    return [];
  }
}
