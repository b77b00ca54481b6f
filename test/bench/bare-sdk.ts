import {
  BatchGetItemCommand,
  DynamoDBClient,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type Aws, addOne, bareHandler } from './bare-handler.ts';

const dynamodb = new DynamoDBClient({});
const secrets = new SecretsManagerClient({});
const TableName = process.env['RECEIPTS_TABLE'] ?? '';

/** The calls on the AWS SDK, with its defaults; the peers share them. */
export const sdk: Aws = {
  secret: async SecretId => (await secrets.send(new GetSecretValueCommand({ SecretId }))).SecretString ?? '',
  transact: rows => {
    const TransactItems = rows.map(Item => ({ Put: { TableName, Item } }));
    return dynamodb.send(new TransactWriteItemsCommand({ TransactItems }));
  },
  put: Item => dynamodb.send(new PutItemCommand({ TableName, Item })),
  count: Key => dynamodb.send(new UpdateItemCommand({ TableName, Key, ...addOne })),
  get: Keys => dynamodb.send(new BatchGetItemCommand({ RequestItems: { [TableName]: { Keys: [...Keys] } } })),
};

/** The baseline on the AWS SDK. */
export const handler = bareHandler(sdk);
