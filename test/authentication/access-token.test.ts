import { describe, expect, test } from 'vitest';
import { accessTokens, TokenFailure } from '../../lambda/authentication/access-token.ts';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import { response } from '../support/voucherify-responses.ts';

const start = Date.UTC(2026, 10, 24, 12);
const url = 'https://login.example.com/token';
const given = (access_token: string, more: object = { expires_in: 3600 }) => response(200, { access_token, ...more });

/** An endpoint that answers in this order, and a clock that the test moves. */
function endpoint(answers: readonly HttpResult[], scope?: string) {
  const [clock, calls, left] = [{ now: start }, [] as HttpCall[], [...answers]];
  const sendPublic = async (call: HttpCall) => {
    calls.push(call);
    const result = left.shift();
    if (result === undefined) throw new Error('one call too many');
    return result;
  };
  const tokens = accessTokens(url, scope);
  const read = (client = 'id:secret') => tokens.read(client, { now: () => clock.now, sendPublic });
  return { clock, calls, tokens, read };
}

describe('access token', () => {
  test.each([
    [undefined, 'grant_type=client_credentials'],
    ['orders', 'grant_type=client_credentials&scope=orders'],
  ])('call (scope %s): is a form with HTTP Basic, and may be repeated', async (scope, body) => {
    const { calls, read } = endpoint([given('abc')], scope);
    expect(await read('a b:c:d+e')).toBe('abc');
    const credentials = Buffer.from('a+b:c%3Ad%2Be').toString('base64');
    expect(calls).toEqual([
      {
        method: 'POST',
        url: new URL(url),
        headers: {
          Accept: 'application/json',
          Authorization: `Basic ${credentials}`,
          'Content-Type': 'application/x-www-form-urlencoded',
          'Content-Length': String(body.length),
        },
        body,
        maxResponseBytes: 65_536,
        repeatable: true,
        until: start + 5000,
      },
    ]);
  });

  test('two callbacks at once: share one call', async () => {
    const { calls, read } = endpoint([given('abc')]);
    expect(await Promise.all([read(), read()])).toEqual(['abc', 'abc']);
    expect(calls).toHaveLength(1);
  });

  test.each([
    ['stated', { expires_in: 3600 }, 3540],
    ['not stated', {}, 300],
    ['null', { expires_in: null }, 300],
  ])('validity %s: it is used until a minute before its end', async (_, more, seconds) => {
    const { clock, read } = endpoint([given('first', more), given('second', more)]);
    expect(await read()).toBe('first');
    clock.now += seconds * 1000 - 1;
    expect(await read()).toBe('first');
    clock.now += 1;
    expect(await read()).toBe('second');
  });

  test('another client, or a token that was refused: a new one is asked for', async () => {
    const { tokens, read } = endpoint(['one', 'two', 'three'].map(name => given(name)));
    expect([await read(), await read('id:new'), await read('id:new')]).toEqual(['one', 'two', 'two']);
    tokens.drop();
    expect(await read('id:new')).toBe('three');
  });

  test('failed call: is repeated by the next callback', async () => {
    const { read } = endpoint([response(503, ''), given('abc')]);
    await expect(read()).rejects.toBeInstanceOf(TokenFailure);
    expect(await read()).toBe('abc');
  });

  test.each(['id', ':secret', ''])('client %j: is unusable, and nothing is sent', async client => {
    const { calls, read } = endpoint([]);
    await expect(read(client)).rejects.toMatchObject({ code: 'unavailable', alarm: 'secret-unusable' });
    expect(calls).toEqual([]);
  });

  test('empty secret: is one', async () => {
    const { calls, read } = endpoint([given('abc')]);
    await read('id:');
    expect(calls[0]?.headers['Authorization']).toBe(`Basic ${Buffer.from('id:').toString('base64')}`);
  });

  const none = { kind: 'no-response', code: 'timed-out', mayHaveExecuted: true } as const;
  test.each<[string, HttpResult, string, string | undefined]>([
    ['no response', none, 'token-timed-out', undefined],
    ['a 400', response(400, {}), 'token-http-400', 'secret-unusable'],
    ['a 401', response(401, {}), 'token-http-401', 'secret-unusable'],
    ['a 403', response(403, {}), 'token-http-403', 'secret-unusable'],
    ['a 404', response(404, {}), 'token-http-404', undefined],
    ['a 500', response(500, {}), 'token-http-500', undefined],
    ['a token with another status', response(201, { access_token: 'abc' }), 'token-unreadable', undefined],
    ['a 200 without a token', response(200, {}), 'token-unreadable', undefined],
    ['HTML', response(200, '<html></html>'), 'token-unreadable', undefined],
    ['a token with a space', given('a b'), 'token-unreadable', undefined],
    ['a negative validity', given('abc', { expires_in: -1 }), 'token-unreadable', undefined],
  ])('%s: is no token, and an alarm only if the client is refused', async (_, result, reason, alarm) => {
    const thrown: unknown = await endpoint([result])
      .read()
      .catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(TokenFailure);
    expect(thrown).toMatchObject({ code: 'unavailable', message: 'there is no access token', reason, result });
    expect((thrown as TokenFailure).alarm).toBe(alarm);
  });
});
