import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { dynamodbStore } from '../../lambda/io/dynamodb.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { kept, now, pins, receiptOf } from '../support/receipt-builders.ts';
import { synthesised } from './synthesised.ts';

const { of, readable, template } = synthesised();
const xray = { Effect: 'Allow', Action: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], Resource: '*' };

function statementsOf(role: 'Webhook' | 'Sweeper') {
  const policy = of('AWS::IAM::Policy').find(one => one.PolicyName.startsWith(`Erasure${role}Role`));
  return policy.PolicyDocument.Statement.map(readable);
}

function logsOf(name: string) {
  return {
    Sid: 'Logs',
    Effect: 'Allow',
    Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    Resource: `arn(/aws/lambda/erasure-${name})`,
  };
}

describe('what the functions may do, statement by statement', () => {
  test('the webhook accepts, and writes identifiers that it cannot read', () => {
    expect(statementsOf('Webhook')).toEqual([
      xray,
      {
        Sid: 'Receipts',
        Effect: 'Allow',
        Action: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
        Resource: 'arn(erasure-receipts)',
      },
      {
        Sid: 'IdentifiersUnread',
        Effect: 'Allow',
        Action: ['dynamodb:DeleteItem', 'dynamodb:PutItem'],
        Resource: 'arn(erasure-identifiers)',
        Condition: { StringEqualsIfExists: { 'dynamodb:ReturnValues': 'NONE' } },
      },
      {
        Sid: 'Secrets',
        Effect: 'Allow',
        Action: 'secretsmanager:GetSecretValue',
        Resource: ['erasure/pepper', 'erasure/platform/ketch', 'erasure/voucherify/main'],
      },
      logsOf('webhook'),
    ]);
  });

  test('the sweep works on what is due, and knows no secret of a platform', () => {
    expect(statementsOf('Sweeper')).toEqual([
      xray,
      { Sid: 'Queue', Effect: 'Allow', Action: 'dynamodb:Query', Resource: 'arn(erasure-receipts)/index/queue' },
      {
        Sid: 'Receipts',
        Effect: 'Allow',
        Action: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
        Resource: 'arn(erasure-receipts)',
      },
      {
        Sid: 'Identifiers',
        Effect: 'Allow',
        Action: ['dynamodb:DeleteItem', 'dynamodb:PutItem', 'dynamodb:Query'],
        Resource: 'arn(erasure-identifiers)',
      },
      {
        Sid: 'Secrets',
        Effect: 'Allow',
        Action: 'secretsmanager:GetSecretValue',
        Resource: ['erasure/pepper', 'erasure/voucherify/main'],
      },
      logsOf('sweeper'),
    ]);
  });

  test('nobody else may do anything, and Lambda alone takes the roles', () => {
    template.resourceCountIs('AWS::IAM::Policy', 2);
    const roles = of('AWS::IAM::Role');
    const lambdas = roles.filter(role => JSON.stringify(role).includes('lambda.amazonaws.com'));
    expect(lambdas).toHaveLength(2);
    for (const role of lambdas) expect(Object.keys(role)).toEqual(['AssumeRolePolicyDocument']);
    expect(roles).toHaveLength(3);
  });
});

describe('what the store asks DynamoDB for is what is allowed', () => {
  test('to the request line: accept, read, pin, close and forget', async () => {
    const { store, asked } = recordingStore();
    await store.accept(receiptOf(), kept);
    await replaceInEveryWay(store);
    expect([...asked].sort()).toEqual(grantedOnTables('Webhook'));
  });

  test('to the sweep: what is due, read, what is kept, pin, close and forget', async () => {
    const { store, asked } = recordingStore();
    await store.due('erase', now, 1);
    await store.kept('receipt-1');
    await replaceInEveryWay(store);
    expect([...asked].sort()).toEqual(grantedOnTables('Sweeper'));
  });
});

async function replaceInEveryWay(store: ReceiptStore): Promise<void> {
  await store.read('receipt-1');
  await store.replace(receiptOf());
  await store.replace(receiptOf(), { pins: { project: 'main', pins } });
  await store.replace(receiptOf({ expiresAt: 1 }), { forget: true });
}

function grantedOnTables(role: 'Webhook' | 'Sweeper'): string[] {
  const statements = statementsOf(role).filter(({ Resource }: { Resource: unknown }) =>
    `${Resource}`.includes('erasure-'),
  );
  return statements
    .flatMap(({ Action, Resource }: { Action: string | string[]; Resource: string }) =>
      [Action].flat().map(action => `${action} ${Resource}`),
    )
    .filter((granted: string) => granted.startsWith('dynamodb:'))
    .sort();
}

const call = v.object({ TableName: v.string(), IndexName: v.optional(v.string()) });
const transaction = v.object({ TransactItems: v.array(v.record(v.string(), call)) });

/** The real adapter and client over a wire that says yes, and notes which action on what was asked for. */
function recordingStore() {
  const asked = new Set<string>();
  const note = (action: string, { TableName, IndexName }: v.InferOutput<typeof call>) =>
    asked.add(`dynamodb:${action} arn(${TableName})${IndexName === undefined ? '' : `/index/${IndexName}`}`);
  const handle = async (request: { headers: Record<string, string>; body: Uint8Array }) => {
    const action = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    const input = JSON.parse(new TextDecoder().decode(request.body));
    const single = action === 'TransactWriteItems' ? v.parse(transaction, input).TransactItems : [];
    for (const [kind, part] of single.flatMap(Object.entries<v.InferOutput<typeof call>>)) note(`${kind}Item`, part);
    if (action !== 'TransactWriteItems') note(action, v.parse(call, input));
    return { response: { statusCode: 200, headers: {}, body: Buffer.from('{}') } };
  };
  const client = new DynamoDBClient({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
    requestHandler: { handle },
  });
  const store = dynamodbStore(client, { receipts: 'erasure-receipts', identifiers: 'erasure-identifiers' });
  return { store, asked };
}
