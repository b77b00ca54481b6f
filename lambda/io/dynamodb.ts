import { randomUUID } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Receipt } from '../receipts/receipt.ts';
import type { Also, Kept, KeptWithPins, ReceiptStore } from '../receipts/store.ts';
import { type AwsProblem, awsTimeouts, errorNameOf } from './aws-clients.ts';
import { type Calls, callsTo } from './dynamodb-calls.ts';
import {
  acceptance,
  type Item,
  keptSort,
  lookUpsPrefix,
  pinsPrefix,
  replacement,
  subjectPartition,
  type Tables,
  textOf,
} from './dynamodb-rows.ts';
import { guarded, storeUnavailable } from './store-failure.ts';
import { keptFrom, lookUpsFrom, pinsFrom, receiptFrom, refuseOversized } from './stored-rows.ts';
import { tableKeys } from './table-layout.ts';

export interface DynamodbStoreOptions {
  /** Longest that one call may take in all, retries and body included. */
  readonly callMs?: number;
  /** Told of every call that failed: its verb and the error's name. */
  readonly log?: (problem: AwsProblem) => void;
}

/**
 * The receipt store on DynamoDB. Reads are strongly consistent but for `due`, which asks an index. A write whose answer
 * was lost and that was sent again is recognised, so it is not mistaken for somebody else's.
 */
export function dynamodbStore(
  client: DynamoDBClient,
  tables: Tables,
  { callMs = awsTimeouts.callMs, log }: DynamodbStoreOptions = {},
): ReceiptStore {
  const calls = callsTo(client, tables, callMs);
  const run = <T>(call: string, verb: () => Promise<T>) =>
    guarded(verb, thrown => log?.({ call, error: errorNameOf(thrown) }));
  return {
    accept: (receipt, kept) => run('accept', () => accept(calls, tables, receipt, kept)),
    read: id => run('read', async () => receiptIn(await calls.standing(id), id)),
    replace: (next, also = {}) => run('replace', () => replace(calls, tables, next, also)),
    due: (queue, now, limit) => run('due', async () => (limit < 1 ? [] : calls.suggested(queue, now, limit))),
    kept: id => run('kept', async () => keptIn(await calls.partition(tables.identifiers, id))),
    find: subjectMac => run('find', () => find(calls, tables, subjectMac)),
  };
}

async function accept(calls: Calls, tables: Tables, receipt: Receipt, kept: Kept) {
  refuseOversized(receipt);
  const writeId = randomUUID();
  const refused = await calls.write(acceptance(tables, receipt, kept, writeId));
  if (refused === undefined) return { stored: true, receipt };
  const item = refused.standing ?? (await calls.standing(receipt.id));
  const standing = receiptIn(item, receipt.id);
  if (standing === undefined) throw storeUnavailable();
  return { stored: item?.['writeId']?.S === writeId, receipt: standing };
}

/** False only when the revision has moved: a write that another one was in the way of may be tried again. */
async function replace(calls: Calls, tables: Tables, next: Receipt, also: Also): Promise<boolean> {
  const writeId = randomUUID();
  const refused = await calls.write(replacement(tables, next, also, writeId));
  if (refused === undefined) return true;
  const standing = refused.standing ?? (await calls.standing(next.id));
  if (standing?.['writeId']?.S === writeId) return true;
  if (Number(standing?.['revision']?.N) === next.revision - 1) throw storeUnavailable();
  return false;
}

async function find(calls: Calls, tables: Tables, subjectMac: string): Promise<readonly string[]> {
  const lookUps = await calls.partition(tables.receipts, subjectPartition(subjectMac));
  return lookUps.map(lookUp => textOf(lookUp, tableKeys.sort));
}

function receiptIn(item: Item | undefined, id: string): Receipt | undefined {
  return item === undefined ? undefined : receiptFrom(textOf(item, 'row'), id);
}

function keptIn(items: readonly Item[]): KeptWithPins | undefined {
  const rows = items.map(item => ({ sort: textOf(item, tableKeys.sort), row: textOf(item, 'row') }));
  const kept = rows.find(({ sort }) => sort === keptSort);
  if (kept === undefined) return undefined;
  const byProject = <T>(prefix: string, from: (row: string) => T) =>
    Object.fromEntries(
      rows
        .filter(({ sort }) => sort.startsWith(prefix))
        .map(({ sort, row }) => [sort.slice(prefix.length), from(row)] as const),
    );
  return {
    ...keptFrom(kept.row),
    pins: byProject(pinsPrefix, pinsFrom),
    lookUps: byProject(lookUpsPrefix, lookUpsFrom),
  };
}
