import { describe, expect, test } from 'vitest';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import { evidenceOf } from '../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { updateReceipt } from '../../lambda/receipts/store.ts';
import { claimReceipt, decideRefusal } from '../../lambda/receipts/transitions.ts';
import { ada, createHarness, type Harness, inReview, one, start } from '../support/harness.ts';
import { response } from '../support/voucherify-responses.ts';

const posts = (harness: Harness) => harness.sent.filter(call => call.startsWith('POST')).length;

describe('overlapping attempts', () => {
  test('first attempt overtaken: its result is ignored and the customer is deleted once', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    let sweeping: Promise<unknown> = Promise.resolve();
    harness.intercept = async (call, pass) => {
      harness.intercept = undefined;
      expect(call.method).toBe('GET');
      harness.clock.now += 15_000;
      sweeping = harness.sweep();
      await sweeping;
      return pass();
    };
    const { receipt, outcome } = await harness.erase(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({ state: 'erased', claims: 2 });
    expect(outcome).toMatchObject({ kind: 'erased', deletions: [{ proof: 'deleted' }] });
    expect(harness.deleted()).toEqual([ada]);
    expect(posts(harness)).toBe(1);
  });

  /** An attempt that a sweep overtakes before its deletion is answered. */
  async function overtakenAfterPins(answer?: HttpResult) {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    harness.intercept = async (call, pass) => {
      if (call.method === 'GET') return pass();
      harness.intercept = () => response(500, '');
      await harness.sweep(harness.clock.now + 15_000);
      return answer ?? pass();
    };
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    return { harness, receipt };
  }

  test('overtaken after its pins: may still prove the deletion', async () => {
    const { harness, receipt } = await overtakenAfterPins();
    const projects = { main: { deletions: [{ proof: 'deleted' }] } };
    expect(receipt).toMatchObject({ state: 'erased', claims: 2, projects });
    expect(await harness.receipt(receipt.id)).toEqual(receipt);
    expect(harness.deleted()).toEqual([ada]);
  });

  test('overtaken with a wrong customer deleted: stops the receipt', async () => {
    const wrong = { status: 'DONE', related_object_id: 'cust_1', data_json: { customer: 1 } };
    const { harness, receipt } = await overtakenAfterPins(response(200, wrong));
    expect(receipt).toMatchObject({ ...inReview('wrong-customer-deleted'), claims: 2 });
    expect(harness.alarms()).toEqual(expect.arrayContaining(['wrong-customer-deleted', 'needs-review']));
  });

  test.each(['GET', 'POST'])('overtaken at its %s: its failure is ignored', async method => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    harness.intercept = async (call, pass) => {
      if (call.method !== method) return pass();
      harness.intercept = undefined;
      const standing = await harness.receipt('receipt-1');
      const taken = claimReceipt(standing, start + 15_000, start + 75_000);
      if (taken !== undefined) await harness.store.replace(taken);
      return method === 'GET' ? pass() : response(400, {});
    };
    const { outcome } = await harness.erase(one('source_id', 'crm-1'));
    expect(outcome.kind).toBe('in-progress');
    expect(posts(harness)).toBe(method === 'GET' ? 0 : 1);
    expect(harness.lines.at(-1)).toMatchObject({ event: 'attempt', outcome: 'in-progress', code: 'superseded' });
    expect(harness.alarms()).toEqual([]);
    expect(await harness.receipt('receipt-1')).toMatchObject({
      state: 'open',
      claims: 2,
      nextAttemptAt: start + 75_000,
    });
    expect(await harness.sweepWhenDue('receipt-1')).toMatchObject({ state: 'erased' });
    expect(harness.deleted()).toEqual([ada]);
  });

  test('overtaken by a review: raises no second alarm, and logs that its own result is not stored', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    harness.intercept = async (_, pass) => {
      harness.intercept = () => response(400, {});
      await harness.sweep(harness.clock.now + 15_000);
      return pass();
    };
    const { outcome } = await harness.erase(one('source_id', 'crm-1'));
    expect(outcome.kind).toBe('needs-review');
    expect(harness.lines.at(-1)).toMatchObject({ event: 'attempt', outcome: 'needs-review', code: 'superseded' });
    expect(harness.alarms()).toEqual(['needs-review']);
    expect(harness.deleted()).toEqual([]);
  });

  test('overtaken without a match: does not report it', async () => {
    const harness = createHarness();
    harness.intercept = async (_, pass) => {
      const nobodyYet = pass();
      harness.intercept = undefined;
      harness.addCustomer({ id: ada, source_id: 'crm-1' });
      harness.clock.now += 15_000;
      harness.intercept = () => response(503, '');
      await harness.sweep();
      harness.intercept = undefined;
      return nobodyYet;
    };
    const { outcome } = await harness.erase(one('source_id', 'crm-1'));
    expect(outcome).toMatchObject({ kind: 'in-progress' });
    expect(await harness.sweepWhenDue('receipt-1')).toMatchObject({ state: 'erased' });
    expect(harness.deleted()).toEqual([ada]);
  });
});

/** Refuses the receipt like the operator's tool, whatever its revision. */
async function refuse(harness: Harness, receipt: Receipt): Promise<void> {
  const decided = { at: harness.clock.now, actor: 'on-call', action: 'refuse', reason: 'ordered by a thief' } as const;
  const { done } = await updateReceipt(harness.store, receipt, current => decideRefusal(current, decided));
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
      return { kind: 'no-response', code: 'connection-lost', mayHaveExecuted: true };
    };
    await harness.sweep();
    const closed = await harness.receipt(receipt.id);
    expect(closed.state).toBe('refused');
    expect(evidenceOf(closed).projects['main']).toMatchObject({ customers: 1, unproven: true, deletions: [] });
    await harness.sweep(harness.clock.now + 3_600_000);
    expect(await harness.receipt(receipt.id)).toMatchObject({ state: 'refused' });
  });
});
