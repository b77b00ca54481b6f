import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alarmFor, alarmTexts } from '../../infra/stack/alarm-catalog.ts';
import manifest from '../../package.json' with { type: 'json' };
import { settingsWith, synthesised } from './synthesised.ts';

const { of, readable, template } = synthesised();
const withEvents = synthesised({ settings: settingsWith({ reappearance: { quietHours: 48 } }) });
const eventAlarms = ['erased-person-reappeared', 'customer-events-lost'];
const alarms = of('AWS::CloudWatch::Alarm');
const runbook = readFileSync(join(import.meta.dirname, '../../RUNBOOK.md'), 'utf8');

const notifying = [...alarms.filter(one => one.AlarmActions), ...of('AWS::CloudWatch::CompositeAlarm')];
const unnotified = alarms.filter(one => !one.AlarmActions);

const alarm = (name: string) =>
  [...alarms, ...withEvents.of('AWS::CloudWatch::Alarm')].find(({ AlarmName }) => AlarmName === `erasure-${name}`);
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
  test('list: one alarm for each impact', () => {
    const parts = ['erasure-no-match-rate-unusual', 'erasure-no-match-rate-high'];
    expect(unnotified.map(({ AlarmName }) => AlarmName)).toEqual(parts);
    expect(notifying.map(({ AlarmName }) => AlarmName)).toEqual([
      ...['erasure-deadline-half-used', 'erasure-deadline-nearly-used', 'erasure-needs-review'],
      ...['erasure-wrong-customer-deleted', 'erasure-voucherify-unavailable', 'erasure-sweep-stopped'],
      ...['erasure-unproven-responses', 'erasure-paused', 'erasure-requests-rejected'],
      ...['erasure-platform-out-of-sync', 'erasure-erased-person-still-present', 'erasure-evidence-unsigned'],
      'erasure-no-match-rate',
    ]);
    expect(notifying).toHaveLength(Object.keys(alarmTexts).length - eventAlarms.length);
  });

  test('text: names the impact and the section of the runbook; the topic is notified', () => {
    for (const { AlarmName, AlarmDescription, AlarmActions, OKActions } of notifying) {
      const name = AlarmName.slice('erasure-'.length);
      expect(AlarmDescription).toMatch(/^[A-Z][^#]+\. RUNBOOK\.md#[a-z0-9-]+$/);
      expect(AlarmDescription.endsWith(`RUNBOOK.md#${name}`)).toBe(true);
      expect(runbook).toContain(`\n## ${name}\n`);
      expect(readable(AlarmActions)).toEqual(['erasure-alarms']);
      // The on-call must learn that an incident is over.
      expect(readable(OKActions)).toEqual(['erasure-alarms']);
    }
  });

  test('text with runbookUrl: links to the section in the runbook of this version', () => {
    const operations = { runbookUrl: 'https://git.example.com/erasure/blob/v{version}/RUNBOOK.md' };
    const alarms = synthesised({ settings: settingsWith({ operations }) }).of('AWS::CloudWatch::Alarm');
    const [late] = alarms.filter(
      ({ AlarmName }: { AlarmName: string }) => AlarmName === 'erasure-deadline-nearly-used',
    );
    const page = `https://git.example.com/erasure/blob/v${manifest.version}/RUNBOOK.md#deadline-nearly-used`;
    expect(late.AlarmDescription).toMatch(/^A person waits.*passed\. https:/);
    expect(late.AlarmDescription.endsWith(page)).toBe(true);
  });

  test.each(Object.entries(alarmFor))('code %s: raises %s and is in its section of the runbook', (code, name) => {
    const part = name === 'customer-events-lost' ? `${name}-rejected` : name;
    expect(metricsOf(part)).toContainEqual({
      Metric: { Namespace: 'erasure', MetricName: 'Alarms', Dimensions: [{ Name: 'alarm', Value: code }] },
      Period: expect.any(Number),
      Stat: 'Sum',
    });
    const [, section = ''] = runbook.split(`\n## ${name}\n`);
    expect(section.split('\n## ')[0]).toContain(`\`${code}\``);
  });

  test('counting alarms: start at one, for minutes, with at most ten metrics', () => {
    const counting = notifying.filter(one => one.Metrics !== undefined);
    expect(counting).toHaveLength(9);
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
      const hourly = one.AlarmName === 'erasure-voucherify-unavailable';
      expect([...periods, one.EvaluationPeriods]).toEqual(hourly ? [300, 13] : [60, 5]);
    }
  });

  test('sweep-stopped: starts after five minutes without a sweep', () => {
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

  test('alarms of the deadline: start at half and at four fifths of the deadline', () => {
    const used = { Namespace: 'erasure', MetricName: 'DeadlineUsed', Statistic: 'Maximum', TreatMissingData: 'ignore' };
    expect(alarm('deadline-half-used')).toMatchObject({ ...used, ...atLeast(50), Period: 3600 });
    expect(alarm('deadline-nearly-used')).toMatchObject({ ...used, ...atLeast(80), Period: 3600 });
  });

  test('needs-review and paused: last as long as their cause', () => {
    const standing = (MetricName: string) => ({
      Metric: { Namespace: 'erasure', MetricName },
      Period: 60,
      Stat: 'Maximum',
    });
    expect(metricsOf('needs-review')).toContainEqual(standing('NeedsReview'));
    expect(metricsOf('paused')).toContainEqual(standing('Paused'));
  });

  test('requests-rejected: counts errors and throttles of the webhook, and refusals of the gateway', () => {
    const watched = metricsOf('requests-rejected').map(({ Metric }) => [Metric['Namespace'], Metric['MetricName']]);
    expect(watched.filter(([, name]) => name !== 'Alarms')).toEqual([
      ['erasure', 'GatewayRefusals'],
      ['AWS/Lambda', 'Errors'],
      ['AWS/Lambda', 'Throttles'],
    ]);
    const functions = JSON.stringify(readable(alarm('requests-rejected').Metrics));
    expect(functions).toContain('"erasure-webhook"');
    expect(functions).not.toContain('sweeper');
  });
});

// Whether CloudWatch learns a band that is of use can only be seen in an account; here it is what is asked of it.
describe('alarm no-match-rate', () => {
  test('composite: starts only if the share is unusual and high', () => {
    const [composite] = of('AWS::CloudWatch::CompositeAlarm');
    const rule = String(readable(composite.AlarmRule));
    expect(rule).toMatch(/^\(ALARM\(.*unusual.*\) AND ALARM\(.*high.*\)\)$/);
    expect(alarm('no-match-rate-high')).toMatchObject({ ...atLeast(25), TreatMissingData: 'ignore' });
    // Two unmatched receipts in a quiet hour are below the static share: 2 / (2 + 10) is 17 %.
    expect(queries('no-match-rate-high').find(({ ReturnData }) => ReturnData)?.Expression).toBe(
      queries('no-match-rate-unusual').find(({ Id }) => Id === 'm0')?.Expression,
    );
  });

  test('band: upper bound of anomaly detection', () => {
    expect(alarm('no-match-rate-unusual')).toMatchObject({
      ComparisonOperator: 'GreaterThanUpperThreshold',
      ThresholdMetricId: 'expr_1',
      EvaluationPeriods: 1,
      TreatMissingData: 'ignore',
    });
    expect(alarm('no-match-rate-unusual')).not.toHaveProperty('Threshold');
    const [band, share] = queries('no-match-rate-unusual');
    expect(band).toMatchObject({ Id: 'expr_1', Expression: 'ANOMALY_DETECTION_BAND(m0, 3)', ReturnData: true });
    expect(share).toMatchObject({ Id: 'm0', ReturnData: true });
  });

  test('share: of all that was closed in an hour, damped for few', () => {
    const share = '100 * (SUM([FILL(no_match, 0), FILL(not_identifiable, 0), FILL(created_later, 0)])) / (closed + 10)';
    const expressions = new Map(queries('no-match-rate-unusual').map(({ Id, Expression }) => [Id, Expression]));
    expect(expressions.get('m0')).toBe(share);
    expect(expressions.get('closed')).toBe(
      'SUM([FILL(erased, 0), FILL(no_match, 0), FILL(not_identifiable, 0), FILL(created_later, 0)])',
    );
    expect(metricsOf('no-match-rate-unusual')).toEqual(
      ['no-match', 'not-identifiable', 'created-later', 'erased'].map(Value => ({
        Metric: { Namespace: 'erasure', MetricName: 'Closed', Dimensions: [{ Name: 'outcome', Value }] },
        Period: 3600,
        Stat: 'Sum',
      })),
    );
  });

  test('expressions: are those that anomaly detection allows', () => {
    const all = queries('no-match-rate-unusual');
    expect(all.length).toBeLessThanOrEqual(10);
    expect(new Set(metricsOf('no-match-rate-unusual').map(({ Period }) => Period)).size).toBe(1);
    expect(JSON.stringify(all)).not.toMatch(/METRICS\(|SEARCH\(/);
  });
});

describe('alarms on events of customers', () => {
  const composites = withEvents.of('AWS::CloudWatch::CompositeAlarm');

  test('list: two more, with sections in the runbook', () => {
    const all = [...withEvents.of('AWS::CloudWatch::Alarm'), ...composites];
    const more = all.filter(one => one.AlarmActions).map(({ AlarmName }) => AlarmName.slice('erasure-'.length));
    expect(more.filter(name => eventAlarms.includes(name))).toEqual(eventAlarms);
    expect(more).toHaveLength(Object.keys(alarmTexts).length);
    for (const name of eventAlarms) expect(runbook).toContain(`\n## ${name}\n`);
  });

  test('customer-events-lost: starts at the first rejected event, or when no event of a project has arrived for too long', () => {
    const lost = composites.find(({ AlarmName }) => AlarmName === 'erasure-customer-events-lost');
    expect(withEvents.readable(lost.AlarmRule)).toMatch(/^\(ALARM\(.*rejected.*\) OR ALARM\(.*quietmain.*\)\)$/);
    const counted = metricsOf('customer-events-lost-rejected').map(({ Metric }) => Metric['MetricName']);
    expect(counted).toEqual(['Alarms', 'EventRefusals', 'Errors', 'Throttles']);
    expect(alarm('customer-events-lost-rejected')).toMatchObject({ ...atLeast(1), DatapointsToAlarm: 1 });
    expect(alarm('customer-events-lost-quiet-main')).toMatchObject({
      MetricName: 'CustomerEvents',
      Dimensions: [{ Name: 'project', Value: 'main' }],
      ...{ Period: 3600, EvaluationPeriods: 48, ComparisonOperator: 'LessThanThreshold', Threshold: 1 },
      TreatMissingData: 'breaching',
    });
  });

  test('requests-rejected: counts no refused event, so a flood of events starts no alarm of erasures', () => {
    const filters = withEvents.of('AWS::Logs::MetricFilter');
    const path = (sign: string) => `($.resourcePath ${sign} "/events/{project}")`;
    expect(filters.map(one => [one.MetricTransformations[0].MetricName, one.FilterPattern])).toEqual([
      ['GatewayRefusals', expect.stringContaining(path('!='))],
      ['EventRefusals', expect.stringContaining(path('='))],
    ]);
  });
});

describe('refusals of the gateway', () => {
  test('metric: counts access log lines with a response type, but no unknown routes and no blocks of a web ACL', () => {
    const ignored = ['-', 'MISSING_AUTHENTICATION_TOKEN', 'WAF_FILTERED'].map(type => `($.responseType != "${type}")`);
    expect(of('AWS::Logs::MetricFilter')).toMatchObject([
      {
        FilterPattern: `{ ${ignored.join(' && ')} }`,
        MetricTransformations: [{ MetricNamespace: 'erasure', MetricName: 'GatewayRefusals', MetricValue: '1' }],
      },
    ]);
  });

  test('web ACL: only 64 blocked requests in a minute start the alarm', () => {
    const { of: withAcl } = synthesised({ settings: settingsWith({ operations: { waf: true } }) });
    const { Metrics } = withAcl('AWS::CloudWatch::Alarm').find(one => one.AlarmName === 'erasure-requests-rejected');
    const queries: readonly Query[] = Metrics;
    const blocked = queries.find(({ Id }) => Id === 'many_blocked');
    expect(blocked?.Expression).toBe('FLOOR((FILL(blocked_0, 0)) / 64)');
    expect(queries[0]?.Expression).toContain('FILL(many_blocked, 0)');
    const stats = queries.flatMap(({ MetricStat }) => MetricStat ?? []);
    // CloudWatch allows ten metrics in an alarm, with one period.
    expect(stats.length).toBeLessThanOrEqual(10);
    expect(new Set(stats.map(({ Period }) => Period))).toEqual(new Set([60]));
  });
});

test('metrics of the functions: are in their log lines', () => {
  const staged = synthesised({ stage: 'test' });
  for (const { Environment, FunctionName } of staged.of('AWS::Lambda::Function')) {
    if (FunctionName !== 'erasure-test-deployment-check')
      expect(Environment.Variables.METRICS_NAMESPACE).toBe('erasure-test');
  }
  const own = JSON.stringify(staged.of('AWS::CloudWatch::Alarm')).match(/"Namespace":"erasure[^"]*"/g);
  expect(new Set(own)).toEqual(new Set(['"Namespace":"erasure-test"']));
});

test('alarm topic: alarms of this account publish over TLS only', () => {
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

test('alarm topic: is subscribed by the address in the settings', () => {
  template.resourceCountIs('AWS::SNS::Subscription', 0);
  const settings = settingsWith({ operations: { alarmEmail: 'on-call@example.com' } });
  const subscription = { Protocol: 'email', Endpoint: 'on-call@example.com' };
  synthesised({ settings }).template.hasResourceProperties('AWS::SNS::Subscription', subscription);
});
