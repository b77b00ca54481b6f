import { describe, expect, test } from 'vitest';
import type { GatewayEvent } from '../../lambda/aws/api-gateway.ts';
import { handler, webhookHandler } from '../../lambda/webhook.ts';
import { contextWith, eventOf, invoke, plainEventOf } from '../support/event.ts';
import { unexpectedError } from '../support/failures.ts';
import type { Harness } from '../support/harness.ts';
import { account, deleteRequest, ketchHarness, ketchSecret, ketchWire } from '../support/ketch.ts';

async function reasonOf(harness: Harness, event: GatewayEvent): Promise<unknown> {
  const { json } = await invoke(
    webhookHandler(() => harness.services),
    event,
  );
  return (json as { response?: { reason: string } }).response?.reason;
}

describe('event of API Gateway', () => {
  test.each(['AUTHORIZATION', 'authorization', 'aUtHoRiZaTiOn'])('header name: may be spelled %s', async name => {
    const wire = ketchWire(undefined, { Authorization: [], [name]: ketchSecret });
    for (const event of [
      eventOf(wire),
      plainEventOf({ ...wire, headers: { 'content-TYPE': 'application/json', [name]: ketchSecret } }),
    ]) {
      const harness = ketchHarness();
      expect(await reasonOf(harness, event)).toBe('executed');
    }
  });

  test.each([
    ['twice', { Authorization: [ketchSecret, ketchSecret] }],
    ['twice and once wrong', { Authorization: ['x', ketchSecret] }],
    ['in two spellings', { authorization: ketchSecret }],
    ['without a value', { Authorization: [] }],
  ])('header: is refused when %s', async (_, headers) => {
    const harness = ketchHarness();
    expect(await harness.send(ketchWire(undefined, headers))).toMatchObject({ status: 403, json: { kind: 'Error' } });
    expect(await harness.receipts()).toEqual([]);
  });

  test('single headers: two spellings of one are refused', async () => {
    const harness = ketchHarness();
    const event = plainEventOf(ketchWire(undefined, { authorization: ketchSecret }));
    expect(Object.keys(event.headers!)).toEqual(expect.arrayContaining(['Authorization', 'authorization']));
    expect(await reasonOf(harness, event)).toBeUndefined();
  });
});

describe('path', () => {
  test.each([
    '/',
    '',
    '/webhooks',
    '/webhooks/',
    '/webhooks/Ketch',
    '/prod/webhooks/ketch',
    '/x/webhooks/ketch',
    'webhooks/ketch',
    '/webhooks/ketch%20',
    '/webhooks/ketch\n',
    '/webhooks/segment',
    '/webhooks/constructor',
    '/webhooks/__proto__',
    '/ketch',
    '/webhooks/ketch?x',
    `/webhooks/${'k'.repeat(60)}`,
  ])('%j: is not served', async path => {
    const harness = ketchHarness();
    const answer = await harness.send({ ...ketchWire(), path });
    expect(answer).toMatchObject({
      status: 404,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
      json: { error: { code: 'not-found' } },
    });
    expect(harness.lines).toMatchObject([{ event: 'rejected', code: 'not-found', status: 404 }]);
    expect(harness.lines[0]).not.toHaveProperty('platform');
  });

  test.each(['/webhooks/ketch/', '/webhooks//ketch', '//webhooks/ketch//'])(
    '%j: extra slashes are ignored',
    async path => {
      const harness = ketchHarness();
      expect(await harness.send({ ...ketchWire(), path })).toMatchObject({ status: 200 });
    },
  );

  test('clock of the instance ten minutes behind: the time of the gateway decides who existed', async () => {
    const harness = ketchHarness();
    const at = harness.clock.now;
    const created = new Date(at - 300_000).toISOString();
    harness.sandbox.register({ source_id: 'crm-new', created_at: created }, 'main');
    harness.clock.now = at - 600_000;
    const submittedTimestamp = Math.floor(at / 1000);
    const wire = ketchWire(deleteRequest({ identities: [account('crm-new')], submittedTimestamp }));
    const event = { ...eventOf(wire), requestContext: { requestTimeEpoch: at } };
    const handler = webhookHandler(() => harness.services);
    await invoke(handler, event);
    expect(await harness.receipts()).toMatchObject([{ state: 'erased', receivedAt: at, submittedAt: at }]);
  });

  test('compressed body: is rejected with the name of the header', async () => {
    const harness = ketchHarness();
    const answer = await harness.send(ketchWire(deleteRequest(), { 'Content-Encoding': 'gzip' }));
    expect(answer).toMatchObject({ status: 415, json: { error: { message: 'Content-Encoding: must be identity' } } });
    expect(harness.alarms()).toEqual(['request-rejected']);
    const plain = await harness.send(ketchWire(deleteRequest(), { 'Content-Encoding': 'identity' }));
    expect(plain.status).toBe(200);
  });

  test('status route of a platform without one: gets 404 in the platform’s format', async () => {
    const harness = ketchHarness();
    for (const method of ['GET', 'POST']) {
      const answer = await harness.send({ ...ketchWire(), path: '/webhooks/ketch/x', method });
      expect(answer).toMatchObject({ status: 404, json: { kind: 'Error', error: { status: 'not_found' } } });
    }
    expect(harness.sandbox.calls()).toEqual([]);
  });

  test('unknown path: gets 404 with any method', async () => {
    const harness = ketchHarness();
    expect((await harness.send({ ...ketchWire(), path: '/webhooks/x', method: 'GET' })).status).toBe(404);
  });

  test('platform: accepts only POST and names it in Allow', async () => {
    const harness = ketchHarness();
    expect(await harness.send({ ...ketchWire(), method: 'GET' })).toMatchObject({
      status: 405,
      headers: { allow: 'POST' },
      json: { kind: 'Error', error: { code: 405 } },
    });
    expect(harness.sandbox.calls()).toEqual([]);
  });
});

test('deployed handler, missing environment: throws without any value', async () => {
  await expect(handler(eventOf(ketchWire()), contextWith(600_000))).rejects.toThrow(
    /^environment: SETTINGS_JSON, SECRET_ARNS, .* missing or unreadable$/,
  );
});

describe('unexpected error', () => {
  const unforeseen = unexpectedError(`cannot read ${ketchSecret} of /ada@example.com:1:1`);

  test.each([
    ['an error', unforeseen],
    ['a text', String(unforeseen)],
    ['nothing', undefined],
  ])('%s: is a 500 without detail', async (_, thrown) => {
    const harness = ketchHarness({
      change: ({ store }) => ({ store: { ...store, accept: () => Promise.reject(thrown) } }),
    });
    const answer = await harness.send(ketchWire());
    expect(answer).toMatchObject({
      status: 500,
      json: { kind: 'Error', error: { code: 500, message: 'internal error' } },
    });
    expect(answer.headers).not.toHaveProperty('retry-after');
    const [line] = harness.lines;
    expect(line).toMatchObject({ event: 'rejected', code: 'internal', alarm: 'internal', status: 500 });
    expect(line!.origin).toMatch(thrown === unforeseen ? /^failures\.ts:\d+:\d+$/ : /^unknown$/);
  });

  test('before authentication: the reply names no request', async () => {
    const harness = ketchHarness({ change: () => ({ readSecret: () => Promise.reject(unforeseen) }) });
    const answer = await harness.send(ketchWire());
    expect(answer.status).toBe(500);
    expect(answer.json).not.toHaveProperty('metadata');
  });

  test('message with a fake position: does not change the logged origin', async () => {
    const imitation = unexpectedError('x\n    at f (/home/ada.example:1:1)\n    at /ada.example:2:2');
    const harness = ketchHarness({ change: () => ({ readSecret: () => Promise.reject(imitation) }) });
    await harness.send(ketchWire());
    expect(harness.lines[0]!.origin).toMatch(/^failures\.ts:/);
  });
});

test('time-out: the reply is sent before the end of the function’s time', async () => {
  let end = (): void => undefined;
  const never = new Promise<never>((_, reject) => {
    end = () => reject(new Error('too late'));
  });
  const harness = ketchHarness({ change: ({ store }) => ({ store: { ...store, accept: () => never } }) });
  const answer = await invoke(
    webhookHandler(() => harness.services),
    eventOf(ketchWire()),
    510,
  );
  expect(answer).toMatchObject({
    status: 503,
    headers: { 'retry-after': '60' },
    json: { kind: 'Error', error: { code: 503, message: 'out of time' } },
  });
  end();
});
