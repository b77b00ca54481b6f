import { describe, expect, it, onTestFinished } from 'vitest';
import { openSandbox } from '../../infra/local/sandbox/sandbox.ts';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import { createHttpClient } from '../../lambda/io/http-client.ts';
import { tokenInterval } from '../../lambda/quota/rate-limit.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { openProject } from '../../lambda/voucherify/project.ts';
import { voucherifyAt } from '../support/pace-clock.ts';
import { answered, hour, minute } from '../support/pace-heard.ts';
import { memoryRows } from '../support/pace-rows.ts';

const key = { appId: 'app-1', appToken: 'token-1' };
const start = Date.UTC(2026, 10, 24, 12);

function settingsOf(project: object, baseUrl = 'https://api.voucherify.io') {
  return parseSettings(JSON.stringify({ projects: { main: { baseUrl, ...project } }, platforms: {} }), 'local');
}

function opened(project: object, more: object = {}) {
  const rows = memoryRows();
  const { send, calls } = voucherifyAt({ now: () => start });
  const readSecret = async () => JSON.stringify(key);
  const needs = { readSecret, control: rows, send, now: () => start, wait: async () => undefined, ...more };
  return { project: openProject('main', { settings: settingsOf(project), ...needs }), rows, calls, needs };
}

describe('a project', () => {
  it('that settings do not name is a mistake of ours', () => {
    const { needs } = opened({});
    expect(() => openProject('us', { settings: settingsOf({}), ...needs })).toThrow(RangeError);
  });

  it.each([
    ['the default, the half of 100 a minute', {}, { share: 0.5, limit: 100, periodMs: minute }],
    ['what settings say', { quotaShare: 0.2, callsPerMinute: 2000 }, { share: 0.2, limit: 2000, periodMs: minute }],
    ['an hourly limit', { quotaPeriod: 'hour' }, { share: 0.5, limit: 100, periodMs: hour }],
  ])('keeps to %s', async (_, settings, quota) => {
    const { project, rows } = opened(settings);
    const way = project.attempt({ receipt: 'receipt-1', fresh: true });
    expect(await way.reserve({ calls: 2 }, start + 7000)).toBeUndefined();
    expect(rows.rows.get('rate-limit#main')?.value).toEqual({
      notBefore: expect.closeTo(start + 2 * tokenInterval({}, quota).intervalMs, 2),
    });
  });

  it('uses what was admitted for the calls, in all attempts of the process over one row', async () => {
    const { project, rows, calls } = opened({});
    const [one, other] = ['a', 'b'].map(receipt => project.attempt({ receipt, fresh: true }));
    await one?.reserve({ calls: 2 }, start + 7000);
    await one?.voucherify.lookUp('crm-1', start + 7000);
    await one?.voucherify.deletePermanently('cust_1', start + 7000);
    expect(rows.calls).toEqual(['write']);
    await other?.voucherify.lookUp('crm-1', start + 7000);
    expect(rows.calls).toEqual(['write', 'write']);
    expect(calls).toHaveLength(3);
  });

  it('whose pace holds it says so before the attempt begins', async () => {
    const { project, rows } = opened({});
    const closed = { code: 'quota-exhausted', trips: 0, openedAt: start, openUntil: start + hour };
    rows.rows.set('rate-limit#main', { revision: 3, value: { notBefore: 0, breaker: closed } });
    const way = project.attempt({ receipt: 'receipt-1', fresh: false });
    expect(await way.reserve({ calls: 2 }, start + 7000)).toEqual({
      kind: 'held',
      until: start + hour,
      code: 'quota-exhausted',
    });
  });

  it('that was not given a token says so at the first call, and asks again for the next one', async () => {
    let status = 500;
    const token = { access_token: 'abc', expires_in: 900 };
    const { send, calls } = voucherifyAt({ now: () => start }, () => ({
      ...answered(status),
      body: JSON.stringify(token),
    }));
    const { project } = opened({ auth: 'oauth' }, { send });
    const way = project.attempt({ receipt: 'receipt-1', fresh: true });
    expect(await way.reserve({ calls: 2 }, start + 7000)).toBeUndefined();
    status = 200;
    const held = { kind: 'held', code: 'token-500' };
    expect((await way.voucherify.lookUp('crm-1', start + 7000)).result).toEqual(held);
    expect(calls).toHaveLength(1);
    expect((await way.voucherify.lookUp('crm-1', start + 7000)).result).toMatchObject({ kind: 'answer' });
    expect(calls.map(({ call }) => call.url.pathname)).toEqual([
      '/v1/oauth/token',
      '/v1/oauth/token',
      '/v1/customers/crm-1',
    ]);
  });

  it.each(['api-key', 'oauth'])('without keys goes on, so that the attempt can say so: by %s', async auth => {
    const { project, rows, calls } = opened({ auth }, { readSecret: async () => '{}' });
    const way = project.attempt({ receipt: 'receipt-1', fresh: true });
    expect(await way.reserve({ calls: 2 }, start + 7000)).toBeUndefined();
    expect(await way.voucherify.lookUp('crm-1', start + 7000)).toEqual({
      result: { kind: 'no-credentials' },
      appId: '',
    });
    expect([...rows.calls, ...calls]).toEqual([]);
  });
});

describe('over HTTP', () => {
  it('a project by OAuth finds and deletes somebody in the sandbox, with one token', async () => {
    const sandbox = openSandbox({ now: Date.now, keys: [{ ...key, project: 'main' }] });
    const server = await serveSandbox(sandbox, 0);
    onTestFinished(async () => {
      await server.close();
      sandbox.close();
    });
    const id = sandbox.register({ source_id: 'crm-1' }, 'main');
    const project = openProject('main', {
      settings: settingsOf({ auth: 'oauth', quotaShare: 1 }, server.url),
      readSecret: async () => JSON.stringify(key),
      control: memoryRows(),
      send: createHttpClient(Date.now),
      now: Date.now,
      wait: async () => undefined,
    });
    const until = Date.now() + 60_000;
    const way = project.attempt({ receipt: 'receipt-1', fresh: true });
    expect(await way.reserve({ calls: 2 }, until)).toBeUndefined();
    const found = await way.voucherify.lookUp('crm-1', until);
    expect(found).toMatchObject({ appId: 'app-1', result: { kind: 'answer', status: 200 } });
    const gone = await way.voucherify.deletePermanently(id, until);
    expect(gone.result).toMatchObject({ kind: 'answer', status: 200, body: expect.stringContaining('"DONE"') });
    expect(sandbox.deletions().map(({ customerId }) => customerId)).toEqual([id]);
    expect(sandbox.calls().map(({ kind }) => kind)).toEqual(['token', 'get', 'permanent-deletion']);
  });
});
