import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import { validUntil } from '../../lambda/quota/limited-client.ts';
import {
  applyEffect,
  breakerFor,
  capacityOf,
  correctTimes,
  hasSpareCalls,
  initialRateLimit,
  type ObservedCall,
  parseRateLimit,
  type Quota,
  type RateLimitState,
  type ReservationRequest,
  reserve,
  reserveJointly,
  storedRateLimit,
  tokenInterval,
} from '../../lambda/quota/rate-limit.ts';
import { holds } from '../support/fuzz.ts';
import {
  hour,
  minute,
  mostAllowed,
  mostInAPeriod,
  noResponse,
  now,
  observed,
  quota,
  rateHeaders,
  request,
  response,
  second,
} from '../support/quota-world.ts';

const of = (limit: number, share = 0.5, periodMs = minute): Quota => ({ limit, share, periodMs });

describe('row of the rate limit', () => {
  test('unknown fields: are kept for the version that wrote them', () => {
    const breaker = { openUntil: 1, openedAt: 0, code: 'failures', trips: 2, keyHash: 'a', note: 'b' };
    const limit = { reservedForShopUntil: 3, limit: 100, periodMs: minute };
    const value = { ...limit, breaker, failures: { count: 4, receipts: ['a', 'b'] }, newer: { a: 1 } };
    const state = parseRateLimit({ value, tokenTime: 1.5 });
    expect(state).toEqual({ ...value, notBefore: 1.5 });
    expect(state && storedRateLimit(state)).toEqual(value);
  });

  test('breaker without openedAt: any response can close it', () => {
    const breaker = { openUntil: 1, code: 'failures', trips: 2 };
    expect(parseRateLimit({ value: { breaker }, tokenTime: 1 })?.breaker).toEqual({ ...breaker, openedAt: 0 });
  });

  test.each([
    { value: undefined },
    { value: null },
    { value: 'text' },
    { value: [] },
    { value: {}, tokenTime: Number.NaN },
    { value: { breaker: {} } },
    { value: { limit: 'a' } },
  ])('%j: is unreadable', row => {
    expect(parseRateLimit(row)).toBeUndefined();
  });
});

describe('token interval', () => {
  test.each<[string, Quota, number, number]>([
    ['half of 100 calls a minute', of(100), 5, minute / 45],
    ['a fifth of 100 calls a minute', of(100, 0.2), 2, minute / 18],
    ['half of 100 calls an hour', of(100, 0.5, hour), 5, hour / 45],
    ['nine calls a minute', of(9, 1), 2, minute / 7],
    ['two calls a minute', of(2, 1), 2, minute + second],
    ['half of five calls a minute', of(5), 2, minute + second],
    ['one call a minute', of(2), 1, minute + second],
    ['half a call a minute', of(1), 1, 2 * minute],
    ['a tenth of a call an hour', of(1, 0.1, hour), 1, 10 * hour],
    ['29 of 100 calls, in spite of floating-point errors', of(100, 0.29), 2, minute / 27],
    ['1,000 calls a minute, with a second to spare', of(1000, 1), 5, (minute + second) / 996],
  ])('%s', (_, limit, burst, intervalMs) => {
    const interval = tokenInterval(initialRateLimit, limit);
    expect(interval.burst).toBe(burst);
    expect(interval.intervalMs).toBeCloseTo(intervalMs, 2);
    expect(interval.lateMs).toBeGreaterThanOrEqual(second - 1e-6);
  });

  test('observed limit and period: each replaces its setting', () => {
    const hourly = tokenInterval(initialRateLimit, of(100, 0.5, hour));
    expect(tokenInterval({ limit: 100, periodMs: hour }, of(2000))).toEqual(hourly);
    expect(tokenInterval({ limit: 100 }, of(2000))).toEqual(tokenInterval(initialRateLimit, of(100)));
    expect(tokenInterval({ periodMs: hour }, of(100))).toEqual(hourly);
  });
});

test.each([
  ['half of 100 calls a minute', of(100), { atOnce: 5, inAttempt: 2 * (1 + 9) }],
  ['nine calls a minute', of(9, 1), { atOnce: 2, inAttempt: 3 }],
  ['a pair that lasts a whole attempt', of(293, 1, hour), { atOnce: 5, inAttempt: 2 }],
  ['20 calls an hour', of(20, 1, hour), { atOnce: 2, inAttempt: 2 }],
  ['one call an hour', of(1, 1, hour), { atOnce: 1, inAttempt: 1 }],
  ['less than one call an hour', of(1, 0.5, hour), { atOnce: 0, inAttempt: 1 }],
])('capacity of one attempt of the sweep, %s', (_, limit, capacity) => {
  expect(capacityOf(initialRateLimit, limit)).toEqual(capacity);
});

describe('reservation', () => {
  const { intervalMs } = tokenInterval(initialRateLimit, quota);
  const reserved = (state: RateLimitState, more: Partial<ReservationRequest> = {}) => {
    const reservation = reserve(state, request(more), quota);
    if (reservation.kind === 'rate-limited') throw new Error(`rate-limited: ${reservation.code}`);
    return reservation;
  };
  const startsOf = (count: number, more: Partial<ReservationRequest>) => {
    let state = initialRateLimit;
    return Array.from({ length: count }, () => {
      const reservation = reserved(state, { latest: now + hour, ...more });
      state = reservation.next;
      return Math.round((reservation.at - now) / intervalMs);
    });
  };

  test('new project: starts at once and moves notBefore by its calls', () => {
    const next = { notBefore: now + 3 * intervalMs };
    expect(reserved(initialRateLimit, { expected: 3 })).toMatchObject({ at: now, calls: 3, probe: false, next });
  });

  test('fresh requests: use the burst, then one call per interval', () => {
    expect(startsOf(8, {})).toEqual([0, 0, 0, 0, 0, 1, 2, 3]);
  });

  test('sweep: has no burst and waits until all earlier reservations are used', () => {
    expect(startsOf(3, { fresh: false, expected: 2 })).toEqual([0, 2, 4]);
    expect(reserved(reserved(initialRateLimit, { fresh: false, expected: 2 }).next, { expected: 2 }).at).toBe(now);
  });

  const dozen = { fresh: false, expected: 12 };
  test.each<[string, Quota, Partial<ReservationRequest>, number]>([
    ['fresh: at most the burst', of(100), { expected: 12 }, 5],
    ['fresh: only the expected calls', of(100), { expected: 2 }, 2],
    ['sweep: at most half of the burst', of(100), dozen, 2],
    ['sweep: at least one call', of(9, 1), { fresh: false, expected: 2 }, 1],
    ['sweep, interval longer than half an attempt: the whole burst', of(100, 0.5, hour), dozen, 5],
    ['sweep, interval of 18 seconds', of(200, 1, hour), dozen, 5],
    ['sweep, interval of exactly half an attempt', of(293, 1, hour), dozen, 2],
    ['pairs: whole pairs only', of(100), { expected: 5, together: 2 }, 4],
    ['pairs of the sweep: one, although half of the burst is one call', of(9, 1), { ...dozen, together: 2 }, 2],
    ['pairs with a burst of one call: a single call', of(1, 1), { expected: 4, together: 2 }, 1],
  ])('calls of one reservation, %s', (_, limit, more, calls) => {
    expect(reserve(initialRateLimit, request(more), limit)).toMatchObject({ kind: 'reserved', calls });
  });

  test('after a quiet time: unused calls are not saved up', () => {
    expect(reserved({ notBefore: now - hour }).next.notBefore).toBeCloseTo(now + intervalMs, 6);
  });

  test('later than useful: is refused with the time when it would start, and changes nothing', () => {
    const state = { notBefore: now + 8000 };
    const latest = now + 8000 - 4 * intervalMs;
    const refused = { kind: 'rate-limited', until: latest, code: 'rate-limited' };
    expect(reserve(state, request({ latest: latest - 0.001 }), quota)).toEqual(refused);
    expect(reserve(state, request({ latest }), quota)).toMatchObject({ kind: 'reserved', at: latest });
  });

  test('calls reserved for the shop: all requests wait for the reset', () => {
    const state = { notBefore: 0, reservedForShopUntil: now + 5000 };
    expect(reserved(state).at).toBe(now + 5000);
    expect(reserved(state, { fresh: false }).at).toBe(now + 5000);
    expect(reserve(state, request({ latest: now + 4999 }), quota)).toMatchObject({ until: now + 5000 });
    expect(reserved({ ...state, reservedForShopUntil: now - 1 }).at).toBe(now);
  });

  test('other fields of the row: are kept', () => {
    const state = { notBefore: 0, limit: 100, periodMs: minute, failures: { count: 1, receipts: ['a'] }, newer: 1 };
    expect(reserved(state).next).toEqual({ ...state, notBefore: now + intervalMs });
  });

  test('each call of a reservation: is valid until the next one could be sent', () => {
    const reservation = reserved(initialRateLimit, { expected: 3 });
    const ends = [3, 2, 1].map(left => Math.round((validUntil(reservation, left) - now) / intervalMs));
    expect(ends).toEqual([1, 2, 3]);
  });
});

describe('calls of several requests', () => {
  const { intervalMs } = tokenInterval(initialRateLimit, quota);
  const kinds = ({ reservations }: ReturnType<typeof reserveJointly>) => reservations.map(({ kind }) => kind);

  test('start at the latest of their times', () => {
    const requests = [now, now + 50].map(at => request({ now: at }));
    const { reservations, step } = reserveJointly(initialRateLimit, requests, quota);
    expect(reservations).toMatchObject([{ at: now + 50 }, { at: now + 50 }]);
    expect(step).toMatchObject({ from: now + 50, by: 2 * intervalMs });
  });

  test.each([
    ['fresh', [{ expected: 2 }, { expected: 5 }, { expected: 1 }]],
    ['of the sweep', [{ fresh: false, expected: 2 }, { fresh: false }]],
    ['mixed', [{ fresh: false, expected: 5 }, { expected: 3 }]],
  ])('%s: can be reserved up to the latest token time, and not with a later one', (_, wanted) => {
    const requests = wanted.map(more => request(more));
    for (const notBefore of [0, now + 1.5 * intervalMs]) {
      const state = { notBefore };
      const joint = reserveJointly(state, requests, quota);
      expect(kinds(joint)).not.toContain('rate-limited');
      const { atMost } = joint.step;
      expect(kinds(reserveJointly({ notBefore: atMost }, requests, quota))).toEqual(kinds(joint));
      expect(kinds(reserveJointly({ notBefore: atMost + 1 }, requests, quota))).toContain('rate-limited');
    }
  });
});

describe('times that no correct clock can have written', () => {
  const { intervalMs } = tokenInterval(initialRateLimit, quota);
  const breaker = { code: 'failures', trips: 2, openUntil: now + hour + 2 * minute, openedAt: now + 2 * minute };
  const failures = { count: 3, receipts: ['a'], since: now + 2 * minute };
  const latest = now + 5 * intervalMs + 2 * minute;
  const reservedForShopUntil = now + hour + 2 * minute;
  const ended = { breaker: { ...breaker, openUntil: now, openedAt: now } };
  const possible = { notBefore: latest, reservedForShopUntil, breaker, failures, limit: 100 };

  test('latest times that are possible: stay', () => {
    expect(correctTimes(possible, now, quota)).toBe(possible);
    expect(correctTimes(initialRateLimit, now, quota)).toBe(initialRateLimit);
  });

  test.each<[string, Partial<RateLimitState>, Partial<RateLimitState>]>([
    ['token time', { notBefore: latest + 1 }, { notBefore: now + 5 * intervalMs }],
    ['end of the breaker', { breaker: { ...breaker, openUntil: now + hour + 2 * minute + 1 } }, ended],
    ['start of the breaker', { breaker: { ...breaker, openedAt: now + 2 * minute + 1 } }, ended],
    ['first failure', { failures: { ...failures, since: now + 2 * minute + 1 } }, {}],
  ])('%s a millisecond later: is corrected, and the others stay', (_, impossible, corrected) => {
    expect(correctTimes({ ...possible, ...impossible }, now, quota)).toEqual({
      ...possible,
      failures: { ...failures, since: now },
      ...corrected,
    });
  });

  test('end of the time for the shop: is removed', () => {
    const { reservedForShopUntil: _, ...others } = possible;
    const state = correctTimes({ ...possible, reservedForShopUntil: reservedForShopUntil + 1 }, now, quota);
    expect(state).toStrictEqual({ ...others, failures: { ...failures, since: now } });
  });

  test('row without other times: gets none', () => {
    const old = { count: 1, receipts: ['a'] };
    const state = { notBefore: latest + 1, failures: old };
    expect(correctTimes(state, now, quota)).toStrictEqual({ notBefore: now + 5 * intervalMs, failures: old });
    expect(correctTimes({ notBefore: latest + 1 }, now, quota)).toStrictEqual({ notBefore: now + 5 * intervalMs });
  });
});

interface Arrival extends Pick<ReservationRequest, 'expected' | 'fresh'> {
  /** Intervals since the arrival before. */
  readonly after: number;
  /** How late each call is sent, as a part of the allowed time. */
  readonly late: readonly number[];
}

describe('calls in any sliding period', () => {
  const lateness = fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true }));
  const arrival = fc.record<Arrival>({
    after: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 3, noNaN: true }), fc.integer({ min: 0, max: 40 })),
    expected: fc.integer({ min: 1, max: 5 }),
    fresh: fc.boolean(),
    late: fc.array(lateness, { minLength: 5, maxLength: 5 }),
  });
  const arrivals = fc.array(arrival, { minLength: 1, maxLength: 120, size: 'max' });
  const share = fc.constantFrom(0.01, 0.1, 0.29, 0.3, 0.5, 0.77, 1);

  test('never more than the share of the limit, whatever arrives and however late each call is sent', () => {
    const isWithin = (limit: number, part: number, periodMs: number, all: readonly Arrival[]) => {
      const limits = of(limit, part, periodMs);
      const { intervalMs } = tokenInterval(initialRateLimit, limits);
      const times: number[] = [];
      let state: RateLimitState = initialRateLimit;
      let at = now;
      for (const { after, late, ...wanted } of all) {
        at = Math.round(at + after * intervalMs);
        const reservation = reserve(state, request({ ...wanted, now: at, latest: at + 10 * intervalMs }), limits);
        if (reservation.kind === 'rate-limited') continue;
        state = reservation.next;
        // Clocks show whole milliseconds.
        let last = Math.ceil(reservation.at);
        for (let left = reservation.calls; left > 0; left -= 1) {
          const until = Math.floor(validUntil(reservation, left));
          last = Math.max(last, Math.round(last + (late[left - 1] ?? 0) * (until - last)));
          if (last <= until) times.push(last);
        }
      }
      expect(mostInAPeriod(times, periodMs)).toBeLessThanOrEqual(mostAllowed(limit, part));
    };
    holds(fc.property(fc.integer({ min: 1, max: 130 }), share, fc.constantFrom(minute, hour), arrivals, isWithin));
  });

  test.each([2, 3, 5, 10, 50, 100, 1000])('%i calls a minute with constant work: nearly all are used', allowed => {
    const limits = of(allowed, 1);
    const { burst } = tokenInterval(initialRateLimit, limits);
    const times: number[] = [];
    let state: RateLimitState = initialRateLimit;
    while ((times.at(-1) ?? now) < now + 3 * minute) {
      const reservation = reserve(state, request({ latest: now + hour }), limits);
      if (reservation.kind === 'rate-limited') throw new Error('rate-limited');
      state = reservation.next;
      times.push(reservation.at);
    }
    const sentIn = (from: number) => times.filter(time => time >= from && time < from + minute).length;
    expect(sentIn(now)).toBeGreaterThanOrEqual(Math.floor(allowed * 0.98) - 1);
    expect(sentIn(now + minute)).toBeGreaterThanOrEqual(Math.floor((allowed - burst) * 0.98));
  });
});

describe('spare call', () => {
  const spare = (more: Partial<ReservationRequest> = {}) =>
    request({ fresh: false, spare: true, latest: now, ...more });
  const { intervalMs } = tokenInterval({}, quota);

  test('free quota: three at once, and a fresh request still gets its two calls at once', () => {
    let state: RateLimitState = initialRateLimit;
    for (let sent = 0; sent < 3; sent += 1) {
      const one = reserve(state, spare(), quota);
      if (one.kind !== 'reserved') throw new Error(one.code);
      expect(one).toMatchObject({ at: now, calls: 1, probe: false });
      state = one.next;
    }
    expect(reserve(state, spare(), quota)).toEqual({
      ...{ kind: 'rate-limited', code: 'rate-limited' },
      until: now + intervalMs,
    });
    expect(reserve(state, request({ expected: 2 }), quota)).toMatchObject({ kind: 'reserved', at: now, calls: 2 });
    expect(reserve(state, spare({ now: now + intervalMs }), quota)).toMatchObject({ kind: 'reserved' });
  });

  test('calls reserved for the sweep: leave fewer', () => {
    const waiting = { ...initialRateLimit, notBefore: now + 10 * intervalMs };
    expect(reserve(waiting, spare(), quota)).toMatchObject({ kind: 'rate-limited', until: now + 8 * intervalMs });
  });

  test.each([
    ['20 calls a minute', of(40)],
    ['two calls a minute', of(2, 1)],
    ['500 calls an hour', of(1000, 0.5, hour)],
  ])('%s: are never spare', (_, small) => {
    expect(reserve(initialRateLimit, spare(), small)).toMatchObject({ kind: 'rate-limited', code: 'no-spare-calls' });
  });

  test('quota of three calls: one is spare, if the sweep waits for it for at most ten seconds', () => {
    const interval = { allowed: 40, burst: 4, intervalMs: 5000, lateMs: second };
    expect(hasSpareCalls(interval)).toBe(true);
    expect(hasSpareCalls({ ...interval, intervalMs: 5001 })).toBe(false);
  });

  test('latest token time with which it can be reserved: leaves two calls', () => {
    const one = reserve(initialRateLimit, spare(), quota);
    expect(one).toMatchObject({ kind: 'reserved', atMost: now + 2 * intervalMs });
  });

  test('what is left is reserved for the shop: waits', () => {
    const state = { ...initialRateLimit, reservedForShopUntil: now + minute };
    expect(reserve(state, spare(), quota)).toMatchObject({ kind: 'rate-limited', until: now + minute });
  });

  test('open breaker: is never the probe', () => {
    const breaker = { openUntil: now - second, openedAt: now - minute, code: 'failures', trips: 0 };
    const state = { ...initialRateLimit, breaker };
    expect(reserve(state, spare(), quota)).toMatchObject({ kind: 'rate-limited', code: 'failures' });
    expect(reserve(state, request(), quota)).toMatchObject({ kind: 'reserved', probe: true });
  });

  test('any load: the sweep waits for at most ten seconds because of spare calls', () => {
    const quotas = fc.record({
      limit: fc.integer({ min: 1, max: 100_000 }),
      share: fc.double({ min: 0.01, max: 1, noNaN: true }),
      periodMs: fc.constantFrom(minute, hour),
    });
    holds(
      fc.property(quotas, limits => {
        let state: RateLimitState = initialRateLimit;
        for (let sent = 0; sent < 6; sent += 1) {
          const one = reserve(state, spare(), limits);
          if (one.kind === 'rate-limited') break;
          state = one.next;
        }
        const fresh = reserve(state, request({ expected: 2 }), limits);
        expect(state === initialRateLimit || (fresh.kind === 'reserved' && fresh.at === now)).toBe(true);
        expect(state.notBefore - now).toBeLessThanOrEqual(10 * second);
      }),
    );
  });
});

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
    ['the billing cycle', { ...rateHeaders(100_000, 3, 20 * minute), 'x-rate-limit-type': 'api_calls_cycle' }],
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
  const notConnected = { kind: 'no-response', code: 'not-connected', mayHaveExecuted: false } as const;

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
    expect(observe(four(), { kind: 'no-response', code: 'too-large', mayHaveExecuted: true })).toEqual(
      initialRateLimit,
    );
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
