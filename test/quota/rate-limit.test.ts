import { describe, expect, it } from 'vitest';
import {
  initialRateLimit,
  parseRateLimit,
  type Quota,
  type RateLimitState,
  reserve,
  tokenInterval,
  validUntil,
} from '../../lambda/quota/rate-limit.ts';

const minute = 60_000;
const hour = 3_600_000;
const now = Date.UTC(2026, 10, 24, 12);
const of = (limit: number, share = 0.5, periodMs = minute): Quota => ({ limit, share, periodMs });

describe('a row of the pace', () => {
  it('is read with all that another version of this code knows', () => {
    const closed = { openUntil: 1, openedAt: 0, code: 'failures', trips: 2, keyHash: 'a', note: 'b' };
    const row = {
      notBefore: 1.5,
      reservedForShopUntil: 3,
      breaker: closed,
      limit: 100,
      periodMs: minute,
      newer: { a: 1 },
    };
    expect(parseRateLimit(row)).toEqual(row);
    expect(parseRateLimit({ ...row, failures: { count: 4, receipts: ['a', 'b'] } })).toBeDefined();
  });

  it('that does not say since when it is closed has been closed for ever', () => {
    const closed = { openUntil: 1, code: 'failures', trips: 2 };
    expect(parseRateLimit({ notBefore: 1, breaker: closed })?.breaker).toEqual({ ...closed, openedAt: 0 });
  });

  it.each([
    undefined,
    null,
    'text',
    {},
    { notBefore: '1' },
    { notBefore: 1, breaker: {} },
    { notBefore: 1, limit: 'a' },
  ])('that is %j is none', row => {
    expect(parseRateLimit(row)).toBeUndefined();
  });
});

describe('a reservation', () => {
  const quota = of(100);
  const { intervalMs } = tokenInterval(initialRateLimit, quota);
  const wish = (more: object = {}) => ({ calls: 1, fresh: true, keyHash: 'key', now, latest: now + 7000, ...more });
  const reserved = (pace: RateLimitState, more: object = {}) => {
    const reservation = reserve(pace, wish(more), quota);
    if (reservation.kind === 'held') throw new Error(`held by ${reservation.code}`);
    return reservation;
  };

  it('of a project that was never called is for now, and pays for its calls', () => {
    const first = reserved(initialRateLimit, { calls: 3 });
    expect(first).toMatchObject({ at: now, calls: 3, probe: false, next: { notBefore: now + 3 * intervalMs } });
  });

  it('lets fresh requests use the burst, and then one go out at every interval', () => {
    const at: number[] = [];
    let pace: RateLimitState = initialRateLimit;
    for (let one = 0; one < 8; one += 1) {
      const place = reserved(pace);
      at.push(Math.round(place.at - now));
      pace = place.next;
    }
    expect(at).toEqual([0, 0, 0, 0, 0, intervalMs, 2 * intervalMs, 3 * intervalMs].map(Math.round));
  });

  it('lets the sweep have no burst: it waits until everything before it is paid for', () => {
    const first = reserved(initialRateLimit, { fresh: false, calls: 2 });
    expect(first.at).toBe(now);
    const second = reserved(first.next, { fresh: false, calls: 2 });
    expect(second.at).toBeCloseTo(now + 2 * intervalMs, 6);
    expect(reserved(first.next, { calls: 2 }).at).toBe(now);
  });

  it('pays from now on after a pause, and does not save up what was not used', () => {
    const later = reserved({ notBefore: now - hour });
    expect(later.next.notBefore).toBeCloseTo(now + intervalMs, 6);
  });

  it('is not given beyond the time at which it is of use, and then pays nothing', () => {
    const pace = { notBefore: now + 8000 };
    const latest = now + 8000 - 4 * intervalMs;
    expect(reserve(pace, wish({ latest: latest - 0.001 }), quota)).toEqual({
      kind: 'held',
      until: latest,
      code: 'rate-limited',
    });
    expect(reserve(pace, wish({ latest }), quota)).toMatchObject({ kind: 'reserved', at: latest });
  });

  it('waits for the reset where too little is left for the shop', () => {
    const pace = { notBefore: 0, reservedForShopUntil: now + 5000 };
    expect(reserved(pace).at).toBe(now + 5000);
    expect(reserved(pace, { fresh: false }).at).toBe(now + 5000);
    expect(reserve(pace, wish({ latest: now + 4999 }), quota)).toMatchObject({ kind: 'held', until: now + 5000 });
    expect(reserved({ ...pace, reservedForShopUntil: now - 1 }).at).toBe(now);
  });

  it('keeps what else stands in the row', () => {
    const pace = { notBefore: 0, limit: 100, periodMs: minute, failures: { count: 1, receipts: ['a'] }, newer: 1 };
    expect(reserved(pace).next).toEqual({ ...pace, notBefore: now + intervalMs });
  });

  it('is good for each of its calls until the next one could have its turn', () => {
    const place = reserved(initialRateLimit, { calls: 3 });
    const ends = [3, 2, 1].map(left => validUntil(place, left) - now);
    expect(ends.map(Math.round)).toEqual([1, 2, 3].map(turn => Math.round(turn * intervalMs)));
  });
});
