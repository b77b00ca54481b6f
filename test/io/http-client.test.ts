import { readFileSync } from 'node:fs';
import type { LookupFunction, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createHttpClient, type HttpCall, maxResponseBytes } from '../../lambda/io/http-client.ts';
import {
  type Certificate,
  certificate,
  closeServersAfterEach,
  loopbackCertificate,
  loopbackName,
  named,
  notConnected,
  serve,
  serveSockets,
  serveUntilFrozen,
  trustCertificate,
} from '../support/loopback-servers.ts';

closeServersAfterEach();
trustCertificate();

function noResponse(code: string, mayHaveExecuted: boolean) {
  return { kind: 'no-response', code, mayHaveExecuted };
}

const send = createHttpClient(Date.now);

function get(url: URL, more: Partial<HttpCall> = {}): HttpCall {
  return { method: 'GET', url, headers: {}, until: Date.now() + 60_000, ...more };
}

describe('response', () => {
  test('content: is the status, the headers in lower case and the body as UTF-8', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(429, { 'Retry-After': '7', 'X-Rate-Limit-Type': 'api_calls', 'Set-Cookie': ['a=1', 'b=2'] });
      response.end('{"name":"Zoë 🙂"}');
    });
    expect(await send(get(url))).toEqual({
      kind: 'response',
      status: 429,
      headers: expect.objectContaining({
        'retry-after': '7',
        'x-rate-limit-type': 'api_calls',
        'set-cookie': 'a=1,b=2',
      }),
      body: '{"name":"Zoë 🙂"}',
    });
  });

  test('request: is sent exactly as the call describes it', async () => {
    const seen: unknown[] = [];
    const { url } = await serve(async (request, response) => {
      const { method, url: target, headers } = request;
      seen.push({
        method,
        target,
        key: headers['x-app-id'],
        length: headers['content-length'],
        body: await text(request),
      });
      response.end();
    });
    await send(get(new URL('/v1/customers?email=a%2Bb%40example.com', url), { headers: { 'X-App-Id': 'app-1' } }));
    await send(get(new URL('/v1/a%2Fb/permanent-deletion', url), { method: 'POST' }));
    await send(get(new URL('/callback', url), { method: 'POST', body: '{"ö":1}' }));
    expect(seen).toEqual([
      { method: 'GET', target: '/v1/customers?email=a%2Bb%40example.com', key: 'app-1', length: undefined, body: '' },
      { method: 'POST', target: '/v1/a%2Fb/permanent-deletion', key: undefined, length: '0', body: '' },
      { method: 'POST', target: '/callback', key: undefined, length: '8', body: '{"ö":1}' },
    ]);
  });

  test('size: may be the maximum and not a byte more', async () => {
    const { url } = await serve((request, response) => response.end('x'.repeat(Number(request.url?.slice(1)))));
    const sized = (size: number) => send(get(new URL(String(size), url)));
    expect(await sized(maxResponseBytes)).toMatchObject({
      kind: 'response',
      status: 200,
      body: 'x'.repeat(maxResponseBytes),
    });
    expect(await sized(maxResponseBytes + 1)).toEqual(noResponse('too-large', true));
  });

  test('endless body: is ended at the maximum size, and its connection is closed', async () => {
    let hungUp: (value: string) => void;
    const closed = new Promise<string>(resolve => (hungUp = resolve));
    const { url } = await serve((_, response) => {
      const flood = () => {
        while (!response.destroyed && response.write('x'.repeat(8192)));
      };
      response.on('drain', flood).on('close', () => hungUp('closed'));
      flood();
    });
    expect(await send(get(url))).toEqual(noResponse('too-large', true));
    expect(await closed).toBe('closed');
  });

  test.each([300, 301, 302, 303, 304, 305, 307, 308, 399])(
    'redirect %i to another origin: is not followed',
    async status => {
      let followed = 0;
      const other = await serve((_, response) => {
        followed += 1;
        response.end('{"status":"DONE"}');
      });
      const { url } = await serve((_, response) => response.writeHead(status, { Location: other.url.href }).end());
      const call = get(url, { headers: { 'X-App-Token': 'secret-token' } });
      expect(await send(call)).toEqual(noResponse('redirected', true));
      // After a round trip to the other server, an earlier request to it would have arrived.
      expect(await send(get(other.url))).toMatchObject({ kind: 'response' });
      expect(followed).toBe(1);
    },
  );
});

describe('deadline', () => {
  /** A client at the time 1000 whose timer the test controls. */
  function atStandstill() {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    return createHttpClient(() => 1000);
  }

  test('slow body: is ended at the deadline', async () => {
    const hungUp = Promise.withResolvers<void>();
    const dripping = Promise.withResolvers<void>();
    const { url } = await serve((_, response) => {
      response.write('{');
      const drip = setInterval(() => response.write(' ', () => dripping.resolve()), 10);
      response.on('close', () => {
        clearInterval(drip);
        hungUp.resolve();
      });
    });
    const settled: unknown[] = [];
    const sent = atStandstill()(get(url, { until: 1150 })).then(result => settled.push(result));
    await dripping.promise;
    vi.advanceTimersByTime(149);
    await new Promise(resolve => setImmediate(resolve));
    expect(settled).toEqual([]);
    vi.advanceTimersByTime(1);
    await sent;
    expect(settled).toEqual([noResponse('timed-out', true)]);
    await hungUp.promise;
  });

  test('missing response: the call ends at the deadline', async () => {
    const { url } = await serve(() => void vi.advanceTimersByTime(50));
    const result = await atStandstill()(get(url, { until: 1050 }));
    expect(result).toEqual(noResponse('timed-out', true));
  });

  test.each([0, -1])('expired: no call is made (%i ms left)', async left => {
    let calls = 0;
    const { url } = await serve((_, response) => {
      calls += 1;
      response.end();
    });
    const late = createHttpClient(() => 1000);
    expect(await late(get(url, { until: 1000 + left }))).toEqual(noResponse('timed-out', false));
    expect(await send(get(url))).toMatchObject({ kind: 'response' });
    expect(calls).toBe(1);
  });
});
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

const cutOff = noResponse('connection-lost', true);

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
    expect(await send(post(url))).toMatchObject({ kind: 'response', status: 404, body: '{}' });
  });

  test('refused connection: has no effect', async () => {
    const gone = await serve(() => {});
    await gone.close();
    expect(await send(post(gone.url))).toEqual(notConnected);
  });

  test('unrequested protocol upgrade: is no response', async () => {
    const { url } = await thenBreaks(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      'end',
    );
    expect(await send(post(url, { until: Date.now() + 100 }))).toMatchObject({
      kind: 'no-response',
      mayHaveExecuted: true,
    });
  });
});

test('unknown host: has its own code, which an operator fixes elsewhere', async () => {
  const lookup: LookupFunction = (_, __, done) => done(Object.assign(new Error('unknown'), { code: 'ENOTFOUND' }), '');
  const client = createHttpClient(Date.now, { lookup });
  const call = post(new URL('https://voucherify.invalid'));
  expect(await client(call)).toEqual(noResponse('name-not-resolved', false));
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

test.each([
  ['a header with a line break', { headers: { 'X-App-Token': 'secret\r\ntoken' } }],
  ['a header beyond Latin-1', { headers: { 'X-App-Token': 'secret-tökén-🙂' } }],
  ['a header without a name', { headers: { '': 'secret-token' } }],
  ['another protocol', { url: new URL('ftp://127.0.0.1/secret-path') }],
])('impossible call, %s: is no response and no exception', async (_, more) => {
  let calls = 0;
  const { url } = await serve(() => (calls += 1));
  expect(await send(post(url, more))).toEqual(notConnected);
  expect(calls).toBe(0);
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
  expect(results.map(result => result.kind === 'no-response' && result.code).toSorted()).toEqual([
    ...['connection-lost', 'not-connected', 'redirected', 'timed-out', 'too-large'],
  ]);
  for (const result of results) expect(Object.keys(result).toSorted()).toEqual(['code', 'kind', 'mayHaveExecuted']);
  expect(JSON.stringify(results)).not.toMatch(/secret|127\.0\.0\.1/u);
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
    expect(result).toMatchObject({ kind: 'response', body: `${loopbackName}:${url.port}` });
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
    expect(await send(repeatable(url))).toMatchObject({ kind: 'response', body: 'answer 2' });
    expect(ports[1]).toBe(ports[0]);
  });

  test.each(['reset', 'end'] as const)('end of the connection (%s) before any response: is retried once', async how => {
    const { url, ports } = await scripted(['answer', how, 'answer'], tls);
    const send = createHttpClient(Date.now);
    await send(repeatable(url));
    expect(await send(repeatable(url))).toMatchObject({ kind: 'response', status: 200, body: 'answer 3' });
    expect(ports).toHaveLength(3);
    expect(ports[2]).not.toBe(ports[0]);
  });

  test.each(['reset', 'end'] as const)(
    'end of the connection (%s), call that must not be repeated: is not retried',
    async how => {
      const { url, ports } = await scripted(['answer', how, 'answer'], tls);
      const send = createHttpClient(Date.now);
      await send(call(url));
      expect(await send(call(url))).toEqual(cutOff);
      expect(ports).toEqual([ports[0], ports[0]]);
    },
  );

  test('second reset: is not retried again', async () => {
    const { url, ports } = await scripted(['answer', 'reset', 'reset', 'answer'], tls);
    const send = createHttpClient(Date.now);
    await send(repeatable(url));
    expect(await send(repeatable(url))).toEqual(cutOff);
    expect(ports).toHaveLength(3);
  });

  test('reset and then no connection: the first call may have been executed', async () => {
    const { url, ports, close } = await scripted(['answer', 'reset'], tls);
    const send = createHttpClient(Date.now);
    await send(repeatable(url));
    const result = send(repeatable(url));
    await close();
    expect(await result).toMatchObject({ kind: 'no-response', mayHaveExecuted: true });
    expect(ports.length).toBeLessThanOrEqual(2);
  });

  test('20 dead idle connections after a freeze: five calls succeed, and then one that must not be repeated', async () => {
    const { url, freeze } = await serveUntilFrozen(20, tls);
    const send = createHttpClient(Date.now);
    await Promise.all(Array.from({ length: 20 }, () => send(repeatable(url))));
    freeze();
    const thawed = await Promise.all(Array.from({ length: 5 }, () => send(repeatable(url))));
    expect(thawed.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => 'response'));
    expect(await send(call(url))).toMatchObject({ kind: 'response' });
  });

  test('reset of a new connection: is not retried', async () => {
    const { url, ports } = await scripted(['reset', 'answer'], tls);
    expect(await createHttpClient(Date.now)(repeatable(url))).toEqual(cutOff);
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
  expect(await send(repeatable(url))).toMatchObject({ kind: 'response' });
  expect(await send(repeatable(url))).toEqual(cutOff);
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
  expect(await send(repeatable(url))).toEqual(cutOff);
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
    expect(await createHttpClient(Date.now)(short)).toEqual(noResponse('timed-out', false));
  });
});
