import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  paginateQuery,
  QueryCommand,
  TransactionCanceledException,
  TransactionConflictException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { ReceiptQueue } from '../receipts/receipt.ts';
import { callDeadline } from './aws-clients.ts';
import { type Item, receiptKey, receiptPrefix, type TableNames, textOf } from './dynamodb-rows.ts';
import { queueIndex, tableKeys } from './table-layout.ts';

/** The few calls that the store makes, each within its deadline. Errors of the wire pass through as they are. */
export interface DynamodbCalls {
  /** The receipt's item as it stands, strongly consistent. */
  standing(id: string): Promise<Item | undefined>;
  /** Every item of one partition, strongly consistent. */
  partition(table: string, partition: string): Promise<readonly Item[]>;
  /** Ids that the index holds as due, oldest first; it lags behind the receipts. */
  suggested(queue: ReceiptQueue, now: number, limit: number): Promise<readonly string[]>;
  /** Writes all or nothing; `undefined` when it was done. */
  write(actions: readonly TransactWriteItem[]): Promise<Refused | undefined>;
}

/** A condition failed, or another write was in the way; then nothing of it was written. */
interface Refused {
  /** The receipt's item that failed the condition, as far as DynamoDB said. */
  readonly standing: Item | undefined;
}

/** `callMs` is the longest that one of the calls may take in all. */
export function dynamodbCalls(client: DynamoDBClient, tables: TableNames, callMs: number): DynamodbCalls {
  return {
    async standing(id) {
      const input = { TableName: tables.receipts, Key: receiptKey(id), ConsistentRead: true };
      return (await client.send(new GetItemCommand(input), callDeadline(callMs))).Item;
    },

    async partition(table, partition) {
      const input = {
        TableName: table,
        ConsistentRead: true,
        KeyConditionExpression: '#partition = :partition',
        ExpressionAttributeNames: { '#partition': tableKeys.partition },
        ExpressionAttributeValues: { ':partition': { S: partition } },
      };
      const items: Item[] = [];
      for await (const page of paginateQuery({ client }, input, callDeadline(callMs)))
        items.push(...(page.Items ?? []));
      return items;
    },

    async suggested(queue, now, limit) {
      const input = {
        TableName: tables.receipts,
        IndexName: queueIndex.name,
        KeyConditionExpression: '#queue = :queue AND #due <= :now',
        ExpressionAttributeNames: { '#queue': queueIndex.partition, '#due': queueIndex.sort },
        ExpressionAttributeValues: { ':queue': { S: queue }, ':now': { N: String(now) } },
        Limit: limit,
      };
      const { Items = [] } = await client.send(new QueryCommand(input), callDeadline(callMs));
      return Items.map(item => textOf(item, tableKeys.partition).slice(receiptPrefix.length));
    },

    async write(actions) {
      try {
        await send(client, actions, callMs);
        return undefined;
      } catch (thrown) {
        const refused = refusedBy(thrown);
        if (refused === undefined) throw thrown;
        return refused;
      }
    },
  };
}

/** A single update costs half of what a transaction of one action does. */
async function send(client: DynamoDBClient, actions: readonly TransactWriteItem[], callMs: number): Promise<void> {
  const [first, ...others] = actions;
  if (first?.Update !== undefined && others.length === 0) {
    await client.send(new UpdateItemCommand(first.Update), callDeadline(callMs));
  } else {
    await client.send(new TransactWriteItemsCommand({ TransactItems: [...actions] }), callDeadline(callMs));
  }
}

/** Codes of cancellation that say something about the rows; all others are troubles of DynamoDB itself. */
const aboutRows = ['ConditionalCheckFailed', 'TransactionConflict'];

function refusedBy(thrown: unknown): Refused | undefined {
  if (thrown instanceof ConditionalCheckFailedException) return { standing: thrown.Item };
  if (thrown instanceof TransactionConflictException) return { standing: undefined };
  if (!(thrown instanceof TransactionCanceledException)) return undefined;
  const reasons = thrown.CancellationReasons ?? [];
  if (!reasons.some(({ Code = '' }) => aboutRows.includes(Code))) return undefined;
  return { standing: reasons[0]?.Item };
}
