import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { localSigner } from '../../infra/local/embedded-secrets.ts';
import type { OpsContext } from '../../infra/ops/context.ts';
import { tablesCheck } from '../../infra/ops/doctor/runtime-checks.ts';
import example from '../../infra/settings.json' with { type: 'json' };
import { namesOf } from '../../infra/stack/names.ts';
import { run } from '../ops/ops-harness.ts';
import { receiptOf } from '../support/receipt-builders.ts';
import { recordingStores } from './recording-stores.ts';
import { allowed, settingsWith, synthesised } from './synthesised.ts';

/** Without the section on restoring, whose steps need the credentials of a deployment. */
const runbook = readFileSync('RUNBOOK.md', 'utf8').replace(/^## Restoring a table$[\s\S]*?(?=^## )/m, '');
const settings = settingsWith({ platforms: { ...example.platforms, segment: {} } });
const { of, readable, template } = synthesised({ settings });
const [policy, manualPolicy] = of('AWS::IAM::ManagedPolicy');
const statements = policy.PolicyDocument.Statement.map(readable);

describe('operator policy', () => {
  test('DynamoDB: grants exactly what the commands call', async () => {
    const item = { Item: { row: { S: JSON.stringify(receiptOf()) } } };
    const { asked, ...stores } = recordingStores({ GetItem: item });
    const desk = deskOver(stores);
    const why = ['--why', 'a drill'];
    await run(desk, 'list');
    await run(desk, 'show', 'receipt-1');
    await run(desk, 'find', '--email', 'zoe@example.com');
    expect((await run(desk, 'retry', 'receipt-1', ...why)).status).toBe(0);
    expect((await run(desk, 'refuse', 'receipt-1', ...why)).status).toBe(0);
    await run(desk, 'report', '--from', '2026-01-01', '--to', '2026-01-31');
    await run(desk, 'pause', 'all', ...why);
    await run(desk, 'pauses', 'all');
    // Beside these reads the doctor asks Voucherify, which is not here.
    await tablesCheck.run({ ...desk, probes: async () => new Map() });
    const granted = statements.flatMap(
      ({ Action, Resource }: { Action: string | string[]; Resource: string | string[] }) =>
        [Action].flat().flatMap(action => [Resource].flat().map(resource => `${action} ${resource}`)),
    );
    expect([...asked].sort()).toEqual(granted.filter((one: string) => one.startsWith('dynamodb:')).sort());
  });

  test('secrets and key: can be read, identifiers cannot', () => {
    const bySid = new Map(statements.map((one: { Sid: string }) => [one.Sid, one]));
    expect(['Secrets', 'EvidenceKey', 'DeployedSettings', 'AlarmTopic'].map(sid => bySid.get(sid))).toEqual([
      allowed('Secrets', 'secretsmanager:GetSecretValue', [
        'erasure/pepper',
        'erasure/platform/ketch',
        'erasure/platform/segment',
        'erasure/voucherify/main',
      ]),
      allowed('EvidenceKey', ['kms:EnableKey', 'kms:GetPublicKey'], 'arn(EvidenceKey)'),
      allowed('DeployedSettings', 'lambda:GetFunctionConfiguration', 'erasure-webhook:live'),
      allowed('AlarmTopic', 'sns:ListSubscriptionsByTopic', expect.stringMatching(/:sns:.*:erasure-alarms$/)),
    ]);
    const ofIdentifiers = statements.filter((one: object) => JSON.stringify(one).includes('dentifiers'));
    expect(ofIdentifiers.map(({ Action }: { Action: string[] }) => Action)).toEqual([
      ['dynamodb:DescribeContinuousBackups', 'dynamodb:DescribeTable', 'dynamodb:DescribeTimeToLive'],
    ]);
  });

  test('AWS steps of the runbook: are allowed, and only the queries of Logs Insights need `*`', () => {
    const commands = [...runbook.matchAll(/\baws ([a-z]+) ([a-z-]+)/g)].map(([, service, command]) => {
      const action = `${command}`.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase());
      return `${service}:${action === 'Invoke' ? 'InvokeFunction' : action}`;
    });
    const granted = new Set(statements.flatMap(({ Action }: { Action: string | string[] }) => Action));
    expect([...granted]).toEqual(expect.arrayContaining([...commands, 'kms:EnableKey', 'logs:StartQuery']));
    expect([...granted].filter(action => String(action).includes('*'))).toEqual([]);
    const unbounded = statements.filter(({ Resource }: { Resource: unknown }) => Resource === '*');
    expect(unbounded.map(({ Sid }: { Sid: string }) => Sid)).toEqual(['Observe']);
    // The pepper is never changed: only the secrets that an operator fills may be written.
    const [writable] = statements.filter(({ Sid }: { Sid: string }) => Sid === 'SecretsToFill');
    expect(writable.Resource).toEqual([
      'erasure/platform/ketch',
      'erasure/platform/segment',
      'erasure/voucherify/main',
    ]);
  });
});

test('policy of erasures by hand, grants: only to invoke the webhook’s alias, which the operator policy does not', () => {
  expect(manualPolicy.PolicyDocument.Statement.map(readable)).toEqual([
    allowed('ManualErasure', 'lambda:InvokeFunction', 'erasure-webhook:live'),
  ]);
  const invoked = statements.filter(({ Action }: { Action: unknown }) => Action === 'lambda:InvokeFunction');
  expect(invoked.map(({ Resource }: { Resource: unknown }) => Resource)).toEqual(['erasure-sweeper:live']);
});

test.each([
  ['OperatorPolicy', 'operator', 0],
  ['ManualErasurePolicy', 'manual-erasure', 1],
])('%s: is attached to no principal, and its ARN is an output', (output, name, index) => {
  const [id, { Properties }] = Object.entries(template.findResources('AWS::IAM::ManagedPolicy'))[index]!;
  expect(Object.keys(Properties).sort()).toEqual(['Description', 'ManagedPolicyName', 'Path', 'PolicyDocument']);
  expect(readable(Properties.ManagedPolicyName)).toBe(`erasure-${name}-AWS::Region`);
  // IAM takes no other characters in a description.
  expect(Properties.Description).toMatch(/^[ -~]+$/);
  template.hasOutput(output, { Value: { Ref: id } });
});

function deskOver(stores: Pick<OpsContext, 'store' | 'control' | 'all' | 'tables'>): OpsContext {
  return {
    ...stores,
    settings,
    readSecret: async () => 'a-pepper-of-a-test-that-is-as-long-as-it-has-to-be',
    signer: localSigner(':memory:'),
    now: () => 0,
    names: namesOf(),
    close: () => undefined,
  };
}
