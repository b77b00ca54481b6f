import { describe, expect, test } from 'vitest';
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import {
  initialRateLimit,
  parseRateLimit,
  type Quota,
  type Reservation,
  tokenInterval,
} from '../../lambda/quota/rate-limit.ts';
import { createRateLimiter, readRateLimit } from '../../lambda/quota/rate-limiter.ts';
import { type MemoryRows, memoryRows } from '../support/memory-rows.ts';
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

const key = 'rate-limit#main';
const { intervalMs } = tokenInterval({}, quota);
const unreachable = async (): Promise<never> => {
  throw new Failure('unavailable', 'the receipt store cannot be reached', { alarm: 'store-unavailable' });
};
const down: VersionedStore = {
  read: unreachable,
  write: unreachable,
  advance: unreachable,
  moveBack: unreachable,
  count: unreachable,
};
const unavailable = { kind: 'rate-limited', until: now, code: 'rate-limit-unavailable' };
const rateLimitIn = ({ rows }: MemoryRows) => parseRateLimit(rows.get(key) ?? { value: undefined });
const limiters = (count: number, rows: MemoryRows, limits = quota) =>
  Array.from({ length: count }, () => createRateLimiter('main', limits, rows));

describe('one process', () => {
  test('reservation: needs one write', async () => {
    const rows = memoryRows();
    const limiter = createRateLimiter('main', quota, rows);
    expect(await limiter.reserve(request())).toMatchObject({ kind: 'reserved', at: now });
    expect(await limiter.reserve(request())).toMatchObject({ kind: 'reserved', at: now });
    await limiter.observe(observed(response(200)));
    expect(rows.calls).toEqual(['advance', 'advance']);
    expect(rateLimitIn(rows)?.notBefore).toBeCloseTo(now + 2 * intervalMs, 2);
  });

  test('50 requests at once: need two writes, and get the same times as one after the other', async () => {
    const many = { ...quota, limit: 2000 };
    const inTurn = createRateLimiter('main', many, memoryRows());
    const turns: Reservation[] = [];
    for (let at = 0; at < 50; at += 1) turns.push(await inTurn.reserve(request({ expected: 2 })));
    const rows = memoryRows();
    const limiter = createRateLimiter('main', many, rows);
    const first = limiter.reserve(request({ expected: 2 }));
    await Promise.resolve();
    await Promise.resolve();
    const others = Array.from({ length: 49 }, () => limiter.reserve(request({ expected: 2 })));
    const times = (all: readonly Reservation[]) => all.map(one => (one.kind === 'reserved' ? one.at : one.kind));
    expect(times(await Promise.all([first, ...others]))).toEqual(times(turns));
    expect(rows.calls).toEqual(['advance', 'advance']);
  });

  test('requests at once of which some are too late: the others get their calls', async () => {
    const rows = memoryRows();
    const limiter = createRateLimiter('main', quota, rows);
    const latest = [now, now, now, now - 1, now + intervalMs, now];
    const all = await Promise.all(latest.map(at => limiter.reserve(request({ latest: at, expected: 2 }))));
    expect(all.map(one => (one.kind === 'reserved' ? one.at - now : one.code))).toEqual([
      ...[0, 0, intervalMs].map((at, index) => (index < 2 ? at : 'rate-limited')),
      ...['rate-limited', intervalMs, 'rate-limited'],
    ]);
    expect(rows.rows.get(key)?.tokenTime).toBe(now + 6 * intervalMs);
  });

  test('failed write of several requests: refuses them all, and the next one tries again', async () => {
    const rows = memoryRows();
    let fails = true;
    const advance: VersionedStore['advance'] = (...args) => (fails ? unreachable() : rows.advance(...args));
    const limiter = createRateLimiter('main', quota, { ...rows, advance });
    const all = await Promise.all([limiter.reserve(request()), limiter.reserve(request())]);
    expect(all).toEqual([unavailable, unavailable]);
    fails = false;
    expect(await limiter.reserve(request())).toMatchObject({ kind: 'reserved', at: now });
  });

  test('reservation that would start too late: writes nothing', async () => {
    const rows = memoryRows();
    const refused = await createRateLimiter('main', quota, rows).reserve(request({ latest: now - 1 }));
    expect(refused).toEqual({ kind: 'rate-limited', until: now, code: 'rate-limited' });
    expect(rows.calls).toEqual(['read']);
  });

  test('released reservation: can be reserved again, unless a later one exists', async () => {
    const rows = memoryRows();
    const limiter = createRateLimiter('main', quota, rows);
    const reserved = async () => {
      const reservation = await limiter.reserve(request({ expected: 2 }));
      if (reservation.kind !== 'reserved') throw new Error('rate-limited');
      return reservation;
    };
    const [first, later] = [await reserved(), await reserved()];
    await limiter.release(first);
    expect(rows.rows.get(key)?.tokenTime).toBe(now + 4 * intervalMs);
    await limiter.release(later);
    expect(rows.rows.get(key)?.tokenTime).toBe(now + 2 * intervalMs);
    expect(await reserved()).toMatchObject({ at: later.at, next: later.next });
    const down = createRateLimiter('main', quota, { ...rows, moveBack: unreachable });
    expect(await down.release(first)).toBeUndefined();
  });

  test('two projects: have their own rows', async () => {
    const rows = memoryRows();
    await createRateLimiter('main', quota, rows).reserve(request({ expected: 5 }));
    expect(await createRateLimiter('us', quota, rows).reserve(request({ expected: 5 }))).toMatchObject({ at: now });
    expect([...rows.rows.keys()]).toEqual([key, 'rate-limit#us']);
  });

  test('observed call: is written only if it changes something', async () => {
    const rows = memoryRows();
    const limiter = createRateLimiter('main', quota, rows);
    expect(limiter.capacity().atOnce).toBe(5);
    await limiter.observe(observed(response(200, rateHeaders(20, 19, 30 * second))));
    await limiter.observe(observed(response(200, rateHeaders(20, 18, 30 * second))));
    expect(rows.calls).toEqual(['write']);
    expect(limiter.capacity().atOnce).toBe(2);
  });
});

describe('several processes', () => {
  test('50 cold starts at once: each gets its own time', async () => {
    const many = { ...quota, limit: 2000 };
    const reservations = await Promise.all(
      limiters(50, memoryRows(), many).map(limiter => limiter.reserve(request({ expected: 2 }))),
    );
    const step = tokenInterval({}, many).intervalMs;
    const starts = reservations.map(one => (one.kind === 'reserved' ? (one.at - now) / step : Number.NaN));
    const expected = Array.from({ length: 50 }, (_, index) => Math.max(0, 2 * index - 3));
    expect(starts.toSorted((a, b) => a - b).map(start => Math.round(start * 100) / 100)).toEqual(expected);
  });

  test('100 processes at once with a known row: none has to decide again', async () => {
    const rows = memoryRows(() => Promise.resolve());
    const many = { ...quota, limit: 10_000 };
    const all = limiters(100, rows, many);
    await all[0]!.reserve(request());
    await Promise.all(all.map(one => one.prefetch()));
    rows.calls.length = 0;
    const reservations = await Promise.all(all.map(one => one.reserve(request({ expected: 2 }))));
    expect(reservations.filter(one => one.kind === 'reserved')).toHaveLength(100);
    expect(rows.calls).toEqual(Array.from({ length: 100 }, () => 'advance'));
  });

  test('open breaker: is read again before a reservation is refused', async () => {
    const [one, other] = limiters(2, memoryRows());
    await one!.observe(observed(response(429)));
    expect(one!.blockedBy('key-1', now)).toEqual({ kind: 'rate-limited', until: now + minute, code: 'voucherify-429' });
    expect(await other!.reserve(request())).toMatchObject({ kind: 'rate-limited', until: now + minute });
    await other!.observe(observed(response(200)));
    expect(await one!.reserve(request())).toMatchObject({ kind: 'reserved', probe: false });
  });

  test('end of the wait: all processes together send one probe', async () => {
    const all = limiters(20, memoryRows());
    await all[0]!.observe(observed(response(503), { receipt: 'a' }));
    for (const receipt of ['a', 'b', 'a', 'b']) await all[1]!.observe(observed(noResponse, { receipt }));
    const probesAt = async (at: number) => {
      const reservations = await Promise.all(all.map(limiter => limiter.reserve(request({ expected: 2, now: at }))));
      return reservations.flatMap(one => (one.kind === 'reserved' ? [[one.probe, one.calls]] : []));
    };
    expect(await probesAt(now + 9999)).toEqual([]);
    expect(await probesAt(now + 10_000)).toEqual([[true, 1]]);
    expect(await probesAt(now + 19_999)).toEqual([]);
    expect(await probesAt(now + 20_000)).toEqual([[true, 1]]);
  });

  test('failures: are counted together', async () => {
    const rows = memoryRows();
    const observing = limiters(5, rows).map((one, at) =>
      one.observe(observed(noResponse, { receipt: `receipt-${at}` })),
    );
    await Promise.all(observing);
    const breaker = { code: 'failures', openUntil: now + 10 * second };
    expect(rateLimitIn(rows)).toMatchObject({ failures: { count: 5 }, breaker });
  });

  test('rejected key: another key closes the breaker for all', async () => {
    const [one, other] = limiters(2, memoryRows());
    await one!.observe(observed(response(403)));
    expect(one!.blockedBy('key-2', now)).toBeUndefined();
    expect(await other!.reserve(request())).toMatchObject({ kind: 'rate-limited', code: 'key-refused' });
    expect(await other!.reserve(request({ keyHash: 'key-2' }))).toMatchObject({ kind: 'reserved', probe: false });
    expect(await one!.reserve(request())).toMatchObject({ kind: 'reserved', probe: false });
  });

  test('spare call of a process that does not know the latest reservations: leaves two calls', async () => {
    const [one, other] = limiters(2, memoryRows());
    await Promise.all([one!.reserve(request()), other!.prefetch()]);
    await other!.prefetch();
    await one!.reserve(request({ expected: 2 }));
    const spare = { fresh: false, spare: true, latest: now };
    expect(await other!.reserve(request(spare))).toMatchObject({ kind: 'rate-limited', code: 'rate-limited' });
  });

  test('observed calls of a row that changes at every write: fail after 50 tries', async () => {
    let writes = 0;
    const contested: VersionedStore = {
      ...down,
      write: async () => {
        writes += 1;
        return { written: false, row: { revision: writes, value: {} } };
      },
    };
    expect(await createRateLimiter('main', quota, contested).observe(observed(response(429)))).toBeUndefined();
    expect(writes).toBe(50);
  });

  test('row that changes at every write: the reservation fails after 50 tries', async () => {
    let writes = 0;
    const contested: VersionedStore = {
      ...down,
      advance: async () => {
        writes += 1;
        return { written: false, row: { revision: writes, value: {} } };
      },
    };
    expect(await createRateLimiter('main', quota, contested).reserve(request())).toEqual(unavailable);
    expect(writes).toBe(50);
  });
});

describe('known row', () => {
  /** One process over rows whose next answer of one kind arrives only after `arrive` is called. */
  const withLateAnswer = (method: 'advance' | 'write') => {
    const rows = memoryRows();
    const { promise, resolve: arrive } = Promise.withResolvers<void>();
    let isLate = true;
    const answer = async <Result>(work: Promise<Result>): Promise<Result> => {
      const result = await work;
      if (!isLate) return result;
      isLate = false;
      await promise;
      return result;
    };
    const store: VersionedStore = {
      ...rows,
      advance: (...args) => (method === 'advance' ? answer(rows.advance(...args)) : rows.advance(...args)),
      write: (...args) => (method === 'write' ? answer(rows.write(...args)) : rows.write(...args)),
    };
    return { rows, arrive, limiter: createRateLimiter('main', quota, store) };
  };
  const blocked = { kind: 'rate-limited', until: now + minute, code: 'voucherify-429' };

  test('answer of a reservation that arrives late: does not hide a breaker that opened meanwhile', async () => {
    const { rows, limiter, arrive } = withLateAnswer('advance');
    rows.rows.set(key, { revision: 1, value: {} });
    await limiter.prefetch();
    const reservation = limiter.reserve(request());
    await new Promise(resolve => setImmediate(resolve));
    await limiter.observe(observed(response(429)));
    arrive();
    expect(await reservation).toMatchObject({ kind: 'reserved' });
    expect(limiter.blockedBy('key-1', now)).toEqual(blocked);
  });

  test('answer of a write that arrives late: does not hide a breaker that opened meanwhile', async () => {
    const { rows, limiter, arrive } = withLateAnswer('write');
    const first = limiter.observe(observed(noResponse));
    await limiter.prefetch();
    await limiter.observe(observed(response(429)));
    arrive();
    await first;
    expect(limiter.blockedBy('key-1', now)).toEqual(blocked);
    expect(rateLimitIn(rows)?.breaker).toMatchObject({ code: 'voucherify-429' });
  });

  test('token time: is known after each write, so that a refusal needs only one read', async () => {
    const rows = memoryRows();
    const limiter = createRateLimiter('main', quota, rows);
    const late = request({ fresh: false, latest: now + second });
    await limiter.reserve(request({ expected: 5 }));
    expect(await limiter.reserve(late)).toMatchObject({ kind: 'rate-limited' });
    expect(rows.calls).toEqual(['advance', 'read']);
    await limiter.observe(observed(noResponse));
    expect(await limiter.reserve(late)).toMatchObject({ kind: 'rate-limited' });
    expect(rows.calls).toEqual(['advance', 'read', 'write', 'read']);
    await limiter.reserve(request({ latest: now + minute, expected: 5 }));
    expect(await limiter.reserve(request({ fresh: false, latest: now + 9 * intervalMs }))).toMatchObject({
      kind: 'rate-limited',
      until: now + 10 * intervalMs,
    });
    expect(rows.calls.slice(4)).toEqual(['advance', 'read']);
  });

  test('step of the token time: names the time that is known', async () => {
    const rows = memoryRows();
    const known: number[] = [];
    const advance: VersionedStore['advance'] = (row, revision, step) => {
      known.push(step.known);
      return rows.advance(row, revision, step);
    };
    const limiter = createRateLimiter('main', quota, { ...rows, advance });
    await limiter.reserve(request());
    await limiter.reserve(request());
    expect(known).toEqual([0, now + intervalMs]);
  });

  test('state for the operator: is that of the row, the initial one without a row, and none if it is unreadable', async () => {
    const rows = memoryRows();
    expect(await readRateLimit('main', rows)).toEqual(initialRateLimit);
    rows.rows.set(key, { revision: 1, value: { limit: 50 }, tokenTime: now });
    expect(await readRateLimit('main', rows)).toEqual({ notBefore: now, limit: 50 });
    rows.rows.set(key, { revision: 1, value: [] });
    expect(await readRateLimit('main', rows)).toBeUndefined();
  });
});

describe('process whose clock is a day fast', () => {
  const day = 24 * hour;
  /** Two calls an hour: a burst takes more than an hour. */
  const small: Quota = { share: 0.02, limit: 100, periodMs: hour };

  test.each([true, false])('reservation: the others continue at once (fresh: %s)', async fresh => {
    const rows = memoryRows();
    const [fast, correct] = limiters(2, rows);
    await fast!.reserve(request({ now: now + day, expected: 5 }));
    const reservation = await correct!.reserve(request({ fresh, expected: 1 }));
    expect(reservation).toMatchObject({ kind: 'reserved' });
    expect(rateLimitIn(rows)?.notBefore).toBeLessThanOrEqual(now + 6 * intervalMs);
  });

  test('small hourly quota: the others wait for one burst, and the wait is not extended', async () => {
    const rows = memoryRows();
    const [fast, ...correct] = limiters(4, rows, small);
    await fast!.reserve(request({ now: now + day }));
    const { burst, intervalMs: slow } = tokenInterval({}, small);
    const until = now + burst * slow;
    expect(burst * slow).toBeGreaterThan(hour);
    for (const [index, one] of correct.entries()) {
      const at = now + index * (hour / 2);
      expect(await one.reserve(request({ now: at, fresh: false }))).toMatchObject({ kind: 'rate-limited', until });
    }
    const last = limiters(1, rows, small)[0]!;
    expect(await last.reserve(request({ now: until, fresh: false }))).toMatchObject({ kind: 'reserved', at: until });
  });

  test('wait of a small hourly quota: is possible and stays', async () => {
    const rows = memoryRows();
    const [first, second] = limiters(2, rows, small);
    await first!.reserve(request({ expected: 2, together: 2 }));
    const row = rows.rows.get(key);
    expect(await second!.reserve(request({ fresh: false }))).toMatchObject({ kind: 'rate-limited' });
    expect(rows.rows.get(key)).toEqual(row);
    expect(row?.tokenTime).toBeGreaterThan(now + 2 * hour);
  });

  test('time that two processes correct at once: the second one reads the row again', async () => {
    const rows = memoryRows();
    const [fast, correct] = limiters(2, rows);
    await fast!.reserve(request({ now: now + day }));
    const moveBack: VersionedStore['moveBack'] = async (...args) => {
      await correct!.reserve(request());
      return rows.moveBack(...args);
    };
    const second = createRateLimiter('main', quota, { ...rows, moveBack });
    await second.prefetch();
    rows.calls.length = 0;
    expect(await second.reserve(request())).toMatchObject({ kind: 'reserved' });
    const first = ['advance', 'moveBack', 'write', 'advance'];
    expect(rows.calls).toEqual([...first, 'moveBack', 'read', 'advance']);
  });

  test('time that is possible for the latest of several requests: stays', async () => {
    const rows = memoryRows();
    const tokenTime = now + second + 5 * intervalMs + 2 * minute;
    rows.rows.set(key, { revision: 1, value: {}, tokenTime });
    const limiter = createRateLimiter('main', quota, rows);
    await Promise.all([now, now + second].map(at => limiter.reserve(request({ now: at }))));
    expect(rows.rows.get(key)?.tokenTime).toBe(tokenTime);
  });

  test('open breaker: the others send one probe at once, and its response closes the breaker', async () => {
    const rows = memoryRows();
    const [fast, correct, other] = limiters(3, rows);
    await fast!.observe(observed(response(429), { now: now + day }));
    const probe = await correct!.reserve(request());
    expect(probe).toMatchObject({ kind: 'reserved', probe: true, at: now });
    expect(await other!.reserve(request())).toMatchObject({ kind: 'rate-limited', code: 'voucherify-429' });
    await correct!.observe(observed(response(200)));
    expect(correct!.blockedBy('key-1', now)).toBeUndefined();
    expect(await other!.reserve(request())).toMatchObject({ kind: 'reserved', probe: false });
  });

  test('breaker that this process knows: does not block its calls for a day', async () => {
    const rows = memoryRows();
    const limiter = limiters(1, rows)[0]!;
    await limiter.observe(observed(response(429), { now: now + day }));
    expect(limiter.blockedBy('key-1', now)).toBeUndefined();
  });

  test('calls left to the shop: stop the others only until they are told again', async () => {
    const rows = memoryRows();
    const [fast, correct] = limiters(2, rows);
    await fast!.observe(observed(response(200, rateHeaders(100, 1, 30 * second)), { now: now + day }));
    expect(rateLimitIn(rows)?.reservedForShopUntil).toBeGreaterThan(now + day);
    await correct!.observe(observed(response(200, rateHeaders(100, 1, 30 * second))));
    expect(rateLimitIn(rows)?.reservedForShopUntil).toBe(now + 30 * second);
    expect(await correct!.reserve(request({ latest: now + minute }))).toMatchObject({ at: now + 30 * second });
  });

  test('failures: are counted from now, so that the alarm for an unreachable project is not a day late', async () => {
    const rows = memoryRows();
    const [fast, correct] = limiters(2, rows);
    await fast!.observe(observed(noResponse, { now: now + day }));
    await correct!.observe(observed(noResponse));
    expect(correct!.failingSince()).toBe(now);
  });
});

describe('unavailable row', () => {
  test('unreachable store: all calls are rate-limited, and observing throws nothing', async () => {
    const limiter = createRateLimiter('main', quota, down);
    await limiter.prefetch();
    expect(await limiter.reserve(request())).toEqual(unavailable);
    expect(await limiter.observe(observed(response(429)))).toBeUndefined();
    expect(limiter.blockedBy('key-1', now)).toBeUndefined();
  });

  test('failed write: refuses the reservation until a write succeeds', async () => {
    const rows = memoryRows();
    let works = false;
    const advance: VersionedStore['advance'] = (...args) => (works ? rows.advance(...args) : unreachable());
    const limiter = createRateLimiter('main', quota, { ...rows, advance });
    expect(await limiter.reserve(request())).toEqual(unavailable);
    works = true;
    expect(await limiter.reserve(request())).toMatchObject({ kind: 'reserved', at: now });
  });

  test('unreadable row: blocks reserved calls too, is not overwritten, and works again once it is readable', async () => {
    const rows = memoryRows();
    const limiter = createRateLimiter('main', quota, rows);
    rows.rows.set(key, { revision: 7, value: { limit: 'many' } });
    expect(await limiter.reserve(request())).toEqual(unavailable);
    expect(limiter.blockedBy('key-1', now)).toEqual(unavailable);
    expect(limiter.failingSince()).toBeUndefined();
    expect(limiter.capacity().atOnce).toBeGreaterThanOrEqual(1);
    await limiter.observe(observed(response(200)));
    expect(rows.rows.get(key)?.revision).toBe(7);
    rows.rows.set(key, { revision: 8, value: {}, tokenTime: now + second });
    expect(await limiter.reserve(request({ expected: 5 }))).toMatchObject({ kind: 'reserved', at: now + second });
  });

  test('deleted or restored row: is read again by a process that knew a later revision', async () => {
    const rows = memoryRows();
    const limiter = createRateLimiter('main', quota, rows);
    for (let count = 0; count < 3; count += 1) await limiter.reserve(request());
    rows.rows.clear();
    expect(await limiter.reserve(request())).toMatchObject({ kind: 'reserved', at: now });
    expect(rows.rows.get(key)?.revision).toBe(1);
    await limiter.observe(observed(response(429)));
    rows.rows.set(key, { revision: 1, value: {}, tokenTime: now + 5000 });
    expect(await limiter.reserve(request({ expected: 5 }))).toMatchObject({ kind: 'reserved', at: now + 5000 });
  });
});
