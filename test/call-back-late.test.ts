import { describe, expect, it } from 'vitest';
import { callBack } from '../lambda/call-back.ts';
import type { OutboundCall } from '../lambda/io/outbound.ts';
import { assemble } from '../lambda/parts.ts';
import type { Receipt } from '../lambda/receipts/receipt.ts';
import { sweep } from '../lambda/sweep.ts';
import { callbackUrl, genericHouse, genericWire, order } from './platforms/generic-messages.ts';
import { fixtureTime, type House } from './support/house.ts';
import { type CalledHouse, owing, targets } from './support/pace-called.ts';
import { answered, hour, minute, second } from './support/pace-heard.ts';

const day = 24 * hour;
const lost = { kind: 'no-answer', code: 'cut-off', effect: 'possible' } as const;

/** Sweeps once a minute, as the schedule does, and jumps over the minutes in which nothing is due. */
async function sweepUntil({ house, receipt }: CalledHouse, end: number): Promise<void> {
  while (house.clock.at < end) {
    const { nextAttemptAt = end } = await receipt();
    const due = Math.ceil((Math.max(nextAttemptAt, house.clock.at + 1) - fixtureTime) / minute) * minute;
    house.clock.at = Math.min(end, fixtureTime + due);
    await house.sweep();
  }
}

/** What a receipt says of the erasure, without how telling the platform stands. */
function erasureOf({ queue: _, nextAttemptAt: __, callBack: ___, revision: ____, ...erasure }: Receipt) {
  return erasure;
}

describe('a platform that cannot be reached', () => {
  it.each([
    ['that answers 503', answered(503)],
    ['that answers 500', answered(500)],
    ['that sends us on', { kind: 'no-answer', code: 'redirected', effect: 'possible' } as const],
    ['that is not there', { kind: 'no-answer', code: 'not-connected', effect: 'none' } as const],
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
    expect(open.house.alarms()).toEqual(['callback-given-up']);
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

describe('a target', () => {
  it.each([404, 410])('that says %i is told no more, with an alarm at once', async status => {
    const open = await owing();
    open.called.answer = () => answered(status);
    await open.sweepAfter(hour);
    expect(open.house.alarms()).toEqual(['callback-given-up']);
    expect(await open.receipt()).toMatchObject({ state: 'erased', callBack: { refused: [0], delivered: [] } });
    expect(await open.isKept()).toBe(false);
    await sweepUntil(open, fixtureTime + 9 * day);
    expect(open.called.calls).toHaveLength(1);
  });

  it.each([429, 503])('that says %i and when to come back is left alone until then', async status => {
    const open = await owing();
    open.called.answer = () => answered(status, { 'retry-after': '7200' });
    await open.sweepAfter(hour);
    const asked = open.house.clock.at;
    open.called.answer = () => answered(200);
    await open.sweepAfter(2 * hour - 1);
    expect(open.called.calls).toHaveLength(1);
    await open.sweepAfter(1);
    expect(open.called.calls.map(({ at }) => at - asked)).toEqual([0, 2 * hour]);
  });

  it('that wants to be asked in months is asked a last time, and nothing is kept for longer', async () => {
    const open = await owing();
    open.called.answer = () => answered(503, { 'retry-after': '9999999' });
    await open.sweepAfter(hour);
    await sweepUntil(open, fixtureTime + 9 * day);
    expect(open.called.calls).toHaveLength(2);
    expect(open.house.alarms()).toEqual(['callback-given-up']);
    expect(await open.isKept()).toBe(false);
  });

  it('whose answer was lost is told again', async () => {
    const open = await owing();
    open.called.answer = () => lost;
    await open.sweepAfter(hour);
    open.called.answer = () => answered(200);
    await open.sweepAfter(2 * minute);
    const [first, second] = open.called.calls;
    expect(open.called.calls).toHaveLength(2);
    expect(second).toEqual({ ...first, at: expect.any(Number), until: expect.any(Number) });
    expect(await open.isKept()).toBe(false);
  });

  it('that was told is told again when that could not be written down', async () => {
    let fails = false;
    const change: NonNullable<Parameters<typeof owing>[1]>['change'] = ({ store }) => ({
      store: {
        ...store,
        replace: async (next, also) => {
          if (fails && next.callBack !== undefined) throw new Error('the process ended');
          return store.replace(next, also);
        },
      },
    });
    const open = await owing(undefined, { change });
    fails = true;
    await open.sweepAfter(hour);
    expect(open.called.calls).toHaveLength(1);
    fails = false;
    await open.sweepAfter(minute);
    expect(open.called.calls).toHaveLength(2);
    expect(await open.receipt()).toMatchObject({ callBack: { delivered: [0] } });
  });

  it('that is asked by two workers, one of them long overdue, raises one alarm', async () => {
    const open = await owing();
    const { promise: overdue, resolve: answers } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begins } = Promise.withResolvers<void>();
    open.called.answer = async () => {
      begins();
      if (open.called.calls.length === 1) await overdue;
      return answered(410);
    };
    open.house.clock.at += hour;
    const first = open.house.sweep();
    await begun;
    await open.sweepAfter(minute);
    expect(open.house.alarms()).toEqual(['callback-given-up']);
    answers();
    await first;
    expect(open.called.calls).toHaveLength(2);
    expect(open.house.alarms()).toEqual(['callback-given-up']);
    expect(await open.receipt()).toMatchObject({ callBack: { tries: 1, refused: [0] } });
  });

  it('has ten seconds, and the claim outlasts them', async () => {
    const open = await owing();
    open.called.answer = () => answered(503);
    await open.sweepAfter(hour);
    const [call] = open.called.calls;
    expect(Number(call?.until) - Number(call?.at)).toBe(10 * second);
    expect(open.house.parts.times.claimMs).toBeGreaterThan(10 * second);
  });
});
