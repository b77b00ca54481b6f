import { describe, expect, test } from 'vitest';
import example from '../../infra/settings.json' with { type: 'json' };
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { createReceipt, type Receipt } from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { recordingStores } from './recording-stores.ts';
import { settingsWith, synthesised } from './synthesised.ts';

const generic = { authentication: { kind: 'standard-webhooks' }, callbackOrigins: ['https://dsr.example.com'] };
const asked = {
  type: 'generic',
  callbackOrigins: ['https://api.example.com'],
  pull: { url: 'https://api.example.com/orders', headers: { 'X-Key': '{secret:apiKey}' }, list: '/orders' },
  rules: [{ when: { '/kind': 'erase' }, do: 'erase' }],
  reference: '/id',
  identifiers: { '/email': 'email' },
  callback: { url: 'https://api.example.com/orders/{/id}' },
};
const { of, readable, template } = synthesised({
  settings: settingsWith({ platforms: { ...example.platforms, segment: {}, generic, asked } }),
});
const xray = { Effect: 'Allow', Action: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], Resource: '*' };
const receipts = {
  Sid: 'Receipts',
  Effect: 'Allow',
  Action: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
  Resource: 'arn(erasure-receipts)',
};

function statementsOf(role: 'Webhook' | 'Sweeper') {
  const policy = of('AWS::IAM::Policy').find(one => one.PolicyName.startsWith(`Erasure${role}Role`));
  return policy.PolicyDocument.Statement.map(readable);
}

function secretsOf(...names: string[]) {
  return { Sid: 'Secrets', Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: names };
}

function logsOf(name: string) {
  const Action = ['logs:CreateLogStream', 'logs:PutLogEvents'];
  return { Sid: 'Logs', Effect: 'Allow', Action, Resource: `arn(/aws/lambda/erasure-${name})` };
}

describe('statements of the function roles', () => {
  test('webhook: accepts requests, and writes identifiers that it cannot read', () => {
    expect(statementsOf('Webhook')).toEqual([
      xray,
      receipts,
      {
        Sid: 'IdentifiersUnread',
        Effect: 'Allow',
        Action: ['dynamodb:DeleteItem', 'dynamodb:PutItem'],
        Resource: 'arn(erasure-identifiers)',
        Condition: { StringEqualsIfExists: { 'dynamodb:ReturnValues': 'NONE' } },
      },
      secretsOf(
        ...['erasure/pepper', 'erasure/platform/generic', 'erasure/platform/ketch', 'erasure/platform/segment'],
        'erasure/voucherify/main',
      ),
      logsOf('webhook'),
    ]);
  });

  test('sweep: processes due receipts, and reads a platform’s secret only for callbacks and pulls', () => {
    expect(statementsOf('Sweeper')).toEqual([
      xray,
      {
        Sid: 'Queue',
        Effect: 'Allow',
        Action: ['dynamodb:Query', 'dynamodb:Scan'],
        Resource: 'arn(erasure-receipts)/index/queue',
      },
      receipts,
      {
        Sid: 'Identifiers',
        Effect: 'Allow',
        Action: ['dynamodb:DeleteItem', 'dynamodb:PutItem', 'dynamodb:Query'],
        Resource: 'arn(erasure-identifiers)',
      },
      secretsOf(...['erasure/pepper', 'erasure/platform/asked', 'erasure/platform/generic', 'erasure/voucherify/main']),
      logsOf('sweeper'),
    ]);
  });

  test('other principals: have no permission, and only Lambda assumes the roles', () => {
    const names = of('AWS::IAM::Policy').map(({ PolicyName }) => PolicyName.replace(/^Erasure|DefaultPolicy\w+$/g, ''));
    // The last three belong to the rollout, which has its own test.
    const ofRollout = ['DeploymentCheckRole', 'RolloutsweeperServiceRole', 'RolloutwebhookServiceRole'];
    expect(names.sort()).toEqual([...ofRollout, 'SweeperRole', 'WebhookRole'].sort());
    // The operator policy has its own test; it is attached to no one.
    template.resourceCountIs('AWS::IAM::ManagedPolicy', 1);
    const roles = of('AWS::IAM::Role');
    const lambdas = roles.filter(role => JSON.stringify(role).includes('lambda.amazonaws.com'));
    expect(lambdas).toHaveLength(3);
    for (const role of lambdas) expect(Object.keys(role)).toEqual(['AssumeRolePolicyDocument']);
    // The others are API Gateway's, for its logs, and CodeDeploy's, one for each alias.
    expect(roles).toHaveLength(6);
  });
});

describe('DynamoDB actions of the stores are allowed', () => {
  test('request path: accept, read, pin, close, delete personal data, and rate limit', async () => {
    const { store, control, asked } = recordingStores();
    await store.accept(receipt(), { reference: 'r', scope: 's', identifiers: [], callbacks: [] });
    await useInEveryWay(store, control);
    expect([...asked].sort()).toEqual(grantedOnTables('Webhook'));
  });

  test('sweep: due receipts and personal data, and all actions of the request path', async () => {
    const { store, control, asked } = recordingStores();
    await store.accept(receipt(), { reference: 'r', scope: 's', identifiers: [], callbacks: [] });
    await store.due('erase', 1, 1);
    await store.readPersonalData('receipt-1');
    await useInEveryWay(store, control);
    expect([...asked].sort()).toEqual(grantedOnTables('Sweeper'));
  });
});

async function useInEveryWay(store: ReceiptStore, control: VersionedStore): Promise<void> {
  await store.read('receipt-1');
  await store.replace(receipt());
  const pins = [{ customerId: 'cust_1', seen: true, appIdHmac: 'mac' }];
  await store.replace(receipt(), { pins: { project: 'main', pins } });
  await store.replace({ ...receipt(), expiresAt: 1 }, { deletePersonalData: true });
  await control.read(['pause#all', 'rate-limit#main']);
  await control.write('rate-limit#main', 0, {});
  await control.advance('rate-limit#main', 1, { known: 0, from: 1, by: 1, atMost: 1 });
  await control.moveBack('rate-limit#main', 2, 1);
  await control.count('intake#ketch', 1);
}

function receipt(): Receipt {
  const facts = { id: 'receipt-1', platform: 'ketch', payloadHmac: 'mac', subjectHmacs: ['mac'], hasCallbacks: false };
  const authentication = { scheme: 'shared-secret', secret: 'current' };
  const times = { receivedAt: 0, submittedAt: 0, lookUpCalls: 1 };
  return createReceipt({ ...facts, ...times, authentication }, ['main'], { attemptAt: 0, attemptFollows: true });
}

function grantedOnTables(role: 'Webhook' | 'Sweeper'): string[] {
  return statementsOf(role)
    .flatMap(({ Action, Resource }: { Action: string | string[]; Resource: string }) =>
      [Action].flat().map(action => `${action} ${Resource}`),
    )
    .filter((granted: string) => granted.startsWith('dynamodb:'))
    .sort();
}
