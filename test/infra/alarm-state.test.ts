import { describe, expect, test } from 'vitest';
import { alarmFor, typedEntries } from '../../infra/stack/alarm-catalog.ts';
import type { Alarm } from '../../lambda/domain/failure.ts';
import { jsonLog, type LogLine } from '../../lambda/io/log.ts';
import { startedAlarms } from './alarm-state.ts';
import { settingsWith, synthesised } from './synthesised.ts';

/** Alarms that are only a part of a composite one notify no one; of lost events, one part is enough. */
const alarms = synthesised({ settings: settingsWith({ reappearance: {} }) })
  .of('AWS::CloudWatch::Alarm')
  .map(alarm =>
    alarm.AlarmName === 'erasure-customer-events-lost-refused'
      ? { ...alarm, AlarmName: 'erasure-customer-events-lost', AlarmActions: ['topic'] }
      : alarm,
  )
  .filter(({ AlarmActions }) => AlarmActions !== undefined);
const sweep: LogLine = {
  event: 'sweep',
  needsReview: 0,
  paused: 0,
  deadlineUsedPercent: 49.9,
  oldestOpenMs: 0,
  unsigned: 0,
};

function started(lines: readonly LogLine[], namespace = 'erasure'): readonly string[] {
  const written: string[] = [];
  const log = jsonLog(
    line => written.push(line),
    () => 0,
    namespace,
  );
  for (const line of lines) log(line);
  return startedAlarms(alarms, written);
}

describe('alarms in the ALARM state', () => {
  test('normal operation: none', () => {
    expect(
      started([sweep, { event: 'attempt', outcome: 'in-progress' }, { event: 'closed', outcome: 'erased' }]),
    ).toEqual([]);
  });

  test('no data: only sweep-stopped', () => {
    expect(started([])).toEqual(['erasure-sweep-stopped']);
    expect(started([sweep], 'erasure-other')).toEqual(['erasure-sweep-stopped']);
  });

  test.each(typedEntries(alarmFor))('alarm code %s: %s', (code: Alarm, name) => {
    expect(started([sweep, { event: 'alarm', alarm: code, platform: 'ketch' }])).toEqual([`erasure-${name}`]);
  });

  test.each<[Partial<LogLine>, readonly string[]]>([
    [{ deadlineUsedPercent: 50 }, ['erasure-oldest-open-half']],
    [{ deadlineUsedPercent: 80 }, ['erasure-oldest-open-half', 'erasure-oldest-open-late']],
    [{ needsReview: 1 }, ['erasure-needs-review']],
    [{ paused: 2 }, ['erasure-paused']],
  ])('sweep with %j: %j', (fields, names) => {
    expect(started([sweep, { ...sweep, ...fields }, sweep])).toEqual(names);
  });
});
