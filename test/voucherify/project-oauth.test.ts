import { describe, expect, it } from 'vitest';
import type { OutboundCall } from '../../lambda/io/outbound.ts';
import type { Ports } from '../../lambda/parts.ts';
import { openProject } from '../../lambda/voucherify/project.ts';
import { answer, notFound } from '../support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, start } from '../support/erasing-house.ts';
import { hour, minute, second } from '../support/pace-heard.ts';

const token = 'POST /v1/oauth/token';
const secret = 'erasure/voucherify/main';
const isToken = ({ url }: OutboundCall) => url.pathname === '/v1/oauth/token';

/** The erasing side under OAuth, and what is stored of it. */
function oauthHouse(): ErasingHouse {
  return erasingHouse({ change: ({ settings }) => ({ settings: byOauth(settings) }) });
}

function byOauth(settings: Ports['settings']): Ports['settings'] {
  const projects = Object.entries(settings.projects).map(([name, project]) => [
    name,
    { ...project, auth: 'oauth' as const },
  ]);
  return { ...settings, projects: Object.fromEntries(projects) };
}

const tokensIn = (sent: readonly string[]) => sent.filter(call => call === token).length;

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
    const rows = await house.store.control.read(['pace#main']);
    const stored = [...rows.values(), await house.receipt(receipt.id), await house.store.kept(receipt.id), house.lines];
    expect(stored).toHaveLength(4);
    for (const text of [...tokens, 'token-main', 'Bearer']) expect(JSON.stringify(stored)).not.toContain(text);
  });
});

describe('a dead key', () => {
  it('under OAuth pages, is tried once a minute, and costs no claim while it is closed', async () => {
    const house = oauthHouse();
    house.person({ source_id: 'crm-1' });
    house.sandbox.revoke('app-main');
    const receipts = [await house.accept(one('source_id', 'crm-1')), await house.accept(one('source_id', 'crm-2'))];
    const claims = () => Promise.all(receipts.map(async ({ id }) => (await house.receipt(id)).claims));
    await house.sweep(start);
    expect(house.sent).toEqual([token]);
    expect(new Set(house.alarms())).toEqual(new Set(['voucherify-refuses-the-key']));
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
    expect(new Set(house.alarms())).toEqual(new Set(['voucherify-refuses-the-key']));
  });
});

describe('many processes by OAuth, each with a token of its own', () => {
  it('are all held by what one of them was forbidden, and try it once a minute together', async () => {
    const house = oauthHouse();
    const processes = Array.from({ length: 4 }, () => openProject('main', house.parts));
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
      expect(await process.attempt({ receipt: 'receipt-0', fresh: true }).admit(1, start + 7000)).toBeUndefined();
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
    expect(receipt).toMatchObject({ state: 'open', projects: { main: { pins: 1, tried: false } } });
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

describe('the sweep, when the project is closed', () => {
  it.each(['api-key', 'oauth'])(
    'leaves every receipt alone until then, in a process without a token as well: by %s',
    async auth => {
      const house = auth === 'oauth' ? oauthHouse() : erasingHouse();
      const until = start + 10 * minute;
      const closed = { code: 'voucherify-429', times: 0, since: start, until };
      await house.store.control.write('pace#main', 0, { notBefore: 0, closed });
      const receipt = await house.accept(one('source_id', 'crm-1'));
      await house.sweep(start);
      expect(await house.receipt(receipt.id)).toMatchObject({ claims: 0, nextAttemptAt: until });
      expect(house.sent).toEqual([]);
    },
  );
});
