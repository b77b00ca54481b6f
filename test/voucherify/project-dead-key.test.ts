import { describe, expect, it } from 'vitest';
import { openProject } from '../../lambda/voucherify/project.ts';
import { answer } from '../support/erasing-answers.ts';
import { erasingHouse, one, start } from '../support/erasing-house.ts';
import { hour, minute, second } from '../support/pace-heard.ts';
import { isToken, oauthHouse, secret, token } from '../support/pace-oauth.ts';

describe('a dead key', () => {
  it('under OAuth pages, is tried once a minute, and costs no claim while it is closed', async () => {
    const house = oauthHouse();
    house.person({ source_id: 'crm-1' });
    house.sandbox.revoke('app-main');
    const receipts = [await house.accept(one('source_id', 'crm-1')), await house.accept(one('source_id', 'crm-2'))];
    const claims = () => Promise.all(receipts.map(async ({ id }) => (await house.receipt(id)).claims));
    await house.sweep(start);
    expect(house.sent).toEqual([token]);
    expect(new Set(house.alarms())).toEqual(new Set(['voucherify-key-refused']));
    const before = await claims();
    for (let at = 10; at < 60; at += 10) await house.sweep(start + at * second);
    expect(await claims()).toEqual(before);
    expect(house.sent).toHaveLength(1);
    await house.sweep(start + minute);
    expect(house.sent).toHaveLength(2);
    house.secrets[secret] = JSON.stringify({ appId: 'app-new', appToken: 'token-new' });
    house.sandbox.addKey({ appId: 'app-new', appToken: 'token-new', project: 'main' });
    await house.sweep(start + hour);
    for (const { id } of receipts) expect((await house.receipt(id)).closedAt).toBe(start + hour);
  });

  it.each(['api-key', 'oauth'])('that is forbidden by its role pages and is tried once a minute, by %s', async auth => {
    const house = auth === 'oauth' ? oauthHouse() : erasingHouse();
    house.meddle = (call, pass) => (isToken(call) ? pass() : answer(403, { code: 403 }));
    for (let person = 0; person < 4; person += 1) await house.accept(one('source_id', `crm-${person}`));
    const looks = () => house.sent.filter(call => call.startsWith('GET')).length;
    await house.sweep(start);
    expect(looks()).toBe(1);
    for (let at = 10; at < 60; at += 10) await house.sweep(start + at * second);
    expect(looks()).toBe(1);
    await house.sweep(start + minute);
    expect(looks()).toBe(2);
    expect(new Set(house.alarms())).toEqual(new Set(['voucherify-key-refused']));
  });
});

describe('many processes by OAuth, each with a token of its own', () => {
  it('are all held by what one of them was forbidden, and try it once a minute together', async () => {
    const house = oauthHouse();
    const processes = Array.from({ length: 4 }, () => openProject('main', house.services));
    house.meddle = (call, pass) => (isToken(call) ? pass() : answer(403, { code: 403 }));
    const looks = () => house.sent.filter(call => call.startsWith('GET')).length;
    const all = async () => {
      for (const process of processes) {
        const way = process.attempt({ receipt: 'receipt-1', fresh: true });
        await way.voucherify.lookUp('crm-1', house.clock.now + 7000);
      }
    };
    // Each has its token before anything is forbidden.
    for (const process of processes) {
      expect(
        await process.attempt({ receipt: 'receipt-0', fresh: true }).reserve({ calls: 1 }, start + 7000),
      ).toBeUndefined();
    }
    for (let at = 0; at < 60; at += 10) {
      house.clock.now = start + at * second;
      await all();
    }
    expect(looks()).toBe(1);
    house.clock.now = start + minute;
    await all();
    expect(looks()).toBe(2);
  });
});

describe('the sweep, when the project is closed', () => {
  it.each(['api-key', 'oauth'])(
    'leaves every receipt alone until then, in a process without a token as well: by %s',
    async auth => {
      const house = auth === 'oauth' ? oauthHouse() : erasingHouse();
      const until = start + 10 * minute;
      const closed = { code: 'voucherify-429', trips: 0, openedAt: start, openUntil: until };
      await house.store.control.write('rate-limit#main', 0, { notBefore: 0, breaker: closed });
      const receipt = await house.accept(one('source_id', 'crm-1'));
      await house.sweep(start);
      expect(await house.receipt(receipt.id)).toMatchObject({ claims: 0, nextAttemptAt: until });
      expect(house.sent).toEqual([]);
    },
  );
});
