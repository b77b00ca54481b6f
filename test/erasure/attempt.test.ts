import { describe, expect, it } from 'vitest';
import { answer, html } from '../support/erasing-answers.ts';
import { attemptNow, type ErasingHouse, erasingHouse, one, start } from '../support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';

const ben = 'cust_BBBBBBBBBBBBBBBBBBBBBBBB';

/** Metrics count these lines: one for each receipt that is closed, and none for what is not. */
const closings = (house: ErasingHouse) =>
  house.lines.filter(({ event }) => event === 'closed').map(({ receipt, outcome }) => `${receipt} ${outcome}`);

const secret = 'erasure/voucherify/main';

const rotated = { appId: 'app-new', appToken: 'token-new' };

/** The key is replaced by another one, of the same project unless said otherwise. */
function rotate(house: ErasingHouse, project = 'main'): void {
  house.sandbox.revoke('app-main');
  house.sandbox.addKey({ ...rotated, project });
  house.secrets[secret] = JSON.stringify(rotated);
}

/** A pin that is stored under the first key and not yet posted with any certain effect. */
async function pinned(house: ErasingHouse) {
  house.person({ id: ada, source_id: 'crm-1' });
  house.meddle = (call, pass) => (call.method === 'POST' ? answer(500, html) : pass());
  const { receipt } = await house.ask(one('source_id', 'crm-1'));
  house.meddle = undefined;
  return receipt;
}

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

describe('closed log line', () => {
  it('closing attempt: logs the outcome once', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    await house.ask(one('customer_id', ada));
    await house.ask(one('source_id', 'crm-9'));
    await house.ask([]);
    expect(closings(house)).toEqual(['receipt-1 erased', 'receipt-2 no-match', 'receipt-3 not-identifiable']);
    expect(house.lines.filter(({ event }) => event === 'attempt')).toEqual([]);
  });

  it('outage: logs nothing until the receipt is closed', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    house.meddle = () => answer(503, html);
    await house.ask(one('customer_id', ada));
    await house.sweepWhenDue('receipt-1');
    expect(closings(house)).toEqual([]);
    house.meddle = undefined;
    await house.sweepWhenDue('receipt-1');
    await house.sweep(house.clock.now + 86_400_000);
    expect(closings(house)).toEqual(['receipt-1 erased']);
  });

  it.each(['GET', 'POST'])('overtaken at %s: does not log it again', async method => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    house.meddle = async (call, pass) => {
      if (call.method !== method) return pass();
      house.meddle = undefined;
      house.clock.now += 15_000;
      await house.sweep();
      return pass();
    };
    const { outcome } = await house.ask(one('source_id', 'crm-1'));
    expect(outcome.kind).toBe('erased');
    expect(closings(house)).toEqual(['receipt-1 erased']);
    expect(house.lines.at(-1)).toMatchObject({ event: 'attempt', outcome: 'erased' });
  });

  it('two attempts at once: one of them logs it', async () => {
    const house = erasingHouse();
    await house.accept(one('source_id', 'crm-9'));
    await Promise.all([house.sweep(), house.sweep()]);
    expect(closings(house)).toEqual(['receipt-1 no-match']);
  });

  it('needs-review: is not logged as closed', async () => {
    const house = erasingHouse();
    house.meddle = () => answer(400, {});
    await house.ask(one('customer_id', ada));
    expect(closings(house)).toEqual([]);
    expect(house.lines).toContainEqual(expect.objectContaining({ event: 'attempt', outcome: 'needs-review' }));
  });
});

describe('rotated key', () => {
  it('between attempts: the deletion continues', async () => {
    const house = erasingHouse();
    const receipt = await pinned(house);
    rotate(house);
    const closed = await house.sweepWhenDue(receipt.id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'deleted' }] } } });
  });

  it('during an attempt: the new key is read and the attempt succeeds', async () => {
    let fetched = 0;
    const house = erasingHouse({
      change: ({ readSecret }) => {
        let cached: string | undefined;
        const cachedRead: typeof readSecret = async (name, how = {}) => {
          if (name !== secret) return readSecret(name);
          if (cached === undefined || how.fresh) {
            cached = await readSecret(name);
            fetched += 1;
          }
          return cached;
        };
        return { readSecret: cachedRead };
      },
    });
    house.person({ id: ada, source_id: 'crm-1' });
    house.meddle = (call, pass) => {
      house.meddle = undefined;
      expect(call.method).toBe('GET');
      const found = pass();
      rotate(house);
      return found;
    };
    const { outcome } = await house.ask(one('source_id', 'crm-1'));
    expect(outcome).toMatchObject({ kind: 'erased', deletions: [{ proof: 'deleted' }] });
    expect(fetched).toBe(2);
  });

  it('key of another project: a 404 proves nothing and needs review', async () => {
    for (const effect of [false, true]) {
      const house = erasingHouse();
      const receipt = await pinned(house);
      if (effect) house.sandbox.softDelete(ada);
      rotate(house, 'other');
      const asked = await house.sweepWhenDue(receipt.id);
      expect(asked).toMatchObject({
        state: 'needs-review',
        reason: 'other-app-id',
        projects: { main: { deletions: [] } },
      });
      expect(house.deleted()).toEqual([]);
    }
  });

  it('key of a project where the pin is a source_id: sends no deletion', async () => {
    const house = erasingHouse();
    const receipt = await pinned(house);
    rotate(house, 'other');
    house.person({ source_id: ada }, 'other');
    const posts = house.sent.filter(call => call.startsWith('POST')).length;
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'needs-review', reason: 'other-app-id' });
    expect(house.sent.filter(call => call.startsWith('POST'))).toHaveLength(posts);
  });

  it('key of another project, unseen pin: is not a no match', async () => {
    const house = erasingHouse();
    house.meddle = (call, pass) => {
      if (call.method === 'POST') rotate(house, 'other');
      return pass();
    };
    const { receipt } = await house.ask(one('customer_id', ada));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'other-app-id' });
  });
});

describe('refused key', () => {
  it.each([401, 403])('%i: postpones at least a minute and raises an alarm', async status => {
    const house = erasingHouse({ random: () => 0 });
    house.person({ id: ada });
    house.meddle = () => answer(status, { code: status });
    const { receipt, outcome } = await house.ask(one('customer_id', ada));
    expect(outcome).toMatchObject({ kind: 'in-progress' });
    expect(receipt).toMatchObject({ lastResult: `voucherify-${status}`, nextAttemptAt: start + 60_000 });
    expect(house.alarms()).toEqual(['voucherify-key-refused']);
    house.meddle = undefined;
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
  });

  it('revoked in the sandbox: is retried with the new key', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    house.sandbox.revoke('app-main');
    const { receipt } = await house.ask(one('customer_id', ada));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'voucherify-401' });
    rotate(house);
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
  });
});

it.each(['REPLACE_ME', '', '{}', '{"appId":"a"}'])(
  'unusable key (%j): makes no call, raises an alarm and is postponed',
  async text => {
    const house = erasingHouse();
    house.person({ id: ada });
    house.secrets[secret] = text;
    const { receipt, outcome } = await house.ask(one('customer_id', ada));
    expect(outcome).toMatchObject({ kind: 'in-progress' });
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'no-credentials' });
    expect(house.alarms()).toEqual(['secret-unusable']);
    expect(house.sent).toEqual([]);
  },
);

it('unusable pepper: nothing is pinned or deleted and the receipt stays open', async () => {
  const house = erasingHouse();
  house.person({ id: ada });
  house.secrets['erasure/pepper'] = 'REPLACE_ME';
  await expect(house.ask(one('customer_id', ada))).rejects.toMatchObject({
    code: 'unavailable',
    alarm: 'pepper-unusable',
  });
  expect(house.deleted()).toEqual([]);
  expect(await house.receipt('receipt-1')).toMatchObject({ state: 'open', projects: { main: { pins: 0 } } });
});
