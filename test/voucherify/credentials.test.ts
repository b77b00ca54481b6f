import { describe, expect, onTestFinished, test } from 'vitest';
import { openSandbox } from '../../infra/local/sandbox/sandbox.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import type { LimitedSend } from '../../lambda/quota/limited-client.ts';
import type { QuotaEffect } from '../../lambda/quota/rate-limit.ts';
import {
  type ApiKey,
  apiKeyCredentials,
  apiKeyReader,
  type CredentialResult,
  oauthCredentials,
} from '../../lambda/voucherify/credentials.ts';
import { createHarness, type Harness, one, replaceKey, sandboxResult, start } from '../support/harness.ts';
import { hour, minute, now, second } from '../support/quota-world.ts';
import { done, notFound, pin, response } from '../support/voucherify-responses.ts';

const oldKeys: ApiKey = { appId: 'app-old', appToken: 'token-old' };
const newKeys: ApiKey = { appId: 'app-new', appToken: 'token-new' };
const until = Number.MAX_SAFE_INTEGER;
const failure = (code: string) => ({ kind: 'retry', code, mayHaveExecuted: false, stop: true });
const noCredentials = { ...failure('no-credentials'), alarm: 'secret-unusable' };

describe('API key', () => {
  test('is sent in two headers, and read again after it was rejected', async () => {
    const reads: unknown[] = [];
    const readCredentials = apiKeyCredentials(async options => {
      reads.push(options);
      return oldKeys;
    });
    const never: LimitedSend = () => Promise.reject(new Error('no call is needed'));
    const headers = { 'X-App-Id': 'app-old', 'X-App-Token': 'token-old' };
    const credentials = { kind: 'credentials', appId: 'app-old', headers } as const;
    expect(await readCredentials(never, until)).toEqual(credentials);
    expect(await readCredentials(never, until, credentials)).toEqual(credentials);
    expect(reads).toEqual([{ fresh: false }, { fresh: true }]);
    expect(await apiKeyCredentials(async () => undefined)(never, until)).toEqual(noCredentials);
  });

  const good = { appId: '01234567-89ab-cdef-0123-456789abcdef', appToken: 'token-1' };

  test('is read from the secret of its project', async () => {
    const reads: unknown[] = [];
    const readKey = apiKeyReader('us', async (...args) => {
      reads.push(args);
      return JSON.stringify({ ...good, note: 'rotated in May' });
    });
    expect(await readKey()).toEqual(good);
    expect(await readKey({ fresh: true })).toEqual(good);
    const name = 'erasure/voucherify/us';
    expect(reads).toEqual([
      [name, undefined],
      [name, { fresh: true }],
    ]);
  });

  test.each([
    ['no JSON', 'app-1:token-1'],
    ['an empty secret', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['no token', JSON.stringify({ appId: 'a' })],
    ['no app id', JSON.stringify({ appToken: 'a' })],
    ['an empty app id', JSON.stringify({ ...good, appId: '' })],
    ['an empty token', JSON.stringify({ ...good, appToken: '' })],
    ['the placeholder as app id', JSON.stringify({ ...good, appId: 'REPLACE_ME' })],
    ['the placeholder as token', JSON.stringify({ ...good, appToken: 'REPLACE_ME' })],
    ['a number', JSON.stringify({ ...good, appToken: 12345 })],
    ['a line break', JSON.stringify({ ...good, appToken: 'token\r\nX-Evil: 1' })],
    ['a space', JSON.stringify({ ...good, appToken: 'token 1' })],
    ['a duplicate key', '{"appId":"app-0","appId":"app-1","appToken":"token-1"}'],
    ['a character that headers cannot contain', JSON.stringify({ ...good, appToken: 'tökén' })],
  ])('%s: is unusable', async (_, text) => {
    expect(await apiKeyReader('main', async () => text)()).toBeUndefined();
  });

  test('unreadable secret: is unusable', async () => {
    const unreadable = () => Promise.reject(new Failure('unavailable', 'the secret is not usable'));
    expect(await apiKeyReader('main', unreadable)()).toBeUndefined();
  });
});

/** OAuth credentials of one sandbox project, whose secret has a cached and a newest value. */
function tokenHarness() {
  const clock = { now };
  const limit = { calls: 1_000_000, periodSeconds: 60 };
  const sandbox = openSandbox({ now: () => clock.now, keys: [{ ...oldKeys, project: 'main' }], limit });
  onTestFinished(() => sandbox.close());
  const secret: { newest: ApiKey | undefined; cached: ApiKey | undefined } = { newest: oldKeys, cached: oldKeys };
  const reads: boolean[] = [];
  const calls: HttpCall[] = [];
  const readKeys = async ({ fresh = false } = {}) => {
    reads.push(fresh);
    if (fresh) secret.cached = secret.newest;
    return secret.cached;
  };
  const readCredentials = oauthCredentials('https://api.voucherify.io', readKeys, () => clock.now);
  const harness = {
    ...{ clock, sandbox, secret, reads, calls, readCredentials },
    respond: undefined as (() => HttpResult) | undefined,
    failingSince: undefined as number | undefined,
    /** What the last response means for the project. */
    effect: undefined as QuotaEffect | undefined,
    /** Returns credentials, or others than the rejected ones. */
    token: (refused?: CredentialResult) => {
      const send: LimitedSend = async (call, classify) => {
        calls.push(call);
        const result = harness.respond?.() ?? sandboxResult(sandbox, call);
        const classified = classify(result, clock.now, harness.failingSince);
        harness.effect = classified;
        return classified;
      };
      return readCredentials(send, until, refused?.kind === 'credentials' ? refused : undefined);
    },
    /** Returns the status of a look-up with these credentials. */
    lookUp: (credentials: CredentialResult) => {
      if (credentials.kind !== 'credentials') return undefined;
      const headers = { ...credentials.headers, Accept: 'application/json' };
      const url = new URL('https://api.voucherify.io/v1/customers/unknown');
      const result = sandboxResult(sandbox, { method: 'GET', url, headers, until: clock.now });
      return result.kind === 'response' ? result.status : undefined;
    },
  };
  return harness;
}

describe('OAuth token', () => {
  test('is requested as documented, and allows to read customers', async () => {
    const harness = tokenHarness();
    const credentials = await harness.token();
    expect(harness.calls).toEqual([
      {
        method: 'POST',
        url: new URL('https://api.voucherify.io/v1/oauth/token'),
        headers: {
          Accept: 'application/json',
          'Content-Type': 'application/x-www-form-urlencoded',
          'X-App-Id': 'app-old',
          'X-App-Token': 'token-old',
        },
        body: 'grant_type=client_credentials&scope=customers',
        until,
        repeatable: true,
      },
    ]);
    const headers = { Authorization: expect.stringMatching(/^Bearer \S{20,}$/) };
    expect(credentials).toEqual({ kind: 'credentials', appId: 'app-old', headers });
    expect(harness.lookUp(credentials)).toBe(404);
  });

  test('is shared until a minute before it expires', async () => {
    const harness = tokenHarness();
    const first = await harness.token();
    harness.clock.now += 839_999;
    expect(await harness.token()).toBe(first);
    expect(harness.lookUp(first)).toBe(404);
    harness.clock.now += 1;
    const next = await harness.token();
    expect(next).not.toEqual(first);
    expect(await harness.token()).toBe(next);
    expect(harness.calls).toHaveLength(2);
  });

  test('50 requests at once: share one token request', async () => {
    const harness = tokenHarness();
    const all = await Promise.all(Array.from({ length: 50 }, () => harness.token()));
    expect(new Set(all).size).toBe(1);
    expect(harness.calls).toHaveLength(1);
  });

  test('rejected token: is replaced once for all that use it', async () => {
    const harness = tokenHarness();
    const refused = await harness.token();
    const all = await Promise.all([harness.token(refused), harness.token(refused), harness.token()]);
    expect(new Set(all).size).toBe(1);
    expect(all[0]).not.toEqual(refused);
    expect(await harness.token(refused)).toBe(all[0]);
    expect(harness.calls).toHaveLength(2);
    expect(harness.reads).toEqual([false, true]);
  });

  test('rejected token without a new one: is not used again', async () => {
    const harness = tokenHarness();
    const refused = await harness.token();
    harness.sandbox.outage('error');
    expect(await harness.token(refused)).toMatchObject({ code: 'token-500' });
    harness.sandbox.outage(undefined);
    expect(harness.lookUp(await harness.token())).toBe(404);
  });

  test('rotated key: the next token is requested with the new key', async () => {
    const harness = tokenHarness();
    const first = await harness.token();
    harness.sandbox.revoke('app-old');
    harness.sandbox.addKey({ ...newKeys, project: 'main' });
    harness.secret.newest = newKeys;
    expect(harness.lookUp(first)).toBe(401);
    const next = await harness.token(first);
    expect(next).toMatchObject({ appId: 'app-new' });
    expect(harness.lookUp(next)).toBe(404);
    expect(harness.calls).toHaveLength(2);
  });

  test.each([
    ['token', { ...oldKeys, appToken: 'regenerated' }],
    ['app id', { ...oldKeys, appId: 'app-new' }],
  ])('rejected cached key, another %s in the secret: the newest key is tried once', async (_, newest) => {
    const harness = tokenHarness();
    harness.sandbox.revoke('app-old');
    harness.sandbox.addKey({ ...newest, project: 'main' });
    harness.secret.newest = newest;
    expect(harness.lookUp(await harness.token())).toBe(404);
    const sent = harness.calls.map(({ headers }) => ({ appId: headers['X-App-Id'], appToken: headers['X-App-Token'] }));
    expect(sent).toEqual([oldKeys, newest]);
    expect(harness.reads).toEqual([false, true]);
  });

  test('failure that says nothing about the key: the newest key is not read', async () => {
    const harness = tokenHarness();
    harness.secret.newest = newKeys;
    harness.sandbox.outage('error');
    expect(await harness.token()).toMatchObject({ code: 'token-500' });
    expect(harness.reads).toEqual([false]);
  });

  test.each([
    ['the same', oldKeys],
    ['unusable', undefined],
  ])('rejected key, newest key %s: no second token request', async (_, newest) => {
    const harness = tokenHarness();
    harness.sandbox.revoke('app-old');
    harness.secret.newest = newest;
    expect(await harness.token()).toMatchObject({ code: 'voucherify-401', alarm: 'voucherify-key-refused' });
    expect(harness.calls).toHaveLength(1);
  });
});

describe('token request without a token', () => {
  test.each([
    ['down', 'token-connection-lost'],
    ['hang', 'token-timed-out'],
    ['error', 'token-500'],
  ] as const)('endpoint %s: has no effect on a customer and is retried', async (mode, code) => {
    const harness = tokenHarness();
    harness.sandbox.outage(mode);
    const expected = { ...failure(code), retryBy: now + 14 * minute };
    expect(await Promise.all([harness.token(), harness.token()])).toStrictEqual([expected, expected]);
    expect(harness.calls).toHaveLength(1);
    expect(harness.effect?.breaker).toEqual({ kind: 'count' });
    harness.failingSince = now - 14 * minute;
    expect(await harness.token()).toStrictEqual({ ...failure(code), alarm: 'voucherify-unreachable' });
    harness.failingSince = undefined;
    harness.sandbox.outage(undefined);
    harness.clock.now += second;
    expect(await harness.token()).toMatchObject({ kind: 'credentials' });
  });

  test.each([401, 402, 403, 429])(
    'status %i: keeps its meaning, because it blocks customer calls too',
    async status => {
      const harness = tokenHarness();
      harness.respond = () => response(status, { code: status });
      expect(await harness.token()).toMatchObject({ code: `voucherify-${status}`, stop: true });
    },
  );

  test.each<[string, number, unknown]>([
    ['a deletion', 200, { ...done, related_object_id: pin }],
    ['a customer', 200, { id: pin, object: 'customer' }],
    ['HTML', 200, '<!doctype html><html></html>'],
    ['an empty body', 200, ''],
    ['no token', 200, { expires_in: 900 }],
    ['an empty token', 200, { access_token: '', expires_in: 900 }],
    ['a token with a line break', 200, { access_token: 'a\r\nX-Evil: 1', expires_in: 900 }],
    ['a token with a space', 200, { access_token: 'a b', expires_in: 900 }],
    ['two tokens', 200, '{"access_token":"b","access_token":"a","expires_in":900}'],
    ['no lifetime', 200, { access_token: 'a' }],
    ['a lifetime of zero', 200, { access_token: 'a', expires_in: 0 }],
    ['a lifetime as a string', 200, { access_token: 'a', expires_in: '900' }],
    ['a token with another status', 201, { access_token: 'a', expires_in: 900 }],
    ['the 404 of a customer', 404, notFound],
    ['an unknown endpoint', 404, { code: 404 }],
    ['an invalid scope', 400, { code: 400, key: 'invalid_scope' }],
  ])('%s (%i): raises an alarm and is tried once a minute, because it cannot work', async (_, status, body) => {
    const harness = tokenHarness();
    harness.respond = () => response(status, body);
    const expected = { ...failure(`token-${status}`), notBefore: now + minute, alarm: 'voucherify-key-refused' };
    expect(await harness.token()).toEqual(expected);
    expect(harness.effect?.breaker).toEqual({ kind: 'open', code: 'key-refused', blocks: 'credentials' });
  });

  test('rate-limited: reports until when', async () => {
    const { readCredentials } = tokenHarness();
    const limited = { kind: 'rate-limited', code: 'voucherify-429', until: now + minute } as const;
    expect(await readCredentials(async () => limited, until)).toEqual(limited);
  });
});

const tokenCall = 'POST /v1/oauth/token';

const oauthHarness = () => createHarness({ project: { auth: 'oauth' } });

const isToken = ({ url }: HttpCall) => url.pathname === '/v1/oauth/token';
const tokensIn = ({ sent }: Harness) => sent.filter(call => call === tokenCall).length;

describe('erasures with OAuth', () => {
  test('several receipts: use one token until it expires', async () => {
    const harness = oauthHarness();
    const ids = ['crm-1', 'crm-2', 'crm-3'].map(source_id => harness.addCustomer({ source_id }));
    for (const sourceId of ['crm-1', 'crm-2', 'crm-3']) await harness.erase(one('source_id', sourceId));
    expect(harness.deleted()).toEqual(ids);
    expect(harness.sent.slice(0, 2)).toEqual([tokenCall, 'GET /v1/customers/crm-1']);
    expect(tokensIn(harness)).toBe(1);
    harness.clock.now += 14 * minute;
    await harness.erase(one('source_id', 'crm-4'));
    expect(tokensIn(harness)).toBe(2);
  });

  test('token revoked between look-up and deletion: the attempt continues with a new one', async () => {
    const harness = oauthHarness();
    harness.addCustomer({ source_id: 'crm-1' });
    harness.intercept = ({ method }, pass) => {
      const found = pass();
      if (method === 'GET') {
        harness.sandbox.revoke('app-main');
        replaceKey(harness);
      }
      return found;
    };
    expect((await harness.erase(one('source_id', 'crm-1'))).outcome.kind).toBe('erased');
    expect(tokensIn(harness)).toBe(2);
    expect(harness.alarms()).toEqual([]);
  });

  test('tokens: are neither stored nor logged', async () => {
    const harness = oauthHarness();
    const tokens: string[] = [];
    harness.intercept = (call, pass) => {
      const result = pass();
      if (!isToken(call)) return response(403, { code: 403 });
      if (result.kind === 'response') tokens.push(/"access_token":"(\w+)"/u.exec(result.body)?.[1] ?? '');
      return result;
    };
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    await harness.sweep(start + 2 * minute);
    const rows = await harness.store.control.read(['rate-limit#main']);
    const personalData = await harness.store.readPersonalData(receipt.id);
    const shown = JSON.stringify([...rows.values(), await harness.receipt(receipt.id), personalData, harness.lines]);
    expect(tokens.length).toBeGreaterThan(0);
    for (const text of [...tokens, 'token-main', 'Bearer']) expect(shown).not.toContain(text);
  });

  test.each(['error', 'down', 'hang'] as const)(
    'token endpoint %s after the look-up: the unseen customer is not taken for deleted',
    async mode => {
      const harness = oauthHarness();
      let broken = false;
      harness.intercept = (call, pass) => {
        const found = pass();
        if (call.method === 'GET' && !broken) {
          broken = true;
          // The token expires right after the look-up, and there is no new one.
          harness.clock.now += 15 * minute;
          harness.sandbox.outage(mode);
        }
        return found;
      };
      const { receipt } = await harness.erase(one('customer_id', 'cust_BBBBBBBBBBBBBBBBBBBBBBBB'));
      expect(receipt).toMatchObject({ state: 'open', projects: { main: { pins: 1, mayHaveExecuted: false } } });
      harness.sandbox.outage(undefined);
      expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'no-match' });
    },
  );

  test.each([
    ['invalid scope', response(400, { key: 'invalid_scope' })],
    ['unknown endpoint', response(404, notFound)],
    ['HTML', response(200, '<html></html>')],
  ])('%s: pages, is tried once a minute for all receipts, and works at once with a new key', async (_, refused) => {
    const harness = oauthHarness();
    harness.intercept = (call, pass) => (isToken(call) && call.headers['X-App-Id'] === 'app-main' ? refused : pass());
    for (const sourceId of ['crm-1', 'crm-2']) {
      harness.addCustomer({ source_id: sourceId });
      await harness.accept(one('source_id', sourceId));
    }
    await harness.sweep(start);
    for (let at = 10; at < 60; at += 10) await harness.sweep(start + at * second);
    expect(harness.sent).toEqual([tokenCall]);
    expect(new Set(harness.alarms())).toEqual(new Set(['voucherify-key-refused']));
    replaceKey(harness);
    await harness.sweep(start + 61 * second);
    await harness.sweep(start + hour);
    expect(harness.deleted()).toHaveLength(2);
  });

  test('failed token request: is the result of the attempt, without a second request', async () => {
    const harness = oauthHarness();
    harness.sandbox.outage('error');
    const receipt = await harness.accept(one('source_id', 'crm-1'));
    await harness.sweep(start);
    expect(harness.sent).toEqual([tokenCall]);
    expect(await harness.receipt(receipt.id)).toMatchObject({ state: 'open', claims: 1, lastResult: 'token-500' });
  });
});

describe('rejected key', () => {
  test('OAuth: pages, is tried once a minute without a claim, and a new key resumes all receipts', async () => {
    const harness = oauthHarness();
    harness.sandbox.revoke('app-main');
    const receipts = [await harness.accept(one('source_id', 'crm-1')), await harness.accept(one('source_id', 'crm-2'))];
    const claims = () => Promise.all(receipts.map(async ({ id }) => (await harness.receipt(id)).claims));
    await harness.sweep(start);
    const before = await claims();
    for (let at = 10; at < 60; at += 10) await harness.sweep(start + at * second);
    expect(await claims()).toEqual(before);
    expect(harness.sent).toEqual([tokenCall]);
    expect(new Set(harness.alarms())).toEqual(new Set(['voucherify-key-refused']));
    await harness.sweep(start + minute);
    expect(harness.sent).toHaveLength(2);
    replaceKey(harness);
    await harness.sweep(start + hour);
    for (const { id } of receipts) expect((await harness.receipt(id)).closedAt).toBe(start + hour);
  });

  test.each([
    ['api-key', createHarness],
    ['oauth', oauthHarness],
  ] as const)('403 with %s: pages and is tried once a minute', async (_, create) => {
    const harness = create();
    harness.intercept = (call, pass) => (isToken(call) ? pass() : response(403, { code: 403 }));
    for (let index = 0; index < 4; index += 1) await harness.accept(one('source_id', `crm-${index}`));
    const lookUps = () => harness.sent.filter(call => call.startsWith('GET')).length;
    await harness.sweep(start);
    for (let at = 10; at < 60; at += 10) await harness.sweep(start + at * second);
    expect(lookUps()).toBe(1);
    await harness.sweep(start + minute);
    expect(lookUps()).toBe(2);
    expect(new Set(harness.alarms())).toEqual(new Set(['voucherify-key-refused']));
  });
});
