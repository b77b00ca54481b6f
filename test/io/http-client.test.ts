import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createHttpClient, type HttpCall, maxResponseBytes } from '../../lambda/io/http-client.ts';
import { closeServersAfterEach, serve } from '../support/loopback-servers.ts';

closeServersAfterEach();

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
      kind: 'answer',
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
      kind: 'answer',
      status: 200,
      body: 'x'.repeat(maxResponseBytes),
    });
    expect(await sized(maxResponseBytes + 1)).toEqual({ kind: 'no-answer', code: 'too-large', mayHaveExecuted: true });
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
    expect(await send(get(url))).toEqual({ kind: 'no-answer', code: 'too-large', mayHaveExecuted: true });
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
      expect(await send(call)).toEqual({ kind: 'no-answer', code: 'redirected', mayHaveExecuted: true });
      // After a round trip to the other server, an earlier request to it would have arrived.
      expect(await send(get(other.url))).toMatchObject({ kind: 'answer' });
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
    expect(settled).toEqual([{ kind: 'no-answer', code: 'timed-out', mayHaveExecuted: true }]);
    await hungUp.promise;
  });

  test('missing response: the call ends at the deadline', async () => {
    const { url } = await serve(() => void vi.advanceTimersByTime(50));
    const result = await atStandstill()(get(url, { until: 1050 }));
    expect(result).toEqual({ kind: 'no-answer', code: 'timed-out', mayHaveExecuted: true });
  });

  test.each([0, -1])('expired: no call is made (%i ms left)', async left => {
    let calls = 0;
    const { url } = await serve((_, response) => {
      calls += 1;
      response.end();
    });
    const late = createHttpClient(() => 1000);
    expect(await late(get(url, { until: 1000 + left }))).toEqual({
      kind: 'no-answer',
      code: 'timed-out',
      mayHaveExecuted: false,
    });
    expect(await send(get(url))).toMatchObject({ kind: 'answer' });
    expect(calls).toBe(1);
  });
});
