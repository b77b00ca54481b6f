import { describe, expect, test } from 'vitest';
import example from '../../infra/settings.json' with { type: 'json' };
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { createReceipt, type Receipt } from '../../lambda/receipts/receipt.ts';
import type { Addendum } from '../../lambda/receipts/row-schemas.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { recordingStores } from './recording-stores.ts';
import { allowed, settingsWith, synthesised } from './synthesised.ts';

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
const own = synthesised({
  settings: settingsWith({ platforms: { ...example.platforms, segment: {}, generic, asked } }),
});
const { of, template } = own;
const xray = { Effect: 'Allow', Action: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], Resource: '*' };
const receipts = {
  Sid: 'Receipts',
  Effect: 'Allow',
  Action: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
  Resource: 'arn(erasure-receipts)',
};

const reappearing = synthesised({
  settings: settingsWith({ reappearance: {}, platforms: { ...example.platforms, segment: {}, generic, asked } }),
});

function statementsOf(role: 'Webhook' | 'Sweeper' | 'Events', { of, readable } = own) {
  const policy = of('AWS::IAM::Policy').find(one => one.PolicyName.startsWith(`Erasure${role}Role`));
  return policy.PolicyDocument.Statement.map(readable);
}

function secretsOf(...names: string[]) {
  return allowed('Secrets', 'secretsmanager:GetSecretValue', names);
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
      allowed('Queue', ['dynamodb:Query', 'dynamodb:Scan'], 'arn(erasure-receipts)/index/queue'),
      receipts,
      allowed('Identifiers', ['dynamodb:DeleteItem', 'dynamodb:PutItem', 'dynamodb:Query'], 'arn(erasure-identifiers)'),
      secretsOf(...['erasure/pepper', 'erasure/platform/asked', 'erasure/platform/generic', 'erasure/voucherify/main']),
      logsOf('sweeper'),
    ]);
  });

  test('events: read look-up rows and create addenda; no receipt, identifier, key of Voucherify or signing key', () => {
    const partition = (prefix: string) => ({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': `${prefix}#*` } });
    const on = (Sid: string, Action: string, prefix: string) => {
      return { Sid, Effect: 'Allow', Action, Resource: 'arn(erasure-receipts)', Condition: partition(prefix) };
    };
    expect(statementsOf('Events', reappearing)).toEqual([
      xray,
      on('LookUps', 'dynamodb:Query', 'subject'),
      on('Addenda', 'dynamodb:PutItem', 'addendum'),
      secretsOf('erasure/events/main', 'erasure/pepper'),
      logsOf('events'),
    ]);
    const keys = JSON.stringify(reappearing.of('AWS::KMS::Key'));
    expect(keys).not.toContain('EventsRole');
  });

  test.each(['Webhook', 'Sweeper'] as const)('%s: gets no further permission with events of customers', role => {
    expect(statementsOf(role, reappearing)).toEqual(statementsOf(role));
  });

  test('other principals: have no permission, and only Lambda assumes the roles', () => {
    const names = of('AWS::IAM::Policy').map(({ PolicyName }) => PolicyName.replace(/^Erasure|DefaultPolicy\w+$/g, ''));
    // The last three belong to the rollout, which has its own test.
    const ofRollout = ['DeploymentCheckRole', 'RolloutsweeperServiceRole', 'RolloutwebhookServiceRole'];
    expect(names.sort()).toEqual([...ofRollout, 'SweeperRole', 'WebhookRole'].sort());
    // The policies of operators have their own test; they are attached to no principal.
    template.resourceCountIs('AWS::IAM::ManagedPolicy', 2);
    const roles = of('AWS::IAM::Role');
    const lambdas = roles.filter(role => JSON.stringify(role).includes('lambda.amazonaws.com'));
    expect(lambdas).toHaveLength(3);
    for (const role of lambdas) expect(Object.keys(role)).toEqual(['AssumeRolePolicyDocument']);
    // The others are API Gateway's, for its logs, and CodeDeploy's, one for each alias.
    expect(roles).toHaveLength(6);
  });
});

describe('DynamoDB actions of the stores are allowed', () => {
  test('request path, and sweep with due receipts, personal data and addenda: all that each does', async () => {
    const { store, control, asked } = recordingStores();
    await store.accept(receipt(), { reference: 'r', scope: 's', identifiers: [], callbacks: [] });
    await useInEveryWay(store, control);
    expect([...asked].sort()).toEqual(grantedOnTables('Webhook'));
    await store.due('erase', 1, 1);
    await store.readPersonalData('receipt-1');
    await store.readAddendum('receipt-1#mac');
    await store.replaceAddendum({ ...addendum, revision: 2, jws: 'jws' });
    expect([...asked].sort()).toEqual(grantedOnTables('Sweeper'));
  });

  test('events: look-up rows of their subjects and new addenda', async () => {
    const { store, asked, partitions } = recordingStores();
    await store.findErased('mac');
    await store.addAddendum(addendum);
    expect([...asked].sort()).toEqual(grantedOnTables('Events', reappearing));
    expect(partitions).toEqual(['subject#mac', 'addendum#receipt-1']);
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

const addendum: Addendum = {
  ...{ v: 1, receipt: 'receipt-1', event: 'mac', revision: 1, project: 'main', type: 'customer.created' },
  ...{ matched: ['email'], occurredAt: 1, receivedAt: 2, expiresAt: 3 },
};

function receipt(): Receipt {
  const facts = { id: 'receipt-1', platform: 'ketch', payloadHmac: 'mac', subjectHmacs: ['mac'], hasCallbacks: false };
  const authentication = { scheme: 'shared-secret', secret: 'current' };
  const times = { receivedAt: 0, submittedAt: 0, lookUpCalls: 1 };
  return createReceipt({ ...facts, ...times, authentication }, ['main'], { attemptAt: 0, attemptFollows: true });
}

function grantedOnTables(role: 'Webhook' | 'Sweeper' | 'Events', stack = own): string[] {
  return statementsOf(role, stack)
    .flatMap(({ Action, Resource }: { Action: string | string[]; Resource: string }) =>
      [Action].flat().map(action => `${action} ${Resource}`),
    )
    .filter((granted: string) => granted.startsWith('dynamodb:'))
    .sort();
}
