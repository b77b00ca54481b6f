import { describe, expect, test } from 'vitest';
import { alarmFor } from '../../infra/alarm-texts.ts';
import { typedEntries } from '../../infra/entries.ts';
import type { Alarm } from '../../lambda/failure.ts';
import { jsonLog, type LogLine } from '../../lambda/io/log.ts';
import { synthesised } from '../infra/synthesised.ts';
import { standingAlarms } from './alarm-standing.ts';

const alarms = synthesised().of('AWS::CloudWatch::Alarm');
const sweep: LogLine = {
  event: 'sweep',
  needsReview: 0,
  paused: 0,
  deadlineUsedPercent: 49.9,
  oldestOpenMs: 0,
  unsigned: 0,
};

function standing(lines: readonly LogLine[], namespace = 'erasure'): readonly string[] {
  const written: string[] = [];
  const log = jsonLog(
    line => written.push(line),
    () => 0,
    namespace,
  );
  for (const line of lines) log(line);
  return standingAlarms(alarms, written);
}

describe('which alarms stand', () => {
  test('none while sweeps end and nothing waits', () => {
    expect(
      standing([sweep, { event: 'attempt', outcome: 'in-progress' }, { event: 'closed', outcome: 'erased' }]),
    ).toEqual([]);
  });

  test('silence is the alarm of the sweep, and of nothing else', () => {
    expect(standing([])).toEqual(['erasure-sweep-stopped']);
    expect(standing([sweep], 'erasure-other')).toEqual(['erasure-sweep-stopped']);
  });

  test.each(typedEntries(alarmFor))('a line with %s raises %s', (code: Alarm, name) => {
    expect(standing([sweep, { event: 'alarm', alarm: code, platform: 'ketch' }])).toEqual([`erasure-${name}`]);
  });

  test.each<[Partial<LogLine>, readonly string[]]>([
    [{ deadlineUsedPercent: 50 }, ['erasure-oldest-open-half']],
    [{ deadlineUsedPercent: 80 }, ['erasure-oldest-open-half', 'erasure-oldest-open-late']],
    [{ needsReview: 1 }, ['erasure-needs-review']],
    [{ paused: 2 }, ['erasure-paused']],
  ])('a sweep that tells %j raises %j', (told, names) => {
    expect(standing([sweep, { ...sweep, ...told }, sweep])).toEqual(names);
  });
});

test('a definition that cannot be judged is refused', () => {
  const silent = {
    AlarmName: 'a',
    ComparisonOperator: 'LessThanThreshold',
    Threshold: 1,
    Namespace: 'n',
    MetricName: 'm',
  };
  const line = JSON.stringify({
    _aws: { Timestamp: 0, CloudWatchMetrics: [{ Namespace: 'n', Dimensions: [[]], Metrics: [{ Name: 'm' }] }] },
    m: 1,
  });
  const judge = (change: object) => () => standingAlarms([{ ...silent, Statistic: 'Sum', ...change }], [line]);
  expect(judge({})()).toEqual([]);
  expect(judge({ ThresholdMetricId: 'band' })()).toEqual([]);
  expect(judge({ Statistic: 'p99' })).toThrow('p99: is not judged here');
  expect(judge({ ComparisonOperator: 'LessThanLowerThreshold' })).toThrow(
    'a: LessThanLowerThreshold is not judged here',
  );
  expect(judge({ Metrics: [] })).toThrow('a: watches no expression');
  const metric = { Id: 'm', MetricStat: { Metric: { Namespace: 'n', MetricName: 'm' }, Stat: 'Sum' } };
  for (const Expression of ['SUM(METRICS())', 'SUM([FILL(m, 0), FILL(other, 0)])', 'FILL(m, 0) + FILL(m, 0)']) {
    expect(judge({ Metrics: [{ Id: 'e', Expression, ReturnData: true }, metric] })).toThrow(
      `${Expression}: is not judged here`,
    );
  }
});
