import { readFileSync } from 'node:fs';
import type { LookupFunction, Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createHttpClient, type HttpCall } from '../../lambda/io/http-client.ts';
import { closeServersAfterEach, serve, serveSockets } from '../support/loopback-servers.ts';

closeServersAfterEach();

const send = createHttpClient(Date.now);
const headers = { 'X-App-Token': 'secret-token' };

function post(url: URL, more: Partial<HttpCall> = {}): HttpCall {
  return { method: 'POST', url: new URL('/secret-path', url), headers, until: Date.now() + 60_000, ...more };
}

/** Responds to every request with these bytes and then breaks the connection. */
function thenBreaks(bytes: string, how: 'reset' | 'end') {
  return serveSockets((socket: Socket) => {
    socket.once('data', () =>
      socket.write(bytes, () => {
        if (how === 'reset') socket.resetAndDestroy();
        else socket.end();
      }),
    );
  });
}

const cutOff = { kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true };

describe('broken connection', () => {
  test.each([
    ['before any byte', ''],
    ['in the status line', 'HTTP/1.1 20'],
    ['in the headers', 'HTTP/1.1 200 OK\r\nContent-Ty'],
    ['in a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{"status":"DONE"'],
    ['in a body in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{"status":"DONE"}\r\n'],
    ['after bytes that are not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ])('%s: is no response, and the call may have been executed', async (_, bytes) => {
    for (const how of ['reset', 'end'] as const) {
      const { url, close } = await thenBreaks(bytes, how);
      expect(await send(post(url))).toEqual(cutOff);
      await close();
    }
  });

  test('body without a length: ends with the connection', async () => {
    const { url } = await thenBreaks('HTTP/1.1 404 Not Found\r\n\r\n{}', 'end');
    expect(await send(post(url))).toMatchObject({ kind: 'answer', status: 404, body: '{}' });
  });

  test('refused connection: has no effect', async () => {
    const gone = await serve(() => {});
    await gone.close();
    expect(await send(post(gone.url))).toEqual({ kind: 'no-answer', code: 'not-connected', mayHaveExecuted: false });
  });

  test('unrequested protocol upgrade: is no response', async () => {
    const { url } = await thenBreaks(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      'end',
    );
    expect(await send(post(url, { until: Date.now() + 100 }))).toMatchObject({
      kind: 'no-answer',
      mayHaveExecuted: true,
    });
  });
});

test('unknown host: has its own code, which an operator fixes elsewhere', async () => {
  const lookup: LookupFunction = (_, __, done) => done(Object.assign(new Error('unknown'), { code: 'ENOTFOUND' }), '');
  const client = createHttpClient(Date.now, { lookup });
  const call = post(new URL('https://voucherify.invalid'));
  expect(await client(call)).toEqual({ kind: 'no-answer', code: 'name-not-resolved', mayHaveExecuted: false });
});

test('every call: names this service and its version', async () => {
  const agents: unknown[] = [];
  const { url } = await serve((request, response) => {
    agents.push(request.headers['user-agent']);
    response.end();
  });
  await send(post(url, { headers: { 'User-Agent': 'another' } }));
  const packageJson = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect(packageJson).toContain(`"version": "${String(agents[0]).replace('voucherify-erasure-webhook/', '')}"`);
  expect(agents).toHaveLength(1);
});

describe('impossible call', () => {
  test.each([
    ['a header with a line break', { headers: { 'X-App-Token': 'secret\r\ntoken' } }],
    ['a header beyond Latin-1', { headers: { 'X-App-Token': 'secret-tökén-🙂' } }],
    ['a header without a name', { headers: { '': 'secret-token' } }],
    ['another protocol', { url: new URL('ftp://127.0.0.1/secret-path') }],
  ])('%s: is no response and no exception', async (_, more) => {
    let calls = 0;
    const { url } = await serve(() => (calls += 1));
    expect(await send(post(url, more))).toEqual({ kind: 'no-answer', code: 'not-connected', mayHaveExecuted: false });
    expect(calls).toBe(0);
  });
});

test('result without a response: contains nothing of the call', async () => {
  const silent = await serve(() => {});
  const broken = await thenBreaks('HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nsecret-answer', 'reset');
  const moved = await serve((_, response) => response.writeHead(302, { Location: '/secret-place' }).end());
  const large = await serve((_, response) => response.end('secret-answer'.repeat(10_000)));
  const gone = await serve(() => {});
  await gone.close();
  const results = await Promise.all(
    [silent, broken, moved, large, gone].map(({ url }) =>
      send(post(url, { body: 'secret-body', ...(url === silent.url && { until: Date.now() + 200 }) })),
    ),
  );
  expect(results.map(result => result.kind === 'no-answer' && result.code).toSorted()).toEqual([
    ...['connection-lost', 'not-connected', 'redirected', 'timed-out', 'too-large'],
  ]);
  for (const result of results) expect(Object.keys(result).toSorted()).toEqual(['code', 'kind', 'mayHaveExecuted']);
  expect(JSON.stringify(results)).not.toMatch(/secret|127\.0\.0\.1/u);
});
