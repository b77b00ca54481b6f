import type { LookupAddress } from 'node:dns';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { callbackSender } from '../../lambda/io/callback-sender.ts';
import type { Resolve } from '../../lambda/io/public-address.ts';
import { loopbackName } from '../support/erasing-certificate.ts';
import { closeServersAfterEach, serve } from '../support/erasing-servers.ts';
import {
  certificate,
  here,
  named,
  notConnected,
  onlyHere,
  post,
  resolvesTo,
  trustCertificate,
} from '../support/pace-callback.ts';

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

describe('a callback', () => {
  it('goes to the address that was checked, with its own headers and body', async () => {
    const seen: unknown[] = [];
    const { url } = await serve(async ({ method, headers, url: target }, response) => {
      seen.push({ method, target, authorization: headers.authorization, host: headers.host });
      response.end('thanks');
    }, certificate);
    const send = callbackSender(Date.now, resolvesTo(here), onlyHere);
    expect(await send(post(named(url, '/callback')))).toMatchObject({ kind: 'answer', status: 200 });
    const host = `${loopbackName}:${url.port}`;
    expect(seen).toEqual([{ method: 'POST', target: '/callback', authorization: 'Bearer cb-token-1', host }]);
  });

  it('goes nowhere when the name leads to this machine', async () => {
    const { url, connections } = await counting('127.0.0.1');
    expect(await callbackSender(Date.now, resolvesTo(here))(post(url))).toEqual(notConnected);
    expect(connections()).toBe(0);
  });

  it('goes nowhere when one address of many is not public, whichever comes first', async () => {
    const { url, connections } = await counting('127.0.0.1');
    const other: LookupAddress = { address: '127.0.0.2', family: 4 };
    for (const addresses of [
      [here, other],
      [other, here],
    ]) {
      expect(await callbackSender(Date.now, resolvesTo(...addresses), onlyHere)(post(url))).toEqual(notConnected);
    }
    expect(connections()).toBe(0);
  });

  it('goes nowhere when the name cannot be resolved', async () => {
    const send = callbackSender(Date.now, async () => Promise.reject(new Error('ENOTFOUND')));
    expect(await send(post(new URL('https://dsr.example/')))).toEqual(notConnected);
  });

  it('asks the resolver of the system where no other is given', async () => {
    const { url, connections } = await counting('127.0.0.1');
    const local = new URL(`https://localhost:${url.port}/`);
    expect(await callbackSender(Date.now)(post(local))).toEqual(notConnected);
    expect(connections()).toBe(0);
  });
});

describe('a name that changes its mind', () => {
  it('after it was checked is connected to as it was checked', async () => {
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
    const send = callbackSender(Date.now, rebinding, onlyHere);
    expect(await send(post(named(url)))).toMatchObject({ kind: 'answer' });
    expect(asked).toBe(1);
    expect(await send(post(named(inside.url)))).toEqual(notConnected);
    expect(asked).toBe(2);
    expect(seen).toEqual(['127.0.0.1']);
    expect(inside.connections()).toBe(0);
  });
});

describe('an address in digits, which no resolver is asked for', () => {
  it.each(['127.0.0.1', '2130706433', '0x7f.1', '017700000001', '127.1', '127.0.0.1.'])(
    'is checked in every spelling: %s',
    async host => {
      const { url, connections } = await counting('127.0.0.1');
      const resolve: Resolve = () => Promise.reject(new Error('nobody is asked'));
      const literal = new URL(`https://${host}:${url.port}/`);
      expect(await callbackSender(Date.now, resolve)(post(literal))).toEqual(notConnected);
      expect(connections()).toBe(0);
    },
  );

  it.each(['[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[64:ff9b::7f00:1]', '[fe80::1]'])(
    'of IPv6 as well: %s',
    async host => {
      const { url, connections } = await counting('::', 0).catch(() => counting('127.0.0.1'));
      const literal = new URL(`https://${host}:${url.port}/`);
      expect(await callbackSender(Date.now)(post(literal))).toEqual(notConnected);
      expect(connections()).toBe(0);
    },
  );

  it('that is allowed is called', async () => {
    const { url } = await serve((_, response) => response.end(), certificate);
    expect(await callbackSender(Date.now, resolvesTo(), onlyHere)(post(url))).toMatchObject({ status: 200 });
  });
});
