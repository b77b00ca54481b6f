import { describe, expect, it } from 'vitest';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import { initialRateLimit, type RateLimitState, reserve } from '../../lambda/quota/rate-limit.ts';
import { failing, learn, quota, wish } from '../support/pace-clock.ts';
import { answered, hour, minute, now, second, unanswered } from '../support/pace-heard.ts';

/** Probes whenever one is let through, and is answered the same again: how long each wait was, in seconds. */
function waits(first: RateLimitState, result: HttpResult, count: number): readonly number[] {
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
  it.each<[string, HttpResult, readonly number[]]>([
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
    expect(waits(learn(initialRateLimit, result), result, expected.length)).toEqual(expected);
  });

  it.each([
    ['the later of both, Retry-After', 50, 20, 50],
    ['the later of both, X-Rate-Limit-Retry', 20, 50, 50],
  ])('by a 429 until %s', (_, after, reset, expected) => {
    const headers = { 'retry-after': String(after), 'x-rate-limit-retry': String(now / 1000 + reset) };
    expect(learn(initialRateLimit, answered(429, headers)).breaker?.openUntil).toBe(now + expected * second);
  });

  it('by five failures, ten seconds that double to a minute', () => {
    expect(waits(failing(initialRateLimit, now), answered(503), 6)).toEqual([10, 20, 40, 60, 60, 60]);
  });

  it('for what it was closed last by: another refusal of the probe counts its own steps', () => {
    const throttled = learn(learn(initialRateLimit, answered(429)), answered(429), { now: now + minute });
    expect(throttled.breaker).toMatchObject({ code: 'voucherify-429', trips: 1 });
    const unpaid = learn(throttled, answered(402), { now: now + 2 * minute });
    expect(unpaid.breaker).toMatchObject({ code: 'quota-exhausted', trips: 0, openUntil: now + 2 * minute + hour });
  });
});

describe('a closed project', () => {
  const closed = learn(initialRateLimit, answered(429, { 'retry-after': '30' }));

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
    expect(reserve(busy, { ...wish(at), latest: at }, quota)).toMatchObject({ kind: 'held', code: 'rate-limited' });
    const probe = reserve({ ...closed, reservedForShopUntil: at + 5000 }, wish(at), quota);
    expect(probe).toMatchObject({ at: at + 5000, next: { breaker: { openUntil: at + 5000 + minute } } });
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
    const shut = result === undefined ? failing(initialRateLimit, now) : learn(initialRateLimit, result);
    expect(shut.breaker).toBeDefined();
    expect(learn(shut, answered(200), { now: now + hour })).toEqual(initialRateLimit);
  });

  it('stays closed by what it was when the probe comes to nothing', () => {
    const at = now + 30 * second;
    const after = learn(closed, unanswered, { now: at });
    expect(after.breaker).toEqual(closed.breaker);
    expect(after.failures?.count).toBe(1);
  });
});
