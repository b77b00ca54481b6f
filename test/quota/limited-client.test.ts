import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import { serialQueue } from '../../lambda/quota/limited-client.ts';
import { type Quota, tokenInterval } from '../../lambda/quota/rate-limit.ts';
import { classify } from '../../lambda/voucherify/responses.ts';
import { eventuallyHolds } from '../support/fuzz.ts';
import { memoryRows } from '../support/memory-rows.ts';
import {
  callWithin,
  hour,
  minute,
  mostAllowed,
  mostInAPeriod,
  now,
  oneProcess,
  type Process,
  quota,
  response,
  second,
  startProcess,
  voucherifyAt,
} from '../support/quota-world.ts';
import { virtualClock } from '../support/virtual-clock.ts';

const { intervalMs } = tokenInterval({}, quota);
const outOfTime = { kind: 'rate-limited', code: 'out-of-time' };

describe('rate-limited call', () => {
  test('is sent after its reservation is written, and never without one', async () => {
    const { process, rows, calls, call } = oneProcess();
    const one = call();
    const client = process.client(true);
    expect(await client.send(one)).toMatchObject({ result: response(200) });
    expect(rows.calls).toEqual(['advance']);
    expect(calls).toEqual([{ at: now, call: one }]);
    await client.send(call());
    expect(rows.calls).toEqual(['advance', 'advance']);
    rows.rows.set('rate-limit#main', { revision: 9, value: 'unreadable' });
    const unavailable = { kind: 'rate-limited', until: now, code: 'rate-limit-unavailable' };
    expect(await client.send(call())).toEqual(unavailable);
    expect(calls).toHaveLength(2);
  });

  test.each([0, 199])('with %i ms left: is not sent and reserves nothing', async ms => {
    const { process, rows, calls, call } = oneProcess();
    expect(await process.client(true).send(call(ms))).toEqual(outOfTime);
    expect(rows.calls).toEqual([]);
    expect(await process.client(true).send(call(200))).toMatchObject({ result: response(200) });
    expect(calls).toHaveLength(1);
  });

  test('rejected key: is stored as a hash', async () => {
    const { process, rows, call } = oneProcess(() => response(403));
    await process.client(true).send(call());
    const row = JSON.stringify(rows.rows.get('rate-limit#main'));
    expect(row).toMatch(/"keyHash":"[\w-]{22}"/u);
    expect(row).not.toMatch(/app-1|token-1/u);
  });

  test.each([
    ['another token', { 'X-App-Id': 'app-1', 'X-App-Token': 'token-2' }],
    ['another app id', { 'X-App-Id': 'app-2', 'X-App-Token': 'token-1' }],
    ['a bearer token', { Authorization: 'Bearer token-1' }],
  ])('%s: is not blocked by the rejected key', async (_, headers) => {
    const { process, calls, call } = oneProcess(({ headers: sent }) =>
      response(sent['X-App-Token'] === 'token-1' ? 401 : 200),
    );
    await process.client(true).send(call());
    expect(await process.client(true).send(call())).toMatchObject({ kind: 'rate-limited', code: 'key-refused' });
    await process.client(true).send({ ...call(), headers });
    expect(calls).toHaveLength(2);
  });

  test('another bearer token: is not blocked by the rejected one', async () => {
    const { process, calls, call } = oneProcess(() => response(401));
    const withToken = (token: string) => ({ ...call(), headers: { Authorization: `Bearer ${token}` } });
    await process.client(true).send(withToken('a'));
    expect(await process.client(true).send(withToken('a'))).toMatchObject({ code: 'key-refused' });
    expect(await process.client(true).send(withToken('b'))).toMatchObject({ result: response(401) });
    expect(calls).toHaveLength(2);
  });

  test('reservation that took too long: is not sent', async () => {
    const clock = virtualClock(now);
    const { send, calls } = voucherifyAt(clock);
    const rows = memoryRows(() => clock.wait(3401));
    const client = startProcess({ clock, rows, quota, send }).client(true);
    expect(await clock.finish(client.send(callWithin(7000, clock)))).toEqual(outOfTime);
    expect(calls).toEqual([]);
  });

  test('failures: open the breaker only if two receipts had them', async () => {
    const { process, calls, call, clock } = oneProcess(() => response(503));
    const send = (receipt: string) => clock.finish(process.client(true, { calls: 1 }, receipt).send(call()));
    for (let count = 0; count < 6; count += 1) await send('a');
    expect(calls).toHaveLength(6);
    await send('b');
    expect(await send('c')).toMatchObject({ kind: 'rate-limited', code: 'failures' });
    expect(calls).toHaveLength(7);
  });
});

describe('reservation', () => {
  test('covers the expected calls; later calls get another one', async () => {
    const { process, rows, call, clock } = oneProcess();
    const client = process.client(true, { calls: 2 });
    const send = () => clock.finish(client.send(call()));
    await send();
    client.expectCalls({ calls: 4 });
    for (let count = 0; count < 4; count += 1) await send();
    expect(rows.calls).toEqual(['advance', 'advance']);
    await send();
    expect(rows.calls).toEqual(['advance', 'advance', 'advance']);
  });

  test('can be made before the first call', async () => {
    const { process, rows, calls, call } = oneProcess();
    const client = process.client(true, { calls: 3 });
    expect(await client.reserveFor(call())).toBeUndefined();
    expect(calls).toEqual([]);
    for (let count = 0; count < 3; count += 1) await client.send(call());
    expect(rows.calls).toEqual(['advance']);
  });

  test('that was not used in time: is replaced', async () => {
    const { process, rows, calls, call, clock } = oneProcess();
    const client = process.client(true, { calls: 2 });
    await client.send(call());
    await clock.run(now + 3 * intervalMs);
    await client.send(call());
    expect(rows.calls).toEqual(['advance', 'advance']);
    expect(calls).toHaveLength(2);
  });

  test('is used in its last millisecond, and replaced after it', async () => {
    const tiny: Quota = { share: 1, limit: 2, periodMs: minute };
    for (const late of [0, 1]) {
      const { process, rows, call, clock } = oneProcess(() => response(200), tiny);
      const client = process.client(true, { calls: 2 });
      await client.send(call());
      await clock.run(now + 62 * second + late);
      await clock.finish(client.send(call(hour)));
      expect(rows.calls).toHaveLength(1 + late);
    }
  });

  test('of which no call was sent: can be returned once', async () => {
    const { process, rows, call } = oneProcess();
    const client = process.client(true, { calls: 3 });
    await client.release();
    expect(rows.calls).toEqual([]);
    await client.reserveFor(call());
    await client.release();
    await client.release();
    expect(rows.calls).toEqual(['advance', 'moveBack']);
    expect(rows.rows.get('rate-limit#main')?.tokenTime).toBe(now);
    await client.send(call());
    expect(rows.calls).toEqual(['advance', 'moveBack', 'advance']);
  });

  test('of which a call was sent: is not returned', async () => {
    const { process, rows, call } = oneProcess();
    const client = process.client(true, { calls: 3 });
    await client.send(call());
    await client.release();
    expect(rows.calls).toEqual(['advance']);
  });

  test('made before the breaker opened: its call is not sent', async () => {
    const { process, calls, call } = oneProcess(() => response(429));
    const [one, other] = [process.client(true), process.client(true)];
    await one.reserveFor(call());
    await other.reserveFor(call());
    await one.send(call());
    expect(await other.send(call())).toEqual({ kind: 'rate-limited', until: now + minute, code: 'voucherify-429' });
    expect(calls).toHaveLength(1);
  });

  test('made while the breaker opened: its call is not sent either', async () => {
    const { process, calls, call, clock } = oneProcess(async () => {
      await clock.wait(100);
      return response(429);
    });
    const first = process.client(true, { calls: 5 }).send(call());
    const late = process.client(true).send(call());
    expect(await clock.finish(first)).toMatchObject({ result: response(429) });
    expect(await clock.finish(late)).toMatchObject({ kind: 'rate-limited', code: 'voucherify-429' });
    expect(calls).toHaveLength(1);
  });

  test('probe of an open breaker: is one call, and the next one needs the breaker closed', async () => {
    let status = 429;
    const { process, calls, call, clock } = oneProcess(() => response(status));
    await process.client(true).send(call());
    await clock.run(now + minute);
    const client = process.client(true, { calls: 2 });
    expect(await client.send(call())).toMatchObject({ result: response(429) });
    expect(await client.send(call())).toMatchObject({ kind: 'rate-limited', until: now + 3 * minute });
    expect(calls).toHaveLength(2);
    status = 200;
    await clock.run(now + 3 * minute);
    const again = process.client(true, { calls: 2 });
    await again.send(call());
    expect(await again.send(call())).toMatchObject({ result: response(200) });
    expect(calls).toHaveLength(4);
  });
});

describe('pairs of a GET and a deletion', () => {
  const tiny: Quota = { share: 1, limit: 2, periodMs: minute };
  const pairs = { calls: 4, inPairs: true };

  test('GET: is sent only if its deletion is reserved too', async () => {
    const { process, calls, call, clock } = oneProcess(() => response(200), tiny);
    const client = process.client(false, pairs);
    await clock.finish(client.send(call(minute)));
    await clock.finish(client.send({ ...call(minute), method: 'POST' }));
    expect(await clock.finish(client.send(call(minute)))).toMatchObject({ kind: 'rate-limited', code: 'rate-limited' });
    expect(calls.map(({ call: { method } }) => method)).toEqual(['GET', 'POST']);
  });

  test('GET after a GET whose deletion was not needed: gets a reservation of its own', async () => {
    const { process, rows, call } = oneProcess();
    const client = process.client(true, { calls: 4, inPairs: true });
    client.expectCalls({ calls: 2, inPairs: true });
    await client.reserveFor(call());
    await client.send(call());
    await client.send(call());
    expect(rows.calls).toEqual(['advance', 'advance']);
  });

  test('quota of a single call: a GET is sent with the call that is reserved', async () => {
    const { process, rows, calls, call, clock } = oneProcess(() => response(200), { ...tiny, limit: 1 });
    const client = process.client(false, pairs);
    await client.reserveFor(call(minute));
    await clock.finish(client.send(call(minute)));
    expect(calls).toHaveLength(1);
    expect(rows.calls).toEqual(['advance']);
  });

  test('probe of an open breaker: is sent alone', async () => {
    let status = 429;
    const { process, clock, calls, call } = oneProcess(() => response(status), tiny);
    await process.client(true).send(call());
    await clock.run(now + 61 * minute);
    status = 200;
    const client = process.client(false, pairs);
    expect(await client.reserveFor(call(minute))).toBeUndefined();
    expect(await client.send(call(minute))).toMatchObject({ result: response(200) });
    expect(calls).toHaveLength(2);
  });
});

describe('wait for the rate limit', () => {
  const useBurst = ({ process, call }: ReturnType<typeof oneProcess>) =>
    process.client(true, { calls: 5 }).send(call());

  test('lasts until the reserved time, and then the call is sent', async () => {
    const world = oneProcess();
    await useBurst(world);
    await world.clock.finish(world.process.client(true).send(world.call()));
    expect(world.waits).toEqual([Math.ceil(intervalMs)]);
    expect(world.calls.at(-1)?.at).toBe(now + Math.ceil(intervalMs));
  });

  test('does not start if the call would then be too late', async () => {
    const world = oneProcess();
    await useBurst(world);
    const tooShort = Math.floor(intervalMs) + 200;
    const refused = await world.process.client(true).send(world.call(tooShort));
    expect(refused).toMatchObject({ kind: 'rate-limited', code: 'rate-limited' });
    expect(world.waits).toEqual([]);
    await world.clock.finish(world.process.client(true).send(world.call(tooShort + 1)));
    expect(world.waits).toHaveLength(1);
  });

  test('calls of the sweep wait one at a time, in order', async () => {
    const world = oneProcess();
    const order: number[] = [];
    const all = Array.from({ length: 4 }, async (_, at) => {
      await world.process.client(false).send(world.call(minute));
      order.push(at);
    });
    await world.clock.finish(Promise.all(all));
    expect(order).toEqual([0, 1, 2, 3]);
    expect(world.calls.map(({ at }) => Math.round((at - now) / intervalMs))).toEqual([0, 1, 2, 3]);
  });

  test('refused reservation of the sweep: does not block the next one', async () => {
    const world = oneProcess();
    await useBurst(world);
    const late = world.process.client(false).send(world.call(second));
    const next = world.process.client(false).send(world.call(minute));
    expect(await world.clock.finish(late)).toMatchObject({ kind: 'rate-limited', code: 'rate-limited' });
    expect(await world.clock.finish(next)).toMatchObject({ result: response(200) });
  });

  test('serial queue: continues after work that failed', async () => {
    const queue = serialQueue();
    const started: string[] = [];
    const first = queue(async () => {
      started.push('first');
      throw new Error('failed');
    });
    const second = queue(async () => started.push('second'));
    await expect(first).rejects.toThrow('failed');
    await second;
    expect(started).toEqual(['first', 'second']);
  });
});

interface Attempt {
  readonly fresh: boolean;
  readonly calls: number;
  readonly budget: number;
}

/** Returns numbers from 0 up to 1, the same for the same seed (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Many processes over slow rows and a Voucherify that takes up to `slowestMs`. */
function manyProcesses(limits: Quota, random: () => number, slowestMs: number) {
  const clock = virtualClock(now);
  const rows = memoryRows(() => clock.wait(Math.floor(random() * 8)));
  const { send, calls } = voucherifyAt(clock, async () => {
    await clock.wait(Math.floor(random() < 0.1 ? random() * slowestMs : 40 + random() * 200));
    return response(200);
  });
  const world = { clock, rows, quota: limits, send };
  /** Returns when the calls of an attempt were sent, up to the first one that is rate-limited. */
  const attempt = async (process: Process, { fresh, calls: count, budget }: Attempt) => {
    const client = process.client(fresh, { calls: count });
    const call = callWithin(budget, clock);
    const times: number[] = [];
    for (let one = 0; one < count; one += 1) {
      if (!('status' in (await client.send(call)))) break;
      times.push(clock.now());
    }
    return times;
  };
  return { clock, calls, start: () => startProcess(world), attempt };
}

interface Load {
  readonly seed: number;
  readonly limit: number;
  readonly share: number;
  readonly periodMs: number;
  readonly hasBacklog: boolean;
  readonly slowestMs: number;
}

describe('calls in any sliding period', () => {
  const load = fc.record<Load>({
    seed: fc.integer(),
    limit: fc.constantFrom(1, 2, 5, 10, 40, 100, 250),
    share: fc.constantFrom(0.3, 0.5, 1),
    periodMs: fc.constantFrom(minute, hour),
    hasBacklog: fc.boolean(),
    slowestMs: fc.constantFrom(300, 6000),
  });

  test('1 to 50 cold starts at once, a sweep and slow responses: never more than the share', async () => {
    let total = 0;
    const isWithin = async ({ seed, limit, share, periodMs, hasBacklog, slowestMs }: Load) => {
      const random = seededRandom(seed);
      const world = manyProcesses({ limit, share, periodMs }, random, slowestMs);
      const ends = now + 2.5 * periodMs;
      const requests = async () => {
        while (world.clock.now() < ends) {
          const many = random() < 0.3 ? 1 + Math.floor(random() * 50) : 1;
          for (let one = 0; one < many; one += 1) {
            void world.attempt(world.start(), { fresh: true, calls: 1 + Math.floor(random() * 3), budget: 7000 });
          }
          await world.clock.wait(Math.floor((random() * periodMs) / (random() < 0.5 ? 4 : 40)));
        }
      };
      const sweeper = world.start();
      const worker = async () => {
        while (world.clock.now() < ends) {
          await world.attempt(sweeper, { fresh: false, calls: 1 + Math.floor(random() * 5), budget: 25 * second });
          await world.clock.wait(Math.floor(random() * (random() < 0.1 ? periodMs / 4 : 100)) + 1);
        }
      };
      void requests();
      if (hasBacklog) for (let one = 0; one < 5; one += 1) void worker();
      await world.clock.run();
      total += world.calls.length;
      const times = world.calls.map(({ at }) => at);
      expect(mostInAPeriod(times, periodMs)).toBeLessThanOrEqual(mostAllowed(limit, share));
    };
    await eventuallyHolds(fc.asyncProperty(load, isWithin));
    expect(total).toBeGreaterThan(1000);
  });
});

test.each([
  [100, 0.5, 2],
  [100, 1, 2],
  [2000, 0.5, 2],
  [100, 0.5, 5],
  [60, 0.5, 5],
  [20, 1, 1],
])(
  'fresh requests during a backlog of the sweep, %i calls a minute, share %d, attempts of %i calls: are sent within their budget',
  async (limit, share, each) => {
    const random = seededRandom(limit + each);
    const world = manyProcesses({ limit, share, periodMs: minute }, random, 200);
    const ends = now + 5 * minute;
    const sweeper = world.start();
    const worker = async () => {
      while (world.clock.now() < ends) {
        await world.attempt(sweeper, { fresh: false, calls: each, budget: 25 * second });
        await world.clock.wait(20);
      }
    };
    const waited: number[] = [];
    const requests = async () => {
      while (world.clock.now() < ends) {
        await world.clock.wait(15 * second + Math.floor(random() * 5 * second));
        const arrived = world.clock.now();
        const request = { fresh: true, calls: 2, budget: 7000 };
        const [first = Number.POSITIVE_INFINITY] = await world.attempt(world.start(), request);
        waited.push(first - arrived);
      }
    };
    await world.clock.finish(Promise.all([...Array.from({ length: 5 }, worker), requests()]));
    expect(waited.length).toBeGreaterThanOrEqual(10);
    expect(Math.max(...waited)).toBeLessThan(7000);
    const used = world.calls.filter(({ at }) => at < ends).length / 5;
    expect(used).toBeGreaterThan(limit * share * 0.8);
  },
);

describe('spare call', () => {
  const sendSpare = (process: Process, call: HttpCall, receipt = 'receipt-1') =>
    process.client(false, { calls: 1 }, receipt).sendSpare(call, classify);

  test('is reserved on its own, and leaves the calls of its attempt', async () => {
    const { process, rows, calls, call } = oneProcess();
    const client = process.client(true, { calls: 2 });
    await client.send(call());
    expect(await client.sendSpare(call(), classify)).toMatchObject({ status: 200 });
    await client.send(call());
    expect(rows.calls).toEqual(['advance', 'advance']);
    expect(calls.map(({ at }) => at)).toEqual([now, now, now]);
  });

  test('reserved calls that would expire meanwhile: it ends before', async () => {
    const { process, calls, call, clock } = oneProcess();
    const client = process.client(true, { calls: 2 });
    await client.send(call());
    await client.sendSpare(call(60_000), classify);
    const { until } = calls[1]!.call;
    const { lateMs } = tokenInterval({}, quota);
    expect(until).toBe(now + intervalMs + lateMs - 200);
    await clock.run(until);
    expect(await client.sendSpare(call(), classify)).toEqual(outOfTime);
    await client.send(call());
    expect(calls).toHaveLength(3);
  });

  test('no reserved call is left: it has its own time', async () => {
    const { process, calls, call } = oneProcess();
    const client = process.client(true);
    await client.send(call());
    await client.sendSpare(call(60_000), classify);
    expect(calls[1]?.call.until).toBe(now + 60_000);
  });

  test('with 200 ms left: is sent, and not with less', async () => {
    const { process, calls, call } = oneProcess();
    expect(await sendSpare(process, call(199))).toEqual(outOfTime);
    expect(await sendSpare(process, call(200))).toMatchObject({ status: 200 });
    expect(calls).toHaveLength(1);
  });

  test('no spare call in the quota: is not sent', async () => {
    const { process, calls, call } = oneProcess();
    await process.client(true, { calls: 5 }).send(call());
    const refused = { kind: 'rate-limited', code: 'rate-limited', until: now + 3 * intervalMs };
    expect(await sendSpare(process, call())).toEqual(refused);
    expect(calls).toHaveLength(1);
  });

  test('limit in the response: is learned', async () => {
    const headers = { 'x-rate-limit-limit': '20', 'x-rate-limit-remaining': '19' };
    const { process, call } = oneProcess(() => response(200, headers));
    expect(process.rateLimiter.capacity().atOnce).toBe(5);
    await sendSpare(process, call());
    expect(process.rateLimiter.capacity().atOnce).toBe(2);
  });

  test.each([
    ['failures of many receipts', 500],
    ['a key without permission', 403],
    ['a refused key', 401],
  ])('%s: do not stop the calls of erasures', async (_, status) => {
    const { process, call } = oneProcess(({ url }) => response(url.pathname.endsWith('redemptions') ? status : 200));
    const list = { ...call(), url: new URL('https://api.voucherify.io/v1/redemptions') };
    for (const receipt of ['a', 'b', 'c']) await sendSpare(process, list, receipt);
    expect(process.rateLimiter.blockedBy('any', now)).toBeUndefined();
    expect(process.rateLimiter.failingSince()).toBeUndefined();
    expect(await process.client(true).send(call())).toMatchObject({ status: 200 });
  });

  test('used-up quota: stops all calls, because it is the quota of all', async () => {
    const { process, call } = oneProcess(() => response(429));
    await sendSpare(process, call());
    expect(await process.client(true).send(call())).toMatchObject({ kind: 'rate-limited', code: 'voucherify-429' });
  });
});
