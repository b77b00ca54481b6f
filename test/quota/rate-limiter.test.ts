import { describe, expect, it } from 'vitest';
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import { parseRateLimit, tokenInterval } from '../../lambda/quota/rate-limit.ts';
import { createRateLimiter } from '../../lambda/quota/rate-limiter.ts';
import { answered, heard, minute, now, rate, second, unanswered } from '../support/pace-heard.ts';
import { type MemoryRows, memoryRows } from '../support/pace-rows.ts';

const quota = { share: 0.5, limit: 100, periodMs: minute };
const { intervalMs } = tokenInterval({}, quota);
const wish = (more: object = {}) => ({ calls: 1, fresh: true, keyHash: 'key-1', now, latest: now + 7000, ...more });
const unreachable = async (): Promise<never> => {
  throw new Failure('unavailable', 'the receipt store cannot be reached', { alarm: 'store-unavailable' });
};
const down: VersionedStore = { read: unreachable, write: unreachable, count: unreachable };
const notBeforeIn = ({ rows }: MemoryRows) => parseRateLimit(rows.get('rate-limit#main')?.value)?.notBefore;
const unavailable = { kind: 'held', until: now, code: 'rate-limit-unavailable' };

describe('a process alone', () => {
  it('reserves with one call of the store each time', async () => {
    const rows = memoryRows();
    const one = createRateLimiter('main', quota, rows);
    expect(one.tokenInterval().burst).toBe(5);
    expect(await one.reserve(wish())).toMatchObject({ kind: 'reserved', at: now });
    expect(await one.reserve(wish())).toMatchObject({ kind: 'reserved', at: now });
    await one.observe(heard(answered(200)));
    expect(rows.calls).toEqual(['write', 'write']);
    expect(rows.rows.get('rate-limit#main')?.revision).toBe(2);
    expect(notBeforeIn(rows)).toBeCloseTo(now + 2 * intervalMs, 2);
  });

  it('has a row for each project', async () => {
    const rows = memoryRows();
    await createRateLimiter('main', quota, rows).reserve(wish({ calls: 5 }));
    const us = createRateLimiter('us', quota, rows);
    expect(await us.reserve(wish({ calls: 5 }))).toMatchObject({ at: now });
    expect([...rows.rows.keys()]).toEqual(['rate-limit#main', 'rate-limit#us']);
  });

  it('writes nothing for a place that would come too late', async () => {
    const rows = memoryRows();
    expect(await createRateLimiter('main', quota, rows).reserve(wish({ latest: now - 1 }))).toEqual({
      kind: 'held',
      until: now,
      code: 'rate-limited',
    });
    expect(rows.calls).toEqual(['read']);
  });

  it('writes down what it learns, if it is new', async () => {
    const rows = memoryRows();
    const one = createRateLimiter('main', quota, rows);
    await one.observe(heard(answered(200, rate(20, 19, 30 * second))));
    await one.observe(heard(answered(200, rate(20, 18, 30 * second))));
    expect(rows.calls).toEqual(['write']);
    expect(one.tokenInterval().burst).toBe(2);
  });
});

describe('many processes', () => {
  it('that start cold at once each get a place of their own', async () => {
    const rows = memoryRows();
    const many = { ...quota, limit: 2000 };
    const cold = Array.from({ length: 50 }, () => createRateLimiter('main', many, rows));
    const places = await Promise.all(cold.map(one => one.reserve(wish({ calls: 2 }))));
    const at = places.map(place => (place.kind === 'reserved' ? place.at : Number.NaN)).toSorted((a, b) => a - b);
    const step = tokenInterval({}, many).intervalMs;
    expect(at).toHaveLength(50);
    const turns = at.map(time => Math.round(((time - now) / step) * 100) / 100);
    expect(turns).toEqual(at.map((_, index) => Math.max(0, 2 * index - 3)));
  });

  it('that are held look at the row again: somebody may have opened it', async () => {
    const rows = memoryRows();
    const [one, other] = [createRateLimiter('main', quota, rows), createRateLimiter('main', quota, rows)];
    await one.observe(heard(answered(429)));
    expect(one.blockedBy('key-1', now)).toEqual({ kind: 'held', until: now + minute, code: 'voucherify-429' });
    expect(await other.reserve(wish())).toMatchObject({ kind: 'held', until: now + minute });
    await other.observe(heard(answered(200)));
    expect(await one.reserve(wish())).toMatchObject({ kind: 'reserved', probe: false });
  });

  it('let one probe through in all, at every step', async () => {
    const rows = memoryRows();
    const all = Array.from({ length: 20 }, () => createRateLimiter('main', quota, rows));
    await all[0]?.observe(heard(answered(503), { receipt: 'a' }));
    for (const receipt of ['a', 'b', 'a', 'b']) await all[1]?.observe(heard(unanswered, { receipt }));
    const tried = async (at: number) => {
      const places = await Promise.all(all.map(one => one.reserve(wish({ calls: 2, now: at, latest: at + 7000 }))));
      return places.filter(place => place.kind === 'reserved').map(({ probe, calls }) => ({ probe, calls }));
    };
    expect(await tried(now + 9999)).toEqual([]);
    expect(await tried(now + 10_000)).toEqual([{ probe: true, calls: 1 }]);
    expect(await tried(now + 19_999)).toEqual([]);
    expect(await tried(now + 20_000)).toEqual([{ probe: true, calls: 1 }]);
  });

  it('count failures together', async () => {
    const rows = memoryRows();
    const all = Array.from({ length: 5 }, () => createRateLimiter('main', quota, rows));
    await Promise.all(all.map((one, at) => one.observe(heard(unanswered, { receipt: `receipt-${at}` }))));
    expect(parseRateLimit(rows.rows.get('rate-limit#main')?.value)).toMatchObject({
      failures: { count: 5 },
      breaker: { code: 'failures', openUntil: now + 10 * second },
    });
  });

  it('do not keep one trying for ever', async () => {
    let revision = 0;
    let writes = 0;
    const contested: VersionedStore = {
      ...down,
      write: async () => {
        writes += 1;
        revision += 1;
        return { written: false, row: { revision, value: { notBefore: 0 } } };
      },
    };
    expect(await createRateLimiter('main', quota, contested).reserve(wish())).toEqual(unavailable);
    expect(writes).toBe(50);
  });

  it('know a refused key by its hash, and another one opens the project for all', async () => {
    const rows = memoryRows();
    const [one, other] = [createRateLimiter('main', quota, rows), createRateLimiter('main', quota, rows)];
    await one.observe(heard(answered(403)));
    expect(one.blockedBy('key-2', now)).toBeUndefined();
    expect(await other.reserve(wish())).toMatchObject({ kind: 'held', code: 'key-refused' });
    expect(await other.reserve(wish({ keyHash: 'key-2' }))).toMatchObject({ kind: 'reserved', probe: false });
    expect(await one.reserve(wish())).toMatchObject({ kind: 'reserved', probe: false });
  });
});
