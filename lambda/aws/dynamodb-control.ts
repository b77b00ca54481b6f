import { randomUUID } from 'node:crypto';
import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import type { ControlWrite, TokenAdvance, VersionedRow, VersionedStore } from '../control/versioned-store.ts';
import { parseJson } from '../io/json.ts';
import { asStoreFailure, storeUnavailable } from '../receipts/rows.ts';
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
  const update: Update = (key, input) => updateRow(client, { TableName: table, Key: keyOf(key), ...input }, callMs);
  return {
    read: batchReads(keys => run('read-control', () => read(client, table, keys, callMs))),
    write: (key, expected, value, expiresAt) =>
      run('write-control', () => write(update, key, expected, value, expiresAt)),
    advance: (key, expected, step) => run('advance', () => advance(update, key, expected, step)),
    moveBack: (key, from, to) => run('move-back', () => moveBack(update, key, from, to)),
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

/** Updates one row, or returns why not. */
type Update = (key: string, input: Omit<UpdateItemCommandInput, 'TableName' | 'Key'>) => Promise<Updated>;

interface Updated {
  readonly written: boolean;
  /** The item as it is afterwards; `undefined` if there is none. */
  readonly item: Item | undefined;
}

async function updateRow(client: DynamoDBClient, input: UpdateItemCommandInput, callMs: number): Promise<Updated> {
  const returned = { ReturnValues: 'ALL_NEW', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;
  try {
    const { Attributes } = await client.send(new UpdateItemCommand({ ...input, ...returned }), callDeadline(callMs));
    return { written: true, item: Attributes };
  } catch (thrown) {
    if (!(thrown instanceof ConditionalCheckFailedException)) throw thrown;
    const writeId = input.ExpressionAttributeValues?.[':writeId']?.S;
    return { written: writeId !== undefined && thrown.Item?.['writeId']?.S === writeId, item: thrown.Item };
  }
}

const isRevision = (expected: number) => (expected === 0 ? 'attribute_not_exists(#revision)' : '#revision = :before');

/** Attributes of a replaced value. `writeId` identifies this write, so that an SDK retry after a lost response recognises its own row. */
function valueUpdate(expected: number, value: unknown) {
  return {
    set: '#revision = :revision, #row = :row, #writeId = :writeId',
    names: { '#row': 'row', '#writeId': 'writeId' },
    values: {
      ':revision': { N: String(expected + 1) },
      ':row': { S: JSON.stringify(value) },
      ':writeId': { S: randomUUID() },
    },
  };
}

const before = (expected: number): Item => (expected === 0 ? {} : { ':before': { N: String(expected) } });

async function write(
  update: Update,
  key: string,
  expected: number,
  value: unknown,
  expiresAt?: number,
): Promise<ControlWrite> {
  const { set, names, values } = valueUpdate(expected, value);
  const isExpiring = expiresAt !== undefined;
  const { written, item } = await update(key, {
    UpdateExpression: `SET ${set}${isExpiring ? ', #ttl = :expires' : ''}`,
    ConditionExpression: isRevision(expected),
    ExpressionAttributeNames: { '#revision': 'revision', ...names, ...(isExpiring && { '#ttl': ttlAttribute }) },
    ExpressionAttributeValues: {
      ...values,
      ...before(expected),
      ...(isExpiring && { ':expires': number(expiresAt) }),
    },
  });
  if (written) return { written, row: { revision: expected + 1, value } };
  return { written, row: rowFrom(item) };
}

/** How often the other form is tried: the token time may pass `from` between two writes. */
const maxForms = 4;

/**
 * DynamoDB has no maximum of two numbers, so there are two forms: an idle token time is replaced, and one that is later
 * than `from` is increased. If the first form fails although the step is possible, the other one is tried. A write that an
 * SDK retry repeats after a lost response reserves too much, never too little.
 */
async function advance(update: Update, key: string, expected: number, step: TokenAdvance): Promise<ControlWrite> {
  let isBusy = step.known > step.from;
  for (let tries = 1; ; tries += 1) {
    const { written, item } = await update(key, advanceInput(expected, step, isBusy));
    const row = rowFrom(item);
    if (written) return { written, row };
    const { revision, tokenTime = 0 } = row;
    const isNowBusy = tokenTime > step.from;
    const isPossible = revision === expected && tokenTime <= step.atMost && isNowBusy !== isBusy;
    if (!isPossible || tries === maxForms) return { written, row };
    isBusy = isNowBusy;
  }
}

function advanceInput(expected: number, { from, by, atMost, value }: TokenAdvance, isBusy: boolean) {
  const changed = value === undefined ? undefined : valueUpdate(expected, value);
  const to = isBusy ? '#time + :by' : ':to';
  const condition = isBusy ? '#time > :from AND #time <= :most' : '(attribute_not_exists(#time) OR #time <= :most)';
  const time: Item = isBusy
    ? { ':by': number(by), ':from': number(from), ':most': number(atMost) }
    : { ':to': number(from + by), ':most': number(Math.min(from, atMost)) };
  return {
    UpdateExpression: `SET #time = ${to}${changed === undefined ? '' : `, ${changed.set}`}`,
    ConditionExpression: `${isRevision(expected)} AND ${condition}`,
    ExpressionAttributeNames: { '#revision': 'revision', '#time': 'tokenTime', ...changed?.names },
    ExpressionAttributeValues: { ...time, ...changed?.values, ...before(expected) },
  };
}

async function moveBack(update: Update, key: string, from: number, to: number): Promise<boolean> {
  const { written } = await update(key, {
    UpdateExpression: 'SET #time = :to',
    ConditionExpression: '#time = :from',
    ExpressionAttributeNames: { '#time': 'tokenTime' },
    ExpressionAttributeValues: { ':from': number(from), ':to': number(to) },
  });
  return written;
}

function number(value: number) {
  return { N: String(value) };
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

function rowFrom(item: Item | undefined): VersionedRow {
  return item === undefined ? { revision: 0, value: undefined } : parseRow(item);
}

function parseRow(item: Item): VersionedRow {
  const counted = item['count']?.N;
  if (counted !== undefined) return { revision: 0, value: Number(counted) };
  const row = { revision: Number(item['revision']?.N), value: parseJson(item['row']?.S ?? '')?.value };
  const time = item['tokenTime'];
  return time === undefined ? row : { ...row, tokenTime: Number(time.N) };
}
