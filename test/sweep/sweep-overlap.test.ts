import { describe, expect, it } from 'vitest';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { recordAttempt } from '../../lambda/receipts/record-attempt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { answer, html } from '../support/erasing-answers.ts';
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

const posts = (house: ErasingHouse) => house.sent.filter(call => call.startsWith('POST')).length;
const states = async (house: ErasingHouse, receipts: readonly Receipt[]) =>
  (await Promise.all(receipts.map(receipt => house.receipt(receipt.id)))).map(receipt => receipt.state);

describe('stale index', () => {
  const lagging = (change: (ids: readonly string[], store: ReceiptStore) => readonly string[]) =>
    changedStore(store => ({ due: async (...asked) => change(await store.due(...asked), store) }));

  it('claimed, closed, waiting or unknown receipt: is not changed', async () => {
    const stale = ['receipt-1', 'receipt-2', 'receipt-3', 'nobody', 'receipt-1'];
    const house = erasingHouse(lagging((ids, _) => [...stale, ...ids]));
    const receipts = await crowd(house, 3);
    house.meddle = (call, pass) => {
      if (call.url.pathname.endsWith('crm-2')) return answer(400, {});
      return call.url.pathname.endsWith('crm-3') ? answer(503, html) : pass();
    };
    await house.sweep();
    const standing = await Promise.all(receipts.map(receipt => house.receipt(receipt.id)));
    expect(standing.map(receipt => receipt.state)).toEqual(['erased', 'needs-review', 'open']);
    const calls = house.sent.length;
    expect(await house.sweep(start + 10)).toMatchObject({ claimed: 0, closed: 0, failed: 0 });
    expect(await Promise.all(receipts.map(receipt => house.receipt(receipt.id)))).toEqual(standing);
    expect(house.sent).toHaveLength(calls);
  });

  it('missing receipt: is only delayed', async () => {
    let sweeps = 0;
    const house = erasingHouse(lagging(ids => (sweeps === 1 ? ids.slice(0, 1) : ids)));
    await crowd(house, 3);
    sweeps = 1;
    await house.sweep();
    sweeps = 2;
    await house.sweep(start + 60_000);
    expect(house.deleted().toSorted()).toEqual([1, 2, 3].map(id));
  });
});

describe('overlapping sweeps', () => {
  it('attempts and deletions: happen once', async () => {
    const house = erasingHouse();
    const receipts = await crowd(house, 20);
    const swept = await Promise.all([house.sweep(), house.sweep(), house.sweep()]);
    expect(swept.map(({ claimed }) => claimed).reduce((a, b) => a + b)).toBe(20);
    expect(new Set(await states(house, receipts))).toEqual(new Set(['erased']));
    expect(new Set((await Promise.all(receipts.map(({ id: one }) => house.receipt(one)))).map(r => r.claims))).toEqual(
      new Set([1]),
    );
    expect(posts(house)).toBe(20);
    expect(house.deleted()).toHaveLength(20);
  });

  it('personal data deleted by the other sweep: does not need review', async () => {
    let closes: (() => Promise<unknown>) | undefined;
    const house = erasingHouse(
      changedStore(store => ({
        readPersonalData: async receipt => {
          await closes?.();
          return store.readPersonalData(receipt);
        },
      })),
    );
    const [receipt] = await crowd(house, 1);
    if (receipt === undefined) throw new Error('nobody is there');
    closes = async () => {
      closes = undefined;
      const { claims } = await house.receipt(receipt.id);
      const result = { kind: 'no-match', deletions: [], knownPins: 0 } as const;
      const recording = {
        generation: claims,
        results: { main: result },
        now: start,
        retryAt: start,
        repliesNow: false,
      };
      const closed = recordAttempt(await house.receipt(receipt.id), recording);
      if (closed !== undefined) await house.store.replace(closed, { deletePersonalData: true });
    };
    expect(await house.sweep()).toMatchObject({ claimed: 1, failed: 0, needsReview: 0 });
    expect(await house.receipt(receipt.id)).toMatchObject({ state: 'no-match' });
    expect(house.alarms()).toEqual([]);
  });

  it('overlap longer than a claim: everything is deleted once and nothing is lost', async () => {
    const house = erasingHouse();
    const receipts = await crowd(house, 6);
    let later: Promise<unknown> | undefined;
    house.meddle = async (call, pass) => {
      if (call.method === 'GET' || later !== undefined) return pass();
      house.clock.now += 61_000;
      later = house.sweep();
      await later;
      return pass();
    };
    await house.sweep();
    await later;
    await house.sweep(house.clock.now + 3_600_000);
    expect(new Set(await states(house, receipts))).toEqual(new Set(['erased']));
    expect(house.deleted().toSorted()).toEqual([1, 2, 3, 4, 5, 6].map(id));
  });
});
