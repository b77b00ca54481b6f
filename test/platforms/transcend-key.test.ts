import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  apiKey,
  claims,
  job,
  pemOf,
  sombraFor,
  sombraKeys,
  tokenOf,
  transcendHarness,
  transcendWire,
} from './transcend-messages.ts';

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

  test('is fetched for nobody who does not know the secret header', async () => {
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
          return { kind: 'no-answer', code: 'timed-out', mayHaveExecuted: false };
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
