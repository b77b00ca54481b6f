import { describe, expect, test } from 'vitest';
import { createHttpClient } from '../../lambda/io/http-client.ts';
import {
  type Certificate,
  certificate,
  closeServersAfterEach,
  loopbackCertificate,
  notConnected,
  serve,
  serveSockets,
  serveUntilFrozen,
  trustCertificate,
} from '../support/loopback-servers.ts';

closeServersAfterEach();
trustCertificate();

const call = (url: URL) => ({ method: 'POST', url, headers: {}, until: Date.now() + 60_000 }) as const;
const repeatable = (url: URL) => ({ ...call(url), repeatable: true }) as const;

/** Responds to the requests in turn, or breaks the connection as scripted; `ports` identifies connections. */
async function scripted(script: readonly ('answer' | 'reset' | 'end')[], tls: Certificate | undefined) {
  const ports: (number | undefined)[] = [];
  const server = await serve((request, response) => {
    const step = script[ports.length];
    ports.push(request.socket.remotePort);
    if (step === 'answer') response.end(`answer ${ports.length}`);
    else if (step === 'end') request.socket.end();
    else request.socket.destroy();
  }, tls);
  return { ...server, ports };
}

describe.each([
  ['https', certificate],
  ['http', undefined],
])('reused connection over %s', (_, tls) => {
  test('two calls: use one connection', async () => {
    const { url, ports } = await scripted(['answer', 'answer'], tls);
    const send = createHttpClient(Date.now);
    await send(repeatable(url));
    expect(await send(repeatable(url))).toMatchObject({ kind: 'answer', body: 'answer 2' });
    expect(ports[1]).toBe(ports[0]);
  });

  test.each(['reset', 'end'] as const)('end of the connection (%s) before any response: is retried once', async how => {
    const { url, ports } = await scripted(['answer', how, 'answer'], tls);
    const send = createHttpClient(Date.now);
    await send(repeatable(url));
    expect(await send(repeatable(url))).toMatchObject({ kind: 'answer', status: 200, body: 'answer 3' });
    expect(ports).toHaveLength(3);
    expect(ports[2]).not.toBe(ports[0]);
  });

  test.each(['reset', 'end'] as const)(
    'end of the connection (%s), call that must not be repeated: is not retried',
    async how => {
      const { url, ports } = await scripted(['answer', how, 'answer'], tls);
      const send = createHttpClient(Date.now);
      await send(call(url));
      expect(await send(call(url))).toEqual({ kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true });
      expect(ports).toEqual([ports[0], ports[0]]);
    },
  );

  test('second reset: is not retried again', async () => {
    const { url, ports } = await scripted(['answer', 'reset', 'reset', 'answer'], tls);
    const send = createHttpClient(Date.now);
    await send(repeatable(url));
    expect(await send(repeatable(url))).toEqual({ kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true });
    expect(ports).toHaveLength(3);
  });

  test('reset and then no connection: the first call may have been executed', async () => {
    const { url, ports, close } = await scripted(['answer', 'reset'], tls);
    const send = createHttpClient(Date.now);
    await send(repeatable(url));
    const result = send(repeatable(url));
    await close();
    expect(await result).toMatchObject({ kind: 'no-answer', mayHaveExecuted: true });
    expect(ports.length).toBeLessThanOrEqual(2);
  });

  test('20 dead idle connections after a freeze: five calls succeed, and then one that must not be repeated', async () => {
    const { url, freeze } = await serveUntilFrozen(20, tls);
    const send = createHttpClient(Date.now);
    await Promise.all(Array.from({ length: 20 }, () => send(repeatable(url))));
    freeze();
    const thawed = await Promise.all(Array.from({ length: 5 }, () => send(repeatable(url))));
    expect(thawed.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => 'answer'));
    expect(await send(call(url))).toMatchObject({ kind: 'answer' });
  });

  test('reset of a new connection: is not retried', async () => {
    const { url, ports } = await scripted(['reset', 'answer'], tls);
    expect(await createHttpClient(Date.now)(repeatable(url))).toEqual({
      kind: 'no-answer',
      code: 'connection-lost',
      mayHaveExecuted: true,
    });
    expect(ports).toHaveLength(1);
  });
});

test('reused connection with a response that is not HTTP: is not retried', async () => {
  let calls = 0;
  const { url } = await serveSockets(socket => {
    socket.on('data', () => {
      calls += 1;
      socket.write(calls === 1 ? 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n' : 'SSH-2.0-OpenSSH_9.6\r\n');
    });
  });
  const send = createHttpClient(Date.now);
  expect(await send(repeatable(url))).toMatchObject({ kind: 'answer' });
  expect(await send(repeatable(url))).toEqual({ kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true });
  expect(calls).toBe(2);
});

test('several idle connections that all reset: two calls are made', async () => {
  const waiting: (() => void)[] = [];
  const steps = ['reset', 'reset', 'answer'];
  let calls = 0;
  const { url } = await serve((request, response) => {
    calls += 1;
    if (calls <= 2) waiting.push(() => response.end());
    else if (steps[calls - 3] === 'reset') request.socket.destroy();
    else response.end();
    if (calls === 2) for (const answer of waiting) answer();
  });
  const send = createHttpClient(Date.now);
  await Promise.all([send(repeatable(url)), send(repeatable(url))]);
  expect(await send(repeatable(url))).toEqual({ kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true });
  expect(calls).toBe(4);
});

describe('TLS', () => {
  test('untrusted certificate: nothing is sent', async () => {
    let requests = 0;
    const { url } = await serve(() => (requests += 1), loopbackCertificate());
    expect(await createHttpClient(Date.now)(repeatable(url))).toEqual({ ...notConnected, code: 'tls-failed' });
    expect(requests).toBe(0);
  });

  test('unfinished handshake: times out without effect', async () => {
    const { url } = await serveSockets(() => {}, 'https');
    const short = { ...call(url), until: Date.now() + 60 };
    expect(await createHttpClient(Date.now)(short)).toEqual({
      kind: 'no-answer',
      code: 'timed-out',
      mayHaveExecuted: false,
    });
  });
});
