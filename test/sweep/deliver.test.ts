import { describe, expect, test } from 'vitest';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import type { CallbackRequest } from '../../lambda/platforms/platform.ts';
import { sendCallback } from '../../lambda/sweep/send-callback.ts';
import { now, response, second } from '../support/quota-world.ts';

const callback: CallbackRequest = {
  method: 'POST',
  url: 'https://dsr.ketch.com/callback?a=b',
  headers: { 'Content-Type': 'application/json', Authorization: 'Bearer cb-token-1' },
  body: '{"name":"Zoë 🙂"}',
  alsoDelivered: [],
};

/** Delivers to somebody who answers so; the calls that were made. */
async function delivered(
  result: HttpResult,
  change: Partial<CallbackRequest> = {},
  origins = ['https://dsr.ketch.com'],
) {
  const calls: HttpCall[] = [];
  const send = async (call: HttpCall) => {
    calls.push(call);
    return result;
  };
  const delivery = await sendCallback(
    { ...callback, ...change },
    { send, origins, now: () => now, until: now + 10_000 },
  );
  return { delivery, calls };
}

describe('a callback', () => {
  test.each(['POST', 'PUT'] as const)('is sent once by %s, as it is, with its length in bytes', async method => {
    const { calls } = await delivered(response(200), { method });
    const expected: HttpCall = {
      method,
      url: new URL('https://dsr.ketch.com/callback?a=b'),
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer cb-token-1', 'Content-Length': '20' },
      body: '{"name":"Zoë 🙂"}',
      until: now + 10_000,
      repeatable: true,
    };
    expect(calls).toEqual([expected]);
  });

  test('has no say in the headers of the connection: a host name there would lead past the allowed origin', async () => {
    const hop = ['Host', 'host', 'CONTENT-LENGTH', 'Transfer-Encoding', 'Connection', 'Keep-Alive', 'Upgrade', 'TE'];
    const others = ['Expect', 'Trailer', 'Proxy-Connection'];
    const spoiled = Object.fromEntries([...hop, ...others].map(name => [name, 'evil.example']));
    const { calls } = await delivered(response(200), { headers: { ...spoiled, 'X-Host': 'mine', Cookie: 'a=b' } });
    expect(calls[0]?.headers).toEqual({ 'X-Host': 'mine', Cookie: 'a=b', 'Content-Length': '20' });
  });

  test('is not sent once settings no longer list its origin', async () => {
    for (const origins of [[], ['https://eu.ketch.com'], ['https://dsr.ketch.com:8443'], ['http://dsr.ketch.com']]) {
      const { delivery, calls } = await delivered(response(200), {}, origins);
      expect(delivery).toEqual({ kind: 'refused' });
      expect(calls).toEqual([]);
    }
  });
});

describe('the answer to a callback', () => {
  test.each([200, 201, 202, 204, 206, 299])('%i says that it is delivered', async status => {
    expect((await delivered(response(status))).delivery).toEqual({ kind: 'delivered' });
  });

  test.each([404, 410])('%i says that there is nobody to tell', async status => {
    expect((await delivered(response(status))).delivery).toEqual({ kind: 'refused' });
  });

  test.each([100, 199, 400, 401, 403, 405, 409, 422, 429, 500, 502, 503, 504, 599])(
    '%i is asked again',
    async status => {
      expect((await delivered(response(status))).delivery).toEqual({ kind: 'retry' });
    },
  );

  test.each([
    ['not-connected', false],
    ['timed-out', true],
    ['connection-lost', true],
    ['redirected', true],
    ['too-large', true],
  ] as const)('that never came (%s) is asked for again', async (code, mayHaveExecuted) => {
    expect((await delivered({ kind: 'no-answer', code, mayHaveExecuted })).delivery).toEqual({ kind: 'retry' });
  });

  test('means what the platform says it means, where it is known', async () => {
    expect((await delivered(response(409), { alsoDelivered: [409] })).delivery).toEqual({ kind: 'delivered' });
    expect((await delivered(response(404), { alsoDelivered: [404] })).delivery).toEqual({ kind: 'delivered' });
    expect((await delivered(response(410), { alsoDelivered: [409] })).delivery).toEqual({ kind: 'refused' });
  });

  test.each([429, 503, 500])('%i may say when to come back', async status => {
    const result = response(status, { 'retry-after': '120' });
    expect((await delivered(result)).delivery).toEqual({ kind: 'retry', notBefore: now + 120 * second });
  });

  test.each(['', '-1', '1.5', 'soon', 'Tue, 24 Nov 2026 12:10:00 GMT', '12345678', ' 5', '1e3'])(
    'that says to come back at %j does not say when',
    async text => {
      expect((await delivered(response(429, { 'retry-after': text }))).delivery).toEqual({ kind: 'retry' });
    },
  );
});
