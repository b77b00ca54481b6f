import type { AttributeValue, TransactWriteItem, Update } from '@aws-sdk/client-dynamodb';
import type { Receipt } from '../receipts/receipt.ts';
import type { PersonalData, SideWrites } from '../receipts/store.ts';
import { storeUnavailable } from '../receipts/store.ts';
import { queueIndex, tableKeys, ttlAttribute } from './table-layout.ts';

/** Names of the tables, as AWS knows them. */
export interface TableNames {
  readonly receipts: string;
  readonly identifiers: string;
}

/** One row: its key, the JSON of what it holds in `row`, and beside that only what conditions and the index need. */
export type Item = Record<string, AttributeValue>;

/**
 * The receipt if there is none, what is kept apart, and a look-up row per subject; the receipt's own action comes first.
 * `writeId` marks the row as this very write's: whoever loses an answer finds out that the write was done.
 */
export function acceptActions(
  tables: TableNames,
  receipt: Receipt,
  kept: PersonalData,
  writeId: string,
): TransactWriteItem[] {
  const put = (TableName: string, Item: Item) => ({ TableName, Item });
  const row = { ...receiptKey(receipt.id), ...present(receiptAttributes(receipt, writeId)) };
  const keptRow = { ...key(receipt.id, personalDataSort), row: { S: JSON.stringify(kept) } };
  return [
    {
      Put: {
        ...put(tables.receipts, row),
        ConditionExpression: `attribute_not_exists(${tableKeys.partition})`,
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    },
    { Put: put(tables.identifiers, keptRow) },
    ...lookUpKeys(receipt).map(lookUp => ({ Put: put(tables.receipts, lookUp) })),
  ];
}

/** Updates, not puts: attributes that another version of this code wrote stay. The receipt's own action comes first. */
export function replaceActions(
  tables: TableNames,
  next: Receipt,
  also: SideWrites,
  writeId: string,
): TransactWriteItem[] {
  const update = updateOf(tables.receipts, receiptKey(next.id), receiptAttributes(next, writeId));
  return [
    {
      Update: {
        ...update,
        ExpressionAttributeValues: { ...update.ExpressionAttributeValues, ':before': { N: String(next.revision - 1) } },
        ConditionExpression: '#revision = :before',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    },
    ...expiries(tables, next),
    ...keptApart(tables, next, also),
  ];
}

/** From the transaction that closes on, the look-up rows expire together with their receipt. */
function expiries(tables: TableNames, { expiresAt, ...next }: Receipt): TransactWriteItem[] {
  if (expiresAt === undefined) return [];
  const attributes = { [ttlAttribute]: number(expiresAt) };
  return lookUpKeys(next).map(lookUp => ({ Update: updateOf(tables.receipts, lookUp, attributes) }));
}

/** Neither reads nor asks for old values: the webhook's role may do neither on this table. */
function keptApart(tables: TableNames, next: Receipt, also: SideWrites): TransactWriteItem[] {
  const TableName = tables.identifiers;
  const put = (sort: string, row: object): TransactWriteItem => ({
    Put: { TableName, Item: { ...key(next.id, sort), row: { S: JSON.stringify(row) } } },
  });
  const remove = (sort: string): TransactWriteItem => ({ Delete: { TableName, Key: key(next.id, sort) } });
  const { pins, lookUps = [] } = also;
  if (also.deletePersonalData === true) return sortsOf(next, lookUps).map(remove);
  const changed = lookUps.map(({ project, lookUps: row }) =>
    row === undefined ? remove(lookUpsSort(project)) : put(lookUpsSort(project), row),
  );
  return pins === undefined ? changed : [put(pinsSort(pins.project), pins.pins), ...changed];
}

/** Every row that is kept apart for a receipt: a project has pins, or look-ups before them. */
function sortsOf({ projects }: Receipt, lookUps: NonNullable<SideWrites['lookUps']>): readonly string[] {
  const rows = Object.entries(projects).flatMap(([project, { pins, lookedUp = 0 }]) => {
    const lookedUpBefore = lookedUp > 0 || lookUps.some(one => one.project === project);
    return [...(pins > 0 ? [pinsSort(project)] : []), ...(lookedUpBefore ? [lookUpsSort(project)] : [])];
  });
  return [personalDataSort, ...rows];
}

export const personalDataSort = 'personal-data';
export const pinsPrefix = 'pins#';
export const lookUpsPrefix = 'lookups#';
export const receiptPrefix = 'receipt#';

/** The key of a receipt. */
export function receiptKey(id: string): Item {
  return key(`${receiptPrefix}${id}`, 'receipt');
}

/** The partition of a subject's look-up rows; their sort keys are receipt ids. */
export function subjectPartition(mac: string): string {
  return `subject#${mac}`;
}

/** The text of an attribute. Throws `unavailable` where there is none: such a row is not one of ours. */
export function textOf(item: Item, attribute: string): string {
  const text = item[attribute]?.S;
  if (text === undefined) throw storeUnavailable('a stored row has a version that this code does not know');
  return text;
}

/** One transaction may not name a key twice (API Reference, TransactWriteItems), so equal subjects count once. */
function lookUpKeys({ id, subjectHmacs }: Pick<Receipt, 'id' | 'subjectHmacs'>): Item[] {
  return [...new Set(subjectHmacs)].map(mac => key(subjectPartition(mac), id));
}

function pinsSort(project: string): string {
  return `${pinsPrefix}${project}`;
}

function lookUpsSort(project: string): string {
  return `${lookUpsPrefix}${project}`;
}

function key(partition: string, sort: string): Item {
  return { [tableKeys.partition]: { S: partition }, [tableKeys.sort]: { S: sort } };
}

type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

function receiptAttributes(receipt: Receipt, writeId: string): Attributes {
  return {
    row: { S: JSON.stringify(receipt) },
    revision: number(receipt.revision),
    state: { S: receipt.state },
    writeId: { S: writeId },
    [queueIndex.partition]: receipt.queue && { S: receipt.queue },
    [queueIndex.sort]: number(receipt.nextAttemptAt),
    [ttlAttribute]: number(receipt.expiresAt),
  };
}

function number(value: number | undefined): AttributeValue | undefined {
  return value === undefined ? undefined : { N: String(value) };
}

function present(attributes: Attributes): Item {
  return Object.fromEntries(Object.entries(attributes).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

/** Sets the attributes that are given and removes those that are named and undefined. */
function updateOf(TableName: string, Key: Item, attributes: Attributes): Update {
  const set = present(attributes);
  const removed = Object.keys(attributes).filter(name => !Object.hasOwn(set, name));
  const sets = `SET ${Object.keys(set).map(name => `#${name} = :${name}`)}`;
  const removes = removed.length === 0 ? '' : ` REMOVE ${removed.map(name => `#${name}`)}`;
  return {
    TableName,
    Key,
    UpdateExpression: sets + removes,
    ExpressionAttributeNames: Object.fromEntries(Object.keys(attributes).map(name => [`#${name}`, name])),
    ExpressionAttributeValues: Object.fromEntries(Object.entries(set).map(([name, value]) => [`:${name}`, value])),
  };
}
