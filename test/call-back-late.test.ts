import { describe, expect, it } from 'vitest';
import type { Receipt } from '../lambda/receipts/receipt.ts';
import { fixtureTime } from './support/house.ts';
import { owing, sweepUntil } from './support/pace-called.ts';
import { answered, hour, minute, second } from './support/pace-heard.ts';

const day = 24 * hour;

/** What a receipt says of the erasure, without how telling the platform stands. */
function erasureOf({ queue, nextAttemptAt, callbackState, revision, evidence, ...erasure }: Receipt) {
  return erasure;
}

describe('a platform that cannot be reached', () => {
  it.each([
    ['that answers 503', answered(503)],
    ['that answers 500', answered(500)],
    ['that sends us on', { kind: 'no-answer', code: 'redirected', mayHaveExecuted: true } as const],
    ['that is not there', { kind: 'no-answer', code: 'not-connected', mayHaveExecuted: false } as const],
  ])('for 48 hours and %s is told once it can, and only once', async (_, failing) => {
    const open = await owing();
    open.called.answer = () => failing;
    await open.sweepAfter(hour);
    const before = erasureOf(await open.receipt());
    await sweepUntil(open, fixtureTime + 2 * day);
    expect(await open.isKept()).toBe(true);
    const tries = open.called.calls.length;
    expect(tries).toBeGreaterThan(8);
    open.called.answer = () => answered(200);
    await sweepUntil(open, fixtureTime + 20 * day);
    expect(open.called.calls).toHaveLength(tries + 1);
    expect(open.called.calls.at(-1)?.body).toContain('"status":"completed"');
    expect(open.called.calls.at(-1)?.at).toBeLessThanOrEqual(fixtureTime + 2 * day + 6 * hour + minute);
    expect(erasureOf(await open.receipt())).toEqual(before);
    expect(open.house.alarms()).toEqual([]);
    expect(await open.isKept()).toBe(false);
  });

  it('is asked after a minute, two, four … and at least every six hours', async () => {
    for (const [chance, part] of [
      [0, 0.5],
      [0.999_999, 1],
    ] as const) {
      const open = await owing(undefined, { change: () => ({ random: () => chance }) });
      open.called.answer = () => answered(503);
      open.house.clock.at += hour;
      const waits: number[] = [];
      for (let one = 0; one < 13; one += 1) {
        await open.house.sweep();
        const { nextAttemptAt = 0 } = await open.receipt();
        waits.push(Math.round((nextAttemptAt - open.house.clock.at) / second));
        open.house.clock.at = nextAttemptAt;
      }
      const steps = [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360, 360].map(step => step * 60 * part);
      expect(waits).toEqual(steps);
    }
  });

  it('is given up after more than seven days, with an alarm; the erasure stands, and what is kept is forgotten', async () => {
    const open = await owing();
    open.called.answer = () => answered(503);
    await open.sweepAfter(hour);
    const before = erasureOf(await open.receipt());
    await sweepUntil(open, fixtureTime + 7 * day + 2 * hour);
    expect(await open.isKept()).toBe(true);
    expect(open.house.alarms()).toEqual([]);
    await sweepUntil(open, fixtureTime + 9 * day);
    expect(open.house.alarms()).toEqual(['callback-abandoned']);
    const { platform, receipt } = open.house.logged().find(line => line.alarm !== undefined) ?? {};
    expect({ platform, receipt }).toEqual({ platform: 'ketch', receipt: (await open.receipt()).id });
    expect(erasureOf(await open.receipt())).toEqual(before);
    expect(await open.isKept()).toBe(false);
    const tries = open.called.calls.length;
    await sweepUntil(open, fixtureTime + 12 * day);
    expect(open.called.calls).toHaveLength(tries);
    expect(open.house.alarms()).toHaveLength(1);
  });
});
