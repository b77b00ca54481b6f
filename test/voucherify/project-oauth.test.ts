import { describe, expect, it } from 'vitest';
import { answer, notFound } from '../support/erasing-answers.ts';
import { one, start } from '../support/erasing-house.ts';
import { minute } from '../support/pace-heard.ts';
import { isToken, oauthHouse, secret, token, tokensIn } from '../support/pace-oauth.ts';

describe('a project by OAuth', () => {
  it('erases with one token for every erasure of a quarter of an hour', async () => {
    const house = oauthHouse();
    const ids = ['crm-1', 'crm-2', 'crm-3'].map(source_id => house.person({ source_id }));
    for (const sourceId of ['crm-1', 'crm-2', 'crm-3']) {
      expect((await house.ask(one('source_id', sourceId))).outcome).toMatchObject({ kind: 'erased' });
    }
    expect(house.deleted()).toEqual(ids);
    expect(house.sent.slice(0, 3)).toEqual([
      token,
      'GET /v1/customers/crm-1',
      `POST /v1/customers/${ids[0]}/permanent-deletion`,
    ]);
    expect(tokensIn(house.sent)).toBe(1);
    house.clock.now += 14 * minute;
    house.person({ source_id: 'crm-4' });
    await house.ask(one('source_id', 'crm-4'));
    expect(tokensIn(house.sent)).toBe(2);
  });

  it('goes on with a new token when one dies between look-up and deletion', async () => {
    const house = oauthHouse();
    house.person({ source_id: 'crm-1' });
    house.meddle = ({ method }, pass) => {
      const found = pass();
      if (method === 'GET') {
        house.sandbox.revoke('app-main');
        house.sandbox.addKey({ appId: 'app-new', appToken: 'token-new', project: 'main' });
        house.secrets[secret] = JSON.stringify({ appId: 'app-new', appToken: 'token-new' });
      }
      return found;
    };
    expect((await house.ask(one('source_id', 'crm-1'))).outcome.kind).toBe('erased');
    expect(tokensIn(house.sent)).toBe(2);
    expect(house.sent).toHaveLength(5);
    expect(house.alarms()).toEqual([]);
  });

  it('keeps no token anywhere, and none is logged', async () => {
    const house = oauthHouse();
    const tokens: string[] = [];
    house.meddle = (call, pass) => {
      const result = pass();
      if (isToken(call) && result.kind === 'answer')
        tokens.push(/"access_token":"(\w+)"/u.exec(result.body)?.[1] ?? '');
      return isToken(call) ? result : answer(403, { code: 403 });
    };
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    await house.sweep(start + 2 * minute);
    expect(tokens.length).toBeGreaterThan(0);
    const rows = await house.store.control.read(['rate-limit#main']);
    const stored = [
      ...rows.values(),
      await house.receipt(receipt.id),
      await house.store.readPersonalData(receipt.id),
      house.lines,
    ];
    expect(stored).toHaveLength(4);
    for (const text of [...tokens, 'token-main', 'Bearer']) expect(JSON.stringify(stored)).not.toContain(text);
  });
});

describe('a token endpoint that fails', () => {
  it.each([
    ['answers 500', 'error'],
    ['breaks off', 'down'],
    ['never answers', 'hang'],
  ] as const)('and %s has deleted nobody: who was never posted to is not taken for gone', async (_, mode) => {
    const house = oauthHouse();
    const unseen = 'cust_BBBBBBBBBBBBBBBBBBBBBBBB';
    let broken = false;
    house.meddle = (call, pass) => {
      const found = pass();
      if (call.method === 'GET' && !broken) {
        broken = true;
        // The token ends right after the look-up, and there is no new one.
        house.clock.now += 15 * minute;
        house.sandbox.outage(mode);
      }
      return found;
    };
    const { receipt } = await house.ask(one('customer_id', unseen));
    expect(receipt).toMatchObject({ state: 'open', projects: { main: { pins: 1, mayHaveExecuted: false } } });
    house.sandbox.outage(undefined);
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'no-match' });
  });

  it('and says what a customer would be told says nothing of the customer', async () => {
    const house = oauthHouse();
    house.person({ source_id: 'crm-1' });
    house.meddle = (call, pass) => (isToken(call) ? answer(404, notFound) : pass());
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'token-404' });
    house.meddle = undefined;
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
  });

  it('is asked once an attempt, and what it says is what the attempt comes to', async () => {
    const house = oauthHouse();
    house.sandbox.outage('error');
    const receipt = await house.accept(one('source_id', 'crm-1'));
    await house.sweep(start);
    expect(house.sent).toEqual([token]);
    expect(await house.receipt(receipt.id)).toMatchObject({ state: 'open', claims: 1, lastResult: 'token-500' });
  });
});
