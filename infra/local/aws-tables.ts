import {
  type AttributeDefinition,
  CreateTableCommand,
  type CreateTableCommandInput,
  type DynamoDBClient,
  ResourceInUseException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import type { TableNames } from '../../lambda/io/dynamodb-rows.ts';
import { queueIndex, tableKeys } from '../../lambda/io/table-layout.ts';

/** Longest that a table may take to become active, in seconds; an emulator needs none. */
const longestWait = 30;

/**
 * Creates the two tables on an emulator where they are missing and waits until they are active; leaves those that
 * exist as they are. In an account the stack does this. Errors are the SDK's own: they are for whoever runs it locally.
 */
export async function createTables(client: DynamoDBClient, names: TableNames): Promise<void> {
  await Promise.all([createTable(client, receiptsTable(names)), createTable(client, identifiersTable(names))]);
}

async function createTable(client: DynamoDBClient, input: CreateTableCommandInput): Promise<void> {
  try {
    await client.send(new CreateTableCommand(input));
  } catch (thrown) {
    if (!(thrown instanceof ResourceInUseException)) throw thrown;
  }
  const { TableName } = input;
  await waitUntilTableExists({ client, maxWaitTime: longestWait, minDelay: 1, maxDelay: 2 }, { TableName });
}

function receiptsTable({ receipts }: TableNames): CreateTableCommandInput {
  return {
    ...keyed(receipts),
    AttributeDefinitions: [
      ...keyAttributes(),
      { AttributeName: queueIndex.partition, AttributeType: 'S' },
      { AttributeName: queueIndex.sort, AttributeType: 'N' },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: queueIndex.name,
        KeySchema: [
          { AttributeName: queueIndex.partition, KeyType: 'HASH' },
          { AttributeName: queueIndex.sort, KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
  };
}

function identifiersTable({ identifiers }: TableNames): CreateTableCommandInput {
  return { ...keyed(identifiers), AttributeDefinitions: keyAttributes() };
}

function keyAttributes(): AttributeDefinition[] {
  return [
    { AttributeName: tableKeys.partition, AttributeType: 'S' },
    { AttributeName: tableKeys.sort, AttributeType: 'S' },
  ];
}

function keyed(TableName: string): Pick<CreateTableCommandInput, 'TableName' | 'BillingMode' | 'KeySchema'> {
  return {
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: [
      { AttributeName: tableKeys.partition, KeyType: 'HASH' },
      { AttributeName: tableKeys.sort, KeyType: 'RANGE' },
    ],
  };
}
