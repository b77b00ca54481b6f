import type { LookupAddress } from 'node:dns';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Resolve } from '../../lambda/io/public-address.ts';
import { createCallbackClient } from '../../lambda/io/public-address.ts';
import {
  certificate,
  closeServersAfterEach,
  here,
  loopbackName,
  named,
  notConnected,
  onlyHere,
  post,
  resolvesTo,
  serve,
  trustCertificate,
} from '../support/loopback-servers.ts';

closeServersAfterEach();
trustCertificate();

/** Listens for connections of any kind and counts them. */
async function counting(address: string, port = 0) {
  let connections = 0;
  const server = createServer(socket => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  onTestFinished(() => void server.close());
  const listening = server.address();
  const url = new URL(`https://${loopbackName}:${typeof listening === 'object' ? listening?.port : 0}/`);
  return { url, connections: () => connections };
}

describe('callback client', () => {
  test('request: goes to the checked address, with its own headers and body', async () => {
    const seen: unknown[] = [];
    const { url } = await serve(async ({ method, headers, url: target }, response) => {
      seen.push({ method, target, authorization: headers.authorization, host: headers.host });
      response.end('thanks');
    }, certificate);
    const send = createCallbackClient(Date.now, resolvesTo(here), onlyHere);
    expect(await send(post(named(url, '/callback')))).toMatchObject({ kind: 'response', status: 200 });
    const host = `${loopbackName}:${url.port}`;
    expect(seen).toEqual([{ method: 'POST', target: '/callback', authorization: 'Bearer cb-token-1', host }]);
  });

  test('name that resolves to this machine: is not connected to', async () => {
    const { url, connections } = await counting('127.0.0.1');
    expect(await createCallbackClient(Date.now, resolvesTo(here))(post(url))).toEqual(notConnected);
    expect(connections()).toBe(0);
  });

  test('name with one address that is not allowed: is not connected to, whichever comes first', async () => {
    const { url, connections } = await counting('127.0.0.1');
    const other: LookupAddress = { address: '127.0.0.2', family: 4 };
    for (const addresses of [
      [here, other],
      [other, here],
    ]) {
      expect(await createCallbackClient(Date.now, resolvesTo(...addresses), onlyHere)(post(url))).toEqual(notConnected);
    }
    expect(connections()).toBe(0);
  });

  test('resolver: is the one of the system by default', async () => {
    const { url, connections } = await counting('127.0.0.1');
    const local = new URL(`https://localhost:${url.port}/`);
    expect(await createCallbackClient(Date.now)(post(local))).toEqual(notConnected);
    expect(connections()).toBe(0);
  });

  test('name that changes its address: the connection uses the checked address', async () => {
    const inside = await counting('127.0.0.2');
    const seen: string[] = [];
    const { url } = await serve((request, response) => {
      seen.push(String(request.socket.localAddress));
      response.writeHead(200, { Connection: 'close' }).end();
    }, certificate);
    let asked = 0;
    const rebinding: Resolve = async () => {
      asked += 1;
      return [asked === 1 ? here : { address: '127.0.0.2', family: 4 }];
    };
    const send = createCallbackClient(Date.now, rebinding, onlyHere);
    expect(await send(post(named(url)))).toMatchObject({ kind: 'response' });
    expect(asked).toBe(1);
    expect(await send(post(named(inside.url)))).toEqual(notConnected);
    expect(asked).toBe(2);
    expect(seen).toEqual(['127.0.0.1']);
    expect(inside.connections()).toBe(0);
  });

  test.each(['2130706433', '0x7f.1', '017700000001', '127.1', '127.0.0.1.'])(
    'IPv4 address %s: is checked without the resolver',
    async host => {
      const { url, connections } = await counting('127.0.0.1');
      const resolve: Resolve = () => Promise.reject(new Error('nobody is asked'));
      const literal = new URL(`https://${host}:${url.port}/`);
      expect(await createCallbackClient(Date.now, resolve)(post(literal))).toEqual(notConnected);
      expect(connections()).toBe(0);
    },
  );

  test.each(['[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[64:ff9b::7f00:1]', '[fe80::1]'])(
    'IPv6 address %s: is checked without the resolver',
    async host => {
      const { url, connections } = await counting('::', 0).catch(() => counting('127.0.0.1'));
      const literal = new URL(`https://${host}:${url.port}/`);
      expect(await createCallbackClient(Date.now)(post(literal))).toEqual(notConnected);
      expect(connections()).toBe(0);
    },
  );

  test('allowed address: is called', async () => {
    const { url } = await serve((_, response) => response.end(), certificate);
    expect(await createCallbackClient(Date.now, resolvesTo(), onlyHere)(post(url))).toMatchObject({ status: 200 });
  });

  test('plain http: is possible to 127.0.0.1 only, which only settings of a local run allow', async () => {
    const { url } = await serve((_, response) => response.end());
    const send = createCallbackClient(Date.now);
    expect(await send(post(url))).toMatchObject({ kind: 'response', status: 200 });
    for (const host of ['localhost', '[::1]', '127.0.0.2']) {
      expect(await send(post(new URL(`http://${host}:${url.port}/`)))).toEqual(notConnected);
    }
  });
});

describe('callback response', () => {
  const sendHere = createCallbackClient(Date.now, resolvesTo(here), onlyHere);

  test.each([302, 307, 308])('redirect %i: is not followed', async status => {
    const seen: unknown[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers);
      response.end();
    }, certificate);
    const { url } = await serve((_, response) => {
      response.writeHead(status, { Location: named(other.url).href }).end();
    }, certificate);
    expect(await sendHere(post(named(url)))).toEqual({
      kind: 'no-response',
      code: 'redirected',
      mayHaveExecuted: true,
    });
    expect(seen).toEqual([]);
  });

  test('endless body: one kilobyte is read, then the connection is closed', async () => {
    const { promise: closed, resolve: hungUp } = Promise.withResolvers<number>();
    const { url } = await serve((_, response) => {
      let written = 0;
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(512))) written += 512;
      };
      response.on('drain', more).on('close', () => hungUp(written));
      response.writeHead(200);
      more();
    }, certificate);
    const answer = await sendHere(post(named(url)));
    expect(answer).toEqual({
      kind: 'response',
      status: 200,
      headers: expect.anything(),
      body: 'x'.repeat(1024),
    });
    expect(await closed).toBeGreaterThan(0);
  });

  test('body of one kilobyte: is read completely', async () => {
    const { url } = await serve(async (request, response) => {
      await text(request);
      response.end('x'.repeat(1024));
    }, certificate);
    expect(await sendHere(post(named(url)))).toMatchObject({ kind: 'response', body: 'x'.repeat(1024) });
  });
});
