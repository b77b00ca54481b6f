import { setTimeout } from 'node:timers/promises';
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  paginateQuery,
  QueryCommand,
  ScanCommand,
  TransactionCanceledException,
  TransactionConflictException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { type DueReceipt, storeUnavailable } from '../receipts/rows.ts';
import { callDeadline } from './clients.ts';
import { type Item, receiptPrefix, type TableNames, textOf } from './dynamodb-items.ts';
import { addendumPrefix, queueIndex, tableKeys } from './table-layout.ts';

/** The DynamoDB calls of the store, each with a deadline. Network and service errors are thrown unchanged. */
export interface DynamodbCalls {
  /** Reads one item of the receipts table, strongly consistent. */
  readItem(key: Item): Promise<Item | undefined>;
  /** Reads every item of one partition, strongly consistent. */
  readPartition(table: string, partition: string): Promise<readonly Item[]>;
  /** Reads what is due in one partition of the index, oldest first. The index lags behind the receipts. */
  queryDue(partition: string, now: number, limit: number): Promise<readonly DueReceipt[]>;
  /** Reads the names of all partitions that the index has, one page of the whole index after the other. */
  scanPartitions(): Promise<ReadonlySet<string>>;
  /** Writes all actions or none, and retries once after a conflict with another transaction. Returns `undefined` on success. */
  write(actions: readonly TransactWriteItem[]): Promise<Conflict | undefined>;
  /** Writes a row of the receipts table over revision `before` (zero: no row yet). Returns whether it was written. */
  put(item: Item, before: number): Promise<boolean>;
}

/** A condition failed or another write conflicted. Nothing was written. */
interface Conflict {
  /** The stored item that failed the condition, if DynamoDB returned it. */
  readonly item: Item | undefined;
  /** Whether no condition failed: another transaction was writing the same items, which takes milliseconds. */
  readonly isTransient: boolean;
}

/** Delay before the retry after a transient conflict, in milliseconds. */
const conflictDelayMs = 50;

/** Returns the calls. `callMs` is the time limit of one call, including retries. */
export function dynamodbCalls(client: DynamoDBClient, tables: TableNames, callMs: number): DynamodbCalls {
  return {
    async readItem(Key) {
      const input = { TableName: tables.receipts, Key, ConsistentRead: true };
      return (await client.send(new GetItemCommand(input), callDeadline(callMs))).Item;
    },

    async readPartition(table, partition) {
      const input = {
        TableName: table,
        ConsistentRead: true,
        KeyConditionExpression: '#partition = :partition',
        ExpressionAttributeNames: { '#partition': tableKeys.partition },
        ExpressionAttributeValues: { ':partition': { S: partition } },
      };
      const items: Item[] = [];
      for await (const page of paginateQuery({ client }, input, callDeadline(callMs))) items.push(...itemsOf(page));
      return items;
    },

    async queryDue(partition, now, limit) {
      const input = {
        TableName: tables.receipts,
        IndexName: queueIndex.name,
        KeyConditionExpression: '#queue = :queue AND #due <= :now',
        ExpressionAttributeNames: { '#queue': queueIndex.partition, '#due': queueIndex.sort },
        ExpressionAttributeValues: { ':queue': { S: partition }, ':now': { N: String(now) } },
        Limit: limit,
      };
      const page = await client.send(new QueryCommand(input), callDeadline(callMs));
      return itemsOf(page).map(item => ({ id: idOf(item), at: Number(item[queueIndex.sort]?.N) }));
    },

    scanPartitions: () => scanPartitions(client, tables, callMs),

    async write(actions) {
      const deadline = callDeadline(callMs);
      const conflict = await tryWrite(client, actions, deadline);
      if (conflict?.isTransient !== true) return conflict;
      await setTimeout(conflictDelayMs, undefined, { signal: deadline.abortSignal });
      return tryWrite(client, actions, deadline);
    },

    async put(Item, before) {
      const input = {
        TableName: tables.receipts,
        Item,
        ConditionExpression: before === 0 ? 'attribute_not_exists(#revision)' : '#revision = :before',
        ExpressionAttributeNames: { '#revision': 'revision' },
        ...(before === 0 ? {} : { ExpressionAttributeValues: { ':before': { N: String(before) } } }),
      };
      try {
        await client.send(new PutItemCommand(input), callDeadline(callMs));
        return true;
      } catch (thrown) {
        if (thrown instanceof ConditionalCheckFailedException) return false;
        throw thrown;
      }
    },
  };
}

/** Returns the id of a receipt, or of an addendum: its receipt's id and its event. */
function idOf(item: Item): string {
  const partition = textOf(item, tableKeys.partition);
  if (!partition.startsWith(addendumPrefix)) return partition.slice(receiptPrefix.length);
  return `${partition.slice(addendumPrefix.length)}#${textOf(item, tableKeys.sort)}`;
}

async function scanPartitions(client: DynamoDBClient, { receipts }: TableNames, callMs: number) {
  const input = {
    TableName: receipts,
    IndexName: queueIndex.name,
    ProjectionExpression: '#queue',
    ExpressionAttributeNames: { '#queue': queueIndex.partition },
  };
  const names = new Set<string>();
  let ExclusiveStartKey: Item | undefined;
  do {
    const next = { ...input, ...(ExclusiveStartKey && { ExclusiveStartKey }) };
    const page = await client.send(new ScanCommand(next), callDeadline(callMs));
    for (const item of itemsOf(page)) names.add(textOf(item, queueIndex.partition));
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey !== undefined);
  return names;
}

/**
 * Returns the items of a page. Throws `unavailable` if the response has no list: that is not a table without these rows
 * (API Reference, Query and Scan).
 */
function itemsOf({ Items }: { readonly Items?: readonly Item[] | undefined }): readonly Item[] {
  if (!Array.isArray(Items)) throw storeUnavailable('a response of DynamoDB has no list of items');
  return Items;
}

type Deadline = ReturnType<typeof callDeadline>;

async function tryWrite(
  client: DynamoDBClient,
  actions: readonly TransactWriteItem[],
  deadline: Deadline,
): Promise<Conflict | undefined> {
  try {
    await send(client, actions, deadline);
    return undefined;
  } catch (thrown) {
    const conflict = readConflict(thrown);
    if (conflict === undefined) throw thrown;
    return conflict;
  }
}

/** Sends a single update on its own: it costs half as much as a transaction with one action. */
async function send(client: DynamoDBClient, actions: readonly TransactWriteItem[], deadline: Deadline): Promise<void> {
  const [first, ...others] = actions;
  if (first?.Update !== undefined && others.length === 0) {
    await client.send(new UpdateItemCommand(first.Update), deadline);
  } else {
    await client.send(new TransactWriteItemsCommand({ TransactItems: [...actions] }), deadline);
  }
}

/** Returns `undefined` for a failure of DynamoDB itself, such as a transaction without capacity. */
function readConflict(thrown: unknown): Conflict | undefined {
  if (thrown instanceof ConditionalCheckFailedException) return { item: thrown.Item, isTransient: false };
  if (thrown instanceof TransactionConflictException) return { item: undefined, isTransient: true };
  if (!(thrown instanceof TransactionCanceledException)) return undefined;
  const reasons = thrown.CancellationReasons ?? [];
  const item = reasons[0]?.Item;
  if (reasons.some(({ Code }) => Code === 'ConditionalCheckFailed')) return { item, isTransient: false };
  return reasons.some(({ Code }) => Code === 'TransactionConflict') ? { item, isTransient: true } : undefined;
}
