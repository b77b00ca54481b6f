import { randomUUID } from 'node:crypto';
import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { VersionedRow, VersionedStore } from '../control/versioned-store.ts';
import { parseJson } from '../io/json.ts';
import { asStoreFailure, storeUnavailable } from '../receipts/store.ts';
import { type AwsProblem, awsTimeouts, callDeadline, errorNameOf } from './clients.ts';
import { type Item, textOf } from './dynamodb-items.ts';
import { tableKeys, ttlAttribute } from './table-layout.ts';

/** All control rows have the same sort key; their partition is the row's own key. */
const controlSort = 'control';

/** Returns the store of control rows on DynamoDB, in the receipts table. */
export function dynamodbControl(
  client: DynamoDBClient,
  table: string,
  { callMs = awsTimeouts.callMs, log }: { callMs?: number; log?: (problem: AwsProblem) => void } = {},
): VersionedStore {
  const run = <T>(call: string, verb: () => Promise<T>) =>
    asStoreFailure(verb, thrown => log?.({ call, error: errorNameOf(thrown) }));
  return {
    read: batchReads(keys => run('read-control', () => read(client, table, keys, callMs))),
    write: (key, expected, value) =>
      run('write-control', () => write(client, table, { key, revision: expected + 1, value }, callMs)),
    count: (key, expiresAt) => run('count', () => count(client, table, key, expiresAt, callMs)),
  };
}

/** Combines the reads of one turn of the event loop into one call. */
function batchReads(read: VersionedStore['read']): VersionedStore['read'] {
  let next: { readonly keys: Set<string>; readonly rows: ReturnType<VersionedStore['read']> } | undefined;
  const startBatch = () => {
    const keys = new Set<string>();
    const rows = Promise.resolve().then(() => {
      next = undefined;
      return read([...keys]);
    });
    return { keys, rows };
  };
  return async keys => {
    next ??= startBatch();
    for (const key of keys) next.keys.add(key);
    const rows = await next.rows;
    return new Map([...rows].filter(([key]) => keys.includes(key)));
  };
}

async function read(client: DynamoDBClient, table: string, keys: readonly string[], callMs: number) {
  const request = { [table]: { Keys: keys.map(keyOf), ConsistentRead: true } };
  const response = await client.send(new BatchGetItemCommand({ RequestItems: request }), callDeadline(callMs));
  const { Responses, UnprocessedKeys = {} } = response;
  // Without this, an unreadable response would say that nothing is paused.
  if (Responses === undefined || Object.keys(UnprocessedKeys).length > 0) throw storeUnavailable();
  return new Map((Responses[table] ?? []).map(item => [textOf(item, tableKeys.partition), parseRow(item)] as const));
}

interface NewRow {
  readonly key: string;
  readonly revision: number;
  readonly value: unknown;
}

/** Writes a row. `writeId` identifies this write, so that an SDK retry after a lost response recognises its own row. */
async function write(client: DynamoDBClient, table: string, { key, revision, value }: NewRow, callMs: number) {
  const row = JSON.stringify(value);
  const writeId = randomUUID();
  const input = {
    TableName: table,
    Item: { ...keyOf(key), revision: { N: String(revision) }, row: { S: row }, writeId: { S: writeId } },
    ConditionExpression: revision === 1 ? 'attribute_not_exists(#revision)' : '#revision = :before',
    ExpressionAttributeNames: { '#revision': 'revision' },
    ...(revision === 1 ? {} : { ExpressionAttributeValues: { ':before': { N: String(revision - 1) } } }),
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  } as const;
  try {
    await client.send(new PutItemCommand(input), callDeadline(callMs));
    return { written: true, row: { revision, value } };
  } catch (thrown) {
    if (!(thrown instanceof ConditionalCheckFailedException)) throw thrown;
    const written = thrown.Item?.['writeId']?.S === writeId;
    return { written, row: thrown.Item === undefined ? { revision: 0, value: undefined } : parseRow(thrown.Item) };
  }
}

async function count(client: DynamoDBClient, table: string, key: string, expiresAt: number, callMs: number) {
  const input = {
    TableName: table,
    Key: keyOf(key),
    UpdateExpression: 'ADD #count :one SET #ttl = :expires',
    ExpressionAttributeNames: { '#count': 'count', '#ttl': ttlAttribute },
    ExpressionAttributeValues: { ':one': { N: '1' }, ':expires': { N: String(expiresAt) } },
    ReturnValues: 'UPDATED_NEW',
  } as const;
  const { Attributes } = await client.send(new UpdateItemCommand(input), callDeadline(callMs));
  return Number(Attributes?.['count']?.N);
}

function keyOf(key: string): Item {
  return { [tableKeys.partition]: { S: key }, [tableKeys.sort]: { S: controlSort } };
}

function parseRow(item: Item): VersionedRow {
  const counted = item['count']?.N;
  if (counted !== undefined) return { revision: 0, value: Number(counted) };
  return { revision: Number(item['revision']?.N), value: parseJson(item['row']?.S ?? '')?.value };
}
