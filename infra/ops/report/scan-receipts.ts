import { DatabaseSync } from 'node:sqlite';
import { type DynamoDBClient, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { callDeadline, patientTimeouts } from '../../../lambda/aws/clients.ts';
import { receiptKey, textOf } from '../../../lambda/aws/dynamodb-items.ts';
import { tableKeys } from '../../../lambda/aws/table-layout.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { asStoreFailure, parseReceiptRow } from '../../../lambda/receipts/rows.ts';

/** Reads every receipt, unordered and without a snapshot. Throws `unavailable` if the store cannot be reached. */
export type ScanReceipts = (unreadable: () => void) => AsyncIterable<Receipt>;

/** Rows of one page. With their evidence they stay well under DynamoDB's limit of 1 MB. */
const defaultPage = 250;

/** Segments that are read at the same time (DynamoDB Developer Guide, "Parallel scan"). Each holds one page in memory. */
const segments = 4;

/** Scans the receipts table in segments, page by page. Passes errors of AWS to `failed`. */
export function scanDynamodb(
  client: DynamoDBClient,
  TableName: string,
  failed: (thrown: unknown) => void,
  page = defaultPage,
): ScanReceipts {
  const input = {
    TableName,
    Limit: page,
    TotalSegments: segments,
    FilterExpression: '#sort = :receipt',
    ProjectionExpression: '#row',
    ExpressionAttributeNames: { '#sort': tableKeys.sort, '#row': 'row' },
    ExpressionAttributeValues: { ':receipt': receiptKey('')[tableKeys.sort] ?? { S: '' } },
  };
  const read: ReadPage = (Segment, ExclusiveStartKey) => {
    const scan = new ScanCommand({ ...input, Segment, ExclusiveStartKey });
    return asStoreFailure(() => client.send(scan, callDeadline(patientTimeouts.callMs)), failed);
  };
  return async function* (unreadable) {
    for await (const { Items = [] } of pagesOf(read)) {
      for (const item of Items) yield* parseRow(() => textOf(item, 'row'), unreadable);
    }
  };
}

type ReadPage = (segment: number, from: ScanCommandOutput['LastEvaluatedKey']) => Promise<ScanCommandOutput>;

/** Returns the pages of all segments as they arrive. While one is processed, the next one of each segment is read. */
async function* pagesOf(read: ReadPage): AsyncIterable<ScanCommandOutput> {
  const reading = new Map<number, Promise<{ readonly segment: number; readonly page: ScanCommandOutput }>>();
  const start = (segment: number, from: ScanCommandOutput['LastEvaluatedKey']) => {
    const next = read(segment, from).then(page => ({ segment, page }));
    // Its error is thrown below, unless the caller stops before.
    next.catch(() => undefined);
    reading.set(segment, next);
  };
  // The others wait for the first page, so that a missing permission is reported once.
  start(0, undefined);
  await reading.get(0);
  for (let segment = 1; segment < segments; segment += 1) start(segment, undefined);
  while (reading.size > 0) {
    const { segment, page } = await Promise.race(reading.values());
    reading.delete(segment);
    if (page.LastEvaluatedKey !== undefined) start(segment, page.LastEvaluatedKey);
    yield page;
  }
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
