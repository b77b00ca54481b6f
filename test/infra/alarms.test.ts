import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { raisedBy, texts } from '../../infra/alarm-texts.ts';
import { settingsWith, synthesised } from './synthesised.ts';

const { of, readable, template } = synthesised();
const alarms = of('AWS::CloudWatch::Alarm');
const runbook = readFileSync(join(import.meta.dirname, '../../RUNBOOK.md'), 'utf8');

const alarm = (name: string) => alarms.find(({ AlarmName }) => AlarmName === `erasure-${name}`);
const atLeast = (Threshold: number) => ({ ComparisonOperator: 'GreaterThanOrEqualToThreshold', Threshold });

interface Query {
  readonly Id: string;
  readonly Expression?: string;
  readonly MetricStat?: { readonly Metric: Record<string, unknown>; readonly Period: number; readonly Stat: string };
  readonly ReturnData: boolean;
}

const queries = (name: string): readonly Query[] => alarm(name).Metrics;
const metricsOf = (name: string) => queries(name).flatMap(({ MetricStat }) => MetricStat ?? []);

describe('alarms', () => {
  test('are one for each way in which somebody is hurt', () => {
    expect(alarms.map(({ AlarmName }) => AlarmName)).toEqual([
      'erasure-oldest-open-half',
      'erasure-oldest-open-late',
      'erasure-needs-human',
      'erasure-wrong-customer-deleted',
      'erasure-voucherify-refuses-us',
      'erasure-sweep-stopped',
      'erasure-unproven-answers',
      'erasure-paused',
      'erasure-no-match-rate',
      'erasure-platforms-turned-away',
      'erasure-platform-not-told',
      'erasure-evidence-unsigned',
    ]);
    expect(alarms).toHaveLength(Object.keys(texts).length);
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

  test.each(Object.entries(raisedBy))('the code %s raises %s, and has a part of its section', (code, name) => {
    expect(metricsOf(name)).toContainEqual({
      Metric: { Namespace: 'erasure', MetricName: 'Alarms', Dimensions: [{ Name: 'alarm', Value: code }] },
      Period: expect.any(Number),
      Stat: 'Sum',
    });
    const [, section = ''] = runbook.split(`\n## ${name}\n`);
    expect(section.split('\n## ')[0]).toContain(`\`${code}\``);
  });

  test('that count something stand at the first, for minutes, and add up at most ten metrics', () => {
    const counting = alarms.filter(one => one.Metrics !== undefined && one.ThresholdMetricId === undefined);
    expect(counting).toHaveLength(8);
    for (const one of counting) {
      expect(one).toMatchObject({ ...atLeast(1), DatapointsToAlarm: 1, TreatMissingData: 'notBreaching' });
      const [sum, ...parts] = one.Metrics as [Query, ...Query[]];
      const filled = parts.map(({ Id }) => `FILL(${Id}, 0)`).join(', ');
      // A metric that was never counted must not swallow the others.
      const Expression = parts.length === 1 ? filled : `SUM([${filled}])`;
      expect(sum).toMatchObject({ Expression, ReturnData: true });
      expect(parts.every(({ ReturnData }) => !ReturnData)).toBe(true);
      expect(parts.length).toBeLessThanOrEqual(10);
      const periods = new Set(parts.map(({ MetricStat }) => MetricStat?.Period));
      const hourly = one.AlarmName === 'erasure-voucherify-refuses-us';
      expect([...periods, one.EvaluationPeriods]).toEqual(hourly ? [300, 13] : [60, 5]);
    }
  });

  test('tell when sweeps stay away for five minutes: silence is the alarm', () => {
    expect(alarm('sweep-stopped')).toMatchObject({
      MetricName: 'Sweeps',
      Statistic: 'Sum',
      Period: 60,
      EvaluationPeriods: 5,
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      TreatMissingData: 'breaching',
    });
  });

  test('tell how much of the deadline the worst open erasure has used: half, and four fifths', () => {
    const used = { Namespace: 'erasure', MetricName: 'DeadlineUsed', Statistic: 'Maximum', TreatMissingData: 'ignore' };
    expect(alarm('oldest-open-half')).toMatchObject({ ...used, ...atLeast(50), Period: 3600 });
    expect(alarm('oldest-open-late')).toMatchObject({ ...used, ...atLeast(80), Period: 3600 });
  });

  test('stand as long as somebody waits for a person, and as long as a pause stands', () => {
    const standing = (MetricName: string) => ({
      Metric: { Namespace: 'erasure', MetricName },
      Period: 60,
      Stat: 'Maximum',
    });
    expect(metricsOf('needs-human')).toContainEqual(standing('NeedsHuman'));
    expect(metricsOf('paused')).toContainEqual(standing('Paused'));
  });

  test('watch what turns platforms away before our own log can say so, and no 503 that only asks to come again', () => {
    const watched = metricsOf('platforms-turned-away').map(({ Metric }) => [Metric['Namespace'], Metric['MetricName']]);
    expect(watched.filter(([namespace]) => namespace !== 'erasure')).toEqual([
      ['AWS/Lambda', 'Errors'],
      ['AWS/Lambda', 'Throttles'],
    ]);
    const functions = JSON.stringify(readable(alarm('platforms-turned-away').Metrics));
    expect(functions).toContain('"erasure-webhook"');
    expect(functions).not.toContain('sweeper');
  });
});

// Whether CloudWatch learns a band that is of use can only be seen in an account; here it is what is asked of it.
describe('the share of requests that find nobody', () => {
  test('is held against what CloudWatch has learnt, upwards only', () => {
    expect(alarm('no-match-rate')).toMatchObject({
      ComparisonOperator: 'GreaterThanUpperThreshold',
      ThresholdMetricId: 'expr_1',
      EvaluationPeriods: 1,
      TreatMissingData: 'ignore',
    });
    expect(alarm('no-match-rate')).not.toHaveProperty('Threshold');
    const [band, share] = queries('no-match-rate');
    expect(band).toMatchObject({ Id: 'expr_1', Expression: 'ANOMALY_DETECTION_BAND(m0, 3)', ReturnData: true });
    expect(share).toMatchObject({ Id: 'm0', ReturnData: true });
  });

  test('is of all that was closed in an hour, and small where that is little', () => {
    const share = '100 * (SUM([FILL(no_match, 0), FILL(not_identifiable, 0)])) / (closed + 10)';
    const expressions = new Map(queries('no-match-rate').map(({ Id, Expression }) => [Id, Expression]));
    expect(expressions.get('m0')).toBe(share);
    expect(expressions.get('closed')).toBe('SUM([FILL(erased, 0), FILL(no_match, 0), FILL(not_identifiable, 0)])');
    expect(metricsOf('no-match-rate')).toEqual(
      ['no-match', 'not-identifiable', 'erased'].map(Value => ({
        Metric: { Namespace: 'erasure', MetricName: 'Closed', Dimensions: [{ Name: 'outcome', Value }] },
        Period: 3600,
        Stat: 'Sum',
      })),
    );
  });

  test('keeps to what anomaly detection on metric math allows', () => {
    const all = queries('no-match-rate');
    expect(all.length).toBeLessThanOrEqual(10);
    expect(new Set(metricsOf('no-match-rate').map(({ Period }) => Period)).size).toBe(1);
    expect(JSON.stringify(all)).not.toMatch(/METRICS\(|SEARCH\(/);
  });
});

test('nothing is filtered out of the logs: the lines carry their metrics', () => {
  template.resourceCountIs('AWS::Logs::MetricFilter', 0);
  const staged = synthesised({ stage: 'test' });
  for (const { Environment } of staged.of('AWS::Lambda::Function')) {
    expect(Environment.Variables.METRICS_NAMESPACE).toBe('erasure-test');
  }
  const own = JSON.stringify(staged.of('AWS::CloudWatch::Alarm')).match(/"Namespace":"erasure[^"]*"/g);
  expect(new Set(own)).toEqual(new Set(['"Namespace":"erasure-test"']));
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
