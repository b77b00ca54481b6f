import { randomUUID } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Receipt } from '../receipts/receipt.ts';
import type { Addendum } from '../receipts/row-schemas.ts';
import {
  asStoreFailure,
  isErasePartition,
  lookUpsFrom,
  oldestFirst,
  parseAddendumRow,
  parsePartition,
  parsePersonalDataRow,
  parsePinsRow,
  parseReceiptRow,
  rejectOversized,
  type SelectPartition,
  storeUnavailable,
  unpausable,
} from '../receipts/rows.ts';
import type { PersonalDataWithPins, ReceiptStore, SideWrites, SubjectErasures } from '../receipts/store.ts';
import { type AwsProblem, awsTimeouts, errorNameOf } from './clients.ts';
import { type DynamodbCalls, dynamodbCalls } from './dynamodb-calls.ts';
import {
  acceptActions,
  addendumItem,
  addendumKey,
  erasedAtAttribute,
  type Item,
  lookUpsPrefix,
  personalDataSort,
  pinsPrefix,
  receiptKey,
  replaceActions,
  subjectPartition,
  type TableNames,
  textOf,
} from './dynamodb-items.ts';
import { addendumPrefix, tableKeys, ttlAttribute } from './table-layout.ts';

export interface DynamodbStoreOptions {
  /** Time limit of one call, including retries and the body. */
  readonly callMs?: number;
  /** Logs every failed call: its name and the error's name. */
  readonly log?: (problem: AwsProblem) => void;
  /** Returns the names of the partitions that the settings lead to: only these are asked before the first receipt is in them. */
  readonly expected?: () => readonly string[];
}

/**
 * Returns the receipt store on DynamoDB. Reads are strongly consistent, except `due`, which queries an index. An SDK retry
 * after a lost response recognises its own write and does not report a conflict.
 */
export function dynamodbStore(
  client: DynamoDBClient,
  tables: TableNames,
  { callMs = awsTimeouts.callMs, log, expected = () => [] }: DynamodbStoreOptions = {},
): ReceiptStore {
  const calls = dynamodbCalls(client, tables, callMs);
  const erasePartitions = partitionFinder(calls, expected);
  const run = <T>(call: string, verb: () => Promise<T>) =>
    asStoreFailure(verb, thrown => log?.({ call, error: errorNameOf(thrown) }));
  return {
    accept: (receipt, personalData, pins = {}) =>
      run('accept', () => accept(calls, tables, receipt, { ...personalData, pins })),
    read: id => run('read', async () => parseReceipt(await calls.readItem(receiptKey(id)), id)),
    replace: (next, also = {}) => run('replace', () => replace(calls, tables, next, also)),
    due: (queue, now, limit, select) =>
      run('due', async () => {
        if (limit < 1) return [];
        const partitions = queue === 'erase' ? await erasePartitions(now, select) : [queue];
        return oldestFirst(await Promise.all(partitions.map(name => calls.queryDue(name, now, limit))), limit);
      }),
    readPersonalData: id =>
      run('personal-data', async () => parsePersonalData(await calls.readPartition(tables.identifiers, id))),
    readPins: id => run('pins', async () => pinsIn(await calls.readPartition(tables.identifiers, id))),
    find: subjectHmac => run('find', () => find(calls, tables, subjectHmac)),
    findErased: subjectHmac => run('find', () => findErased(calls, tables, subjectHmac)),
    addAddendum: addendum =>
      run('add-addendum', async () => {
        await calls.put(addendumItem(addendum), 0);
      }),
    readAddendum: id => run('read-addendum', async () => parseAddendum(await calls.readItem(addendumKey(id)))),
    replaceAddendum: next => run('replace-addendum', () => calls.put(addendumItem(next), next.revision - 1)),
    addendaOf: receiptId =>
      run('read-addenda', async () => {
        const items = await calls.readPartition(tables.receipts, `${addendumPrefix}${receiptId}`);
        return items.flatMap(item => parseAddendum(item) ?? []);
      }),
  };
}

/** How long the found partitions are used before the index is scanned again, in milliseconds. */
const scanAgainMs = 300_000;

/**
 * Returns a function that finds the selected partitions of the queue `erase`: those that the settings lead to, and all that
 * the index has. So no receipt is lost whose platform or project is no longer in the settings.
 */
function partitionFinder(calls: DynamodbCalls, expected: () => readonly string[]) {
  const names = new Set([unpausable]);
  let scannedAt: number | undefined;
  return async (now: number, select: SelectPartition = () => true): Promise<readonly string[]> => {
    if (scannedAt === undefined || Math.abs(now - scannedAt) >= scanAgainMs) {
      for (const name of [...expected(), ...(await calls.scanPartitions())])
        if (isErasePartition(name)) names.add(name);
      scannedAt = now;
    }
    return [...names].filter(name => select(parsePartition(name)));
  };
}

async function accept(
  calls: DynamodbCalls,
  tables: TableNames,
  receipt: Receipt,
  personalData: Omit<PersonalDataWithPins, 'lookUps'>,
) {
  rejectOversized(receipt);
  const writeId = randomUUID();
  const conflict = await calls.write(acceptActions(tables, receipt, personalData, writeId));
  if (conflict === undefined) return { stored: true, receipt };
  const item = conflict.item ?? (await calls.readItem(receiptKey(receipt.id)));
  const existing = parseReceipt(item, receipt.id);
  if (existing === undefined) throw storeUnavailable();
  return { stored: item?.['writeId']?.S === writeId, receipt: existing };
}

/** Returns false only if the revision has changed. A conflict without a new revision is `unavailable`, so retryable. */
async function replace(calls: DynamodbCalls, tables: TableNames, next: Receipt, also: SideWrites): Promise<boolean> {
  const writeId = randomUUID();
  const conflict = await calls.write(replaceActions(tables, next, also, writeId));
  if (conflict === undefined) return true;
  const item = conflict.item ?? (await calls.readItem(receiptKey(next.id)));
  if (item?.['writeId']?.S === writeId) return true;
  if (Number(item?.['revision']?.N) === next.revision - 1) throw storeUnavailable();
  return false;
}

async function find(calls: DynamodbCalls, tables: TableNames, subjectHmac: string): Promise<readonly string[]> {
  const lookUps = await calls.readPartition(tables.receipts, subjectPartition(subjectHmac));
  return lookUps.map(lookUp => textOf(lookUp, tableKeys.sort));
}

/** The look-up row of a closed receipt has its expiry; only that of an `erased` one has the time too. */
async function findErased(calls: DynamodbCalls, tables: TableNames, hmac: string): Promise<SubjectErasures> {
  const lookUps = await calls.readPartition(tables.receipts, subjectPartition(hmac));
  const erased = lookUps.flatMap(lookUp => {
    const [erasedAt, expiresAt] = [lookUp[erasedAtAttribute]?.N, Number(lookUp[ttlAttribute]?.N)];
    if (erasedAt === undefined) return [];
    return [{ id: textOf(lookUp, tableKeys.sort), erasedAt: Number(erasedAt), expiresAt }];
  });
  return { erased, hasOpen: lookUps.some(lookUp => lookUp[ttlAttribute] === undefined) };
}

function parseAddendum(item: Item | undefined): Addendum | undefined {
  return item === undefined ? undefined : parseAddendumRow(textOf(item, 'row'));
}

function parseReceipt(item: Item | undefined, id: string): Receipt | undefined {
  return item === undefined ? undefined : parseReceiptRow(textOf(item, 'row'), id);
}

function parsePersonalData(items: readonly Item[]): PersonalDataWithPins | undefined {
  const personalData = items.find(item => textOf(item, tableKeys.sort) === personalDataSort);
  if (personalData === undefined) return undefined;
  return {
    ...parsePersonalDataRow(textOf(personalData, 'row')),
    pins: pinsIn(items),
    lookUps: byProject(items, lookUpsPrefix, lookUpsFrom),
  };
}

function pinsIn(items: readonly Item[]): PersonalDataWithPins['pins'] {
  return byProject(items, pinsPrefix, parsePinsRow);
}

function byProject<T>(items: readonly Item[], prefix: string, parse: (row: string) => T): Record<string, T> {
  const rows = items.map(item => ({ sort: textOf(item, tableKeys.sort), row: textOf(item, 'row') }));
  const ofKind = rows.filter(({ sort }) => sort.startsWith(prefix));
  return Object.fromEntries(ofKind.map(({ sort, row }) => [sort.slice(prefix.length), parse(row)] as const));
}
