import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPlainValue, isUsable, maxIdentifierLength } from '../../lambda/domain/identifiers.ts';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import { deletionUrl, type VoucherifyClient } from '../../lambda/voucherify/client.ts';
import type { ApiKey } from '../../lambda/voucherify/credentials.ts';
import { clientOf, createHarness, start } from '../support/harness.ts';
import { done, notFound, pin, response, scripted } from '../support/voucherify-responses.ts';

const until = start + 60_000;
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
    const lost = { kind: 'no-answer', code: 'timed-out', mayHaveExecuted: true } as const;
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

  test.each([
    ['a/b', 'a%2Fb'],
    ['../../x', '..%2F..%2Fx'],
    ['%2e%2e', '%252e%252e'],
    ['a\\..\\b', 'a%5C..%5Cb'],
    ['?x#y', '%3Fx%23y'],
    ['...', '...'],
    ['Zoë 🙂', 'Zo%C3%AB%20%F0%9F%99%82'],
    ['zoe\u0308', 'zoe%CC%88'],
    ['x'.repeat(maxIdentifierLength), 'x'.repeat(maxIdentifierLength)],
  ])('%j: is encoded', (id, segment) => {
    expect(deletionUrl(base, id).href).toBe(`${base}/v1/customers/${segment}/permanent-deletion`);
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

  test.each([
    ['a line break', 'ada@example.com\r\n', 'ada%40example.com%0D%0A'],
    ['a plus sign', 'ada+shop@example.com', 'ada%2Bshop%40example.com'],
  ])('e-mail address with %s: is encoded', async (_, email, encoded) => {
    const { client, sent } = recordingClient();
    await client.listByEmail(email, 1, until);
    expect(sent[0]?.url.search).toBe(`?email=${encoded}&limit=100&page=1`);
  });
});
