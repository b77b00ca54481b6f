import { describe, expect, it } from 'vitest';
import type { OutboundResult } from '../../lambda/io/outbound.ts';
import { type Heard, learned } from '../../lambda/voucherify/learn.ts';
import { closedTo, type Pace, reserve, untouched } from '../../lambda/voucherify/pace.ts';
import { answered, heard, hour, minute, now, second, unanswered } from '../support/pace-heard.ts';

const quota = { share: 0.5, limit: 100, periodMs: minute };
const learn = (pace: Pace, result: OutboundResult, more: Partial<Heard> = {}) =>
  learned(pace, heard(result, more), quota);
const wish = (at: number, keyHash = 'key-1') => ({ calls: 2, fresh: true, keyHash, now: at, latest: at + 7000 });
const failing = (pace: Pace, at: number) => {
  let next = pace;
  for (const receipt of ['a', 'b', 'a', 'b', 'a']) next = learn(next, unanswered, { receipt, now: at });
  return next;
};

/** Probes whenever one is let through, and is answered the same again: how long each wait was, in seconds. */
function waits(first: Pace, result: OutboundResult, count: number): readonly number[] {
  let pace = first;
  let at = now;
  return Array.from({ length: count }, () => {
    const held = reserve(pace, wish(at), quota);
    if (held.kind !== 'held') throw new Error('is open');
    const waited = held.until - at;
    at = held.until;
    const probe = reserve(pace, wish(at), quota);
    if (probe.kind !== 'reserved' || !probe.probe) throw new Error('lets no probe through');
    pace = learn(probe.next, result, { now: at });
    return waited / second;
  });
}

const retryAfter = (wait: number) => answered(429, { 'retry-after': String(wait) });
const cycle = answered(429, { 'x-rate-limit-type': 'api_calls_cycle', 'retry-after': '5' });

describe('a project is closed', () => {
  it.each<[string, OutboundResult, readonly number[]]>([
    [
      'a 429 without a time, a minute that doubles to a quarter of an hour',
      answered(429),
      [60, 120, 240, 480, 900, 900],
    ],
    ['a 429 with a time, until then', retryAfter(7), [7, 7, 7]],
    ['a 429 for exactly an hour, until then', retryAfter(3600), [3600, 3600]],
    ['a 429 for more than an hour, one hour', retryAfter(3601), [3600, 3600, 3600]],
    ['the cycle used up, an hour, whatever else it says', cycle, [3600, 3600, 3600]],
    ['a 402, an hour', answered(402), [3600, 3600, 3600]],
    ['a 401, a minute', answered(401), [60, 60, 60, 60]],
    ['a 403, a minute', answered(403), [60, 60, 60, 60]],
  ])('by %s', (_, result, expected) => {
    expect(waits(learn(untouched, result), result, expected.length)).toEqual(expected);
  });

  it.each([
    ['the later of both, Retry-After', 50, 20, 50],
    ['the later of both, X-Rate-Limit-Retry', 20, 50, 50],
  ])('by a 429 until %s', (_, after, reset, expected) => {
    const headers = { 'retry-after': String(after), 'x-rate-limit-retry': String(now / 1000 + reset) };
    expect(learn(untouched, answered(429, headers)).closed?.until).toBe(now + expected * second);
  });

  it('by five failures, ten seconds that double to a minute', () => {
    expect(waits(failing(untouched, now), answered(503), 6)).toEqual([10, 20, 40, 60, 60, 60]);
  });

  it('for what it was closed last by: another refusal of the probe counts its own steps', () => {
    const throttled = learn(learn(untouched, answered(429)), answered(429), { now: now + minute });
    expect(throttled.closed).toMatchObject({ code: 'voucherify-429', times: 1 });
    const unpaid = learn(throttled, answered(402), { now: now + 2 * minute });
    expect(unpaid.closed).toMatchObject({ code: 'quota-exhausted', times: 0, until: now + 2 * minute + hour });
  });
});

describe('a closed project', () => {
  const closed = learn(untouched, answered(429, { 'retry-after': '30' }));

  it('holds everybody, with the time and the reason', () => {
    const held = { kind: 'held', until: now + 30 * second, code: 'voucherify-429' };
    for (const at of [now, now + 29_999]) {
      expect(reserve(closed, wish(at), quota)).toEqual(held);
      expect(reserve(closed, wish(at, 'another key'), quota)).toEqual(held);
      expect(reserve(closed, { ...wish(at), fresh: false }, quota)).toEqual(held);
    }
  });

  it('lets one call through when the time is over, and holds the others until that is answered or a minute over', () => {
    const at = now + 30 * second;
    const probe = reserve(closed, wish(at), quota);
    expect(probe).toMatchObject({ kind: 'reserved', probe: true, calls: 1, at });
    if (probe.kind !== 'reserved') return;
    expect(reserve(probe.next, wish(at), quota)).toEqual({ kind: 'held', until: at + minute, code: 'voucherify-429' });
    expect(reserve(probe.next, wish(at + minute), quota)).toMatchObject({ kind: 'reserved', probe: true });
  });

  it('probes no sooner than the pace allows', () => {
    const at = now + 30 * second;
    const busy = { ...closed, notBefore: at + 10 * second };
    expect(reserve(busy, wish(at), quota)).toMatchObject({ kind: 'reserved', probe: true });
    expect(reserve(busy, { ...wish(at), latest: at }, quota)).toMatchObject({ kind: 'held', code: 'paced' });
    const probe = reserve({ ...closed, restUntil: at + 5000 }, wish(at), quota);
    expect(probe).toMatchObject({ at: at + 5000, next: { closed: { until: at + 5000 + minute } } });
  });

  it.each([200, 404, 400])('is open again after an answer of %i', status => {
    const open = learn({ ...closed, notBefore: 5 }, answered(status), { now: now + 30 * second });
    expect(open).toEqual({ notBefore: 5 });
  });

  it.each([
    ['429', answered(429)],
    ['402', answered(402)],
    ['401', answered(401)],
    ['failures', undefined],
  ])('by %s is opened by a good answer', (_, result) => {
    const shut = result === undefined ? failing(untouched, now) : learn(untouched, result);
    expect(shut.closed).toBeDefined();
    expect(learn(shut, answered(200), { now: now + hour })).toEqual(untouched);
  });

  it('stays closed by what it was when the probe comes to nothing', () => {
    const at = now + 30 * second;
    const after = learn(closed, unanswered, { now: at });
    expect(after.closed).toEqual(closed.closed);
    expect(after.failures?.count).toBe(1);
  });
});

describe('calls that were under way when it was closed', () => {
  const sentAt = now - 1;
  const closed = learn(untouched, answered(429));

  it('make no step longer, so that one incident is one step', () => {
    let pace = closed;
    for (let one = 0; one < 5; one += 1) pace = learn(pace, answered(429), { sentAt, now: now + one });
    expect(pace.closed).toMatchObject({ times: 0, until: now + 4 + minute });
    let failed = failing(untouched, now);
    for (let one = 0; one < 5; one += 1) failed = learn(failed, answered(500), { sentAt });
    expect(failed.closed).toMatchObject({ times: 0, until: now + 10 * second });
  });

  it('keep it closed for longer when they say so, and never for less', () => {
    const longer = learn(closed, answered(429, { 'retry-after': '90' }), { sentAt });
    expect(longer.closed?.until).toBe(now + 90 * second);
    expect(learn(closed, answered(429, { 'retry-after': '5' }), { sentAt })).toBe(closed);
    const unpaid = learn(closed, answered(402), { sentAt });
    expect(unpaid.closed).toMatchObject({ code: 'quota-exhausted', until: now + hour });
    let late = unpaid;
    for (const receipt of ['a', 'b', 'a', 'b', 'a']) late = learn(late, unanswered, { receipt, sentAt });
    expect(late.closed).toEqual(unpaid.closed);
  });

  it('do not open it, however good', () => {
    expect(learn(closed, answered(200), { sentAt })).toBe(closed);
    const failed = failing(untouched, now);
    expect(learn(failed, answered(200), { sentAt })).toEqual({ notBefore: 0, closed: failed.closed });
  });
});

describe('a refused key', () => {
  it.each([401, 403])('is held after a %i, and no other', status => {
    const closed = learn(untouched, answered(status));
    expect(closed.closed).toMatchObject({ code: 'key-refused', keyHash: 'key-1' });
    expect(reserve(closed, wish(now), quota)).toEqual({ kind: 'held', until: now + minute, code: 'key-refused' });
    const other = reserve(closed, wish(now, 'key-2'), quota);
    expect(other).toMatchObject({ kind: 'reserved', probe: false, calls: 2, at: now });
    expect(other).not.toHaveProperty('next.closed');
    expect(closedTo(closed, 'key-1')).toBeDefined();
    expect(closedTo(closed, 'key-2')).toBeUndefined();
  });

  it('that was a token is held alone after a 401, since a new token may do', () => {
    const closed = learn(untouched, answered(401), { byToken: true });
    expect(closedTo(closed, 'key-1')).toBeDefined();
    expect(closedTo(closed, 'key-2')).toBeUndefined();
  });

  it('that was a token closes the project to all after a 403: every process has a token of its own', () => {
    const closed = learn(untouched, answered(403), { byToken: true });
    expect(closedTo(closed, 'key-1')).toBeDefined();
    expect(closedTo(closed, 'key-2')).toBeDefined();
  });

  it.each([429, 402, 500])('is none after a %i', status => {
    const closed = failing(learn(untouched, answered(status)), now);
    expect(closedTo(closed, 'key-2')).toBeDefined();
  });
});
