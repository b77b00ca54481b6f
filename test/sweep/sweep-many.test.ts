import { describe, expect, it } from 'vitest';
import { localSigner } from '../../infra/local/local-signer.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
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
