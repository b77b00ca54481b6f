import type { LookupFunction } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createHttpClient } from '../../lambda/io/http-client.ts';
import {
  certificate,
  closeServersAfterEach,
  loopbackName,
  named,
  notConnected,
  serve,
  trustCertificate,
} from '../support/loopback-servers.ts';

closeServersAfterEach();
trustCertificate();

const get = (url: URL) => ({ method: 'GET', url, headers: {}, until: Date.now() + 60_000 }) as const;

describe('limited response size', () => {
  test.each([
    [9, 'xxxxxxxxx'],
    [10, 'xxxxxxxxxx'],
  ])('response of %i bytes: is read completely', async (size, body) => {
    const { url } = await serve((_, response) => response.end('x'.repeat(size)));
    for (const cut of [true, false]) {
      expect(await createHttpClient(Date.now, { maxResponseBytes: 10, cut })(get(url))).toMatchObject({
        kind: 'answer',
        body,
      });
    }
  });

  test('longer response: is no response, or is truncated if requested', async () => {
    const { url } = await serve((_, response) => response.writeHead(202, { 'Retry-After': '7' }).end('x'.repeat(11)));
    expect(await createHttpClient(Date.now, { maxResponseBytes: 10 })(get(url))).toMatchObject({
      kind: 'no-answer',
      code: 'too-large',
    });
    expect(await createHttpClient(Date.now, { maxResponseBytes: 10, cut: true })(get(url))).toMatchObject({
      kind: 'answer',
      status: 202,
      headers: { 'retry-after': '7' },
      body: 'x'.repeat(10),
    });
  });

  test('endless response: is ended before the deadline', async () => {
    let hungUp: (value: string) => void;
    const closed = new Promise<string>(resolve => (hungUp = resolve));
    const { url } = await serve((_, response) => {
      response.on('close', () => hungUp('closed'));
      response.write('x'.repeat(100));
    });
    const answer = await createHttpClient(Date.now, { maxResponseBytes: 10, cut: true })(get(url));
    expect(answer).toMatchObject({ kind: 'answer', status: 200, body: 'x'.repeat(10) });
    expect(await closed).toBe('closed');
  });
});

/** Resolves every name to this machine, and records the names. */
function loopbackLookup(names: string[] = []): LookupFunction {
  return (name, options, done) => {
    names.push(name);
    if (options.all === true) done(null, [{ address: '127.0.0.1', family: 4 }]);
    else done(null, '127.0.0.1', 4);
  };
}

describe('checked addresses', () => {
  test('connection: goes to the address of the look-up, with the name of the URL', async () => {
    const names: string[] = [];
    const { url } = await serve((request, response) => response.end(request.headers.host), certificate);
    const result = await createHttpClient(Date.now, { lookup: loopbackLookup(names) })(get(named(url)));
    expect(result).toMatchObject({ kind: 'answer', body: `${loopbackName}:${url.port}` });
    expect(names).toEqual([loopbackName]);
  });

  test.each<[string, string, LookupFunction]>([
    ['rejected look-up', loopbackName, (_, __, done) => done(new Error('refused'), '', 0)],
    ['certificate of another name', 'api.voucherify.io', loopbackLookup()],
  ])('%s: nothing is sent', async (_, name, lookup) => {
    let calls = 0;
    const { url } = await serve(() => (calls += 1), certificate);
    const target = new URL(`https://${name}:${url.port}/`);
    expect(await createHttpClient(Date.now, { lookup })(get(target))).toEqual(notConnected);
    expect(calls).toBe(0);
  });
});
