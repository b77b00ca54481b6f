import { describe, expect, test } from 'vitest';
import { localSigner } from '../../infra/local/embedded-secrets.ts';
import { readHeartbeat } from '../../lambda/control/sweep-state.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import type { Receipt, ReceiptQueue } from '../../lambda/receipts/receipt.ts';
import { storeUnavailable } from '../../lambda/receipts/rows.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import {
  ada,
  changedStore,
  createHarness,
  crowd,
  crowdId,
  type Harness,
  inReview,
  one,
  start,
  states,
} from '../support/harness.ts';
import { crashingStore } from '../support/injected-faults.ts';
import { html, response } from '../support/voucherify-responses.ts';

const hour = 3_600_000;

/** How long each of so many attempts in a row puts the receipt off. */
async function putOffs(harness: Harness, attempts: number): Promise<readonly number[]> {
  const receipt = await harness.accept(one('source_id', 'crm-1'));
  const waits: number[] = [];
  for (let count = 0; count < attempts; count += 1) {
    const { nextAttemptAt = 0 } = await harness.sweepWhenDue(receipt.id);
    waits.push(nextAttemptAt - harness.clock.now);
  }
  return waits;
}

describe('sweep', () => {
  test('backlog: is processed until nothing is due, and the result is reported', async () => {
    const harness = createHarness();
    const receipts = await crowd(harness, 120);
    expect(await harness.sweep(harness.clock.now + 5000)).toMatchObject({
      claimed: 120,
      closed: 120,
      failed: 0,
      needsReview: 0,
      oldestOpenMs: 0,
    });
    expect(harness.deleted().toSorted()).toEqual(receipts.map((_, index) => crowdId(index + 1)));
    expect(harness.lines.at(-1)).toMatchObject({ event: 'sweep', claimed: 120, closed: 120 });
    expect(await harness.sweep()).toMatchObject({ claimed: 0, closed: 0 });
  });

  test('used-up quota: ends for every receipt within minutes of the probe that finds it ended', async () => {
    const harness = createHarness();
    const receipts = await crowd(harness, 12);
    harness.intercept = () => response(402, {});
    await harness.sweep(start + 1000);
    harness.intercept = (_, pass) => pass();
    for (let minute = 1; minute <= 66; minute += 1) await harness.sweep(start + minute * 60_000);
    expect(new Set(await states(harness, receipts))).toEqual(new Set(['erased']));
  });

  test('result: contains the age of the oldest open receipt and the number in review', async () => {
    const harness = createHarness();
    await crowd(harness, 2);
    harness.intercept = (call, pass) => (call.url.pathname.includes('crm-1') ? response(400, {}) : pass());
    await harness.sweep(start + 1000);
    harness.intercept = () => response(503, html);
    await harness.accept(one('source_id', 'crm-9'));
    expect(await harness.sweep(start + 61_000)).toMatchObject({
      claimed: 1,
      closed: 0,
      needsReview: 1,
      oldestOpenMs: 61_000,
      deadlineUsedPercent: 0,
    });
    expect(await harness.sweep(start + 15 * 86_400_000)).toMatchObject({ deadlineUsedPercent: 50 });
  });

  test('receipts not due: are not claimed', async () => {
    const harness = createHarness();
    await harness.accept(one('source_id', 'crm-1'), { attempted: true });
    expect(await harness.sweep(start + 14_999)).toMatchObject({ claimed: 0 });
    expect(await harness.sweep(start + 15_000)).toMatchObject({ claimed: 1 });
  });

  test('receipt that ends every process: needs review after five claims, and the others are finished', async () => {
    const crash = crashingStore();
    const harness = createHarness(crash.options);
    const receipts = await crowd(harness, 8);
    crash.at = 'result';
    crash.only = 'receipt-3';
    expect(await harness.sweep()).toMatchObject({ claimed: expect.any(Number), closed: 7, failed: 1 });
    for (let claims = 2; claims <= 5; claims += 1) {
      expect(await harness.sweepWhenDue('receipt-3')).toMatchObject({ state: 'open', claims });
      const fresh = await harness.accept(one('source_id', `crm-fresh-${claims}`));
      await harness.sweep();
      expect(await harness.receipt(fresh.id)).toMatchObject({ state: 'no-match' });
    }
    expect(await harness.sweepWhenDue('receipt-3')).toMatchObject(inReview('claims-without-result'));
    expect(harness.alarms().filter(alarm => alarm === 'needs-review')).toHaveLength(1);
    expect((await states(harness, receipts)).filter(state => state === 'erased')).toHaveLength(7);
    expect(harness.deleted()).toHaveLength(8);
  });

  test('unreadable receipts: do not stop the others', async () => {
    const harness = createHarness(
      changedStore(store => ({
        read: async receipt => {
          if (Number(receipt.slice('receipt-'.length)) <= 130) throw new Failure('unavailable', 'a newer version');
          return store.read(receipt);
        },
      })),
    );
    await crowd(harness, 130);
    harness.clock.now += 1000;
    await crowd(harness, 5, 131);
    expect(await harness.sweep()).toMatchObject({ closed: 5, failed: 130 });
    expect(harness.deleted().toSorted()).toEqual([131, 132, 133, 134, 135].map(crowdId));
    expect(harness.lines).toContainEqual({ event: 'attempt', receipt: 'receipt-1', code: 'unavailable' });
  });

  test('backlog that takes all the time: evidence is still signed, and the oldest receipt is reported', async () => {
    const harness = createHarness({ change: () => ({ signer: localSigner(':memory:') }) });
    const [first] = await crowd(harness, 1);
    harness.intercept = (_, pass) => pass();
    const unknown = await harness.accept(one('source_id', 'nobody'));
    await harness.sweep();
    await crowd(harness, 200, 2);
    expect((await harness.receipt(unknown.id)).evidence).toBeDefined();
    expect((await harness.receipt(first!.id)).evidence).toBeUndefined();
    harness.intercept = (_, pass) => {
      harness.clock.now += 1000;
      return pass();
    };
    const busy = await harness.sweep();
    expect(busy.closed).toBeGreaterThan(10);
    expect(await harness.store.due('erase', harness.clock.now, 1)).toHaveLength(1);
    expect(busy.signed).toBe(0);
    harness.intercept = undefined;
    await harness.sweepAndVerify();
    await harness.sweepAndVerify();
    expect(await harness.store.due('verify', Number.MAX_SAFE_INTEGER, 1)).toEqual([]);
    const without = createHarness();
    await without.accept(one('source_id', 'nobody'));
    await without.sweep();
    expect(await without.sweep(start + 3_600_000)).toMatchObject({ unsigned: 1 });
  });
});

describe('throttled index', () => {
  /** A harness with one receipt due in each queue; reads of the given queue fail. */
  async function throttled(queue: ReceiptQueue | 'all') {
    let isThrottled = false;
    const harness = createHarness({
      change: ({ store }) => ({
        signer: localSigner(':memory:'),
        store: {
          ...store,
          due: async (name, ...asked) => {
            if (isThrottled && (queue === 'all' || name === queue)) throw storeUnavailable();
            return store.due(name, ...asked);
          },
        },
      }),
    });
    harness.intercept = () => response(400, {});
    await crowd(harness, 1);
    await harness.sweep();
    harness.intercept = undefined;
    await crowd(harness, 3, 2);
    isThrottled = true;
    return harness;
  }

  const heartbeatOf = async ({ services }: Harness) => (await readHeartbeat(services.control))?.at;

  test.each(['callback', 'verify', 'sign', 'needs-review', 'held'] as const)(
    'queue %s: the erasures are finished',
    async queue => {
      const harness = await throttled(queue);
      const result = await harness.sweep(start + 60_000);
      const failed = { callback: 2, verify: 1, sign: 3, 'needs-review': 1, held: 1 }[queue];
      expect(result).toMatchObject({ closed: 3, failed, signed: 0 });
      expect(new Set(harness.alarms().slice(1))).toEqual(new Set(['store-unavailable']));
      expect(await heartbeatOf(harness)).toBe(start + 60_000);
    },
  );

  test('queue erase: callbacks and signatures are finished', async () => {
    const harness = createHarness({ change: () => ({ signer: localSigner(':memory:') }) });
    await crowd(harness, 3);
    const { due } = harness.services.store;
    const { signer: _, ...unsigning } = harness.services;
    await sweep(unsigning, start + 55_000);
    harness.clock.now += 60_000;
    const store: ReceiptStore = {
      ...harness.services.store,
      due: async (name, ...rest) => {
        if (name === 'erase') throw storeUnavailable();
        return due(name, ...rest);
      },
    };
    expect(await sweep({ ...harness.services, store }, start + 115_000)).toMatchObject({ signed: 3, failed: 1 });
    expect(harness.alarms()).toEqual(['store-unavailable']);
  });

  test('queue needs-review: its count is left out, so that its alarm does not end', async () => {
    const harness = await throttled('needs-review');
    expect(await harness.sweep(start + 60_000)).not.toHaveProperty('needsReview');
    expect(harness.lines.at(-1)).toMatchObject({ event: 'sweep', unsigned: 0 });
    expect(harness.lines.at(-1)).not.toHaveProperty('needsReview');
  });

  test('all queues: the sweep raises the alarm, and writes its counts and the heartbeat', async () => {
    const harness = await throttled('all');
    await harness.sweep(start + 60_000);
    expect(harness.alarms()).toContain('store-unavailable');
    expect(harness.lines.at(-1)).toMatchObject({ event: 'sweep', closed: 0, failed: 9 });
    expect(await heartbeatOf(harness)).toBe(start + 60_000);
  });
});

describe('postponed receipt', () => {
  const steps = [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600].map(seconds => seconds * 1000);

  test.each([0, 0.25, 0.999])(
    'random value %d: is postponed by full jitter of a doubling delay, at most an hour',
    async chance => {
      const harness = createHarness({ random: () => chance });
      harness.intercept = () => response(409, {});
      expect(await putOffs(harness, 10)).toEqual(steps.map(step => Math.floor(step * chance)));
    },
  );

  test('a thousand attempts: is postponed at most an hour', async () => {
    const harness = createHarness({ random: () => 0.999 });
    harness.intercept = () => response(409, {});
    const receipt = await harness.accept(one('source_id', 'crm-1'));
    await harness.store.replace({ ...receipt, revision: 2, claims: 5000 });
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ nextAttemptAt: start + Math.floor(hour * 0.999) });
  });

  test('project without a response: is tried again when it counts as unreachable', async () => {
    const harness = createHarness({ random: () => 0.999 });
    harness.intercept = () => response(503, html);
    const waits = await putOffs(harness, 6);
    expect(waits.slice(0, 5).reduce((sum, wait) => sum + wait)).toBe(840_000);
    expect(waits[5]).toBe(Math.floor(960_000 * 0.999));
  });

  test('settings: decide on the first delay', async () => {
    const harness = createHarness({ random: () => 0.5, change: () => ({ times: { backoffMs: 100, claimMs: 500 } }) });
    harness.intercept = () => response(503, html);
    expect(await putOffs(harness, 3)).toEqual([50, 100, 200]);
  });

  test('short 429: is postponed by the longer backoff', async () => {
    const harness = createHarness({ random: () => 0.9 });
    harness.intercept = () => response(429, {}, { 'retry-after': '1' });
    expect(await putOffs(harness, 1)).toEqual([27_000]);
  });

  /** Attempts to delete two customers: the first call fails, and the second has this response. */
  async function secondGets(second: HttpResult) {
    const harness = createHarness({ random: () => 0 });
    for (let count = 0; count < 2; count += 1) harness.addCustomer({ email: 'family@example.com' });
    let posts = 0;
    harness.intercept = (call, pass) => {
      if (call.method === 'GET') return pass();
      posts += 1;
      return posts === 1 ? response(503, html) : second;
    };
    const { id } = await harness.accept(one('email', 'family@example.com'));
    return harness.sweepWhenDue(id);
  }

  test('429 of a later customer: counts after a failure of the first', async () => {
    const next = await secondGets(response(429, {}, { 'retry-after': '1800' }));
    expect(next).toMatchObject({ nextAttemptAt: start + 1_800_000, projects: { main: { mayHaveExecuted: true } } });
  });

  test('unproven response: counts although the first customer failed otherwise', async () => {
    const next = await secondGets(response(200, {}));
    expect(next).toMatchObject({ state: 'open', unprovenCount: 1, lastResult: 'voucherify-503' });
  });
});

test('claimed receipt, second sweep: cannot claim it for a minute', async () => {
  const harness = createHarness();
  const receipt = await harness.accept(one('customer_id', ada));
  let claimedUntil: number | undefined;
  harness.intercept = async () => {
    claimedUntil = (await harness.receipt(receipt.id)).nextAttemptAt;
    expect(await harness.sweep()).toMatchObject({ claimed: 0 });
    return response(503, html);
  };
  await harness.sweep();
  expect(claimedUntil).toBe(start + 60_000);
});

describe('end of the sweep', () => {
  /** Every call takes this long, and ends at its deadline at the latest. */
  function slow(harness: Harness, ms: number): { latest: number } {
    const seen = { latest: 0 };
    harness.intercept = (call, pass) => {
      seen.latest = Math.max(seen.latest, call.until);
      harness.clock.now = Math.min(harness.clock.now + ms, Math.max(call.until, harness.clock.now));
      return harness.clock.now >= call.until
        ? { kind: 'no-response', code: 'timed-out', mayHaveExecuted: true }
        : pass();
    };
    return seen;
  }

  test('time over: starts nothing and loses nothing', async () => {
    const harness = createHarness();
    const receipts: Receipt[] = [];
    for (let index = 0; index < 40; index += 1) {
      harness.addCustomer({ source_id: `crm-${index}` });
      receipts.push(await harness.accept(one('source_id', `crm-${index}`)));
    }
    slow(harness, 3000);
    const first = await harness.sweep();
    expect(first.claimed).toBeGreaterThan(5);
    expect(first.claimed).toBeLessThan(40);
    expect(harness.clock.now).toBeLessThan(start + 61_000);
    const left = await Promise.all(receipts.map(({ id }) => harness.receipt(id)));
    expect(left.filter(receipt => receipt?.claims === 0 && receipt.state === 'open')).toHaveLength(40 - first.claimed);
    harness.intercept = (_, pass) => pass();
    for (let sweeps = 0; sweeps < 60; sweeps += 1) await harness.sweep(harness.clock.now + 60_000);
    expect(harness.deleted()).toHaveLength(40);
    expect(await harness.store.due('erase', harness.clock.now + 1e9, 100)).toEqual([]);
  });

  test.each([
    ['takes 25 s at most', 50_000, 25_000],
    ['outlasts the sweep by 5 s at most', 10_000, 15_000],
  ])('time limit: an attempt %s', async (_, sweepMs, latest) => {
    const harness = createHarness();
    await harness.accept(one('source_id', 'crm-1'));
    const seen = slow(harness, 0);
    await sweep(harness.services, start + sweepMs);
    expect(seen.latest).toBe(start + latest);
  });

  test('no time: does nothing', async () => {
    const harness = createHarness();
    await harness.accept(one('source_id', 'crm-1'));
    expect(await sweep(harness.services, start)).toMatchObject({ claimed: 0 });
    expect(harness.sent).toEqual([]);
  });
});
