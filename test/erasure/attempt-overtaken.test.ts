import { describe, expect, it } from 'vitest';
import { claimReceipt } from '../../lambda/receipts/transitions.ts';
import { answer } from '../support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, start } from '../support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
const posts = (house: ErasingHouse) => house.sent.filter(call => call.startsWith('POST')).length;

describe('overlapping attempts', () => {
  it('first attempt overtaken: its result is ignored and the customer is deleted once', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    let sweeping: Promise<unknown> = Promise.resolve();
    house.meddle = async (call, pass) => {
      house.meddle = undefined;
      expect(call.method).toBe('GET');
      house.clock.now += 15_000;
      sweeping = house.sweep();
      await sweeping;
      return pass();
    };
    const { receipt, outcome } = await house.ask(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({ state: 'erased', claims: 2 });
    expect(outcome).toMatchObject({ kind: 'erased', deletions: [{ proof: 'deleted' }] });
    expect(house.deleted()).toEqual([ada]);
    expect(posts(house)).toBe(1);
  });

  it('overtaken after its pins: may still prove the deletion', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    house.meddle = async (call, pass) => {
      if (call.method === 'GET') return pass();
      house.meddle = () => answer(500, '');
      house.clock.now += 15_000;
      await house.sweep();
      return pass();
    };
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({
      state: 'erased',
      claims: 2,
      projects: { main: { deletions: [{ proof: 'deleted' }] } },
    });
    expect(await house.receipt(receipt.id)).toEqual(receipt);
    expect(house.deleted()).toEqual([ada]);
  });

  it('overtaken with a wrong customer deleted: stops the receipt', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    house.meddle = async (call, pass) => {
      if (call.method === 'GET') return pass();
      house.meddle = () => answer(500, '');
      house.clock.now += 15_000;
      await house.sweep();
      return answer(200, { status: 'DONE', related_object_id: 'cust_1', data_json: { customer: 1 } });
    };
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'wrong-customer-deleted', claims: 2 });
    expect(house.alarms()).toEqual(expect.arrayContaining(['wrong-customer-deleted', 'needs-review']));
  });

  it.each(['GET', 'POST'])('overtaken at its %s: its failure is ignored', async method => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    house.meddle = async (call, pass) => {
      if (call.method !== method) return pass();
      house.meddle = undefined;
      const standing = await house.receipt('receipt-1');
      const taken = claimReceipt(standing, start + 15_000, start + 75_000);
      if (taken !== undefined) await house.store.replace(taken);
      return method === 'GET' ? pass() : answer(400, {});
    };
    const { outcome } = await house.ask(one('source_id', 'crm-1'));
    expect(outcome.kind).toBe('in-progress');
    expect(posts(house)).toBe(method === 'GET' ? 0 : 1);
    expect(house.lines.at(-1)).toMatchObject({ event: 'attempt', outcome: 'in-progress', code: 'superseded' });
    expect(house.alarms()).toEqual([]);
    expect(await house.receipt('receipt-1')).toMatchObject({ state: 'open', claims: 2, nextAttemptAt: start + 75_000 });
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'erased' });
    expect(house.deleted()).toEqual([ada]);
  });

  it('overtaken by a review: raises no second alarm', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    house.meddle = async (_, pass) => {
      house.meddle = () => answer(400, {});
      house.clock.now += 15_000;
      await house.sweep();
      return pass();
    };
    const { outcome } = await house.ask(one('source_id', 'crm-1'));
    expect(outcome.kind).toBe('needs-review');
    expect(house.alarms()).toEqual(['needs-review']);
    expect(house.deleted()).toEqual([]);
  });

  it('overtaken without a match: does not report it', async () => {
    const house = erasingHouse();
    house.meddle = async (_, pass) => {
      const nobodyYet = pass();
      house.meddle = undefined;
      house.person({ id: ada, source_id: 'crm-1' });
      house.clock.now += 15_000;
      house.meddle = () => answer(503, '');
      await house.sweep();
      house.meddle = undefined;
      return nobodyYet;
    };
    const { outcome } = await house.ask(one('source_id', 'crm-1'));
    expect(outcome).toMatchObject({ kind: 'in-progress' });
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'erased' });
    expect(house.deleted()).toEqual([ada]);
  });
});
