import { describe, expect, it } from 'vitest';
import { deliverCallbacks } from '../lambda/sweep/deliver-callbacks.ts';
import { fixtureTime } from './support/house.ts';
import { owing, sweepUntil } from './support/pace-called.ts';
import { answered, hour, minute, second } from './support/pace-heard.ts';

const day = 24 * hour;
const lost = { kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true } as const;

/** As many targets, all of the one origin. */
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ url: `https://dsr.ketch.com/${index}`, headers: {} }));

describe('many targets of one request', () => {
  it('are ten at most: the order is carried out, the others are dropped with an alarm', async () => {
    const open = await owing(many(12));
    expect(open.house.alarms()).toEqual(['callbacks-dropped']);
    expect(open.house.logged().find(({ alarm }) => alarm !== undefined)).toMatchObject({ platform: 'ketch' });
    await open.sweepAfter(hour);
    expect(open.called.calls.map(({ url }) => url.pathname)).toEqual(many(10).map((_, index) => `/${index}`));
    expect(await open.receipt()).toMatchObject({ state: 'erased' });
    expect(await open.isKept()).toBe(false);
  });

  it('are counted by those that may be called', async () => {
    const elsewhere = Array.from({ length: 5 }, (_, index) => ({ url: `https://evil.example/${index}`, headers: {} }));
    const open = await owing([...elsewhere, ...many(10)]);
    expect(open.house.alarms()).toEqual(['callback-origin-refused']);
    await open.sweepAfter(hour);
    expect(open.called.calls).toHaveLength(10);
  });

  it('are called one after the other', async () => {
    const open = await owing(many(10));
    let [atOnce, most] = [0, 0];
    open.called.answer = async () => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise(setImmediate);
      atOnce -= 1;
      return answered(200);
    };
    await open.sweepAfter(hour);
    expect(open.called.calls).toHaveLength(10);
    expect(most).toBe(1);
  });

  it('that are all slow get their turns by and by, and no claim is outlasted', async () => {
    const open = await owing(many(10));
    open.called.answer = () => {
      open.house.clock.at += 10 * second;
      return answered(503);
    };
    await open.sweepAfter(hour);
    const [first] = open.called.calls;
    expect(open.called.calls.length).toBeLessThan(10);
    expect(open.called.calls.at(-1)!.until - first!.at).toBeLessThan(open.house.services.times.claimMs);
    expect(await open.receipt()).toMatchObject({ queue: 'callback', callbackState: { tries: 1, delivered: [] } });
    await sweepUntil(open, open.house.clock.at + day);
    expect(new Set(open.called.calls.map(({ url }) => url.pathname)).size).toBe(10);
  });

  it('have no call that begins after the end of the sweep', async () => {
    const open = await owing(many(10));
    open.called.answer = () => answered(503);
    await open.sweepAfter(hour);
    const before = open.called.calls.length;
    open.house.clock.at += hour;
    open.called.answer = () => {
      open.house.clock.at += 10 * second;
      return answered(200);
    };
    await deliverCallbacks((await open.receipt()).id, open.house.services, open.house.clock.at + 5 * second);
    expect(open.called.calls).toHaveLength(before + 1);
    expect((await open.receipt()).callbackState?.delivered).toHaveLength(1);
    await sweepUntil(open, open.house.clock.at + day);
    expect((await open.receipt()).callbackState?.delivered).toHaveLength(10);
    expect(open.called.calls).toHaveLength(before + 10);
  });
});

describe('a target', () => {
  it.each([404, 410])('that says %i is told no more, with an alarm at once', async status => {
    const open = await owing();
    open.called.answer = () => answered(status);
    await open.sweepAfter(hour);
    expect(open.house.alarms()).toEqual(['callback-abandoned']);
    expect(await open.receipt()).toMatchObject({ state: 'erased', callbackState: { refused: [0], delivered: [] } });
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
    expect(open.house.alarms()).toEqual(['callback-abandoned']);
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
          if (fails && next.callbackState !== undefined) throw new Error('the process ended');
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
    expect(await open.receipt()).toMatchObject({ callbackState: { delivered: [0] } });
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
    expect(open.house.alarms()).toEqual(['callback-abandoned']);
    answers();
    await first;
    expect(open.called.calls).toHaveLength(2);
    expect(open.house.alarms()).toEqual(['callback-abandoned']);
    expect(await open.receipt()).toMatchObject({ callbackState: { tries: 1, refused: [0] } });
  });

  it('has ten seconds, and the claim outlasts them', async () => {
    const open = await owing();
    open.called.answer = () => answered(503);
    await open.sweepAfter(hour);
    const [call] = open.called.calls;
    expect(Number(call?.until) - Number(call?.at)).toBe(10 * second);
    expect(open.house.services.times.claimMs).toBeGreaterThan(10 * second);
  });
});
