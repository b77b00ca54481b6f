import { describe, expect, test } from 'vitest';
import { evidenceOf } from '../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { updateReceipt } from '../../lambda/receipts/store.ts';
import { decideRefusal } from '../../lambda/receipts/transitions.ts';
import { createHarness, type Harness, one } from '../support/harness.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
const minute = 60_000;

/** Refuses the receipt like the operator's tool, whatever its revision. */
async function refuse(harness: Harness, receipt: Receipt): Promise<void> {
  const decided = { at: harness.clock.now, actor: 'on-call', action: 'refuse', reason: 'ordered by a thief' } as const;
  const { done } = await updateReceipt(harness.store, receipt, standing => decideRefusal(standing, decided));
  expect(done).toBe(true);
}

async function opened(): Promise<{ harness: Harness; receipt: Receipt }> {
  const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
  return { harness, receipt: await harness.accept(one('source_id', 'crm-1')) };
}

const isDeletion = (path: string) => path.endsWith('/permanent-deletion');

describe('receipt refused by an operator', () => {
  test('during the deletion: is closed as erased', async () => {
    const { harness, receipt } = await opened();
    harness.intercept = async ({ url }, pass) => {
      if (isDeletion(url.pathname)) await refuse(harness, receipt);
      return pass();
    };
    await harness.sweep();
    expect(await harness.receipt(receipt.id)).toMatchObject({ state: 'erased', decisions: [{ action: 'refuse' }] });
    expect(harness.deleted()).toEqual([ada]);
  });

  test('during a deletion with a lost response: records that it may have been executed', async () => {
    const { harness, receipt } = await opened();
    harness.intercept = async ({ url }, pass) => {
      if (!isDeletion(url.pathname)) return pass();
      await refuse(harness, receipt);
      pass();
      return { kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true };
    };
    await harness.sweep();
    const closed = await harness.receipt(receipt.id);
    expect(closed.state).toBe('refused');
    expect(evidenceOf(closed).projects['main']).toMatchObject({ customers: 1, unproven: true, deletions: [] });
    harness.clock.now += 60 * minute;
    await harness.sweep();
    expect(await harness.receipt(receipt.id)).toMatchObject({ state: 'refused' });
  });
});
