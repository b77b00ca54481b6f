import { randomUUID } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  lookUpsFrom,
  parsePersonalDataRow,
  parsePinsRow,
  parseReceiptRow,
  rejectOversized,
} from '../receipts/parse-rows.ts';
import type { Receipt } from '../receipts/receipt.ts';
import type { PersonalData, PersonalDataWithPins, ReceiptStore, SideWrites } from '../receipts/store.ts';
import { asStoreFailure, storeUnavailable } from '../receipts/store.ts';
import { type AwsProblem, awsTimeouts, errorNameOf } from './clients.ts';
import { type DynamodbCalls, dynamodbCalls } from './dynamodb-calls.ts';
import {
  acceptActions,
  type Item,
  lookUpsPrefix,
  personalDataSort,
  pinsPrefix,
  replaceActions,
  subjectPartition,
  type TableNames,
  textOf,
} from './dynamodb-items.ts';
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
  tables: TableNames,
  { callMs = awsTimeouts.callMs, log }: DynamodbStoreOptions = {},
): ReceiptStore {
  const calls = dynamodbCalls(client, tables, callMs);
  const run = <T>(call: string, verb: () => Promise<T>) =>
    asStoreFailure(verb, thrown => log?.({ call, error: errorNameOf(thrown) }));
  return {
    accept: (receipt, kept) => run('accept', () => accept(calls, tables, receipt, kept)),
    read: id => run('read', async () => receiptIn(await calls.standing(id), id)),
    replace: (next, also = {}) => run('replace', () => replace(calls, tables, next, also)),
    due: (queue, now, limit) => run('due', async () => (limit < 1 ? [] : calls.suggested(queue, now, limit))),
    readPersonalData: id => run('personal-data', async () => keptIn(await calls.partition(tables.identifiers, id))),
    find: subjectHmac => run('find', () => find(calls, tables, subjectHmac)),
  };
}

async function accept(calls: DynamodbCalls, tables: TableNames, receipt: Receipt, kept: PersonalData) {
  rejectOversized(receipt);
  const writeId = randomUUID();
  const refused = await calls.write(acceptActions(tables, receipt, kept, writeId));
  if (refused === undefined) return { stored: true, receipt };
  const item = refused.standing ?? (await calls.standing(receipt.id));
  const standing = receiptIn(item, receipt.id);
  if (standing === undefined) throw storeUnavailable();
  return { stored: item?.['writeId']?.S === writeId, receipt: standing };
}

/** False only when the revision has moved: a write that another one was in the way of may be tried again. */
async function replace(calls: DynamodbCalls, tables: TableNames, next: Receipt, also: SideWrites): Promise<boolean> {
  const writeId = randomUUID();
  const refused = await calls.write(replaceActions(tables, next, also, writeId));
  if (refused === undefined) return true;
  const standing = refused.standing ?? (await calls.standing(next.id));
  if (standing?.['writeId']?.S === writeId) return true;
  if (Number(standing?.['revision']?.N) === next.revision - 1) throw storeUnavailable();
  return false;
}

async function find(calls: DynamodbCalls, tables: TableNames, subjectHmac: string): Promise<readonly string[]> {
  const lookUps = await calls.partition(tables.receipts, subjectPartition(subjectHmac));
  return lookUps.map(lookUp => textOf(lookUp, tableKeys.sort));
}

function receiptIn(item: Item | undefined, id: string): Receipt | undefined {
  return item === undefined ? undefined : parseReceiptRow(textOf(item, 'row'), id);
}

function keptIn(items: readonly Item[]): PersonalDataWithPins | undefined {
  const rows = items.map(item => ({ sort: textOf(item, tableKeys.sort), row: textOf(item, 'row') }));
  const kept = rows.find(({ sort }) => sort === personalDataSort);
  if (kept === undefined) return undefined;
  const byProject = <T>(prefix: string, from: (row: string) => T) =>
    Object.fromEntries(
      rows
        .filter(({ sort }) => sort.startsWith(prefix))
        .map(({ sort, row }) => [sort.slice(prefix.length), from(row)] as const),
    );
  return {
    ...parsePersonalDataRow(kept.row),
    pins: byProject(pinsPrefix, parsePinsRow),
    lookUps: byProject(lookUpsPrefix, lookUpsFrom),
  };
}
