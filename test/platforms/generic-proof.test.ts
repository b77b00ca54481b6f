import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { fixtureTime } from '../support/harness.ts';
import { requestOf } from '../support/requests.ts';
import { genericHarness, genericWire, order, signed } from './generic-messages.ts';

describe('a message of Standard Webhooks', () => {
  test.each([
    [-301, 401],
    [-300, 200],
    [299, 200],
    [300, 200],
    [301, 401],
    [31_536_000, 401],
  ])('that comes %i s after it was signed is answered with %i', async (seconds, status) => {
    const harness = genericHarness();
    const wire = genericWire();
    harness.clock.now += seconds * 1000;
    expect((await harness.send(wire)).status).toBe(status);
  });

  test('without its signature is refused, and the reply names the header', async () => {
    const { json } = await genericHarness().send(genericWire(order, { 'webhook-signature': [] }));
    expect(json).toMatchObject({ error: { message: 'webhook-signature: does not match' } });
  });

  test('may be signed anew for each delivery, and is one request', async () => {
    const harness = genericHarness();
    for (const seconds of [0, 400, 86_400]) {
      harness.clock.now += seconds * 1000;
      const wire = genericWire(order, {}, { id: `msg_${seconds}`, at: harness.clock.now });
      expect((await harness.send(wire)).status).toBe(200);
    }
    expect(await harness.receipts()).toHaveLength(1);
    expect(harness.sandbox.deletions()).toHaveLength(1);
  });
});

describe('Basic credentials', () => {
  const current = 'form-of-the-shop:pässword-£-0001';
  const harness = (secret: object = {}) =>
    genericHarness({ section: { authentication: { kind: 'basic' } }, secret: { current, ...secret } });
  const wire = (given: string | string[]) => genericWire(order, { Authorization: given });
  const encoded = Buffer.from(current).toString('base64');

  test.each(['Basic', 'basic', 'BASIC', 'Basic '])('are taken behind the word %j, in UTF-8', async word => {
    expect(await harness().send(wire(`${word} ${encoded}`))).toMatchObject({ status: 200 });
  });

  test.each([
    ['text after them', `Basic ${encoded} x`],
    ['no scheme', encoded],
    ['another scheme', `Bearer ${encoded}`],
    ['Latin-1', `Basic ${Buffer.from(current, 'latin1').toString('base64')}`],
    ['no padding', `Basic ${encoded.replace(/=*$/, '')}x`],
    ['the text itself', `Basic ${current}`],
    ['nothing', 'Basic '],
  ])('are refused with %s, and asked for', async (_, given) => {
    expect(await harness().send(wire(given))).toMatchObject({
      status: 401,
      json: { error: { message: 'Authorization: does not match' } },
      headers: { 'www-authenticate': 'Basic realm="erasure", charset="UTF-8"' },
    });
  });

  test('need a colon in the secret: 503 and an alarm without one', async () => {
    for (const secret of [{ current: 'a-user-without-any-password' }, { previous: 'a-user-without-any-password' }]) {
      const opened = harness(secret);
      expect(await opened.send(wire(`Basic ${encoded}`))).toMatchObject({ status: 503 });
      expect(opened.alarms()).toEqual(['secret-unusable']);
    }
  });
});

describe('a token', () => {
  const authentication = {
    kind: 'jwt',
    issuer: 'https://id.example.com',
    audience: 'erasure',
    jwks: 'https://id.example.com/keys',
    algorithms: ['EdDSA'],
  };
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const exp = fixtureTime / 1000 + 60;
  const claims = { iss: authentication.issuer, aud: authentication.audience, exp };
  const text = `${encode({ alg: 'EdDSA', kid: 'a' })}.${encode(claims)}`;
  const token = `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
  const keys = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'EdDSA' }] });
  const verify = (header: string) => {
    const platform = openPlatforms({ generic: { authentication } }).get('generic')!;
    const sendPublic = async () => ({ kind: 'response', status: 200, headers: {}, body: keys }) as const;
    // No authentication works with a secret, so none is read.
    const secret = () => Promise.reject(new Error('the secret must not be read'));
    return platform.verify(requestOf(order, { authorization: header }), {
      ...{ secret, now: () => fixtureTime, send: sendPublic, sendPublic },
    });
  };

  test.each([token, `Bearer ${token}`, `bearer  ${token}`])(
    'is accepted with or without the word Bearer (%#)',
    async header => {
      expect(await verify(header)).toEqual({ scheme: 'jwt', secret: 'current' });
    },
  );

  test.each([`x${token}`, token.replace('.', '.bearer '), `Basic ${token}`])(
    'is refused as another text (%#)',
    async header => {
      const failure = { code: 'unauthorized', message: 'Authorization: does not match' };
      await expect(verify(header)).rejects.toMatchObject(failure);
    },
  );
});

describe('a static header', () => {
  const current = 'Bearer in-house-secret-0001';

  test('is Authorization unless settings name another one', async () => {
    const harness = genericHarness({ section: { authentication: { kind: 'header' } }, secret: { current } });
    expect((await harness.send(genericWire(order, { Authorization: current }))).status).toBe(200);
    expect(await harness.receipts()).toMatchObject([{ authentication: { scheme: 'header' } }]);
  });

  test('is all that counts: a signature of Standard Webhooks is none', async () => {
    const harness = genericHarness({
      section: { authentication: { kind: 'header', header: 'X-Own' } },
      secret: { current },
    });
    const answer = await harness.send(genericWire(order, { ...signed(JSON.stringify(order)), Authorization: current }));
    expect(answer).toMatchObject({ status: 401, json: { error: { message: 'X-Own: does not match' } } });
    expect(answer.headers).not.toHaveProperty('www-authenticate');
  });
});
