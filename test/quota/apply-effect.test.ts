import { describe, expect, test } from 'vitest';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import {
  applyEffect,
  breakerFor,
  initialRateLimit,
  type ObservedCall,
  type RateLimitState,
  reserve,
} from '../../lambda/quota/rate-limit.ts';
import {
  hour,
  minute,
  noResponse,
  now,
  observed,
  quota,
  rateHeaders,
  request,
  response,
  second,
} from '../support/quota-world.ts';

const observe = (state: RateLimitState, result: HttpResult, more: Partial<ObservedCall> = {}, limits = quota) =>
  applyEffect(state, observed(result, more), limits);
type Headers = Readonly<Record<string, string>>;
const withHeaders = (headers: Headers, state: RateLimitState = initialRateLimit, limits = quota) =>
  observe(state, response(200, headers), {}, limits);
/** The state after five failures in a row, of two receipts. */
const failing = (state: RateLimitState, more: Partial<ObservedCall> = {}) =>
  ['a', 'b', 'a', 'b', 'a'].reduce((next, receipt) => observe(next, noResponse, { receipt, ...more }), state);

describe('limit in the headers', () => {
  test.each([
    ['no headers', {}],
    ['no limit, and enough remaining', { 'x-rate-limit-remaining': '50' }],
    ['no limit, and a reset in 20 minutes', { 'x-rate-limit-retry': String((now + 20 * minute) / second) }],
    ['a limit of zero', { 'x-rate-limit-limit': '0' }],
    ['the limit of settings', rateHeaders(100, 99, 30 * second)],
    [
      'the limit of the billing cycle',
      { ...rateHeaders(100_000, 3, 20 * minute), 'x-rate-limit-type': 'api_calls_cycle' },
    ],
    ['a limit that resets in more than an hour', rateHeaders(100_000, 3, hour + second)],
  ])('%s: changes nothing', (_, headers) => {
    expect(withHeaders(headers)).toBe(initialRateLimit);
  });

  test('new limit: is stored once, and again when it changes', () => {
    const state = withHeaders(rateHeaders(2000, 1999, 30 * second));
    expect(state).toEqual({ notBefore: 0, limit: 2000, periodMs: minute });
    expect(withHeaders(rateHeaders(2000, 1998, 30 * second), state)).toBe(state);
    expect(withHeaders(rateHeaders(10, 9, 30 * second), state).limit).toBe(10);
  });

  test('row without a period: has the period of settings', () => {
    const state = { notBefore: 0, limit: 100 };
    expect(withHeaders(rateHeaders(100, 99, 30 * second), state)).toBe(state);
    expect(withHeaders(rateHeaders(100, 99, 30 * minute), state).periodMs).toBe(hour);
  });

  test.each([
    ['91 seconds ahead', 91 * second, hour],
    ['an hour ahead', hour, hour],
    ['90 seconds ahead', 90 * second, minute],
    ['in the past', -second, minute],
  ])('reset %s', (_, resetMs, periodMs) => {
    expect(withHeaders(rateHeaders(100, 99, resetMs)).periodMs ?? quota.periodMs).toBe(periodMs);
  });

  test('hourly limit: stays hourly when its reset is near', () => {
    const state = withHeaders(rateHeaders(100, 99, 20 * minute));
    expect(withHeaders(rateHeaders(100, 60, 5 * second), state)).toBe(state);
    const hourly = { ...quota, periodMs: hour };
    expect(withHeaders(rateHeaders(50, 49, 5 * second), initialRateLimit, hourly).periodMs).toBe(hour);
  });

  test.each([200, 404, 400, 401, 402, 403, 429, 500])('status %i: its limit counts too', status => {
    expect(observe(initialRateLimit, response(status, rateHeaders(50, 40, 30 * second)))).toMatchObject({ limit: 50 });
  });
});

describe('remaining calls', () => {
  const unknownReset = { 'x-rate-limit-limit': '100', 'x-rate-limit-remaining': '49' };
  const hourly = { notBefore: 0, limit: 100, periodMs: hour };

  test.each([
    ['below the share of the shop: until the reset', rateHeaders(100, 49, 30 * second), initialRateLimit, 30 * second],
    ['none: until the reset', rateHeaders(100, 0, 30 * second), initialRateLimit, 30 * second],
    ['below the share, hourly: until the reset', rateHeaders(100, 49, 40 * minute), initialRateLimit, 40 * minute],
    ['below the share, no reset: for a period', unknownReset, initialRateLimit, minute],
    ['below the share, no reset, hourly: for a period', unknownReset, hourly, hour],
    ['below the share, reset now: for a period', rateHeaders(100, 49, 0), initialRateLimit, minute],
    ['below the share, reset in the past: for a period', rateHeaders(100, 49, -second), initialRateLimit, minute],
    ['no limit, below the share of the known one: for a period', { 'x-rate-limit-remaining': '49' }, hourly, hour],
    ['no limit, below the share of settings:', { 'x-rate-limit-remaining': '49' }, initialRateLimit, minute],
    ['less than none: for a period', { ...unknownReset, 'x-rate-limit-remaining': '-3' }, initialRateLimit, minute],
  ])('%s all calls wait', (_, headers, state, waitMs) => {
    expect(withHeaders(headers, state).reservedForShopUntil).toBe(now + waitMs);
  });

  test.each([
    ['the share of the shop', rateHeaders(100, 50, 30 * second), quota],
    ['unknown', { 'x-rate-limit-limit': '100', 'x-rate-limit-retry': String(now / 1000 + 30) }, quota],
    ['none, but the whole limit is for erasures', rateHeaders(100, 0, 30 * second), { ...quota, share: 1 }],
    ['none, until a reset in 40 days', rateHeaders(100, 0, 40 * 24 * hour), quota],
  ])('%s: no call waits', (_, headers, limits) => {
    expect(withHeaders(headers, initialRateLimit, limits).reservedForShopUntil).toBeUndefined();
  });

  test('later reset: extends the wait, an earlier one does not', () => {
    const state = withHeaders(rateHeaders(100, 20, 30 * second));
    expect(withHeaders(rateHeaders(100, 19, 30 * second), state)).toBe(state);
    expect(withHeaders(rateHeaders(100, 19, 10 * second), state)).toBe(state);
    expect(withHeaders(rateHeaders(100, 10, 45 * second), state).reservedForShopUntil).toBe(now + 45 * second);
  });
});

describe('consecutive failures', () => {
  const notConnected = { kind: 'no-answer', code: 'not-connected', mayHaveExecuted: false } as const;

  test.each<[string, HttpResult]>([
    ['connection errors', notConnected],
    ['time-outs', noResponse],
    ['status 500', response(500)],
    ['status 503', response(503)],
  ])('%s: the fifth opens the breaker if two receipts had them', (_, result) => {
    const four = ['a', 'a', 'a', 'b'].reduce((state, receipt) => observe(state, result, { receipt }), initialRateLimit);
    expect(four).toEqual({ notBefore: 0, failures: { count: 4, receipts: ['a', 'b'], since: now } });
    const breaker = { code: 'failures', trips: 0, openUntil: now + 10 * second, openedAt: now };
    expect(observe(four, result, { receipt: 'b' }).breaker).toEqual(breaker);
  });

  test('one receipt only: never opens the breaker', () => {
    let state = initialRateLimit;
    for (let count = 0; count < 20; count += 1) state = observe(state, noResponse, { receipt: 'a' });
    expect(state.breaker).toBeUndefined();
    expect(observe(state, noResponse, { receipt: 'b' }).breaker?.code).toBe('failures');
  });

  /** Four failures, a second apart. */
  const four = () =>
    ['a', 'b', 'c', 'd'].reduce(
      (state, receipt, index) => observe(state, noResponse, { receipt, now: now + index * second }),
      initialRateLimit,
    );

  test('many receipts: only the last two are stored, with the time of the first failure', () => {
    expect(four().failures).toEqual({ count: 4, receipts: ['c', 'd'], since: now });
  });

  test.each([200, 201, 404, 400, 409, 422])('status %i: starts the count again', status => {
    expect(observe(four(), response(status))).toEqual(initialRateLimit);
  });

  test('response that is too large: shows that the project can be called', () => {
    expect(observe(four(), { kind: 'no-answer', code: 'too-large', mayHaveExecuted: true })).toEqual(initialRateLimit);
  });

  test('429: opens the breaker for its own reason and keeps the count', () => {
    const breaker = { code: 'voucherify-429' };
    expect(observe(four(), response(429))).toMatchObject({ breaker, failures: { count: 4 } });
  });
});

test('effect of a call that says nothing of others: its limit counts all the same', () => {
  const failed = response(500, rateHeaders(50, 40, 30 * second));
  const state = observe(initialRateLimit, failed, { breaker: { kind: 'none' } });
  expect(state).toEqual({ notBefore: 0, limit: 50, periodMs: minute });
});

describe('open breaker', () => {
  const retryAfter = (seconds: number) => response(429, { 'retry-after': String(seconds) });
  const open = observe(initialRateLimit, retryAfter(30));

  /** Sends each probe when it is allowed, always with the same result. Returns the waits between them, in seconds. */
  function waits(first: RateLimitState, result: HttpResult, count: number): readonly number[] {
    let state = first;
    let at = now;
    return Array.from({ length: count }, () => {
      const blocked = reserve(state, request({ now: at }), quota);
      if (blocked.kind !== 'rate-limited') throw new Error('the breaker is closed');
      const waited = blocked.until - at;
      at = blocked.until;
      const probe = reserve(state, request({ now: at }), quota);
      if (probe.kind !== 'reserved' || !probe.probe) throw new Error('no probe is allowed');
      state = observe(probe.next, result, { now: at });
      return waited / second;
    });
  }

  test.each<[string, HttpResult, readonly number[]]>([
    ['429 without a time: one minute, doubled up to 15 minutes', response(429), [60, 120, 240, 480, 900, 900]],
    ['429 with a time: until then', retryAfter(7), [7, 7, 7]],
    ['429 for an hour: until then', retryAfter(3600), [3600, 3600]],
    ['429 for more than an hour: one hour', retryAfter(3601), [3600, 3600, 3600]],
    ['used up billing cycle: one hour', response(429, { 'x-rate-limit-type': 'api_calls_cycle' }), [3600, 3600]],
    ['402: one hour', response(402), [3600, 3600, 3600]],
    ['401: one minute', response(401), [60, 60, 60]],
    ['403: one minute', response(403), [60, 60, 60]],
  ])('%s', (_, result, expected) => {
    expect(waits(observe(initialRateLimit, result), result, expected.length)).toEqual(expected);
  });

  test('five failures: ten seconds, doubled up to a minute', () => {
    expect(waits(failing(initialRateLimit), response(503), 6)).toEqual([10, 20, 40, 60, 60, 60]);
  });

  test('another reason: starts with its own first wait', () => {
    const throttled = observe(observe(initialRateLimit, response(429)), response(429), { now: now + minute });
    expect(throttled.breaker).toMatchObject({ code: 'voucherify-429', trips: 1 });
    const unpaid = observe(throttled, response(402), { now: now + 2 * minute });
    expect(unpaid.breaker).toMatchObject({ code: 'quota-exhausted', trips: 0, openUntil: now + 2 * minute + hour });
  });

  test.each([now, now + 29_999])('before its end (%i): blocks every key and the sweep, with time and reason', at => {
    const blocked = { kind: 'rate-limited', until: now + 30 * second, code: 'voucherify-429' };
    for (const more of [{}, { keyHash: 'another key' }, { fresh: false }]) {
      expect(reserve(open, request({ now: at, ...more }), quota)).toEqual(blocked);
    }
  });

  test('at its end: one probe is allowed, and the next one a minute later', () => {
    const at = now + 30 * second;
    const probe = reserve(open, request({ now: at, expected: 2 }), quota);
    if (probe.kind !== 'reserved') throw new Error('no probe is allowed');
    expect(probe).toMatchObject({ probe: true, calls: 1, at });
    expect(reserve(probe.next, request({ now: at }), quota)).toMatchObject({ until: at + minute });
    expect(reserve(probe.next, request({ now: at + minute }), quota)).toMatchObject({ kind: 'reserved', probe: true });
  });

  test('probe: waits for the rate limit and for the share of the shop', () => {
    const at = now + 30 * second;
    const busy = { ...open, notBefore: at + 10 * second };
    const refused = reserve(busy, request({ now: at, fresh: false, latest: at }), quota);
    expect(refused).toEqual({ kind: 'rate-limited', until: at + 10 * second, code: 'rate-limited' });
    const probe = reserve({ ...open, reservedForShopUntil: at + 5000 }, request({ now: at }), quota);
    expect(probe).toMatchObject({ at: at + 5000, next: { breaker: { openUntil: at + 5000 + minute } } });
    // Its wait belongs to this token time, or to an earlier one with which it would be sent at the same time.
    expect(probe).toMatchObject({ atMost: at + 5000 });
    const later = { ...open, notBefore: at + 1000 };
    expect(reserve(later, request({ now: at }), quota)).toMatchObject({ at, atMost: at + 1000 });
  });

  test.each([200, 404, 400, 409])('status %i: closes it', status => {
    expect(observe({ ...open, notBefore: 5 }, response(status), { now: now + 30 * second })).toEqual({ notBefore: 5 });
  });

  test.each<[string, RateLimitState]>([
    ['402', observe(initialRateLimit, response(402))],
    ['401', observe(initialRateLimit, response(401))],
    ['failures', failing(initialRateLimit)],
  ])('opened by %s: a successful response closes it', (_, state) => {
    expect(observe(state, response(200), { now: now + hour })).toEqual(initialRateLimit);
  });

  test('probe without a response: it stays open for its first reason', () => {
    const next = observe(open, noResponse, { now: now + 30 * second });
    expect(next).toMatchObject({ breaker: open.breaker, failures: { count: 1 } });
  });
});

describe('response to a call that was sent before the breaker opened', () => {
  const sentAt = now - 1;
  const open = observe(initialRateLimit, response(429));

  test('the same failure again: is not another trip', () => {
    let state = open;
    for (let count = 0; count < 5; count += 1) state = observe(state, response(429), { sentAt, now: now + count });
    expect(state.breaker).toMatchObject({ trips: 0, openUntil: now + 4 + minute });
    let failed = failing(initialRateLimit);
    for (let count = 0; count < 5; count += 1) failed = observe(failed, response(500), { sentAt });
    expect(failed.breaker).toMatchObject({ trips: 0, openUntil: now + 10 * second });
  });

  test('longer wait: extends it; a shorter one changes nothing', () => {
    const longer = observe(open, response(429, { 'retry-after': '90' }), { sentAt });
    expect(longer.breaker?.openUntil).toBe(now + 90 * second);
    for (const wait of ['5', '60'])
      expect(observe(open, response(429, { 'retry-after': wait }), { sentAt })).toBe(open);
    const unpaid = observe(open, response(402), { sentAt });
    expect(unpaid.breaker).toMatchObject({ code: 'quota-exhausted', openUntil: now + hour });
    expect(failing(unpaid, { sentAt }).breaker).toEqual(unpaid.breaker);
  });

  test('sent in the same millisecond: counts as sent afterwards', () => {
    expect(observe(open, response(429), { sentAt: now }).breaker).toMatchObject({ trips: 1 });
  });

  test('success: does not close it, and the next failed probe still makes the wait longer', () => {
    expect(observe(open, response(200), { sentAt })).toBe(open);
    const failed = failing(initialRateLimit);
    const late = observe(failed, response(200), { sentAt });
    expect(late).toEqual({ notBefore: 0, breaker: failed.breaker });
    expect(observe(late, noResponse, { now: now + 10 * second }).breaker).toMatchObject({ code: 'failures', trips: 1 });
  });
});

describe('rejected key', () => {
  const isBlocked = (state: RateLimitState) => ['key-1', 'key-2'].map(key => breakerFor(state, key) !== undefined);

  test.each<[string, number, boolean, readonly boolean[]]>([
    ['401: blocks this key only', 401, false, [true, false]],
    ['403: blocks this key only', 403, false, [true, false]],
    ['401 with a token: blocks this token only, because a new one may work', 401, true, [true, false]],
    ['403 with a token: blocks the project, because each process has its own token', 403, true, [true, true]],
    ['429: blocks the project', 429, false, [true, true]],
    ['402: blocks the project', 402, false, [true, true]],
  ])('%s', (_, status, byToken, blocked) => {
    expect(isBlocked(observe(initialRateLimit, response(status), { byToken }))).toEqual(blocked);
  });

  test('another key: is reserved without a probe and closes the breaker', () => {
    const state = observe(initialRateLimit, response(403));
    const blocked = { kind: 'rate-limited', until: now + minute, code: 'key-refused' };
    expect(reserve(state, request(), quota)).toEqual(blocked);
    const other = reserve(state, request({ keyHash: 'key-2', expected: 2 }), quota);
    expect(other).toMatchObject({ kind: 'reserved', probe: false, calls: 2, at: now });
    expect(other).not.toHaveProperty('next.breaker');
  });

  test('failures: block every key', () => {
    expect(isBlocked(failing(initialRateLimit))).toEqual([true, true]);
  });
});
