import { describe, expect, test } from 'vitest';
import type { GatewayEvent } from '../../lambda/aws/api-gateway.ts';
import { handler, webhookHandler } from '../../lambda/webhook.ts';
import { contextWith, eventOf, invoke, plainEventOf } from '../support/event.ts';
import type { House } from '../support/house.ts';
import { account, deleteRequest, ketchHouse, ketchSecret, ketchWire } from '../support/ketch.ts';

const odd = deleteRequest({ identities: [account('Zoë 🙂 "10042"')] });

async function reasonOf(house: House, event: GatewayEvent): Promise<unknown> {
  const { json } = await invoke(
    webhookHandler(() => house.services),
    event,
  );
  return (json as { response?: { reason: string } }).response?.reason;
}

describe('an event of API Gateway', () => {
  test('is read in base64 and as text alike, down to the last character', async () => {
    for (const event of [eventOf(ketchWire(odd)), plainEventOf(ketchWire(odd))]) {
      const house = await ketchHouse();
      house.sandbox.register({ source_id: 'Zoë 🙂 "10042"', created_at: '2025-01-01T00:00:00Z' }, 'main');
      expect(await reasonOf(house, event)).toBe('executed');
    }
  });

  test.each(['AUTHORIZATION', 'authorization', 'aUtHoRiZaTiOn'])('may spell a header %s', async name => {
    const wire = ketchWire(undefined, { Authorization: [], [name]: ketchSecret });
    for (const event of [
      eventOf(wire),
      plainEventOf({ ...wire, headers: { 'content-TYPE': 'application/json', [name]: ketchSecret } }),
    ]) {
      const house = await ketchHouse();
      expect(await reasonOf(house, event)).toBe('executed');
    }
  });

  test.each([
    ['twice', { Authorization: [ketchSecret, ketchSecret] }],
    ['twice and once wrong', { Authorization: ['x', ketchSecret] }],
    ['in two spellings', { authorization: ketchSecret }],
    ['without a value', { Authorization: [] }],
  ])('with a header %s is refused', async (_, headers) => {
    const house = await ketchHouse();
    expect(await house.send(ketchWire(undefined, headers))).toMatchObject({ status: 403, json: { kind: 'Error' } });
    expect(await house.receipts()).toEqual([]);
  });

  test('with two spellings of a header among its single ones is refused', async () => {
    const house = await ketchHouse();
    const event = plainEventOf(ketchWire(undefined, { authorization: ketchSecret }));
    expect(Object.keys(event.headers!)).toEqual(expect.arrayContaining(['Authorization', 'authorization']));
    expect(await reasonOf(house, event)).toBeUndefined();
  });

  test.each<[string, Partial<GatewayEvent>]>([
    ['null for headers', { headers: null as never, multiValueHeaders: null as never }],
    ['no headers', { headers: {}, multiValueHeaders: {} }],
    ['null for a header', { headers: {}, multiValueHeaders: { Authorization: null as never } }],
    ['null among the values of a header', { headers: {}, multiValueHeaders: { Authorization: [null as never] } }],
  ])('that holds %s is refused like any other stranger', async (_, part) => {
    const house = await ketchHouse();
    const answer = await invoke(
      webhookHandler(() => house.services),
      { ...eventOf(ketchWire()), ...part },
    );
    expect(answer).toMatchObject({ status: 403, json: { error: { status: 'forbidden' } } });
  });

  test('without a body holds no request', async () => {
    const house = await ketchHouse();
    const answer = await invoke(
      webhookHandler(() => house.services),
      { ...eventOf(ketchWire()), body: null, isBase64Encoded: false },
    );
    expect(answer).toMatchObject({ status: 400, json: { error: { message: 'body: is not JSON' } } });
  });
});

describe('a path', () => {
  test.each(['/webhooks/ketch', '/prod/webhooks/ketch'])('%s is served', async path => {
    const house = await ketchHouse();
    expect((await house.send({ ...ketchWire(), path })).status).toBe(200);
  });

  test.each([
    '/',
    '',
    '/webhooks',
    '/webhooks/',
    '/webhooks/ketch/',
    '/webhooks/Ketch',
    '/webhooks/ketch%20',
    '/webhooks/ketch\n',
    '/webhooks/segment',
    '/webhooks/constructor',
    '/webhooks/__proto__',
    '/ketch',
    '/webhooks//ketch',
    '/webhooks/ketch?x',
    `/webhooks/${'k'.repeat(60)}`,
  ])('%j is not', async path => {
    const house = await ketchHouse();
    const answer = await house.send({ ...ketchWire(), path });
    expect(answer).toMatchObject({
      status: 404,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
      json: { error: { code: 'not-found' } },
    });
    expect(house.logged()).toMatchObject([{ event: 'refused', code: 'not-found', status: 404 }]);
    expect(house.logged()[0]).not.toHaveProperty('platform');
  });

  test('of a request of a platform that tells no status is not, in the platform’s own words', async () => {
    const house = await ketchHouse();
    for (const method of ['GET', 'POST']) {
      const answer = await house.send({ ...ketchWire(), path: '/webhooks/ketch/x', method });
      expect(answer).toMatchObject({ status: 404, json: { kind: 'Error', error: { status: 'not_found' } } });
    }
    expect(house.sandbox.calls()).toEqual([]);
  });

  test('that is not served is no better with another method', async () => {
    const house = await ketchHouse();
    expect((await house.send({ ...ketchWire(), path: '/webhooks/x', method: 'GET' })).status).toBe(404);
  });

  test('of a platform takes POST only, and says so', async () => {
    const house = await ketchHouse();
    expect(await house.send({ ...ketchWire(), method: 'GET' })).toMatchObject({
      status: 405,
      headers: { allow: 'POST' },
      json: { kind: 'Error', error: { code: 405 } },
    });
    expect(house.sandbox.calls()).toEqual([]);
  });
});

describe('the deployed handler', () => {
  test('cannot be called without its environment, and tells no value of it', async () => {
    await expect(handler(eventOf(ketchWire()), contextWith(600_000))).rejects.toThrow(
      /^environment: SETTINGS_JSON, SECRET_ARNS, .* missing or unreadable$/,
    );
  });
});
