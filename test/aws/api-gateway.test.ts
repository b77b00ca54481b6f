import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { apiGatewayHandler, type Handlers, maxBodyBytes } from '../../lambda/aws/api-gateway.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import type { HttpRequest } from '../../lambda/domain/http.ts';
import { eventOf, invoke, plainEventOf, type Wire } from '../support/event.ts';

const wire: Wire = { path: '/webhooks/x', headers: { 'X-One': '1', 'X-Two': ['a', 'b'] }, body: 'Zoë\u0000🙂' };

/** Handlers that record their arguments. */
function recording(line: (request: HttpRequest) => Promise<never> | undefined = () => undefined) {
  const requests: HttpRequest[] = [];
  const refused: { readonly request: HttpRequest; readonly failure: Failure }[] = [];
  const reply = { status: 201, headers: { 'Content-Type': 'text/x', 'X-Own': 'yes' }, body: 'done' };
  const rim: Handlers<undefined> = {
    receive: async request => {
      requests.push(request);
      await line(request);
      return reply;
    },
    errorReply: (request, failure) => {
      refused.push({ request, failure });
      return { status: failure.status, headers: failure.headers, body: failure.message };
    },
  };
  return { handler: apiGatewayHandler(rim, () => undefined), requests, refused };
}

describe('gateway request', () => {
  test('event: becomes a request without anything of AWS', async () => {
    const { handler, requests } = recording();
    await invoke(handler, eventOf({ ...wire, method: 'PUT' }));
    const [request] = requests;
    expect(request).toMatchObject({ method: 'PUT', path: '/webhooks/x' });
    expect(request!.headers).toEqual(
      new Map([
        ['x-one', ['1']],
        ['x-two', ['a', 'b']],
      ]),
    );
    expect(Buffer.from(request!.rawBody).toString('utf8')).toBe('Zoë\u0000🙂');
  });

  test('plain event: has one value of each header', async () => {
    const { handler, requests } = recording();
    await invoke(handler, plainEventOf(wire));
    expect(requests[0]!.headers.get('x-two')).toEqual(['b']);
    expect(Buffer.from(requests[0]!.rawBody).toString('utf8')).toBe('Zoë\u0000🙂');
  });

  test('bytes: arrive unchanged, UTF-8 or not', async () => {
    const { handler, requests } = recording();
    const body = Uint8Array.from({ length: 256 }, (_, at) => at);
    await invoke(handler, eventOf({ ...wire, body }));
    expect(Uint8Array.from(requests[0]!.rawBody)).toEqual(body);
  });

  test('size: one byte over the limit is a 413', async () => {
    const { handler, requests, refused } = recording();
    expect(maxBodyBytes).toBe(1_048_576);
    await invoke(handler, eventOf({ ...wire, body: 'x'.repeat(maxBodyBytes) }));
    expect(requests).toHaveLength(1);
    const answer = await invoke(handler, plainEventOf({ ...wire, body: `${'x'.repeat(maxBodyBytes - 1)}ä` }));
    expect(answer).toMatchObject({ status: 413, text: 'body: is larger than 1048576 bytes' });
    expect(requests).toHaveLength(1);
    expect(refused[0]!.request).toMatchObject({ path: '/webhooks/x', rawBody: new Uint8Array() });
  });

  test.each<[string, unknown, readonly string[] | undefined]>([
    ['a text', 'b', ['b']],
    ['a number', 5, undefined],
    ['null', null, undefined],
    ['an object', { 0: 'b' }, undefined],
    ['a list with other values', ['a', 5, null, ['c'], 'b'], ['a', 'b']],
  ])('header with %s as its values: is read as far as it is text', async (_, values, expected) => {
    const { handler, requests } = recording();
    const event = Object.assign(eventOf(wire), { multiValueHeaders: { 'X-Two': values } });
    expect(await invoke(handler, event)).toMatchObject({ status: 201 });
    expect(requests[0]!.headers.get('x-two')).toEqual(expected);
  });

  test.each<[string, object]>([
    ['text as multiValueHeaders', { multiValueHeaders: 'X-Two' }],
    ['a list as headers', { headers: [['X-Two', 'a']], multiValueHeaders: null }],
    ['null as its headers', { headers: null, multiValueHeaders: null }],
    ['a number as a header', { headers: { 'X-Two': 5 }, multiValueHeaders: null }],
    ['no path', { path: undefined }],
    ['a number as its path', { path: 5 }],
    ['no method', { httpMethod: null }],
    ['an object as its body', { body: {} }],
    ['a number as its body', { body: 5 }],
    ['a null context', { requestContext: null }],
  ])('event with %s: gets a reply', async (_, odd) => {
    const { handler } = recording(request => Promise.reject(new Failure('not-found', request.path)));
    const { status } = await invoke(handler, Object.assign(eventOf(wire), odd));
    expect(status).toBe(404);
  });

  test.each([false, true])('event without a body: has an empty one (base64: %s)', async isBase64Encoded => {
    const { handler, requests } = recording();
    await invoke(handler, { ...eventOf(wire), body: null, isBase64Encoded });
    expect(requests[0]!.rawBody).toHaveLength(0);
  });
});

test('headers of the reply: forbid caching and sniffing', async () => {
  const { handler } = recording();
  expect(await handler(eventOf(wire), {} as never)).toEqual({
    statusCode: 201,
    headers: {
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'Content-Type': 'text/x',
      'X-Own': 'yes',
    },
    body: 'done',
    isBase64Encoded: false,
  });
});

describe('gateway error reply', () => {
  const throwing = (thrown: unknown) => recording(() => Promise.reject(thrown));

  test('body: is passed on only after the caller was verified', async () => {
    const failure = new Failure('invalid', 'why', { headers: { 'X-Why': 'so' } });
    const stranger = throwing(failure);
    const answer = await invoke(stranger.handler, eventOf(wire));
    expect(answer).toMatchObject({ status: 400, text: 'why', headers: { 'x-why': 'so', 'cache-control': 'no-store' } });
    expect(stranger.refused).toMatchObject([{ request: { rawBody: new Uint8Array() } }]);
    expect(stranger.refused[0]!.failure).toBe(failure);
    const genuine = throwing(failure.markVerified());
    await invoke(genuine.handler, eventOf(wire));
    expect(Buffer.from(genuine.refused[0]!.request.rawBody).toString()).toBe('Zoë\u0000🙂');
    expect(genuine.refused[0]!.request.headers.get('x-one')).toEqual(['1']);
  });

  test.each([new TypeError('secret'), 'secret', null, { status: 200, body: 'secret' }])(
    'thrown %o: is an internal error',
    async thrown => {
      const { handler } = throwing(thrown);
      expect(await invoke(handler, eventOf(wire))).toMatchObject({ status: 500, text: 'internal error' });
    },
  );

  test('timeout: the reply comes half a second before it', async () => {
    const timer = vi.spyOn(timers, 'setTimeout');
    syncBuiltinESMExports();
    onTestFinished(() => {
      timer.mockRestore();
      syncBuiltinESMExports();
    });
    const { handler, refused } = recording(() => new Promise(() => {}));
    const answer = await handler(eventOf(wire), { getRemainingTimeInMillis: () => 540 } as never);
    expect(timer.mock.calls.map(([, ms]) => ms)).toEqual([40]);
    expect(answer).toMatchObject({ statusCode: 503, headers: { 'Retry-After': '60' } });
    expect(refused[0]!.failure).toMatchObject({ code: 'unavailable', message: 'out of time', verified: false });
  });
});
