import { describe, expect, test } from 'vitest';
import { createHttpClient } from '../../lambda/io/http-client.ts';
import {
  certificate,
  closeServersAfterEach,
  loopbackName,
  named,
  notConnected,
  post,
  serve,
  trustCertificate,
} from '../support/loopback-servers.ts';

closeServersAfterEach();

/** A TLS server that records what it receives, and a client that connects to it under any name. */
async function listening() {
  const heard: unknown[] = [];
  const { url } = await serve(async ({ headers }, response) => {
    heard.push(headers.authorization);
    response.end();
  }, certificate);
  const send = createHttpClient(Date.now, { lookup: (_, { all }, found) => answer(all === true, found) });
  return { url, heard, send };
}

type Found = Parameters<NonNullable<NonNullable<Parameters<typeof createHttpClient>[1]>['lookup']>>[2];

function answer(all: boolean, found: Found): void {
  if (all) found(null, [{ address: '127.0.0.1', family: 4 }]);
  else found(null, '127.0.0.1', 4);
}

describe('server with an untrusted certificate', () => {
  test('call: sends no key and no identifier', async () => {
    const { url, heard, send } = await listening();
    expect(await send(post(named(url)))).toEqual(notConnected);
    expect(heard).toEqual([]);
  });
});

describe('server with a trusted certificate', () => {
  trustCertificate();

  test('call: is sent only under the name of the certificate', async () => {
    const { url, heard, send } = await listening();
    expect(await send(post(named(url)))).toMatchObject({ kind: 'answer', status: 200 });
    const elsewhere = new URL(named(url).href.replace(loopbackName, 'api.voucherify.io'));
    expect(await send(post(elsewhere))).toEqual(notConnected);
    expect(heard).toEqual(['Bearer cb-token-1']);
  });
});
