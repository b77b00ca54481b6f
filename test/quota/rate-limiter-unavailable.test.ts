import { describe, expect, it } from 'vitest';
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import { createRateLimiter } from '../../lambda/quota/rate-limiter.ts';
import { answered, heard, minute, now, second } from '../support/pace-heard.ts';
import { memoryRows } from '../support/pace-rows.ts';

const quota = { share: 0.5, limit: 100, periodMs: minute };
const wish = (more: object = {}) => ({ calls: 1, fresh: true, keyHash: 'key-1', now, latest: now + 7000, ...more });
const unreachable = async (): Promise<never> => {
  throw new Failure('unavailable', 'the receipt store cannot be reached', { alarm: 'store-unavailable' });
};
const down: VersionedStore = { read: unreachable, write: unreachable, count: unreachable };
const unavailable = { kind: 'held', until: now, code: 'rate-limit-unavailable' };

describe('a pace', () => {
  it('that cannot be reached holds everybody, and learning from answers throws nothing', async () => {
    const one = createRateLimiter('main', quota, down);
    expect(await one.reserve(wish())).toEqual(unavailable);
    expect(await one.observe(heard(answered(429)))).toBeUndefined();
    expect(one.blockedBy('key-1', now)).toBeUndefined();
  });

  it('whose write fails gives no place, and has one again when it can be written', async () => {
    const rows = memoryRows();
    let works = false;
    const shaky = {
      ...rows,
      write: (...write: Parameters<VersionedStore['write']>) => (works ? rows.write(...write) : unreachable()),
    };
    const one = createRateLimiter('main', quota, shaky);
    expect(await one.reserve(wish())).toEqual(unavailable);
    works = true;
    expect(await one.reserve(wish())).toMatchObject({ kind: 'reserved', at: now });
  });

  it('that is spoiled holds everybody, and what was reserved before, until it can be read again', async () => {
    const rows = memoryRows();
    const one = createRateLimiter('main', quota, rows);
    rows.rows.set('rate-limit#main', { revision: 7, value: { notBefore: 'soon' } });
    expect(await one.reserve(wish())).toEqual(unavailable);
    expect(one.blockedBy('key-1', now)).toEqual(unavailable);
    expect(one.tokenInterval().burst).toBeGreaterThanOrEqual(1);
    await one.observe(heard(answered(200)));
    expect(rows.rows.get('rate-limit#main')?.revision).toBe(7);
    rows.rows.set('rate-limit#main', { revision: 8, value: { notBefore: now + second } });
    expect(await one.reserve(wish({ calls: 5 }))).toMatchObject({ kind: 'reserved', at: now + second });
  });

  it('that was taken away begins anew, also in a process that has seen it', async () => {
    const rows = memoryRows();
    const one = createRateLimiter('main', quota, rows);
    for (let reserved = 0; reserved < 3; reserved += 1) await one.reserve(wish());
    rows.rows.clear();
    expect(await one.reserve(wish())).toMatchObject({ kind: 'reserved', at: now });
    expect(rows.rows.get('rate-limit#main')?.revision).toBe(1);
    rows.rows.set('rate-limit#main', { revision: 1, value: { notBefore: now + 5000 } });
    await one.reserve(wish());
    rows.rows.set('rate-limit#main', { revision: 1, value: { notBefore: now + 5000 } });
    expect(await one.reserve(wish({ calls: 5 }))).toMatchObject({ kind: 'reserved', at: now + 5000 });
  });
});
