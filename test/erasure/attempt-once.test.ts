import { describe, expect, it } from 'vitest';
import { attemptNow, erasingHouse, one, start } from '../support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
const ben = 'cust_BBBBBBBBBBBBBBBBBBBBBBBB';

describe('first attempt', () => {
  it('one customer: is found, pinned and deleted; only the reply contains the id', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1', email: 'ada@example.com', orders: 3 });
    const { receipt, outcome } = await house.ask(one('source_id', 'crm-1'));
    expect(house.sent).toEqual(['GET /v1/customers/crm-1', `POST /v1/customers/${ada}/permanent-deletion`]);
    expect(house.deleted()).toEqual([ada]);
    const received = { related_object_id: ada, status: 'DONE', object: 'pernament_deletion' };
    const deletion = { project: 'main', pin: 0, proof: 'deleted', at: start };
    expect(outcome).toMatchObject({ kind: 'erased', at: start, deletions: [{ ...deletion, received }] });
    const progress = { state: 'erased', pins: 1, mayHaveExecuted: false, deletions: [deletion] };
    expect(receipt).toMatchObject({ state: 'erased', closedAt: start, claims: 1, projects: { main: progress } });
    expect(await house.receipt(receipt.id)).toEqual(receipt);
    expect(JSON.stringify(receipt)).not.toMatch(/cust_|crm-1|example/u);
  });

  it('closing: deletes identifiers and pins in the same write', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    const { receipt } = await house.ask(one('customer_id', ada));
    expect(await house.store.readPersonalData(receipt.id)).toBeUndefined();
    expect(await house.store.due('erase', start + 1e9, 10)).toEqual([]);
  });

  it('pending callback: keeps the identifiers', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    const accepted = await house.accept(one('customer_id', ada), { attempted: true, hasCallbacks: true });
    const told = { ...accepted, revision: 2, answeredInProgress: true };
    await house.store.replace(told);
    const { receipt } = await attemptNow(told, house.services);
    expect(receipt).toMatchObject({ state: 'erased', queue: 'callback', nextAttemptAt: start });
    expect(await house.store.readPersonalData(receipt.id)).toMatchObject({
      pins: { main: [{ customerId: ada, seen: true }] },
    });
  });

  it('several customers: all pins are stored before the first deletion', async () => {
    const house = erasingHouse();
    for (const id of [ada, ben]) house.person({ id, email: 'family@example.com' });
    const seen: unknown[] = [];
    house.meddle = async (call, pass) => {
      if (call.method === 'POST') {
        const kept = await house.store.readPersonalData('receipt-1');
        const { projects } = await house.receipt('receipt-1');
        seen.push([kept?.pins['main']?.map(({ customerId }) => customerId).toSorted(), projects['main']?.pins]);
      }
      return pass();
    };
    await house.ask(one('email', 'family@example.com'));
    expect(seen).toEqual([
      [[ada, ben], 2],
      [[ada, ben], 2],
    ]);
    expect(house.deleted().toSorted()).toEqual([ada, ben]);
  });

  it('soft-deleted customer: is deleted by customer_id', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    house.sandbox.softDelete(ada);
    const { outcome } = await house.ask(one('customer_id', ada));
    expect(outcome).toMatchObject({ kind: 'erased', deletions: [{ proof: 'deleted' }] });
    expect(house.deleted()).toEqual([ada]);
    expect(house.sandbox.customers()).toEqual([]);
  });

  it('unknown customer_id: is no match after one deletion request', async () => {
    const house = erasingHouse();
    const { receipt, outcome } = await house.ask(one('customer_id', ada));
    expect(outcome).toEqual({ kind: 'no-match', at: start, deletions: [] });
    expect(receipt.projects).toMatchObject({ main: { state: 'no-match', pins: 1, mayHaveExecuted: false } });
    expect(house.sent).toEqual([`GET /v1/customers/${ada}`, `POST /v1/customers/${ada}/permanent-deletion`]);
  });

  it('unknown customer_id: is no match only if all other identifiers could be looked up', async () => {
    const house = erasingHouse();
    const { receipt, outcome } = await house.ask([...one('customer_id', ada), ...one('email', 'ada @example.com')]);
    expect(outcome).toEqual({ kind: 'not-identifiable', at: start, deletions: [] });
    expect(receipt.projects).toMatchObject({ main: { state: 'not-identifiable', pins: 1, mayHaveExecuted: false } });
    const { outcome: beside } = await house.ask([...one('customer_id', ada), ...one('phone', '+1 555 010 0042')]);
    expect(beside.kind).toBe('no-match');
  });

  it('customer gone between look-up and deletion: is confirmed with one GET', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    house.meddle = (call, pass) => {
      if (call.method === 'POST') pass();
      return pass();
    };
    const { outcome } = await house.ask(one('customer_id', ada));
    expect(outcome).toEqual({
      kind: 'erased',
      at: start,
      deletions: [{ project: 'main', pin: 0, proof: 'gone', at: start }],
    });
    const look = `GET /v1/customers/${ada}`;
    expect(house.sent).toEqual([look, `POST /v1/customers/${ada}/permanent-deletion`, look]);
  });

  it('two identifiers, one usable: is erased', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    const { outcome } = await house.ask([...one('customer_id', ben), ...one('customer_id', ada)]);
    expect(outcome).toMatchObject({ kind: 'erased', deletions: [{ proof: 'deleted', pin: 1 }] });
  });

  it.each([
    ['no identifier', []],
    ['a phone', one('phone', '+1 555 010 0042')],
    ['a blank e-mail', one('email', '  ')],
    ['dots', one('source_id', '..')],
    ['an id that is none', one('customer_id', 'crm-1')],
  ])('no call: for %s', async (_, identifiers) => {
    const house = erasingHouse();
    const { receipt, outcome } = await house.ask(identifiers);
    expect(outcome).toEqual({ kind: 'not-identifiable', at: start, deletions: [] });
    expect(receipt.state).toBe('not-identifiable');
    expect(house.sent).toEqual([]);
  });

  it('log: contains the outcome and no personal data', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1', email: 'ada@example.com', name: 'Ada Example' });
    const { receipt } = await house.ask([...one('source_id', 'crm-1'), ...one('email', 'ada@example.com')]);
    await house.ask(one('source_id', 'crm-9'));
    const line = { event: 'closed', platform: 'generic', receipt: receipt.id, outcome: 'erased', code: 'erased' };
    expect(house.lines).toContainEqual(line);
    expect(house.lines).toContainEqual({ ...line, receipt: 'receipt-2', outcome: 'no-match', code: 'no-match' });
    expect(house.alarms()).toEqual([]);
    expect(JSON.stringify(house.lines)).not.toMatch(/cust_|crm-|example|Ada|app-main|token/u);
  });
});
