import { describe, expect, it } from 'vitest';
import { deliverCallbacks } from '../../lambda/sweep/deliver-callbacks.ts';
import { fixtureTime } from '../support/house.ts';
import { owing, sweepUntil } from '../support/pace-called.ts';
import { answered, hour, minute, second } from '../support/pace-heard.ts';

const day = 24 * hour;
const lost = { kind: 'no-answer', code: 'connection-lost', effect: 'possible' } as const;

/** As many targets, all of the one origin. */
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ url: `https://dsr.ketch.com/${index}`, headers: {} }));

describe('many callbacks of one request', () => {
  it('more than ten: the rest is dropped with an alarm', async () => {
    const open = await owing(many(12));
    expect(open.house.alarms()).toEqual(['callbacks-dropped']);
    expect(open.house.logged().find(({ alarm }) => alarm !== undefined)).toMatchObject({ platform: 'ketch' });
    await open.sweepAfter(hour);
    expect(open.called.calls.map(({ url }) => url.pathname)).toEqual(many(10).map((_, index) => `/${index}`));
    expect(await open.receipt()).toMatchObject({ state: 'erased' });
    expect(await open.isKept()).toBe(false);
  });

  it('limit: counts only allowed origins', async () => {
    const elsewhere = Array.from({ length: 5 }, (_, index) => ({ url: `https://evil.example/${index}`, headers: {} }));
    const open = await owing([...elsewhere, ...many(10)]);
    expect(open.house.alarms()).toEqual(['callback-origin-refused']);
    await open.sweepAfter(hour);
    expect(open.called.calls).toHaveLength(10);
  });

  it('order: one after the other', async () => {
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

  it('slow targets: each is called in time, and no claim expires', async () => {
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

  it('end of the sweep: no call starts after it', async () => {
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

describe('callback target', () => {
  it.each([404, 410])('%i: is not called again, and an alarm is raised', async status => {
    const open = await owing();
    open.called.answer = () => answered(status);
    await open.sweepAfter(hour);
    expect(open.house.alarms()).toEqual(['callback-abandoned']);
    expect(await open.receipt()).toMatchObject({ state: 'erased', callbackState: { refused: [0], delivered: [] } });
    expect(await open.isKept()).toBe(false);
    await sweepUntil(open, fixtureTime + 9 * day);
    expect(open.called.calls).toHaveLength(1);
  });

  it.each([429, 503])('%i with Retry-After: is not called before that time', async status => {
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

  it('Retry-After of months: gets one last call, and nothing is stored longer', async () => {
    const open = await owing();
    open.called.answer = () => answered(503, { 'retry-after': '9999999' });
    await open.sweepAfter(hour);
    await sweepUntil(open, fixtureTime + 9 * day);
    expect(open.called.calls).toHaveLength(2);
    expect(open.house.alarms()).toEqual(['callback-abandoned']);
    expect(await open.isKept()).toBe(false);
  });

  it('lost response: is called again', async () => {
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

  it('result not stored: is called again', async () => {
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

  it('two workers at once: raise one alarm', async () => {
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

  it('time-out: is ten seconds, and the claim is longer', async () => {
    const open = await owing();
    open.called.answer = () => answered(503);
    await open.sweepAfter(hour);
    const [call] = open.called.calls;
    expect(Number(call?.until) - Number(call?.at)).toBe(10 * second);
    expect(open.house.services.times.claimMs).toBeGreaterThan(10 * second);
  });
});
