import { describe, expect, test } from 'vitest';
import { recordAttempt } from '../../lambda/receipts/record-attempt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { changedStore, createHarness, crowd, crowdId, type Harness, start, states } from '../support/harness.ts';
import { html, response } from '../support/voucherify-responses.ts';

const posts = (harness: Harness) => harness.sent.filter(call => call.startsWith('POST')).length;

describe('stale index', () => {
  const lagging = (change: (ids: readonly string[], store: ReceiptStore) => readonly string[]) =>
    changedStore(store => ({ due: async (...asked) => change(await store.due(...asked), store) }));

  test('claimed, closed, waiting or unknown receipt: is not changed', async () => {
    const stale = ['receipt-1', 'receipt-2', 'receipt-3', 'nobody', 'receipt-1'];
    const harness = createHarness(lagging((ids, _) => [...stale, ...ids]));
    const receipts = await crowd(harness, 3);
    harness.intercept = (call, pass) => {
      if (call.url.pathname.endsWith('crm-2')) return response(400, {});
      return call.url.pathname.endsWith('crm-3') ? response(503, html) : pass();
    };
    await harness.sweep();
    const standing = await Promise.all(receipts.map(receipt => harness.receipt(receipt.id)));
    expect(standing.map(receipt => receipt.state)).toEqual(['erased', 'needs-review', 'open']);
    const calls = harness.sent.length;
    expect(await harness.sweep(start + 10)).toMatchObject({ claimed: 0, closed: 0, failed: 0 });
    expect(await Promise.all(receipts.map(receipt => harness.receipt(receipt.id)))).toEqual(standing);
    expect(harness.sent).toHaveLength(calls);
  });

  test('missing receipt: is only delayed', async () => {
    let sweeps = 0;
    const harness = createHarness(lagging(ids => (sweeps === 1 ? ids.slice(0, 1) : ids)));
    await crowd(harness, 3);
    sweeps = 1;
    await harness.sweep();
    sweeps = 2;
    await harness.sweep(start + 60_000);
    expect(harness.deleted().toSorted()).toEqual([1, 2, 3].map(crowdId));
  });
});

describe('overlapping sweeps', () => {
  test('attempts and deletions: happen once', async () => {
    const harness = createHarness();
    const receipts = await crowd(harness, 20);
    const swept = await Promise.all([harness.sweep(), harness.sweep(), harness.sweep()]);
    expect(swept.map(({ claimed }) => claimed).reduce((a, b) => a + b)).toBe(20);
    expect(new Set(await states(harness, receipts))).toEqual(new Set(['erased']));
    expect(
      new Set((await Promise.all(receipts.map(({ id: one }) => harness.receipt(one)))).map(r => r.claims)),
    ).toEqual(new Set([1]));
    expect(posts(harness)).toBe(20);
    expect(harness.deleted()).toHaveLength(20);
  });

  test('personal data deleted by the other sweep: does not need review', async () => {
    let closes: (() => Promise<unknown>) | undefined;
    const harness = createHarness(
      changedStore(store => ({
        readPersonalData: async receipt => {
          await closes?.();
          return store.readPersonalData(receipt);
        },
      })),
    );
    const [receipt] = await crowd(harness, 1);
    if (receipt === undefined) throw new Error('nobody is there');
    closes = async () => {
      closes = undefined;
      const { claims } = await harness.receipt(receipt.id);
      const result = { kind: 'no-match', deletions: [], knownPins: 0 } as const;
      const recording = {
        claim: claims,
        results: { main: result },
        now: start,
        retryAt: start,
        repliesNow: false,
      };
      const closed = recordAttempt(await harness.receipt(receipt.id), recording);
      if (closed !== undefined) await harness.store.replace(closed, { deletePersonalData: true });
    };
    expect(await harness.sweep()).toMatchObject({ claimed: 1, failed: 0, needsReview: 0 });
    expect(await harness.receipt(receipt.id)).toMatchObject({ state: 'no-match' });
    expect(harness.alarms()).toEqual([]);
  });

  test('overlap longer than a claim: everything is deleted once and nothing is lost', async () => {
    const harness = createHarness();
    const receipts = await crowd(harness, 6);
    let later: Promise<unknown> | undefined;
    harness.intercept = async (call, pass) => {
      if (call.method === 'GET' || later !== undefined) return pass();
      harness.clock.now += 61_000;
      later = harness.sweep();
      await later;
      return pass();
    };
    await harness.sweep();
    await later;
    await harness.sweep(harness.clock.now + 3_600_000);
    expect(new Set(await states(harness, receipts))).toEqual(new Set(['erased']));
    expect(harness.deleted().toSorted()).toEqual([1, 2, 3, 4, 5, 6].map(crowdId));
  });
});
