import { describe, expect, it } from 'vitest';
import type { Identifier } from '../lambda/erasure.ts';
import type { ProjectSettings } from '../lambda/io/settings.ts';
import { type ErasingHouse, type ErasingOptions, erasingHouse, one, start } from './support/erasing-house.ts';
import { hour, minute } from './support/pace-heard.ts';
import { mostInAPeriod } from './support/pace-windows.ts';

type Quota = Pick<ProjectSettings, 'callsPerMinute' | 'quotaPeriod'>;

/** A house that may use half of a quota, and whose clock moves as far as it waits. */
function houseWith(quota: Quota, options: ErasingOptions = {}): ErasingHouse {
  const house = erasingHouse({
    ...options,
    limit: { calls: quota.callsPerMinute, periodSeconds: quota.quotaPeriod === 'hour' ? 3600 : 60 },
    change: ports => {
      const changed = { ...ports, ...options.change?.(ports) };
      const projects = Object.entries(changed.settings.projects).map(([name, project]) => [
        name,
        { ...project, ...quota, quotaShare: 0.5 },
      ]);
      return {
        ...changed,
        settings: { ...changed.settings, projects: Object.fromEntries(projects) },
        wait: async ms => {
          house.clock.now += ms;
        },
      };
    },
  });
  return house;
}

/** The request path's attempt, and then a sweep whenever the receipt is due, as long as it is open. */
async function finished(house: ErasingHouse, identifiers: readonly Identifier[], mostSweeps = 60) {
  let { receipt } = await house.ask(identifiers);
  for (let sweeps = 0; receipt.state === 'open' && sweeps < mostSweeps; sweeps += 1) {
    // Clocks show whole milliseconds.
    await house.sweep(Math.ceil(Math.max(house.clock.now, receipt.nextAttemptAt ?? 0)));
    receipt = await house.receipt(receipt.id);
  }
  return receipt;
}

function lookUps(house: ErasingHouse): readonly string[] {
  return house.sent.filter(call => call.startsWith('GET'));
}

const ids = (count: number) => Array.from({ length: count }, (_, at) => one('source_id', `crm-${at}`)).flat();
const mixed = (name: string) => one('email', `${name}.Example@Example.com`);

describe('more look-ups than one attempt has calls for', () => {
  it.each<[string, Quota, readonly Identifier[], number]>([
    ['24 look-ups at 100 calls a minute', { callsPerMinute: 100, quotaPeriod: 'minute' }, ids(24), 24],
    [
      'one id and two mixed-case addresses at 20 a minute',
      { callsPerMinute: 20, quotaPeriod: 'minute' },
      [...ids(1), ...mixed('Ada'), ...mixed('Ben')],
      5,
    ],
    [
      'three mixed-case addresses at 100 an hour',
      { callsPerMinute: 100, quotaPeriod: 'hour' },
      [...mixed('Ada'), ...mixed('Ben'), ...mixed('Cleo')],
      6,
    ],
    ['5 identifiers at 10 an hour', { callsPerMinute: 10, quotaPeriod: 'hour' }, ids(5), 5],
  ])('end as erased, each made once: %s', async (_, quota, identifiers, needed) => {
    const house = houseWith(quota);
    const last = identifiers.at(-1)!;
    house.person(last.kind === 'email' ? { email: last.value.toLowerCase() } : { source_id: last.value });
    const receipt = await finished(house, identifiers);
    expect(receipt).toMatchObject({ state: 'erased' });
    // One look-up for each spelling; a look before posting, where that was left to a later attempt; one deletion.
    expect(house.sent.length).toBeLessThanOrEqual(needed + 2);
    expect(new Set(lookUps(house).slice(0, needed)).size).toBe(needed);
    const periodMs = quota.quotaPeriod === 'hour' ? hour : minute;
    const times = house.sandbox.calls().map(({ at }) => at);
    expect(mostInAPeriod(times, periodMs)).toBeLessThanOrEqual(quota.callsPerMinute / 2);
  });

  it('end as erased when the answer to the first deletion is lost: 5 identifiers at 10 an hour', async () => {
    const house = houseWith({ callsPerMinute: 10, quotaPeriod: 'hour' });
    for (const { value } of ids(5).slice(0, 2)) house.person({ source_id: value });
    let lost = 0;
    house.meddle = (call, pass) => {
      const answered = pass();
      if (call.method !== 'POST' || lost > 0) return answered;
      lost += 1;
      return { kind: 'no-answer', code: 'cut-off', effect: 'possible' };
    };
    const receipt = await finished(house, ids(5));
    expect(receipt.state).toBe('erased');
    expect(lost).toBe(1);
    // Five look-ups, two deletions, a look before each, and a look and a deletion again for the one that was lost.
    expect(house.sent.length).toBeLessThanOrEqual(5 + 2 * 2 + 2);
    const times = house.sandbox.calls().map(({ at }) => at);
    expect(mostInAPeriod(times, hour)).toBeLessThanOrEqual(5);
    expect(house.clock.now - start).toBeLessThan(24 * hour);
  });
});
