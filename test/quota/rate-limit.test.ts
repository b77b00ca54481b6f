import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { validUntil } from '../../lambda/quota/limited-client.ts';
import {
  capacityOf,
  correctTimes,
  hasSpareCalls,
  initialRateLimit,
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
import { hour, minute, mostAllowed, mostInAPeriod, now, quota, request, second } from '../support/quota-world.ts';

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
  ['half of 100 calls a minute', of(100), { together: 5, inAttempt: 2 * (1 + 9) }],
  ['nine calls a minute', of(9, 1), { together: 2, inAttempt: 3 }],
  ['a pair that lasts a whole attempt', of(293, 1, hour), { together: 5, inAttempt: 2 }],
  ['20 calls an hour', of(20, 1, hour), { together: 2, inAttempt: 2 }],
  ['one call an hour', of(1, 1, hour), { together: 1, inAttempt: 1 }],
  ['less than one call an hour', of(1, 0.5, hour), { together: 0, inAttempt: 1 }],
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
  const possible = { notBefore: latest, reservedForShopUntil, breaker, failures, limit: 100 };

  test('latest times that are possible: stay', () => {
    expect(correctTimes(possible, now, quota)).toBe(possible);
    expect(correctTimes(initialRateLimit, now, quota)).toBe(initialRateLimit);
  });

  test.each<[string, Partial<RateLimitState>, Partial<RateLimitState>]>([
    ['token time', { notBefore: latest + 1 }, { notBefore: now + 5 * intervalMs }],
    [
      'end of the breaker',
      { breaker: { ...breaker, openUntil: now + hour + 2 * minute + 1 } },
      { breaker: { ...breaker, openUntil: now, openedAt: now } },
    ],
    [
      'start of the breaker',
      { breaker: { ...breaker, openedAt: now + 2 * minute + 1 } },
      { breaker: { ...breaker, openUntil: now, openedAt: now } },
    ],
    [
      'first failure',
      { failures: { ...failures, since: now + 2 * minute + 1 } },
      { failures: { ...failures, since: now } },
    ],
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
