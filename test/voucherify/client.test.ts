import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import { isPlainValue, isUsable } from '../../lambda/domain/identifiers.ts';
import { createHttpClient, type HttpCall, type HttpResult } from '../../lambda/io/http-client.ts';
import { tokenInterval } from '../../lambda/quota/rate-limit.ts';
import { parseSettings } from '../../lambda/settings.ts';
import {
  deletionUrl,
  expectedCalls,
  openProject,
  type Project,
  type VoucherifyClient,
} from '../../lambda/voucherify/client.ts';
import type { ApiKey } from '../../lambda/voucherify/credentials.ts';
import { clientOf, createHarness, one, sandboxResult, start } from '../support/harness.ts';
import { memoryRows } from '../support/memory-rows.ts';
import { hour, minute, mostInAPeriod, now, second, voucherifyAt } from '../support/quota-world.ts';
import { receiptOf } from '../support/receipt-builders.ts';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.ts';
import { done, notFound, pin, response, scripted } from '../support/voucherify-responses.ts';

const until = start + 7000;
const cached: ApiKey = { appId: 'app-old', appToken: 'token-old' };
const rotated: ApiKey = { appId: 'app-new', appToken: 'token-new' };
const unauthorized = response(401, { code: 401, key: 'unauthorized' });
const stopped = (code: string) => ({ kind: 'retry', code, mayHaveExecuted: false, stop: true });
const keyRefused = { kind: 'retry', code: 'voucherify-401', alarm: 'voucherify-key-refused' };

/** A client whose secret has one value in the cache and another when it is read again. */
function clientWith(inCache: ApiKey | undefined, fresh: ApiKey | undefined, ...responses: readonly HttpResult[]) {
  const { send, calls } = scripted(...responses);
  const reads: boolean[] = [];
  const readSecret = async (_: string, options: { readonly fresh?: boolean } = {}) => {
    reads.push(options.fresh ?? false);
    return JSON.stringify((options.fresh === true ? fresh : inCache) ?? {});
  };
  return { client: clientOf(createHarness({ change: () => ({ send, readSecret }) })), calls, reads };
}

const look = { method: 'GET', repeatable: true, maxResponseBytes: 4_194_304 };
const calls = [
  ['look-up', look, (client: VoucherifyClient) => client.lookUp('crm/1', until)],
  ['list', look, (client: VoucherifyClient) => client.listByEmail('a@example.com', 3, until)],
  ['deletion', { method: 'POST' }, (client: VoucherifyClient) => client.deletePermanently(pin, until)],
] as const;

describe.each(calls)('%s', (_, call, send) => {
  test('sends the keys, requests JSON and pins the API version', async () => {
    const { client, calls: sent } = clientWith(cached, rotated, response(404, notFound));
    expect(await send(client)).toMatchObject({ appId: 'app-old' });
    const url = expect.objectContaining({ origin: 'https://main.api.voucherify.io' });
    const headers = {
      Accept: 'application/json',
      'X-App-Id': 'app-old',
      'X-App-Token': 'token-old',
      'X-Voucherify-API-Version': 'v2018-08-01',
    };
    expect(sent).toEqual([{ ...call, url, until, headers }]);
  });

  test.each([
    ['other keys', rotated],
    ['another token', { ...cached, appToken: 'token-new' }],
    ['another app id', { ...cached, appId: 'app-new' }],
  ])('401 and %s in the secret: is sent once more', async (__, fresh) => {
    const { client, calls: sent, reads } = clientWith(cached, fresh, unauthorized, unauthorized);
    expect(await send(client)).toMatchObject({ result: keyRefused, appId: fresh.appId });
    expect(sent.map(({ headers }) => headers['X-App-Token'])).toEqual(['token-old', fresh.appToken]);
    expect(sent[1]).toMatchObject({ method: call.method, url: sent[0]?.url, until });
    expect(reads).toEqual([false, true]);
  });

  test.each([
    ['the same keys', { ...cached }],
    ['no keys', undefined],
  ])('401 and %s in the secret: is not sent again', async (__, fresh) => {
    const { client, calls: sent } = clientWith(cached, fresh, unauthorized);
    expect(await send(client)).toMatchObject({ result: keyRefused, appId: 'app-old' });
    expect(sent).toHaveLength(1);
  });

  test.each([200, 403, 404, 429, 500])('%i: does not read the secret again', async status => {
    const { client, reads } = clientWith(cached, rotated, response(status, {}));
    await send(client);
    expect(reads).toEqual([false]);
  });

  test('no response: is reported, and the secret is not read again', async () => {
    const lost = { kind: 'no-response', code: 'timed-out', mayHaveExecuted: true } as const;
    const { client, reads } = clientWith(cached, rotated, lost);
    const result = { kind: 'retry', code: 'timed-out', mayHaveExecuted: true, stop: false };
    expect(await send(client)).toMatchObject({ result, appId: 'app-old' });
    expect(reads).toEqual([false]);
  });

  test('no keys: is not sent and raises an alarm', async () => {
    const { client, calls: sent } = clientWith(undefined, rotated);
    const result = { ...stopped('no-credentials'), alarm: 'secret-unusable' };
    expect(await send(client)).toEqual({ result, appId: '' });
    expect(sent).toEqual([]);
  });

  test('open breaker: is not sent, and reports until when', async () => {
    const { client, calls: sent } = clientWith(cached, rotated, response(429, '', { 'retry-after': '90' }));
    await client.lookUp('crm-1', until);
    const result = { ...stopped('voucherify-429'), notBefore: start + 90_000 };
    expect(await send(client)).toEqual({ result, appId: 'app-old' });
    expect(sent).toHaveLength(1);
  });
});

test('parsed responses: each call parses its own kind of response', async () => {
  const customer = { id: pin, source_id: 'crm-1' };
  const page = { customers: [customer], total: 1 };
  const bodies = [customer, page, done].map(body => response(200, body));
  const { client } = clientWith(cached, rotated, ...bodies);
  expect((await client.lookUp('crm-1', until)).result).toEqual({ kind: 'customer', customer });
  expect((await client.listByEmail('a@example.com', 1, until)).result).toEqual({ kind: 'page', ...page });
  expect((await client.deletePermanently(pin, until)).result).toEqual({ kind: 'deleted', received: done });
});

/** Text that has broken URLs before, and any UTF-16 code unit, lone surrogates included. */
const hazards = [
  ...['.', '..', '/', '\\', '%', '%2e', '%2F', '%2E%2E', '?', '#', ';', '@', ':'],
  ...['\0', '\n', '\ud800', '🙂'],
];
const unit = fc.oneof(
  fc.constantFrom(...hazards),
  fc.integer({ min: 0, max: 0xffff }).map(code => String.fromCharCode(code)),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  fc.constantFrom('a', 'ö', ' ', '+', '&', '='),
);
const anyId = fc.array(unit, { maxLength: 12 }).map(units => units.join(''));

describe('URL of a deletion', () => {
  const base = 'https://api.voucherify.io';

  test('random id: is exactly one path segment, or an error is thrown', () => {
    let built = 0;
    const isExact = (id: string) => {
      if (!isPlainValue(id)) {
        expect(() => deletionUrl(base, id)).toThrow(RangeError);
        return;
      }
      built += 1;
      const url = deletionUrl(base, id);
      expect(url.href).toBe(`${base}${url.pathname}`);
      const segment = /^\/v1\/customers\/([^/]+)\/permanent-deletion$/.exec(url.pathname)?.[1];
      expect(decodeURIComponent(segment ?? '')).toBe(id);
    };
    fc.assert(fc.property(anyId, isExact), { seed: 20261124, numRuns: 10_000 });
    expect(built).toBeGreaterThan(1000);
  });

  test.each([
    ...['', ' ', '\t', '\u00a0', '.', '..', 'a\0b', 'a\nb', '\u007f', '\u0085'],
    ...['\ud800', 'a\udfff', 'x'.repeat(513)],
  ])('%j: is rejected, and the error does not contain it', id => {
    expect(() => deletionUrl(base, id)).toThrow(new RangeError('customer id: cannot be part of a path'));
  });
});

describe('URLs of look-ups', () => {
  function recordingClient() {
    const sent: HttpCall[] = [];
    const harness = createHarness();
    harness.intercept = call => {
      sent.push(call);
      return response(200, {});
    };
    return { client: clientOf(harness), sent };
  }

  test('random value: is sent exactly, or an error is thrown', async () => {
    const { client, sent } = recordingClient();
    const isExact = async (value: string, page: number) => {
      sent.length = 0;
      const lookUp = async () => client.lookUp(value, until);
      if (isPlainValue(value)) {
        await lookUp();
        const { pathname = '', search, hash } = sent.pop()?.url ?? {};
        expect(decodeURIComponent(/^\/v1\/customers\/([^/]+)$/.exec(pathname)?.[1] ?? '')).toBe(value);
        expect([search, hash]).toEqual(['', '']);
      } else await expect(lookUp()).rejects.toThrow(RangeError);
      const list = async () => client.listByEmail(value, page, until);
      if (isUsable({ kind: 'email', value })) await list();
      else await expect(list()).rejects.toThrow(new RangeError('email: cannot be part of a query'));
      const query = { email: value, limit: '100', page: String(page) };
      expect(sent.map(({ url }) => [url.pathname, Object.fromEntries(url.searchParams)])).toEqual(
        isUsable({ kind: 'email', value }) ? [['/v1/customers', query]] : [],
      );
    };
    await fc.assert(fc.asyncProperty(anyId, fc.integer({ min: 1, max: 99 }), isExact), {
      seed: 20261124,
      numRuns: 2000,
    });
  });
});

const key = { appId: 'app-1', appToken: 'token-1' };
/** A receipt that needs one look-up and one deletion. */
const receipt = (more: object = {}) => receiptOf({ lookUpCalls: 1, ...more });

const progress = { state: 'open', pins: 0, mayHaveExecuted: false, deletions: [] } as const;

function settingsOf(project: object, baseUrl = 'https://api.voucherify.io') {
  return parseSettings(JSON.stringify({ projects: { main: { baseUrl, ...project } }, platforms: {} }), 'local');
}

function projectWith(settings: object, more: object = {}) {
  const rows = memoryRows();
  const { send, calls } = voucherifyAt({ now: () => now }, () => response(200, { id: 'cust_1' }));
  const readSecret = async () => JSON.stringify(key);
  const adapters = { readSecret, control: rows, send, now: () => now, wait: async () => undefined, ...more };
  return { project: openProject('main', { settings: settingsOf(settings), ...adapters }), rows, calls, adapters };
}

describe('project', () => {
  test('not in settings: throws', () => {
    const { adapters } = projectWith({});
    const open = () => openProject('us', { settings: settingsOf({}), ...adapters });
    expect(open).toThrow(new RangeError('project: not in settings'));
  });

  test('expected calls: by what is looked up, deleted and absent', () => {
    const done = { project: 'main', pin: 0, proof: 'gone', at: 0 } as const;
    const main = { ...progress, pins: 4, deletions: [done], absent: [1], lookedUp: 1 };
    const of = (more: object, justResolved?: boolean) =>
      expectedCalls({ lookUpCalls: 4, projects: { main: { ...main, ...more } } }, 'main', justResolved);
    expect(of({})).toEqual({ calls: 4, inPairs: true });
    expect(of({}, true)).toEqual({ calls: 2 });
    expect(of({ lookUpAgain: true })).toEqual({ calls: 3 + 4 + 2 });
    expect(of({ pins: 0, lookedUp: 9 })).toEqual({ calls: 1 });
    expect(expectedCalls({ lookUpCalls: 4, projects: {} }, 'main')).toEqual({ calls: 5 });
  });

  test.each([
    ['default: half of 100 calls a minute', {}, { share: 0.5, limit: 100, periodMs: minute }],
    ['settings', { quotaShare: 0.2, callsPerMinute: 2000 }, { share: 0.2, limit: 2000, periodMs: minute }],
    ['hourly limit', { quotaPeriod: 'hour' }, { share: 0.5, limit: 100, periodMs: hour }],
  ])('quota, %s', async (_, settings, quota) => {
    const { project, rows } = projectWith(settings);
    expect(await project.client(receipt(), true).reserve(until)).toBeUndefined();
    const tokenTime = expect.closeTo(now + 2 * tokenInterval({}, quota).intervalMs, 2);
    expect(rows.rows.get('rate-limit#main')).toMatchObject({ tokenTime });
  });

  const deletion = { project: 'main', pin: 0, proof: 'gone', at: 0 } as const;
  test.each([
    ['new receipt: its look-ups and one deletion', { lookUpCalls: 3 }, progress, 4],
    ['completed look-ups: are not expected again', { lookUpCalls: 3 }, { ...progress, lookedUp: 2 }, 2],
    ['pins: a GET and a deletion for each unfinished one', {}, { ...progress, pins: 3, deletions: [deletion] }, 4],
    ['absent pins: are finished', {}, { ...progress, pins: 2, absent: [1] }, 2],
  ])('expected calls, %s', async (_, facts, main, calls) => {
    const { project, rows } = projectWith({});
    await project.client(receipt({ ...facts, projects: { main } }), true).reserve(until);
    const interval = tokenInterval({}, { share: 0.5, limit: 100, periodMs: minute }).intervalMs;
    const tokenTime = expect.closeTo(now + calls * interval, 2);
    expect(rows.rows.get('rate-limit#main')).toMatchObject({ tokenTime });
  });

  test('reserved calls: cover the calls of the attempt; all attempts share one row', async () => {
    const { project, rows, calls } = projectWith({});
    const [first, other] = [project.client(receipt(), true), project.client(receipt({ id: 'b' }), true)];
    await first.reserve(until);
    await first.lookUp('crm-1', until);
    await first.deletePermanently('cust_1', until);
    expect(rows.calls).toEqual(['advance']);
    await other.lookUp('crm-1', until);
    expect(rows.calls).toEqual(['advance', 'advance']);
    expect(calls).toHaveLength(3);
  });

  test('key: is read once for an attempt', async () => {
    const reads: string[] = [];
    const readSecret = async (name: string) => {
      reads.push(name);
      return JSON.stringify(key);
    };
    const client = projectWith({}, { readSecret }).project.client(receipt(), true);
    await client.reserve(until);
    await client.lookUp('crm-1', until);
    await client.deletePermanently('cust_1', until);
    expect(reads).toEqual(['erasure/voucherify/main']);
  });

  test('activities: are counted on the first page of each customer, with the credentials of the attempt', async () => {
    const page = { data: [{}, {}], has_more: true };
    const { send, calls } = voucherifyAt({ now: () => now }, () => response(200, page));
    const client = projectWith({}, { send }).project.client(receipt(), true);
    expect(await client.countActivities(['cust_1', 'a/b'], until)).toBe(4);
    expect(calls.map(({ call: { method, url, headers } }) => [method, url.href, headers['X-App-Token']])).toEqual([
      ['GET', 'https://api.voucherify.io/v1/customers/cust_1/activity?limit=100', 'token-1'],
      ['GET', 'https://api.voucherify.io/v1/customers/a%2Fb/activity?limit=100', 'token-1'],
    ]);
  });

  test.each([{ total: 2 }, { data: 2 }, []])('activities in %j: cannot be counted', async body => {
    const send = async () => response(200, body);
    const client = projectWith({}, { send }).project.client(receipt(), true);
    expect(await client.countActivities(['cust_1'], until)).toBe('no-list');
  });

  test('OAuth, too little time for the token: the attempt starts, so that it can report it', async () => {
    const { project, calls } = projectWith({ auth: 'oauth' });
    const client = project.client(receipt(), true);
    expect(await client.reserve(now)).toBeUndefined();
    const result = { kind: 'retry', code: 'out-of-time', mayHaveExecuted: false, stop: true };
    expect(await client.lookUp('crm-1', now)).toStrictEqual({ result, appId: '' });
    expect(calls).toEqual([]);
  });

  test.each(['api-key', 'oauth'])('open breaker, %s: is reported before the attempt starts', async auth => {
    const { project, rows } = projectWith({ auth });
    const breaker = { code: 'quota-exhausted', trips: 0, openedAt: now, openUntil: now + hour };
    rows.rows.set('rate-limit#main', { revision: 3, value: { notBefore: 0, breaker } });
    const refused = { kind: 'rate-limited', until: now + hour, code: 'quota-exhausted' };
    expect(await project.client(receipt(), false).reserve(until)).toEqual(refused);
  });

  test('failed token request: is reported by the next call, and repeated by the one after', async () => {
    let status = 500;
    const token = { access_token: 'abc', expires_in: 900, id: 'cust_1' };
    const { send, calls } = voucherifyAt({ now: () => now }, () => response(status, token));
    const client = projectWith({ auth: 'oauth' }, { send }).project.client(receipt(), true);
    expect(await client.reserve(until)).toBeUndefined();
    status = 200;
    expect((await client.lookUp('crm-1', until)).result).toMatchObject({ kind: 'retry', code: 'token-500' });
    expect(calls).toHaveLength(1);
    expect((await client.lookUp('crm-1', until)).result).toMatchObject({ kind: 'customer' });
    const paths = calls.map(({ call }) => call.url.pathname);
    expect(paths).toEqual(['/v1/oauth/token', '/v1/oauth/token', '/v1/customers/crm-1']);
  });

  test.each(['api-key', 'oauth'])('no keys, %s: the attempt starts, so that it can report it', async auth => {
    const { project, rows, calls } = projectWith({ auth }, { readSecret: async () => '{}' });
    const client = project.client(receipt(), true);
    expect(await client.reserve(until)).toBeUndefined();
    expect((await client.lookUp('crm-1', until)).result).toMatchObject({ code: 'no-credentials', stop: true });
    expect([...rows.calls, ...calls]).toEqual([]);
  });

  test('OAuth over HTTP: one token, a look-up and a deletion', async () => {
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
    const client = project.client(receipt(), true);
    const end = Date.now() + 60_000;
    expect(await client.reserve(end)).toBeUndefined();
    expect(await client.lookUp('crm-1', end)).toMatchObject({ appId: 'app-1', result: { kind: 'customer' } });
    expect((await client.deletePermanently(id, end)).result).toMatchObject({ kind: 'deleted' });
    expect(sandbox.calls().map(({ kind }) => kind)).toEqual(['token', 'get', 'permanent-deletion']);
  });

  test('403 for one process with a token: blocks all processes, which together try once a minute', async () => {
    const harness = createHarness();
    const oauth = { ...harness.services.settings.projects['main']!, auth: 'oauth' as const };
    const settings = { ...harness.services.settings, projects: { main: oauth } };
    const processes = Array.from({ length: 4 }, () => openProject('main', { ...harness.services, settings }));
    harness.intercept = (call, pass) => (call.url.pathname === '/v1/oauth/token' ? pass() : response(403, {}));
    // Each has its token before the first 403.
    for (const process of processes) await process.client(receipt(), true).reserve(start + 7000);
    const lookUps = () => harness.sent.filter(call => call.startsWith('GET')).length;
    const lookUpInAll = async (at: number) => {
      harness.clock.now = at;
      for (const process of processes) await process.client(receipt(), true).lookUp('crm-1', at + 7000);
    };
    for (let at = 0; at < 60; at += 10) await lookUpInAll(start + at * second);
    expect(lookUps()).toBe(1);
    await lookUpInAll(start + minute);
    expect(lookUps()).toBe(2);
  });

  test('open breaker: the sweep postpones a receipt without a claim, until its end but at most for five minutes', async () => {
    const harness = createHarness();
    const openUntil = start + 8 * minute;
    const breaker = { code: 'voucherify-429', trips: 0, openedAt: start, openUntil };
    await harness.store.control.write('rate-limit#main', 0, { notBefore: 0, breaker });
    const { id } = await harness.accept(one('source_id', 'crm-1'));
    for (const [now, nextAttemptAt] of [
      [start, start + 5 * minute],
      [start + 5 * minute, openUntil],
    ] as const) {
      await harness.sweep(now);
      expect(await harness.receipt(id)).toMatchObject({ claims: 0, nextAttemptAt });
    }
    expect(harness.sent).toEqual([]);
  });
});

interface Shop {
  readonly clock: VirtualClock;
  readonly sandbox: Sandbox;
  /** When each call reached Voucherify. */
  times(): readonly number[];
  /** When calls were refused with 429. */
  refusals(): readonly number[];
  /** Starts another process. */
  start(): Project;
  /** Looks up and deletes a customer, by default in a new process. Returns how many of the two calls were made. */
  erase(fresh: boolean, project?: Project): Promise<number>;
}

/** A shop with the sandbox's own rate limiter, which refuses everything over the limit. */
function shopWith(calls: number, periodMs: number, settings: object): Shop {
  const clock = virtualClock(now);
  const limit = { calls, periodSeconds: periodMs / second };
  const sandbox = openSandbox({ now: clock.now, keys: [{ ...key, project: 'main' }], limit });
  onTestFinished(() => sandbox.close());
  const adapters = {
    settings: settingsOf(settings),
    readSecret: async () => JSON.stringify(key),
    control: memoryRows(() => clock.wait(3)),
    now: clock.now,
    wait: clock.wait,
    send: async (call: Parameters<typeof sandboxResult>[1]) => {
      await clock.wait(40);
      const result = sandboxResult(sandbox, call);
      await clock.wait(60);
      return result;
    },
  };
  let receipts = 0;
  const shop: Shop = {
    clock,
    sandbox,
    times: () => sandbox.calls().map(({ at }) => at),
    refusals: () => sandbox.calls().flatMap(({ at, status }) => (status === 429 ? [at] : [])),
    start: () => openProject('main', adapters),
    erase: async (fresh, project = shop.start()) => {
      receipts += 1;
      const end = clock.now() + (fresh ? 7 : 25) * second;
      const client = project.client(receipt({ id: `receipt-${receipts}` }), fresh);
      if ((await client.reserve(end)) !== undefined) return 0;
      if ((await client.lookUp('unknown', end)).result.kind !== 'no-match') return 0;
      return (await client.deletePermanently('cust_unknown', end)).result.kind === 'not-found' ? 2 : 1;
    },
  };
  return shop;
}

/** Up to fifty fresh requests at once in new processes, beside a sweep with a backlog. */
async function runBusy(shop: Shop, ends: number): Promise<void> {
  const sweeper = shop.start();
  const worker = async () => {
    while (shop.clock.now() < ends) {
      const calls = await shop.erase(false, sweeper);
      await shop.clock.wait(calls === 0 ? 20 * second : 50);
    }
  };
  const requests = async () => {
    for (const many of [50, 1, 1, 10, 1, 25, 50]) {
      await Promise.all(Array.from({ length: many }, () => shop.erase(true)));
      await shop.clock.wait((ends - now) / 10);
    }
  };
  await shop.clock.finish(Promise.all([...Array.from({ length: 5 }, worker), requests()]));
}

describe.each(['api-key', 'oauth'])('busy shop, %s', auth => {
  test.each([
    [100, 0.5],
    [100, 1],
    [2000, 0.5],
    [4, 0.5],
  ])('%i calls a minute, share %d: no 429, and never more than the share', async (limit, quotaShare) => {
    const shop = shopWith(limit, minute, { auth, quotaShare, callsPerMinute: limit });
    await runBusy(shop, now + 3 * minute);
    expect(shop.refusals()).toEqual([]);
    expect(mostInAPeriod(shop.times(), minute)).toBeLessThanOrEqual(limit * quotaShare);
    expect(shop.times().length).toBeGreaterThan(limit * quotaShare);
  });

  test('hourly limit that settings do not know: is learned from the first response', async () => {
    const shop = shopWith(100, hour, { auth });
    await runBusy(shop, now + 2.5 * hour);
    expect(shop.refusals()).toEqual([]);
    const times = shop.times();
    expect(times.filter(at => at < now + hour).length).toBeLessThanOrEqual(60);
    const later = times.filter(at => at >= now + hour);
    expect(mostInAPeriod(later, hour)).toBeLessThanOrEqual(50);
    expect(times.length).toBeGreaterThan(90);
  });
});

describe('checkout that uses more than its share', () => {
  const busyCheckout = (calls: number) => {
    const shop = shopWith(100, minute, { callsPerMinute: 100 });
    const headers = { 'x-app-id': 'app-1', 'x-app-token': 'token-1' };
    for (let call = 0; call < calls; call += 1) {
      shop.sandbox.respond({ method: 'GET', target: '/v1/customers/a', headers, body: '' });
    }
    return shop;
  };

  test('erasures leave it the rest of the minute', async () => {
    const shop = busyCheckout(70);
    const sweeper = shop.start();
    expect(await shop.clock.finish(shop.erase(false, sweeper))).toBe(2);
    expect(await shop.clock.finish(shop.erase(false, sweeper))).toBe(0);
    expect(await shop.clock.finish(shop.erase(true))).toBe(0);
    expect(shop.times().filter(at => at > now)).toHaveLength(2);
    await shop.clock.run(now + minute);
    expect(await shop.clock.finish(shop.erase(true))).toBe(2);
  });

  test('all calls used: at most two refusals, and no call until the minute is over', async () => {
    const shop = busyCheckout(100);
    const sweeper = shop.start();
    for (let count = 0; count < 20; count += 1) {
      await shop.clock.finish(Promise.all([shop.erase(true), shop.erase(false, sweeper)]));
      await shop.clock.run(shop.clock.now() + second);
    }
    expect(shop.refusals().length).toBeLessThanOrEqual(2);
    expect(shop.times().filter(at => at > now + 5 * second && at < now + minute)).toEqual([]);
    await shop.clock.run(now + minute + second);
    expect(await shop.clock.finish(shop.erase(true))).toBe(2);
  });
});
