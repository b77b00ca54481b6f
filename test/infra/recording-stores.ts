import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import * as v from 'valibot';
import { readTableStatus } from '../../infra/ops/deployment.ts';
import { scanDynamodb } from '../../infra/ops/report/scan-receipts.ts';
import { dynamodbControl } from '../../lambda/aws/dynamodb-control.ts';
import { dynamodbStore } from '../../lambda/aws/dynamodb-store.ts';

/**
 * The real adapters and client over a wire that says yes, or what `answers` hold for an operation, and what permissions
 * were asked of it.
 */
export function recordingStores(changed: Readonly<Record<string, object>> = {}) {
  const answers: typeof changed = {
    Query: { Items: [] },
    Scan: { Items: [] },
    BatchGetItem: { Responses: {} },
    ...changed,
  };
  const asked = new Set<string>();
  const partitions: string[] = [];
  const handle = async (request: { headers: Record<string, string>; body: Uint8Array }) => {
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    const input: unknown = JSON.parse(new TextDecoder().decode(request.body));
    for (const action of actionsOf(operation, input)) asked.add(action);
    partitions.push(...partitionOf(input));
    return { response: { statusCode: 200, headers: {}, body: Buffer.from(JSON.stringify(answers[operation] ?? {})) } };
  };
  const credentials = { accessKeyId: 'none', secretAccessKey: 'none' };
  const client = new DynamoDBClient({ region: 'eu-west-1', credentials, requestHandler: { handle } });
  const tables = { receipts: 'erasure-receipts', identifiers: 'erasure-identifiers' };
  return {
    store: dynamodbStore(client, tables),
    control: dynamodbControl(client, tables.receipts),
    all: scanDynamodb(client, tables.receipts, () => undefined),
    tables: () => readTableStatus(client, tables),
    asked,
    /** The partitions of single writes and of queries. */
    partitions,
  };
}

const call = v.object({ TableName: v.string(), IndexName: v.optional(v.string()) });
const transaction = v.object({ TransactItems: v.array(v.record(v.string(), call)) });
const batch = v.object({ RequestItems: v.record(v.string(), v.unknown()) });

/** Each action on a table that one request needs the permission for. */
function actionsOf(operation: string, input: unknown): string[] {
  const named = (action: string, { TableName, IndexName }: v.InferOutput<typeof call>) =>
    `dynamodb:${action} arn(${TableName})${IndexName === undefined ? '' : `/index/${IndexName}`}`;
  if (operation === 'BatchGetItem') {
    return Object.keys(v.parse(batch, input).RequestItems).map(TableName => named(operation, { TableName }));
  }
  if (operation !== 'TransactWriteItems') return [named(operation, v.parse(call, input))];
  const writes = v.parse(transaction, input).TransactItems.flatMap(part => Object.entries(part));
  return writes.map(([kind, part]) => named(`${kind}Item`, part));
}

const text = v.object({ S: v.string() });
const put = v.object({ Item: v.object({ pk: text }) });
const query = v.object({ ExpressionAttributeValues: v.object({ ':partition': text }) });

function partitionOf(input: unknown): string[] {
  if (v.is(put, input)) return [input.Item.pk.S];
  return v.is(query, input) ? [input.ExpressionAttributeValues[':partition'].S] : [];
}
