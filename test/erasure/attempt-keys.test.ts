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

describe('a key that was rotated', () => {
  it('between attempts goes on deleting, since what is deleted proves itself', async () => {
    const house = erasingHouse();
    const receipt = await pinned(house);
    rotate(house);
    const closed = await house.sweepWhenDue(receipt.id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'deleted' }] } } });
  });

  it('in the middle of an attempt is fetched afresh, unnoticed from outside', async () => {
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

  it('to another project says of everybody that they are not there: that proves nothing and needs a person', async () => {
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

  it('to a project where somebody has the pin as source_id posts nothing', async () => {
    const house = erasingHouse();
    const receipt = await pinned(house);
    rotate(house, 'other');
    house.person({ source_id: ada }, 'other');
    const posts = house.sent.filter(call => call.startsWith('POST')).length;
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'needs-review', reason: 'other-app-id' });
    expect(house.sent.filter(call => call.startsWith('POST'))).toHaveLength(posts);
  });

  it('away from an id that was never seen cannot say that nobody is there', async () => {
    const house = erasingHouse();
    house.meddle = (call, pass) => {
      if (call.method === 'POST') rotate(house, 'other');
      return pass();
    };
    const { receipt } = await house.ask(one('customer_id', ada));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'other-app-id' });
  });
});

describe('a key that is refused', () => {
  it.each([401, 403])('(%i) puts off at least a minute and pages', async status => {
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

  it('in the sandbox is one that was revoked', async () => {
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
  'no usable key (%j) makes no call, pages and is put off',
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

it('without a pepper nothing is pinned or deleted, and the receipt waits', async () => {
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
