import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { byCode, byNumber } from '../../infra/alarm-texts.ts';
import { jsonLog, type LogLine } from '../../lambda/io/log.ts';
import { settingsWith, synthesised } from './synthesised.ts';

const { of, readable, template } = synthesised();
const alarms = of('AWS::CloudWatch::Alarm');
const filters = of('AWS::Logs::MetricFilter');
const runbook = readFileSync(join(import.meta.dirname, '../../RUNBOOK.md'), 'utf8');

const alarm = (name: string) => alarms.find(({ AlarmName }) => AlarmName === `erasure-${name}`);

describe('alarms', () => {
  test('are one a code that a log line may carry, and those on numbers', () => {
    const names = [...Object.keys(byCode), ...Object.keys(byNumber)];
    expect(alarms.map(({ AlarmName }) => AlarmName)).toEqual(names.map(name => `erasure-${name}`));
  });

  test('say who is hurt and which section of the runbook helps, and reach somebody', () => {
    for (const { AlarmName, AlarmDescription, AlarmActions } of alarms) {
      const name = AlarmName.slice('erasure-'.length);
      expect(AlarmDescription).toMatch(/^[A-Z][^#]+\. RUNBOOK\.md#[a-z0-9-]+$/);
      expect(AlarmDescription.endsWith(`RUNBOOK.md#${name}`)).toBe(true);
      expect(runbook).toContain(`\n## ${name}\n`);
      expect(readable(AlarmActions)).toEqual(['erasure-alarms']);
    }
  });

  test('of a code stand at the first line', () => {
    for (const code of Object.keys(byCode)) {
      expect(alarm(code)).toMatchObject({
        Namespace: 'erasure',
        MetricName: 'Alarms',
        Dimensions: [{ Name: 'Code', Value: code }],
        Statistic: 'Sum',
        Threshold: 1,
        TreatMissingData: 'notBreaching',
      });
    }
  });

  test('tell when sweeps stay away for five minutes: silence is the alarm', () => {
    expect(alarm('sweep-stopped')).toMatchObject({
      MetricName: 'Sweeps',
      Period: 60,
      EvaluationPeriods: 5,
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      TreatMissingData: 'breaching',
    });
  });

  test('tell the age of the oldest open erasure at half and at four fifths of a month', () => {
    const age = { MetricName: 'OldestOpen', Statistic: 'Maximum', TreatMissingData: 'ignore' };
    expect(alarm('oldest-open-half')).toMatchObject({ ...age, Threshold: 15 * 86_400_000 });
    expect(alarm('oldest-open-late')).toMatchObject({ ...age, Threshold: 24 * 86_400_000 });
  });

  test('stand as long as somebody waits for a person', () => {
    expect(alarm('waiting-for-a-person')).toMatchObject({
      MetricName: 'NeedsHuman',
      Statistic: 'Maximum',
      Threshold: 1,
    });
  });

  test('watch functions, gateway and tables', () => {
    const watched = alarms.map(({ AlarmName, Namespace, MetricName, Dimensions }) => [
      AlarmName,
      [Namespace, MetricName, readable(Dimensions?.[0]?.Value)],
    ]);
    expect(Object.fromEntries(watched)).toMatchObject({
      'erasure-webhook-errors': ['AWS/Lambda', 'Errors', 'erasure-webhook'],
      'erasure-webhook-throttled': ['AWS/Lambda', 'Throttles', 'erasure-webhook'],
      'erasure-sweeper-errors': ['AWS/Lambda', 'Errors', 'erasure-sweeper'],
      'erasure-sweeper-throttled': ['AWS/Lambda', 'Throttles', 'erasure-sweeper'],
      'erasure-api-5xx': ['AWS/ApiGateway', '5XXError', 'erasure'],
    });
    const throttled = JSON.stringify(readable(alarm('receipts-throttled').Metrics));
    for (const part of ['ReadThrottleEvents', 'WriteThrottleEvents', 'GlobalSecondaryIndexName', '"queue"']) {
      expect(throttled).toContain(part);
    }
  });
});

describe('log filters find what the functions log', () => {
  const logged = (line: LogLine) => {
    const lines: string[] = [];
    const log = jsonLog(
      written => lines.push(written),
      () => 0,
    );
    log(line);
    return lines.join('');
  };

  test('a line with an alarm, in either log, counts under its code', () => {
    const ofAlarms = filters.filter(({ FilterPattern }) => FilterPattern === '{ $.alarm = "*" }');
    expect(ofAlarms.map(({ LogGroupName }) => readable(LogGroupName))).toEqual([
      ...['/aws/lambda/erasure-webhook', '/aws/lambda/erasure-sweeper'],
    ]);
    for (const { MetricTransformations } of ofAlarms) {
      expect(MetricTransformations[0]).toMatchObject({ Dimensions: [{ Key: 'Code', Value: '$.alarm' }] });
    }
    expect(logged({ event: 'alarm', alarm: 'needs-human' })).toMatch(/^\{.*"alarm":"needs-human".*\}\n$/);
  });

  test('the line that ends a sweep gives a heartbeat, an age and a count', () => {
    const ofSweep = filters.filter(({ FilterPattern }) => FilterPattern === '{ $.event = "sweep" }');
    const values = ofSweep.map(({ MetricTransformations: [one] }) => [one.MetricName, one.MetricValue]);
    const wanted = { Sweeps: '1', OldestOpen: '$.oldestOpenMs', NeedsHuman: '$.needsHuman' };
    expect(Object.fromEntries(values)).toEqual(wanted);
    expect(logged({ event: 'sweep', oldestOpenMs: 1, needsHuman: 0 })).toMatch(/^\{.*"event":"sweep".*\}\n$/);
  });
});

test('the topic lets alarms of this account publish, over TLS, and nobody else', () => {
  const [policy] = of('AWS::SNS::TopicPolicy');
  expect(policy.PolicyDocument.Statement.map(readable)).toMatchObject([
    { Effect: 'Deny', Action: 'sns:Publish', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
    {
      Effect: 'Allow',
      Action: 'sns:Publish',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Condition: { StringEquals: { 'aws:SourceAccount': 'AWS::AccountId' } },
    },
  ]);
});

test('the topic writes to the address in the settings, if there is one', () => {
  template.resourceCountIs('AWS::SNS::Subscription', 0);
  const settings = settingsWith({ operations: { alarmEmail: 'on-call@example.com' } });
  const subscription = { Protocol: 'email', Endpoint: 'on-call@example.com' };
  synthesised({ settings }).template.hasResourceProperties('AWS::SNS::Subscription', subscription);
});

test('one dashboard shows them all', () => {
  const [board] = of('AWS::CloudWatch::Dashboard');
  expect(board.DashboardName).toBe('erasure');
  const body = String(readable(board.DashboardBody));
  for (const name of [...Object.keys(byCode), 'Requests', 'Oldest open erasure', 'Waiting for a person']) {
    expect(body).toContain(name);
  }
});
