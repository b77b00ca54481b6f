import { describe, expect, test } from 'vitest';
import { parseEnvironment } from '../../lambda/aws/environment.ts';
import { parseSettings, SettingsError } from '../../lambda/settings.ts';
import { everySetting } from './every-setting.ts';
import { settingsWith, synthesised } from './synthesised.ts';

const own = synthesised({ settings: settingsWith({ operations: { alarmEmail: 'on-call@example.com' } }) });
const { of, readable, template } = own;
const functions = of('AWS::Lambda::Function').filter(({ FunctionName }) => !isCheck(FunctionName));

/** The deployment check is not one of the service's functions; it has its own test. */
function isCheck(name: string): boolean {
  return name.endsWith('-deployment-check');
}

/** Variables as Lambda would have them, with names in the place of ARNs. */
function variablesOf(name: string, stack = own) {
  const { Environment } = stack.of('AWS::Lambda::Function').find(({ FunctionName }) => FunctionName === name);
  return parseEnvironment(Object.fromEntries(Object.entries(stack.readable(Environment.Variables) ?? {})));
}

describe('both functions', () => {
  test.each([
    { name: 'erasure-webhook', Timeout: 15, MemorySize: 1024 },
    { name: 'erasure-sweeper', Timeout: 75, MemorySize: 1024 },
  ])('$name: runs on Node 24 and arm64, traced, with a log of its own in JSON', ({ name, ...sizes }) => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      TracingConfig: { Mode: 'Active' },
      ...sizes,
    });
    const { Environment } = functions.find(({ FunctionName }) => FunctionName === name);
    expect(Environment.Variables.NODE_OPTIONS).toBe('--max-semi-space-size=8');
    const { LoggingConfig } = functions.find(({ FunctionName }) => FunctionName === name);
    expect(readable(LoggingConfig)).toEqual({ LogFormat: 'JSON', LogGroup: `/aws/lambda/${name}` });
    template.hasResourceProperties('AWS::Logs::LogGroup', { LogGroupName: `/aws/lambda/${name}`, RetentionInDays: 30 });
  });

  test('concurrency: none is reserved, because a new account has none to reserve', () => {
    for (const one of functions) expect(one).not.toHaveProperty('ReservedConcurrentExecutions');
  });
});

test.each([
  { answerBudgetMs: 1000, seconds: 8 },
  { answerBudgetMs: 8000, seconds: 15 },
  { answerBudgetMs: 25_000, seconds: 28 },
])('budget of $answerBudgetMs ms: the webhook stops after $seconds s, before API Gateway does', one => {
  const { of: given } = synthesised({ settings: settingsWith({ limits: { answerBudgetMs: one.answerBudgetMs } }) });
  const webhook = given('AWS::Lambda::Function').find(({ FunctionName }) => FunctionName === 'erasure-webhook');
  expect(webhook.Timeout).toBe(one.seconds);
  expect(webhook.Timeout).toBeLessThan(29);
});

describe('function environment', () => {
  test('variables: the functions parse settings, tables and the secrets that each may read', () => {
    const { SETTINGS_JSON, SECRET_ARNS, METRICS_NAMESPACE, ...tables } = variablesOf('erasure-webhook');
    const { operations: _, $schema: __, ...settings } = settingsWith();
    expect(parseSettings(SETTINGS_JSON, 'deployed')).toEqual({ ...settings, operations: {} });
    expect(METRICS_NAMESPACE).toBe('erasure');
    expect(tables).toEqual({ RECEIPTS_TABLE: 'erasure-receipts', IDENTIFIERS_TABLE: 'erasure-identifiers' });
    expect(Object.keys(SECRET_ARNS)).toEqual(['erasure/pepper', 'erasure/platform/ketch', 'erasure/voucherify/main']);
    const { 'erasure/platform/ketch': _ketch, ...ofSweeper } = SECRET_ARNS;
    expect(variablesOf('erasure-sweeper').SECRET_ARNS).toEqual(ofSweeper);
  });

  test('settings: are unchanged after the environment, for every platform', () => {
    const settings = settingsWith(everySetting);
    const { $schema: _, ...told } = settings;
    const stack = synthesised({ settings });
    for (const name of ['webhook', 'sweeper', 'events']) {
      const { SETTINGS_JSON } = variablesOf(`erasure-${name}`, stack);
      expect(parseSettings(SETTINGS_JSON, 'deployed')).toEqual({ ...told, operations: {} });
    }
  });

  test('variables: contain no secret and no email address', () => {
    const both = [
      ...['IDENTIFIERS_TABLE', 'METRICS_NAMESPACE', 'NODE_OPTIONS', 'RECEIPTS_TABLE', 'SECRET_ARNS', 'SETTINGS_JSON'],
    ];
    for (const { Environment, FunctionName } of functions) {
      const own = FunctionName === 'erasure-sweeper' ? ['EVIDENCE_KEY'] : [];
      expect(Object.keys(Environment.Variables).sort()).toEqual([...own, ...both]);
      expect(JSON.stringify(Environment)).not.toMatch(/REPLACE_ME|resolve:secretsmanager|example\.com/);
    }
  });

  test('variables too large for Lambda: synthesis fails with one sentence', () => {
    const project = { baseUrl: 'https://api.voucherify.io' };
    const projects = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`project-${i}`, project]));
    const many = () => synthesised({ settings: settingsWith({ projects }) });
    expect(many).toThrow(SettingsError);
    expect(many).toThrow(/^settings: a function would need \d+ bytes of environment, and Lambda allows 4096$/);
  });
});

describe('alias of both functions', () => {
  test('alias: points to the published version', () => {
    expect(readable(of('AWS::Lambda::Alias'))).toMatchObject([
      { FunctionName: 'erasure-webhook', Name: 'live', FunctionVersion: expect.stringMatching(/^arn\(Webhook/) },
      { FunctionName: 'erasure-sweeper', Name: 'live', FunctionVersion: expect.stringMatching(/^arn\(Sweeper/) },
    ]);
  });

  test('earlier versions: are kept, so that the alias can go back', () => {
    const versions = Object.values(template.findResources('AWS::Lambda::Version'));
    expect(versions).toHaveLength(2);
    for (const one of versions) expect(one).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  });

  test('callers: may invoke only the alias', () => {
    const invoked = of('AWS::Lambda::Permission').map(({ FunctionName }) => readable(FunctionName));
    expect([...new Set(invoked)].sort()).toEqual(['erasure-sweeper:live', 'erasure-webhook:live']);
  });
});

test('sweep: starts every minute, and a failed start is not retried', () => {
  template.hasResourceProperties('AWS::Events::Rule', {
    Name: 'erasure-sweep',
    ScheduleExpression: 'rate(1 minute)',
    State: 'ENABLED',
  });
  const [rule] = of('AWS::Events::Rule');
  expect(readable(rule.Targets)).toMatchObject([
    { Arn: 'erasure-sweeper:live', RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } },
  ]);
  const once = { FunctionName: 'erasure-sweeper', MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 };
  const invoked = of('AWS::Lambda::EventInvokeConfig').filter(({ MaximumEventAgeInSeconds: age }) => age < 3600);
  expect(readable(invoked)).toMatchObject([
    { ...once, Qualifier: '$LATEST' },
    { ...once, Qualifier: { 'Fn::Select': [7, { 'Fn::Split': [':', 'erasure-sweeper:live'] }] } },
  ]);
});

test('outputs: webhook URL, alarm topic and secrets to fill', () => {
  const outputs = template.toJSON()['Outputs'];
  expect(Object.keys(outputs)).toEqual([
    ...['WebhookUrl', 'AlarmTopic', 'OperatorPolicy', 'ManualErasurePolicy', 'SecretsToFill'],
  ]);
  expect(readable(outputs['WebhookUrl'].Value)).toMatch(/^https:.*\/webhooks\/$/);
  expect(outputs['SecretsToFill'].Value).toBe('erasure/platform/ketch erasure/voucherify/main');
});
