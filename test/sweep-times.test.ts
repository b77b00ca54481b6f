import { describe, expect, it } from 'vitest';
import type { Receipt } from '../lambda/receipts/receipt.ts';
import { sweep } from '../lambda/sweep/sweep.ts';
import { answer, html } from './support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, start } from './support/erasing-house.ts';

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

describe('a receipt that could not be finished', () => {
  const steps = [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600].map(seconds => seconds * 1000);

  it.each([0, 0.25, 0.999])('is put off by a chance (%d) of a doubling step, at most an hour', async chance => {
    const house = erasingHouse({ random: () => chance });
    house.meddle = () => answer(503, html);
    expect(await putOffs(house, 10)).toEqual(steps.map(step => Math.floor(step * chance)));
  });

  it('stays within an hour after a thousand attempts', async () => {
    const house = erasingHouse({ random: () => 0.999 });
    house.meddle = () => answer(503, html);
    const receipt = await house.accept(one('source_id', 'crm-1'));
    await house.store.replace({ ...receipt, revision: 2, claims: 5000 });
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ nextAttemptAt: start + Math.floor(hour * 0.999) });
  });

  it('takes the steps that it is given', async () => {
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
  ])('after a 429 waits as long as %s says', async (_, headers, wait) => {
    const house = erasingHouse({ random: () => 0 });
    house.meddle = () => answer(429, {}, headers);
    expect(await putOffs(house, 1)).toEqual([wait]);
  });

  it('waits longer than a short 429 where the backoff is longer', async () => {
    const house = erasingHouse({ random: () => 0.9 });
    house.meddle = () => answer(429, {}, { 'retry-after': '1' });
    expect(await putOffs(house, 1)).toEqual([27_000]);
  });

  it('waits for the 429 of a later customer after other trouble with the first', async () => {
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

  it('counts an answer without proof although the first customer met other trouble', async () => {
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

describe('while it is claimed', () => {
  it('nobody else takes it for a minute, then somebody does', async () => {
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

describe('a sweep ends on time', () => {
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

  it('begins nothing after its time is over, and loses nothing', async () => {
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
  ])('an attempt %s', async (_, sweepMs, latest) => {
    const house = erasingHouse();
    await house.accept(one('source_id', 'crm-1'));
    const seen = slow(house, 0);
    await sweep(house.services, start + sweepMs);
    expect(seen.latest).toBe(start + latest);
  });

  it('and does nothing at all without any time', async () => {
    const house = erasingHouse();
    await house.accept(one('source_id', 'crm-1'));
    expect(await sweep(house.services, start)).toMatchObject({ claimed: 0 });
    expect(house.sent).toEqual([]);
  });
});
