import { describe, expect, test } from 'vitest';
import { everySetting } from './every-setting.ts';
import { settingsWith, synthesised } from './synthesised.ts';

const everything = { settings: settingsWith(everySetting), stage: 'test' };

describe.each([
  { name: 'the example settings', props: {} },
  { name: 'every setting', props: everything },
])('stack with $name', ({ props }) => {
  const { of, readable, resources } = synthesised(props);
  const functions = of('AWS::Lambda::Function');

  test('logs: are deleted after 30 or 90 days', () => {
    const logs = of('AWS::Logs::LogGroup');
    expect(logs.length).toBeGreaterThan(3);
    for (const { RetentionInDays } of logs) expect([30, 90]).toContain(RetentionInDays);
  });

  test('variables: contain no secret, only where secrets are', () => {
    expect(functions).toHaveLength('settings' in props ? 4 : 3);
    for (const { Environment } of functions) {
      const { SECRET_ARNS: both, PLATFORM_SECRETS: ofCheck, ...others } = Environment.Variables;
      expect(Object.keys(others).join(' ')).not.toMatch(/SECRET|TOKEN|PASSWORD|CREDENTIAL|API_?KEY|PEPPER/i);
      const arns = JSON.parse(String(readable(both ?? ofCheck))) as Record<string, string>;
      for (const arn of Object.values(arns)) expect(arn).toMatch(/^erasure(-test)?\//);
    }
  });

  test('functions: are invoked by the gateway and the schedule of this account only', () => {
    expect(of('AWS::Lambda::Url')).toEqual([]);
    const callers = of('AWS::Lambda::Permission');
    for (const { SourceArn } of callers) expect(SourceArn).toBeDefined();
    const principals = new Set(callers.map(({ Principal }) => Principal));
    expect([...principals].sort()).toEqual(['apigateway.amazonaws.com', 'events.amazonaws.com']);
  });

  test('data: the tables are the only storage', () => {
    const types = Object.keys(resources).map(id => resources[id].Type);
    const keepers = /::(SQS|Kinesis|KinesisFirehose|StepFunctions|S3|Scheduler|RDS|ElastiCache|Backup)::/;
    expect(types.filter(type => keepers.test(type))).toEqual([]);
    for (const table of of('AWS::DynamoDB::Table')) expect(table).not.toHaveProperty('StreamSpecification');
    for (const one of functions) expect(one).not.toHaveProperty('DeadLetterConfig');
    for (const one of of('AWS::Lambda::EventInvokeConfig')) expect(one).not.toHaveProperty('DestinationConfig');
    for (const { Targets } of of('AWS::Events::Rule')) {
      for (const target of Targets) expect(target).not.toHaveProperty('DeadLetterConfig');
    }
  });

  test('API stage: logs no bodies', () => {
    const settings = of('AWS::ApiGateway::Stage').flatMap(({ MethodSettings }) => MethodSettings);
    expect(new Set(settings.map(({ DataTraceEnabled }) => DataTraceEnabled))).toEqual(new Set([false]));
  });
});
