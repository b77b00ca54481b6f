import { describe, expect, it } from 'vitest';
import { answer, html } from '../support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, start } from '../support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
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
