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

  test.each<[string, string, string, LookupFunction]>([
    ['rejected look-up', 'not-connected', loopbackName, (_, __, done) => done(new Error('refused'), '', 0)],
    ['certificate of another name', 'tls-failed', 'api.voucherify.io', loopbackLookup()],
  ])('%s: nothing is sent, with the code %s', async (_, code, name, lookup) => {
    let calls = 0;
    const { url } = await serve(() => (calls += 1), certificate);
    const target = new URL(`https://${name}:${url.port}/`);
    expect(await createHttpClient(Date.now, { lookup })(get(target))).toEqual({ ...notConnected, code });
    expect(calls).toBe(0);
  });
});
