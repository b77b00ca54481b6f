import type { LookupFunction } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpClient } from '../../lambda/io/http-client.ts';
import { closeServersAfterEach, loopbackCertificate, loopbackName, serve } from '../support/loopback-servers.ts';

closeServersAfterEach();

const certificate = loopbackCertificate();
const before = getCACertificates('default');
beforeAll(() => setDefaultCACertificates([...before, certificate.cert]));
afterAll(() => setDefaultCACertificates(before));

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

describe('checked addresses', () => {
  const named = (url: URL) => new URL(`https://${loopbackName}:${url.port}/`);

  test('connection: goes to the address of the look-up, with the name of the URL', async () => {
    const asked: string[] = [];
    const lookup: LookupFunction = (name, options, done) => {
      asked.push(name);
      if (options.all === true) done(null, [{ address: '127.0.0.1', family: 4 }]);
      else done(null, '127.0.0.1', 4);
    };
    const { url } = await serve((request, response) => response.end(request.headers.host), certificate);
    const answer = await createHttpClient(Date.now, { lookup })(get(named(url)));
    expect(answer).toMatchObject({ kind: 'answer', body: `${loopbackName}:${url.port}` });
    expect(asked).toEqual([loopbackName]);
  });

  test('rejected look-up: no connection is made', async () => {
    let calls = 0;
    const lookup: LookupFunction = (_, __, done) => done(new Error('refused'), '', 0);
    const { url } = await serve(() => (calls += 1), certificate);
    expect(await createHttpClient(Date.now, { lookup })(get(named(url)))).toEqual({
      kind: 'no-answer',
      code: 'not-connected',
      mayHaveExecuted: false,
    });
    expect(calls).toBe(0);
  });
});
