import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  initialRateLimit,
  type Quota,
  type RateLimitState,
  reserve,
  tokenInterval,
  validUntil,
} from '../../lambda/quota/rate-limit.ts';
import { holds } from '../support/fuzz.ts';
import { mostAllowed, mostInAPeriod } from '../support/pace-windows.ts';

const minute = 60_000;
const hour = 3_600_000;
const now = Date.UTC(2026, 10, 24, 12);
const of = (limit: number, share = 0.5, periodMs = minute): Quota => ({ limit, share, periodMs });

describe('token interval', () => {
  it.each<[string, Quota, number, number]>([
    ['Business, the half of 100 a minute', of(100), 5, minute / 45],
    ['a fifth of 100 a minute', of(100, 0.2), 2, minute / 18],
    ['Sandbox, the half of 100 an hour', of(100, 0.5, hour), 5, hour / 45],
    ['nine calls a minute', of(9, 1), 2, minute / 7],
    ['two calls a minute', of(2, 1), 2, minute + 1000],
    ['five calls a minute of which two and a half are ours', of(5), 2, minute + 1000],
    ['one call a minute', of(2), 1, minute + 1000],
    ['less than a call a minute', of(1), 1, 2 * minute],
    ['a tenth of a call an hour', of(1, 0.1, hour), 1, 10 * hour],
    ['29 of 100, which is not quite 29 when multiplied', of(100, 0.29), 2, minute / 27],
  ])('of %s', (_, quota, burst, intervalMs) => {
    const interval = tokenInterval(initialRateLimit, quota);
    expect(interval.burst).toBe(burst);
    expect(interval.intervalMs).toBeCloseTo(intervalMs, 6);
  });

  it.each([
    ['Organization, the half of 2,000', 1000, 5],
    ['one call a minute', 1, 1],
    ['a hundred', 100, 5],
  ])('of %s keeps one second free for calls that are late', (_, calls, burst) => {
    const { intervalMs, lateMs } = tokenInterval(initialRateLimit, of(calls, 1));
    expect(intervalMs).toBeCloseTo((minute + 1000) / (calls + 1 - burst), 6);
    expect(lateMs).toBeCloseTo(1000, 6);
  });

  it('follows what Voucherify says, each on its own, over what settings assume', () => {
    const learnt = tokenInterval({ limit: 100, periodMs: hour }, of(2000));
    expect(learnt).toEqual(tokenInterval(initialRateLimit, of(100, 0.5, hour)));
    expect(tokenInterval({ limit: 100 }, of(2000))).toEqual(tokenInterval(initialRateLimit, of(100)));
    expect(tokenInterval({ periodMs: hour }, of(100))).toEqual(tokenInterval(initialRateLimit, of(100, 0.5, hour)));
  });
});

describe('calls in any period', () => {
  const share = fc.constantFrom(0.01, 0.1, 0.29, 0.3, 0.5, 0.77, 1);
  const often = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 3, noNaN: true }), fc.integer({ min: 0, max: 40 }));
  const lateness = fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true }));
  const arrival = fc.record({
    /** In intervals. */
    after: often,
    calls: fc.integer({ min: 1, max: 5 }),
    fresh: fc.boolean(),
    late: fc.array(lateness, { minLength: 5, maxLength: 5 }),
  });
  const arrivals = fc.array(arrival, { minLength: 1, maxLength: 120, size: 'max' });
  const period = fc.constantFrom(minute, hour);

  it('are never more than the share of the limit, whoever comes when and however late his calls are', () => {
    holds(
      fc.property(fc.integer({ min: 1, max: 130 }), share, period, arrivals, (limit, part, periodMs, all) => {
        const quota = of(limit, part, periodMs);
        const { intervalMs, burst } = tokenInterval(initialRateLimit, quota);
        const times: number[] = [];
        let pace: RateLimitState = initialRateLimit;
        let at = now;
        for (const { after, calls, fresh, late } of all) {
          at = Math.round(at + after * intervalMs);
          const wish = { calls: Math.min(calls, burst), fresh, keyHash: 'key', now: at, latest: at + 10 * intervalMs };
          const place = reserve(pace, wish, quota);
          if (place.kind === 'held') continue;
          pace = place.next;
          // Clocks show whole milliseconds.
          let last = Math.ceil(place.at);
          for (let left = place.calls; left > 0; left -= 1) {
            const until = Math.floor(validUntil(place, left));
            last = Math.max(last, Math.round(last + (late[left - 1] ?? 0) * (until - last)));
            if (last <= until) times.push(last);
          }
        }
        expect(mostInAPeriod(times, periodMs)).toBeLessThanOrEqual(mostAllowed(limit, part));
      }),
    );
  });

  it.each([2, 3, 5, 10, 50, 100, 1000])('are nearly the share of %i when there is always more to do', allowed => {
    const quota = of(allowed, 1);
    const { burst } = tokenInterval(initialRateLimit, quota);
    const times: number[] = [];
    let pace: RateLimitState = initialRateLimit;
    while ((times.at(-1) ?? now) < now + 3 * minute) {
      const place = reserve(pace, { calls: 1, fresh: true, keyHash: '', now, latest: now + hour }, quota);
      if (place.kind === 'held') throw new Error('held');
      pace = place.next;
      times.push(place.at);
    }
    const inTheFirst = times.filter(time => time < now + minute).length;
    expect(inTheFirst).toBeGreaterThanOrEqual(Math.floor(allowed * 0.98) - 1);
    const inTheSecond = times.filter(time => time >= now + minute && time < now + 2 * minute).length;
    expect(inTheSecond).toBeGreaterThanOrEqual(Math.floor((allowed - burst) * 0.98));
  });
});
