import { describe, expect, it } from 'vitest';
import { fixtureTime } from './support/house.ts';
import { owing, sweepUntil } from './support/pace-called.ts';
import { answered, hour, minute, second } from './support/pace-heard.ts';

const day = 24 * hour;
const lost = { kind: 'no-answer', code: 'cut-off', effect: 'possible' } as const;

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
