import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { untouchedStore } from '../support/forbidden-adapters.ts';
import {
  apiKey,
  claims,
  headerSecret,
  issuedAt,
  job,
  pemOf,
  sombraFor,
  sombraKeys,
  tokenOf,
  transcendHarness,
  transcendWire,
} from './transcend-messages.ts';

describe("Transcend's proof", () => {
  test.each([
    ['a wrong secret header', { 'x-webhook-secret': `${headerSecret} ` }],
    ['the API key in the secret header', { 'x-webhook-secret': apiKey }],
    ['no token but a text', { 'x-sombra-token': 'Bearer' }],
    ['a token for another scope', { 'x-sombra-token': tokenOf({ ...claims, scope: 'other' }) }],
    ['a token for no scope', { 'x-sombra-token': tokenOf({ ...claims, scope: undefined }) }],
    ['a token for another audience', { 'x-sombra-token': tokenOf({ ...claims, aud: 'other' }) }],
    ['a token of tomorrow', { 'x-sombra-token': tokenOf({ ...claims, iat: issuedAt + 86_400 }) }],
    ['a token of the day before', { 'x-sombra-token': tokenOf({ ...claims, iat: issuedAt - 86_400 }) }],
    ['a token for somebody else', { 'x-sombra-token': tokenOf({ ...claims, value: 'crm-10043' }) }],
    ['a token whose value is a number', { 'x-sombra-token': tokenOf({ ...claims, value: 10_042 }) }],
    ['a token that is over', { 'x-sombra-token': tokenOf({ ...claims, exp: issuedAt }) }],
  ])('is refused with %s: 401, and nothing is stored', async (_, headers) => {
    const harness = transcendHarness(untouchedStore());
    const answer = await harness.send(transcendWire(job(), headers));
    expect(answer).toMatchObject({ status: 401, json: { error: { code: 'unauthorized' } } });
    expect(answer.text + harness.logText.join()).not.toMatch(/crm-1004|acme|ada@/);
  });

  test.each([
    ['x-webhook-secret: does not match', job(), { 'x-webhook-secret': [] }],
    ['x-sombra-token: is not valid for this request', job(), { 'x-sombra-token': [] }],
    [
      'coreIdentifier.value: is not the one of the token',
      job(),
      { 'x-sombra-token': tokenOf({ ...claims, value: 'crm-10043' }) },
    ],
    [
      'coreIdentifier: is missing or does not match new-privacy-request-job',
      job(undefined, { coreIdentifier: undefined }),
      {},
    ],
    ['Content-Encoding: must be identity', 'compressed', { 'Content-Encoding': 'gzip' }],
  ])('that fails: the reply says why (%s)', async (message, body, headers) => {
    const { json } = await transcendHarness().send(transcendWire(body, headers));
    expect(json).toMatchObject({ error: { message } });
  });

  test('is recorded with its scheme', async () => {
    const harness = transcendHarness();
    await harness.send(transcendWire());
    const authentication = { scheme: 'es384-token+shared-secret', secret: 'current' };
    expect(await harness.receipts()).toMatchObject([{ authentication }]);
  });

  test('still holds when a retry carries it hours later, and not a day later', async () => {
    const harness = transcendHarness();
    await harness.send(transcendWire());
    harness.clock.now = issuedAt * 1000 + 86_400_000;
    expect((await harness.send(transcendWire())).status).toBe(200);
    harness.clock.now += 1;
    expect((await harness.send(transcendWire())).status).toBe(401);
    expect(harness.sandbox.deletions()).toHaveLength(1);
  });

  test.each([
    ['without an API key', { apiKey: undefined }],
    ['with an empty API key', { apiKey: '' }],
    ['with a placeholder of an API key', { apiKey: 'REPLACE_ME' }],
    ["with an empty key of one's own Sombra", { sombraApiKey: '' }],
  ])('cannot be given when the secret is %s: 503 and an alarm', async (_, secret) => {
    const harness = transcendHarness({ secret });
    expect(await harness.send(transcendWire())).toMatchObject({ status: 503 });
    expect(harness.alarms()).toEqual(['secret-unusable']);
  });
});

const renewed = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const smaller = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const minute = 60_000;
const hour = 3_600_000;

describe("Sombra's public key", () => {
  test('is fetched with our keys, once for an hour', async () => {
    const { sombra, harness, post } = await opened({ sombraApiKey: 'own-sombra-key' });
    expect(await post()).toBe(204);
    expect(sombra.calls).toMatchObject([
      {
        method: 'GET',
        path: '/public-keys/sombra-general-signing-key',
        headers: { authorization: `Bearer ${apiKey}`, 'x-sombra-authorization': 'Bearer own-sombra-key' },
      },
    ]);
    harness.clock.now += hour - 1;
    expect(await post()).toBe(204);
    expect(sombra.calls).toHaveLength(1);
    harness.clock.now += 1;
    expect(await post()).toBe(204);
    expect(sombra.calls).toHaveLength(2);
  });

  test('is fetched once for requests that come together', async () => {
    const { sombra, post } = await opened();
    const statuses = await Promise.all([post(), post(), post()]);
    expect(statuses.every(status => status < 300)).toBe(true);
    expect(sombra.calls).toHaveLength(1);
  });

  test('sender without the secret header: is not fetched', async () => {
    const { sombra, harness } = await opened();
    const stranger = transcendWire(job(), { 'x-webhook-secret': 'a-secret-that-was-only-guessed' });
    expect((await harness.send(stranger)).status).toBe(401);
    expect(sombra.calls).toEqual([]);
  });

  test('is fetched anew when a token does not fit it, at most once a minute', async () => {
    const { sombra, harness, post } = await opened();
    await post();
    sombra.answer = { status: 200, body: pemOf(renewed.publicKey) };
    const token = () => tokenOf({ ...claims, iat: Math.floor(harness.clock.now / 1000) }, renewed.privateKey);
    harness.clock.now += minute - 1;
    expect(await post(token())).toBe(401);
    expect(sombra.calls).toHaveLength(1);
    harness.clock.now += 1;
    expect(await post(token())).toBe(204);
    expect(await post(tokenOf())).toBe(401);
    expect(sombra.calls).toHaveLength(2);
  });

  test('is used for a day while Sombra does not answer, and no longer', async () => {
    const { sombra, harness, post } = await opened();
    await post();
    const token = () => tokenOf({ ...claims, iat: Math.floor(harness.clock.now / 1000) });
    sombra.answer = { status: 500, body: '' };
    harness.clock.now += 24 * hour - 1;
    expect(await post(token())).toBe(204);
    harness.clock.now += 1;
    expect(await post(token())).toBe(503);
  });

  test.each([
    ['500', { status: 500, body: '' }, []],
    ['a key in a 404', { status: 404, body: pemOf(sombraKeys.publicKey) }, []],
    ['a redirect', { status: 302, body: pemOf(sombraKeys.publicKey) }, []],
    ['a page', { status: 200, body: '<html></html>' }, []],
    ['a key of another curve', { status: 200, body: pemOf(smaller.publicKey) }, []],
    ['an endless text', { status: 200, body: pemOf(sombraKeys.publicKey).padEnd(70_000) }, []],
    ['401', { status: 401, body: '' }, ['secret-unusable']],
    ['403', { status: 403, body: '' }, ['secret-unusable']],
  ])(
    'is unavailable when the answer is %s: 503, nothing stored, and no second try for a minute',
    async (_, no, alarms) => {
      const { sombra, harness, post } = await opened();
      sombra.answer = no;
      for (const _again of [1, 2]) expect(await post()).toBe(503);
      expect(sombra.calls).toHaveLength(1);
      expect(await harness.receipts()).toEqual([]);
      expect(harness.alarms()).toEqual([...alarms, ...alarms]);
      sombra.answer = { status: 200, body: pemOf(sombraKeys.publicKey) };
      harness.clock.now += minute;
      expect(await post()).toBe(204);
    },
  );

  test('has two seconds to come', async () => {
    const asked: [method: string, accept: string | undefined, ms: number][] = [];
    const harness = transcendHarness({
      section: { publicKey: undefined },
      change: ({ now }) => ({
        send: async ({ method, headers, until }) => {
          asked.push([method, headers['accept'], until - now()]);
          return { kind: 'no-response', code: 'timed-out', mayHaveExecuted: false };
        },
      }),
    });
    expect((await harness.send(transcendWire())).status).toBe(503);
    expect(asked).toEqual([['GET', 'text/plain', 2000]]);
  });

  test('is not fetched when settings pin it, even for a token that does not fit', async () => {
    const sombra = await sombraFor();
    const harness = transcendHarness({ sombra, section: { publicKey: pemOf(renewed.publicKey) }, customers: [] });
    const status = async (token: string) =>
      (await harness.send(transcendWire(job(), { 'x-sombra-token': token }))).status;
    expect(await status(tokenOf(claims, renewed.privateKey))).toBe(204);
    expect(await status(tokenOf())).toBe(401);
    expect(sombra.calls).toEqual([]);
  });
});

async function opened(secret: object = {}) {
  const sombra = await sombraFor();
  const harness = transcendHarness({ sombra, secret, customers: [] });
  const post = async (token = tokenOf()) =>
    (await harness.send(transcendWire(job(), { 'x-sombra-token': token }))).status;
  return { sombra, harness, post };
}
