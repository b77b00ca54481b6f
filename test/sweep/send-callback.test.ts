import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import type { CallbackRequest } from '../../lambda/platforms/platform.ts';
import { type CallbackDelivery, sendCallback } from '../../lambda/sweep/deliver-callbacks.ts';
import { eventuallyHolds } from '../support/fuzz.ts';
import { now, response, second } from '../support/quota-world.ts';

const listed = ['https://dsr.ketch.com'];
const callback: CallbackRequest = {
  method: 'POST',
  url: 'https://dsr.ketch.com/callback?a=b',
  headers: { 'Content-Type': 'application/json', Authorization: 'Bearer cb-token-1' },
  body: '{"name":"Zoë 🙂"}',
  alsoDelivered: [],
};

/** Sends a callback to a target with this response; returns the delivery and the calls. */
async function deliver(result: HttpResult, change: Partial<CallbackRequest> = {}, origins = listed) {
  const calls: HttpCall[] = [];
  const send = async (call: HttpCall) => {
    calls.push(call);
    return result;
  };
  const options = { send, origins, now: () => now, until: now + 10_000 };
  return { delivery: await sendCallback({ ...callback, ...change }, options), calls };
}

describe('callback', () => {
  test.each(['POST', 'PUT'] as const)('%s: is sent once and unchanged, with its length in bytes', async method => {
    const { calls } = await deliver(response(200), { method });
    const headers = { ...callback.headers, 'Content-Length': '20' };
    const { url, body } = callback;
    expect(calls).toEqual([{ method, url: new URL(url), headers, body, until: now + 10_000, repeatable: true }]);
  });

  test('headers of the connection: are removed, because a host name there would bypass the allowed origin', async () => {
    const hop = ['Host', 'host', 'CONTENT-LENGTH', 'Transfer-Encoding', 'Connection', 'Keep-Alive', 'Upgrade', 'TE'];
    const others = ['Expect', 'Trailer', 'Proxy-Connection'];
    const forbidden = Object.fromEntries([...hop, ...others].map(name => [name, 'evil.example']));
    const { calls } = await deliver(response(200), { headers: { ...forbidden, 'X-Host': 'mine', Cookie: 'a=b' } });
    expect(calls[0]?.headers).toEqual({ 'X-Host': 'mine', Cookie: 'a=b', 'Content-Length': '20' });
  });

  test.each([[], ['https://eu.ketch.com'], ['https://dsr.ketch.com:8443'], ['http://dsr.ketch.com']])(
    'origin no longer in settings: is not called',
    async (...origins) => {
      expect(await deliver(response(200), {}, origins)).toEqual({ delivery: { kind: 'refused' }, calls: [] });
    },
  );
});

describe('response to a callback', () => {
  const kinds: Readonly<Record<CallbackDelivery['kind'], readonly number[]>> = {
    delivered: [200, 201, 202, 204, 206, 299],
    refused: [404, 410],
    retry: [100, 199, 400, 401, 403, 405, 409, 422, 429, 500, 502, 503, 504, 599],
  };
  test.each(Object.entries(kinds).flatMap(([kind, all]) => all.map(status => [status, kind] as const)))(
    '%i: means %s',
    async (status, kind) => {
      expect((await deliver(response(status))).delivery).toEqual({ kind });
    },
  );

  test.each(['not-connected', 'timed-out', 'connection-lost', 'redirected', 'too-large'] as const)(
    'missing (%s): means retry',
    async code => {
      const result = { kind: 'no-response', code, mayHaveExecuted: code !== 'not-connected' } as const;
      expect((await deliver(result)).delivery).toEqual({ kind: 'retry' });
    },
  );

  test.each([
    [409, [409], 'delivered'],
    [404, [404], 'delivered'],
    [410, [409], 'refused'],
  ])('%i, while the platform also means delivered by %j: means %s', async (status, alsoDelivered, kind) => {
    expect((await deliver(response(status), { alsoDelivered })).delivery).toEqual({ kind });
  });

  test.each([429, 503, 500])('%i with Retry-After: means retry at that time', async status => {
    const { delivery } = await deliver(response(status, { 'retry-after': '120' }));
    expect(delivery).toEqual({ kind: 'retry', notBefore: now + 120 * second });
  });

  test.each(['', '-1', '1.5', 'soon', 'Tue, 24 Nov 2026 12:10:00 GMT', '12345678', ' 5', '1e3'])(
    'Retry-After %j: is ignored',
    async text => {
      expect((await deliver(response(429, { 'retry-after': text }))).delivery).toEqual({ kind: 'retry' });
    },
  );
});

/** Returns where a callback to this URL is sent; undefined if it is refused. */
async function targetOf(url: string, origins = listed): Promise<URL | undefined> {
  const { delivery, calls } = await deliver(response(200), { url }, origins);
  expect(delivery.kind).toBe(calls.length === 1 ? 'delivered' : 'refused');
  return calls[0]?.url;
}

/** URLs, separated by white space. */
const forbidden: Readonly<Record<string, string>> = {
  'user in the address': `
    https://user@dsr.ketch.com/ https://user:password@dsr.ketch.com/ https://:password@dsr.ketch.com/
    https://dsr.ketch.com@evil.example/ https://dsr.ketch.com:443@evil.example/
    https://dsr.ketch.com%40evil.example/ https://evil.example%40dsr.ketch.com/ https://%20@dsr.ketch.com/
    https://dsr.ketch.com&@evil.example#@dsr.ketch.com/ https://evil.example\\@dsr.ketch.com/
  `,
  'IP address in any spelling': `
    https://127.0.0.1/ https://127.1/ https://2130706433/ https://0x7f000001/ https://0x7f.0.0.1/
    https://0177.0.0.1/ https://017700000001/ https://0/ https://0.0.0.0/ https://10.0.0.1/
    https://169.254.169.254/latest/meta-data https://169.254.170.2/v2/credentials https://2852039166/
    https://100.64.0.1/ https://127.0.0.1./ https://①②⑦.⓪.⓪.①/ https://[::1]/ https://[::]/
    https://[::ffff:127.0.0.1]/ https://[::ffff:7f00:1]/ https://[64:ff9b::7f00:1]/ https://[fd00:ec2::254]/
    https://[fe80::1]/
  `,
  'other port': `
    https://dsr.ketch.com:80/ https://dsr.ketch.com:8443/ https://dsr.ketch.com:4430/
    https://dsr.ketch.com:22/ https://dsr.ketch.com:0/ https://dsr.ketch.com:65536/
  `,
  'other name, however similar': `
    https://dsr.ketch.com./ https://dsr.ketch.com../ https://.dsr.ketch.com/
    https://dsr.ketch.com.evil.example/ https://dsr.ketch.comevil.example/ https://evil-dsr.ketch.com/
    https://a.dsr.ketch.com/ https://ketch.com/ https://dsr.ketch.co/ https://dsr-ketch.com/
    https://dsr.ketch.com%2eevil.example/ https://dsr.ketch.com%00.evil.example/
    https://dsr.ketch.com;evil.example/ https://evil.example/https://dsr.ketch.com/
    https://evil.example?https://dsr.ketch.com/ https://evil.example#https://dsr.ketch.com/
    https://dsr.kеtch.com/ https://dѕr.ketch.com/ https://xn--dsr-ketch.com/ https://dsr.xn--ktch-8cd.com/
    https://dsr.ket\u00adch.com.evil.example/ https://dsr.ketch.com\u2024evil.example/ https://localhost/
    https://dsr.ketch.com.nip.io/ https://*/
  `,
  'other scheme': `
    http://dsr.ketch.com/ http://dsr.ketch.com:443/ HTTP://dsr.ketch.com/ wss://dsr.ketch.com/
    ftp://dsr.ketch.com/ gopher://dsr.ketch.com/ file:///etc/passwd file://dsr.ketch.com/etc/passwd
    data:text/plain,https://dsr.ketch.com/ javascript:fetch("https://dsr.ketch.com/")
    blob:https://dsr.ketch.com/ view-source:https://dsr.ketch.com/ jar:https://dsr.ketch.com!/
    unix:/var/run/docker.sock dsr.ketch.com:443 //dsr.ketch.com/ /callback https:/\u0000/dsr.ketch.com
    https:// https:///
  `,
};

describe('URL of a callback', () => {
  test.each(Object.entries(forbidden))('%s: is refused', async (_, urls) => {
    for (const url of urls.trim().split(/\s+/u)) expect(await targetOf(url), url).toBeUndefined();
  });

  test.each(['', ' ', 'https://dsr ketch.com/'])('blank %j: is refused', async url => {
    expect(await targetOf(url)).toBeUndefined();
  });

  test.each([
    ...['https://dsr.ketch.com', 'https://dsr.ketch.com:443/', 'https://DSR.Ketch.COM/', 'https:dsr.ketch.com/'],
    ...['https://dsr.ketch.com/callback?to=https://evil.example#@evil.example', 'https://dsr.ketch.com/@evil.example/'],
    ...['https:/\\dsr.ketch.com\\@evil.example/', 'https://dsr.ketch。com/', 'https://ｄｓｒ.ketch.com/'],
    ...['https://dsr.%6Betch.com/', '\thttps://dsr.ketch.com/\n', 'https://dsr.ket\nch.com/'],
    ...['https://dsr.ket\u00adch.com/', 'https://dsr.ketch.com/%2e%2e/%2e%2e/'],
  ])('listed origin in another spelling: %j is called', async url => {
    const target = { protocol: 'https:', host: 'dsr.ketch.com', username: '', password: '', port: '' };
    expect(await targetOf(url)).toMatchObject(target);
  });

  test('any URL: is called exactly if it parses to a listed origin without a user', async () => {
    const origins = [...listed, 'https://eu.example.com:8443'];
    const parts = ['https://', 'http://', 'blob:', 'dsr.ketch.com', 'eu.example.com:8443', 'evil.example'];
    const part = fc.constantFrom(...parts, '@', ':', '443', '\\', '/', '#', '?', '.', '%40', '\t', ' ', '[::1]');
    await eventuallyHolds(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), async all => {
        const parsed = URL.parse(all.join(''));
        const isListed = parsed !== null && origins.includes(`${parsed.protocol}//${parsed.host}`);
        const isCalled = isListed && parsed.username === '' && parsed.password === '';
        expect((await targetOf(all.join(''), origins)) !== undefined).toBe(isCalled);
      }),
    );
  });
});
