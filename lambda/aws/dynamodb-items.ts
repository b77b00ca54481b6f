import type { AttributeValue, TransactWriteItem, Update } from '@aws-sdk/client-dynamodb';
import { lookUpHmacs, type Receipt } from '../receipts/receipt.ts';
import type { Addendum } from '../receipts/row-schemas.ts';
import { partitionOf, storeUnavailable } from '../receipts/rows.ts';
import type { PersonalDataWithPins, SideWrites } from '../receipts/store.ts';
import { addendumPrefix, queueIndex, subjectPrefix, tableKeys, ttlAttribute } from './table-layout.ts';

/** Names of the DynamoDB tables. */
export interface TableNames {
  readonly receipts: string;
  readonly identifiers: string;
}

/** One row: its key, its content as JSON in `row`, and the attributes that conditions and the index need. */
export type Item = Record<string, AttributeValue>;

/**
 * Returns the actions that create a receipt, its personal data, pins and a look-up row per subject. The receipt's action comes
 * first. `writeId` identifies this write, so that a retry after a lost response finds out that the write was done.
 */
export function acceptActions(
  tables: TableNames,
  receipt: Receipt,
  { pins, ...personalData }: Omit<PersonalDataWithPins, 'lookUps'>,
  writeId: string,
): TransactWriteItem[] {
  const put = (TableName: string, Item: Item) => ({ TableName, Item });
  const row = { ...receiptKey(receipt.id), ...present(receiptAttributes(receipt, writeId)) };
  const personalDataRow = { ...key(receipt.id, personalDataSort), row: { S: JSON.stringify(personalData) } };
  return [
    {
      Put: {
        ...put(tables.receipts, row),
        ConditionExpression: `attribute_not_exists(${tableKeys.partition})`,
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    },
    { Put: put(tables.identifiers, personalDataRow) },
    ...Object.entries(pins).map(([project, row]) => ({
      Put: put(tables.identifiers, { ...key(receipt.id, pinsSort(project)), row: { S: JSON.stringify(row) } }),
    })),
    ...lookUpKeys(receipt).map(lookUp => ({ Put: put(tables.receipts, lookUp) })),
  ];
}

/**
 * Returns the actions that replace a receipt; its own action comes first. An update keeps attributes that another version
 * of this code wrote; a put would remove them.
 */
export function replaceActions(
  tables: TableNames,
  next: Receipt,
  also: SideWrites,
  writeId: string,
): TransactWriteItem[] {
  const update = buildUpdate(tables.receipts, receiptKey(next.id), receiptAttributes(next, writeId));
  return [
    {
      Update: {
        ...update,
        ExpressionAttributeValues: { ...update.ExpressionAttributeValues, ':before': { N: String(next.revision - 1) } },
        ConditionExpression: '#revision = :before',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    },
    ...updateExpiry(tables, next),
    ...putResolvedLookUps(tables, next, also),
    ...writePersonalData(tables, next, also),
  ];
}

/**
 * The write that closes a receipt sets the expiry of its look-up rows too, so that all expire together, and when the
 * person was erased: the function that compares events of customers reads no receipt. Callbacks, the verification and the
 * signature come after it and change no expiry. A later write that looks the same repeats it, which is harmless.
 */
function updateExpiry(tables: TableNames, next: Receipt): TransactWriteItem[] {
  const { evidence, callbackState, verification, expiresAt } = next;
  const isClosedBefore = evidence !== undefined || callbackState !== undefined || verification !== undefined;
  if (expiresAt === undefined || isClosedBefore) return [];
  const erasedAt = next.state === 'erased' ? next.closedAt : undefined;
  const attributes = { [ttlAttribute]: number(expiresAt), ...(erasedAt && { [erasedAtAttribute]: number(erasedAt) }) };
  return lookUpKeys(next).map(lookUp => ({ Update: buildUpdate(tables.receipts, lookUp, attributes) }));
}

/** The write of the pins creates the look-up rows of what only the pinned customers have. */
function putResolvedLookUps({ receipts }: TableNames, next: Receipt, { pins }: SideWrites): TransactWriteItem[] {
  const { id, resolvedHmacs = [] } = next;
  if (pins === undefined) return [];
  return resolvedHmacs.map(hmac => ({ Put: { TableName: receipts, Item: key(subjectPartition(hmac), id) } }));
}

/** Writes without reading and without returning old values: the webhook's role may do neither on this table. */
function writePersonalData(tables: TableNames, next: Receipt, also: SideWrites): TransactWriteItem[] {
  const TableName = tables.identifiers;
  const put = (sort: string, row: object, expiry: Item = {}): TransactWriteItem => ({
    Put: { TableName, Item: { ...key(next.id, sort), row: { S: JSON.stringify(row) }, ...expiry } },
  });
  const remove = (sort: string): TransactWriteItem => ({ Delete: { TableName, Key: key(next.id, sort) } });
  const { pins, lookUps = [], callbackData } = also;
  if (also.deletePersonalData === true) {
    const first = callbackData === undefined ? remove(personalDataSort) : put(personalDataSort, callbackData);
    return [first, ...projectSorts(next, also).map(remove)];
  }
  if (also.pinsLeft !== undefined) {
    const left = also.pinsLeft;
    const expiry = { [ttlAttribute]: { N: String(left.expiresAt) } };
    return pinnedProjects(next).map(project => {
      const pinsOf = left.pins[project];
      return pinsOf === undefined ? remove(pinsSort(project)) : put(pinsSort(project), pinsOf, expiry);
    });
  }
  const changed = lookUps.map(({ project, lookUps: row }) =>
    row === undefined ? remove(lookUpsSort(project)) : put(lookUpsSort(project), row),
  );
  return pins === undefined ? changed : [put(pinsSort(pins.project), pins.pins), ...changed];
}

/** Returns the sort keys of the projects' rows: a project may have pins, completed look-ups, or both. */
function projectSorts(next: Receipt, { lookUps = [], keepPins = false }: SideWrites): readonly string[] {
  const withLookUps = Object.entries(next.projects).filter(
    ([project, { lookedUp = 0 }]) => lookedUp > 0 || lookUps.some(one => one.project === project),
  );
  const pins = keepPins ? [] : pinnedProjects(next).map(pinsSort);
  return [...pins, ...withLookUps.map(([project]) => lookUpsSort(project))];
}

function pinnedProjects({ projects }: Receipt): readonly string[] {
  return Object.keys(projects).filter(project => (projects[project]?.pins ?? 0) > 0);
}

export const personalDataSort = 'personal-data';
export const pinsPrefix = 'pins#';
export const lookUpsPrefix = 'lookups#';
export const receiptPrefix = 'receipt#';

/** Returns the key of a receipt. */
export function receiptKey(id: string): Item {
  return key(`${receiptPrefix}${id}`, 'receipt');
}

/** Returns the partition of a subject's look-up rows; their sort keys are receipt ids. */
export function subjectPartition(hmac: string): string {
  return `${subjectPrefix}${hmac}`;
}

/** On a look-up row: when the receipt was closed as `erased`, in epoch milliseconds. */
export const erasedAtAttribute = 'erasedAt';

/** Returns the key of an addendum by its id: receipt and event. */
export function addendumKey(id: string): Item {
  const [receipt = '', event = ''] = id.split('#');
  return key(`${addendumPrefix}${receipt}`, event);
}

/** Returns the whole row of an addendum. It stays in the queue until it is signed. */
export function addendumItem(addendum: Addendum): Item {
  const { receipt, event, revision, receivedAt, expiresAt, jws } = addendum;
  const queued = jws === undefined;
  return {
    ...key(`${addendumPrefix}${receipt}`, event),
    ...present({
      row: { S: JSON.stringify(addendum) },
      revision: number(revision),
      [queueIndex.partition]: queued ? { S: 'addendum' } : undefined,
      [queueIndex.sort]: queued ? number(receivedAt) : undefined,
      [ttlAttribute]: number(expiresAt),
    }),
  };
}

/** Returns the text of an attribute. Throws `unavailable` if it is missing: this code did not write such a row. */
export function textOf(item: Item, attribute: string): string {
  const text = item[attribute]?.S;
  if (text === undefined) throw storeUnavailable('a stored row has a version that this code does not know');
  return text;
}

/** Returns the keys without duplicates: a transaction may not name a key twice (API Reference, TransactWriteItems). */
function lookUpKeys(receipt: Receipt): Item[] {
  return lookUpHmacs(receipt).map(hmac => key(subjectPartition(hmac), receipt.id));
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
  const partition = partitionOf(receipt);
  return {
    row: { S: JSON.stringify(receipt) },
    revision: number(receipt.revision),
    state: { S: receipt.state },
    writeId: { S: writeId },
    [queueIndex.partition]: partition === undefined ? undefined : { S: partition },
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

/** Returns an update that sets the defined attributes and removes the undefined ones. */
function buildUpdate(TableName: string, Key: Item, attributes: Attributes): Update {
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
