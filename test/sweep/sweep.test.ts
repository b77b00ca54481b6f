import { describe, expect, it } from 'vitest';
import { localSigner } from '../../infra/local/local-signer.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import { answer, html } from '../support/erasing-answers.ts';
import { crashingStore } from '../support/erasing-crash.ts';
import { changedStore, type ErasingHouse, erasingHouse, one, start } from '../support/erasing-house.ts';

const id = (index: number) => `cust_${String(index).padStart(24, '0')}`;

/** So many people, each asked about by a receipt of their own. */
async function crowd(house: ErasingHouse, count: number, first = 1): Promise<readonly Receipt[]> {
  const receipts: Receipt[] = [];
  for (let index = first; index < first + count; index += 1) {
    house.person({ id: id(index), source_id: `crm-${index}` });
    receipts.push(await house.accept(one('source_id', `crm-${index}`)));
  }
  return receipts;
}

const states = async (house: ErasingHouse, receipts: readonly Receipt[]) =>
  (await Promise.all(receipts.map(receipt => house.receipt(receipt.id)))).map(receipt => receipt.state);

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';

const hour = 3_600_000;

/** How long each of so many attempts in a row puts the receipt off. */
async function putOffs(house: ErasingHouse, attempts: number): Promise<readonly number[]> {
  const receipt = await house.accept(one('source_id', 'crm-1'));
  const waits: number[] = [];
  for (let count = 0; count < attempts; count += 1) {
    const { nextAttemptAt = 0 } = await house.sweepWhenDue(receipt.id);
    waits.push(nextAttemptAt - house.clock.now);
  }
  return waits;
}

describe('sweep', () => {
  it('backlog: is processed until nothing is due, and the result is reported', async () => {
    const house = erasingHouse();
    const receipts = await crowd(house, 120);
    house.clock.now += 5000;
    expect(await house.sweep()).toMatchObject({
      claimed: 120,
      closed: 120,
      failed: 0,
      needsReview: 0,
      oldestOpenMs: 0,
    });
    expect(house.deleted().toSorted()).toEqual(receipts.map((_, index) => id(index + 1)));
    expect(house.lines.at(-1)).toMatchObject({ event: 'sweep', claimed: 120, closed: 120 });
    expect(await house.sweep()).toMatchObject({ claimed: 0, closed: 0 });
  });

  it('result: contains the age of the oldest open receipt and the number in review', async () => {
    const house = erasingHouse();
    await crowd(house, 2);
    house.meddle = (call, pass) => (call.url.pathname.includes('crm-1') ? answer(400, {}) : pass());
    await house.sweep(start + 1000);
    house.meddle = () => answer(503, html);
    await house.accept(one('source_id', 'crm-9'));
    expect(await house.sweep(start + 61_000)).toMatchObject({
      claimed: 1,
      closed: 0,
      needsReview: 1,
      oldestOpenMs: 61_000,
      deadlineUsedPercent: 0,
    });
    expect(await house.sweep(start + 15 * 86_400_000)).toMatchObject({ deadlineUsedPercent: 50 });
  });

  it('receipts not due: are not claimed', async () => {
    const house = erasingHouse();
    await house.accept(one('source_id', 'crm-1'), { attempted: true });
    expect(await house.sweep(start + 14_999)).toMatchObject({ claimed: 0 });
    expect(await house.sweep(start + 15_000)).toMatchObject({ claimed: 1 });
  });

  it('receipt that ends every process: needs review after five claims, and the others are finished', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    const receipts = await crowd(house, 8);
    crash.at = 'result';
    crash.only = 'receipt-3';
    expect(await house.sweep()).toMatchObject({ claimed: expect.any(Number), closed: 7, failed: 1 });
    for (let claims = 2; claims <= 5; claims += 1) {
      expect(await house.sweepWhenDue('receipt-3')).toMatchObject({ state: 'open', claims });
      const fresh = await house.accept(one('source_id', `crm-fresh-${claims}`));
      await house.sweep();
      expect(await house.receipt(fresh.id)).toMatchObject({ state: 'no-match' });
    }
    expect(await house.sweepWhenDue('receipt-3')).toMatchObject({
      state: 'needs-review',
      reason: 'claims-without-result',
    });
    expect(house.alarms().filter(alarm => alarm === 'needs-review')).toHaveLength(1);
    expect((await states(house, receipts)).filter(state => state === 'erased')).toHaveLength(7);
    expect(house.deleted()).toHaveLength(8);
  });

  it('unreadable receipts: do not stop the others', async () => {
    const house = erasingHouse(
      changedStore(store => ({
        read: async receipt => {
          if (Number(receipt.slice('receipt-'.length)) <= 130) throw new Failure('unavailable', 'a newer version');
          return store.read(receipt);
        },
      })),
    );
    await crowd(house, 130);
    house.clock.now += 1000;
    await crowd(house, 5, 131);
    expect(await house.sweep()).toMatchObject({ closed: 5, failed: 130 });
    expect(house.deleted().toSorted()).toEqual([131, 132, 133, 134, 135].map(id));
    expect(house.lines).toContainEqual({ event: 'attempt', receipt: 'receipt-1', code: 'unavailable' });
  });

  it('backlog that takes all the time: evidence is still signed, and the oldest receipt is reported', async () => {
    const house = erasingHouse({ change: () => ({ signer: localSigner(':memory:') }) });
    const [first] = await crowd(house, 1);
    house.meddle = (_, pass) => pass();
    await house.sweep();
    await crowd(house, 200, 2);
    expect((await house.receipt(first!.id)).evidence).toBeDefined();
    house.meddle = (_, pass) => {
      house.clock.now += 1000;
      return pass();
    };
    const busy = await house.sweep();
    expect(busy.closed).toBeGreaterThan(10);
    expect(await house.store.due('erase', house.clock.now, 1)).toHaveLength(1);
    const next = await house.sweep();
    expect(next.signed).toBeGreaterThanOrEqual(busy.closed - busy.signed);
    const without = erasingHouse();
    await crowd(without, 1);
    await without.sweep();
    expect(await without.sweep(start + 3_600_000)).toMatchObject({ unsigned: 1 });
  });

  it('unreadable index: throws', async () => {
    const house = erasingHouse(
      changedStore(() => ({
        due: () => Promise.reject(new Failure('unavailable', 'the receipt store cannot be reached')),
      })),
    );
    await expect(house.sweep()).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('postponed receipt', () => {
  const steps = [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600].map(seconds => seconds * 1000);

  it.each([0, 0.25, 0.999])(
    'random value %d: is postponed by full jitter of a doubling delay, at most an hour',
    async chance => {
      const house = erasingHouse({ random: () => chance });
      house.meddle = () => answer(503, html);
      expect(await putOffs(house, 10)).toEqual(steps.map(step => Math.floor(step * chance)));
    },
  );

  it('a thousand attempts: is postponed at most an hour', async () => {
    const house = erasingHouse({ random: () => 0.999 });
    house.meddle = () => answer(503, html);
    const receipt = await house.accept(one('source_id', 'crm-1'));
    await house.store.replace({ ...receipt, revision: 2, claims: 5000 });
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ nextAttemptAt: start + Math.floor(hour * 0.999) });
  });

  it('settings: decide on the first delay', async () => {
    const house = erasingHouse({ random: () => 0.5, change: () => ({ times: { backoffMs: 100, claimMs: 500 } }) });
    house.meddle = () => answer(503, html);
    expect(await putOffs(house, 3)).toEqual([50, 100, 200]);
  });

  it.each([
    ['Retry-After', { 'retry-after': '1800' }, 1_800_000],
    ['X-Rate-Limit-Retry', { 'x-rate-limit-retry': String((start + 900_000) / 1000) }, 900_000],
    ['both', { 'retry-after': '10', 'x-rate-limit-retry': String((start + 900_000) / 1000) }, 900_000],
    ['neither', {}, 60_000],
    ['a cycle used up', { 'x-rate-limit-type': 'api_calls_cycle' }, hour],
  ])('429: is postponed as long as %s requires', async (_, headers, wait) => {
    const house = erasingHouse({ random: () => 0 });
    house.meddle = () => answer(429, {}, headers);
    expect(await putOffs(house, 1)).toEqual([wait]);
  });

  it('short 429: is postponed by the longer backoff', async () => {
    const house = erasingHouse({ random: () => 0.9 });
    house.meddle = () => answer(429, {}, { 'retry-after': '1' });
    expect(await putOffs(house, 1)).toEqual([27_000]);
  });

  it('429 of a later customer: counts after a failure of the first', async () => {
    const house = erasingHouse({ random: () => 0 });
    for (let count = 0; count < 2; count += 1) house.person({ email: 'family@example.com' });
    let posts = 0;
    house.meddle = (call, pass) => {
      if (call.method === 'GET') return pass();
      posts += 1;
      return posts === 1 ? answer(503, html) : answer(429, {}, { 'retry-after': '1800' });
    };
    const receipt = await house.accept(one('email', 'family@example.com'));
    const next = await house.sweepWhenDue(receipt.id);
    expect(next).toMatchObject({ nextAttemptAt: start + 1_800_000, projects: { main: { mayHaveExecuted: true } } });
  });

  it('unproven response: counts although the first customer failed otherwise', async () => {
    const house = erasingHouse();
    for (let count = 0; count < 2; count += 1) house.person({ email: 'family@example.com' });
    let posts = 0;
    house.meddle = (call, pass) => {
      if (call.method === 'GET') return pass();
      posts += 1;
      return posts === 1 ? answer(503, html) : answer(200, {});
    };
    const { receipt } = await house.ask(one('email', 'family@example.com'));
    expect(receipt).toMatchObject({ state: 'open', unprovenCount: 1, lastResult: 'voucherify-503' });
  });
});

describe('claimed receipt', () => {
  it('second sweep: cannot claim it for a minute', async () => {
    const house = erasingHouse();
    const receipt = await house.accept(one('customer_id', ada));
    let claimedUntil: number | undefined;
    house.meddle = async () => {
      claimedUntil = (await house.receipt(receipt.id)).nextAttemptAt;
      expect(await house.sweep()).toMatchObject({ claimed: 0 });
      return answer(503, html);
    };
    await house.sweep();
    expect(claimedUntil).toBe(start + 60_000);
  });
});

describe('end of the sweep', () => {
  /** Every call takes this long, and ends at its deadline at the latest. */
  function slow(house: ErasingHouse, ms: number): { latest: number } {
    const seen = { latest: 0 };
    house.meddle = (call, pass) => {
      seen.latest = Math.max(seen.latest, call.until);
      house.clock.now = Math.min(house.clock.now + ms, Math.max(call.until, house.clock.now));
      return house.clock.now >= call.until ? { kind: 'no-answer', code: 'timed-out', mayHaveExecuted: true } : pass();
    };
    return seen;
  }

  it('time over: starts nothing and loses nothing', async () => {
    const house = erasingHouse();
    const receipts: Receipt[] = [];
    for (let index = 0; index < 40; index += 1) {
      house.person({ source_id: `crm-${index}` });
      receipts.push(await house.accept(one('source_id', `crm-${index}`)));
    }
    slow(house, 3000);
    const first = await house.sweep();
    expect(first.claimed).toBeGreaterThan(5);
    expect(first.claimed).toBeLessThan(40);
    expect(house.clock.now).toBeLessThan(start + 56_000);
    const left = await Promise.all(receipts.map(({ id }) => house.receipt(id)));
    const untouched = receipts.filter((_, index) => left[index]?.claims === 0);
    expect(untouched).toHaveLength(40 - first.claimed);
    expect(left).toEqual(expect.arrayContaining(untouched));
    for (let sweeps = 0; sweeps < 20; sweeps += 1) await house.sweep(house.clock.now + 60_000);
    expect(house.deleted()).toHaveLength(40);
    expect(await house.store.due('erase', house.clock.now + 1e9, 100)).toEqual([]);
  });

  it.each([
    ['takes 25 s at most', 50_000, 25_000],
    ['outlasts the sweep by 5 s at most', 10_000, 15_000],
  ])('time limit: an attempt %s', async (_, sweepMs, latest) => {
    const house = erasingHouse();
    await house.accept(one('source_id', 'crm-1'));
    const seen = slow(house, 0);
    await sweep(house.services, start + sweepMs);
    expect(seen.latest).toBe(start + latest);
  });

  it('no time: does nothing', async () => {
    const house = erasingHouse();
    await house.accept(one('source_id', 'crm-1'));
    expect(await sweep(house.services, start)).toMatchObject({ claimed: 0 });
    expect(house.sent).toEqual([]);
  });
});
