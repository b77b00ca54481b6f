import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { tokenChecker } from '../../lambda/authentication/json-web-token.ts';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import { order } from '../platforms/generic-messages.ts';
import { createHarness, fixtureTime } from '../support/harness.ts';

const issuer = 'https://id.example.com';
const audience = 'erasure';
const jwks = 'https://id.example.com/keys';
const seconds = fixtureTime / 1000;

async function newKey(alg: string, kid: string) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } };
}
type Key = Awaited<ReturnType<typeof newKey>>;

const rsa = await newKey('RS256', 'rsa-1');
const ec = await newKey('ES256', 'ec-1');

function signed(
  key: Key,
  claims: JWTPayload = {},
  header: object = {},
  by: CryptoKey = key.privateKey,
): Promise<string> {
  const payload = { iss: issuer, aud: audience, exp: seconds + 60, ...claims };
  return new SignJWT(payload).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(by);
}

const answer = (keys: unknown, status = 200): HttpResult => ({
  kind: 'response',
  status,
  headers: {},
  body: JSON.stringify({ keys }),
});

/** A check of tokens over an issuer that a test may change. */
function opened(algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'], first: HttpResult = answer([rsa.jwk, ec.jwk])) {
  const issuerState = { result: first, calls: [] as HttpCall[], now: fixtureTime };
  const context = {
    now: () => issuerState.now,
    sendPublic: async (call: HttpCall) => {
      issuerState.calls.push(call);
      return issuerState.result;
    },
  };
  const check = tokenChecker({ issuer, audience, jwks, algorithms });
  return { state: issuerState, check: (token: string) => check(token, context) };
}

describe('token', () => {
  test.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('%s: is accepted', async alg => {
    const key = await newKey(alg, 'any');
    const { check } = opened([alg], answer([key.jwk]));
    expect(await check(await signed(key))).toBe(true);
  });

  test.each<[string, () => Promise<string>]>([
    ['no issuer', () => signed(rsa, { iss: undefined as never })],
    ['another issuer', () => signed(rsa, { iss: 'https://other.example' })],
    ['no audience', () => signed(rsa, { aud: undefined as never })],
    ['another audience', () => signed(rsa, { aud: 'other' })],
    ['no expiry', () => signed(rsa, { exp: undefined as never })],
    ['expired', () => signed(rsa, { exp: seconds - 1 })],
    ['not yet valid', () => signed(rsa, { nbf: seconds + 60 })],
    ['an unknown critical extension', () => signed(rsa, {}, { crit: ['x'], x: 1 }).catch(() => critical())],
    ['another key', async () => signed(rsa, {}, {}, (await newKey('RS256', 'rsa-1')).privateKey)],
    [
      'its own key beside it',
      async () => {
        const own = await newKey('RS256', 'own');
        return signed(own, {}, { jwk: own.jwk, jku: 'https://evil.example/keys', x5u: 'https://evil.example/x' });
      },
    ],
    ['no signature', async () => `${(await signed(rsa)).split('.').slice(0, 2).join('.')}.`],
    ['algorithm none', async () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.e30`],
    [
      'an HMAC with the public key',
      async () => `${Buffer.from('{"alg":"HS256","kid":"rsa-1"}').toString('base64url')}.e30.e30`,
    ],
  ])('%s: is rejected', async (_, token) => {
    const { check, state } = opened();
    expect(await check(await token())).toBe(false);
    for (const { url } of state.calls) expect(url.href).toBe(jwks);
  });

  test('algorithm that settings do not list: is rejected before keys are fetched', async () => {
    const { check, state } = opened(['ES256']);
    expect(await check(await signed(rsa))).toBe(false);
    expect(await check('not a token')).toBe(false);
    expect(state.calls).toEqual([]);
    expect(await check(await signed(ec))).toBe(true);
  });

  test.each(['before', 'behind'])('text %s a token: is rejected before keys are fetched', async place => {
    const { check, state } = opened();
    const token = await signed(rsa);
    expect(await check(place === 'before' ? `~${token}` : `${token}~`)).toBe(false);
    expect(state.calls).toEqual([]);
  });

  test('one changed byte: is rejected', async () => {
    const { check } = opened();
    const token = await signed(ec);
    for (const at of [5, Math.floor(token.length / 2), token.length - 5]) {
      const other = token[at] === 'A' ? 'B' : 'A';
      expect(await check(token.slice(0, at) + other + token.slice(at + 1))).toBe(false);
    }
  });
});

/** A token whose header has a critical extension: jose does not sign one. */
async function critical(): Promise<string> {
  const [, payload, signature] = (await signed(rsa)).split('.');
  const head = Buffer.from(JSON.stringify({ alg: 'RS256', kid: 'rsa-1', crit: ['x'], x: 1 })).toString('base64url');
  return `${head}.${payload}.${signature}`;
}

describe('keys of the issuer', () => {
  test('that are ten minutes old and cannot be fetched again: are not used', async () => {
    const { check, state } = opened();
    const token = await signed(rsa, { exp: seconds + 3600 });
    await check(token);
    expect(state.calls[0]?.headers).toEqual({ accept: 'application/json' });
    state.result = answer([], 503);
    state.now += 600_000;
    await expect(check(token)).rejects.toThrow('the keys of the token issuer are unavailable');
    state.now += 1;
    await expect(check(token)).rejects.toThrow('the keys of the token issuer are unavailable');
  });

  test('are fetched once in ten minutes, within two seconds and 64 KiB', async () => {
    const { check, state } = opened();
    const token = await signed(rsa, { exp: seconds + 3600 });
    await Promise.all([check(token), check(token)]);
    state.now += 599_000;
    expect(await check(token)).toBe(true);
    expect(state.calls).toMatchObject([{ method: 'GET', until: fixtureTime + 2000, maxResponseBytes: 65_536 }]);
    state.now += 1000;
    expect(await check(token)).toBe(true);
    expect(state.calls).toHaveLength(2);
  });

  test('unknown kid: fetches them again, at most once in five minutes', async () => {
    const { check, state } = opened();
    expect(await check(await signed(rsa))).toBe(true);
    const next = await newKey('RS256', 'rsa-2');
    state.result = answer([next.jwk]);
    expect(await check(await signed(next))).toBe(true);
    const stranger = await newKey('RS256', 'rsa-3');
    for (const _ of [1, 2]) expect(await check(await signed(stranger))).toBe(false);
    expect(state.calls).toHaveLength(2);
    state.now += 300_000;
    expect(await check(await signed(stranger, { exp: seconds + 3600 }))).toBe(false);
    expect(state.calls).toHaveLength(3);
  });

  test.each<[string, HttpResult]>([
    ['unreachable', { kind: 'no-response', code: 'timed-out', mayHaveExecuted: false }],
    ['a redirect', { kind: 'no-response', code: 'redirected', mayHaveExecuted: true }],
    ['an error', answer([rsa.jwk], 500)],
    ['not a key set', answer('x')],
    ['cut off', { kind: 'response', status: 200, headers: {}, body: '{"keys":[{"kty":"RS' }],
  ])('%s: 503 with an alarm, one call in ten seconds, and then another try', async (_, result) => {
    const { check, state } = opened(undefined, result);
    const token = await signed(rsa);
    const failed = { code: 'unavailable', alarm: 'secret-unusable' };
    for (const _ of [1, 2]) await expect(check(token)).rejects.toMatchObject(failed);
    expect(state.calls).toHaveLength(1);
    state.result = answer([rsa.jwk]);
    state.now += 10_000;
    expect(await check(token)).toBe(true);
  });
});

describe('platform with a token', () => {
  const authentication = { kind: 'jwt', issuer, audience, jwks, algorithms: ['RS256'] };
  const harnessWith = (proof: object | object[], secret = 'REPLACE_ME') =>
    createHarness({
      platforms: { generic: { authentication: proof } },
      secrets: { 'erasure/platform/generic': secret },
      change: () => ({ sendCallback: async () => answer([rsa.jwk]) }),
    });
  const wire = (headers: Readonly<Record<string, string>>) => ({
    path: '/webhooks/generic',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(order),
  });

  test('needs no secret, and accepts requests and status requests', async () => {
    const harness = harnessWith(authentication);
    const Authorization = `Bearer ${await signed(rsa)}`;
    expect((await harness.send(wire({ Authorization }))).status).toBe(200);
    expect(await harness.receipts()).toMatchObject([{ authentication: { scheme: 'jwt', secret: 'current' } }]);
    const status = { method: 'GET', path: '/webhooks/generic/req-1', headers: { Authorization }, body: '' };
    expect((await harness.send(status)).status).toBe(200);
    expect((await harness.send(wire({ Authorization: `${Authorization}x` }))).status).toBe(401);
    expect((await harness.send(wire({}))).status).toBe(401);
  });

  test('beside a header: both must hold, and the token is not checked if the header is wrong', async () => {
    const current = 'the-static-secret-of-a-sender';
    const both = [authentication, { kind: 'header', header: 'X-Key' }];
    const harness = harnessWith(both, JSON.stringify({ current }));
    const Authorization = `Bearer ${await signed(rsa)}`;
    expect((await harness.send(wire({ Authorization }))).status).toBe(401);
    expect((await harness.send(wire({ 'X-Key': current }))).status).toBe(401);
    expect((await harness.send(wire({ Authorization, 'X-Key': current }))).status).toBe(200);
  });
});
