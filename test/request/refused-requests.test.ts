import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { alarmFor } from '../../infra/stack/alarm-catalog.ts';
import { signingSecret as genericSecret, genericWire, order, question, signed } from '../platforms/generic-messages.ts';
import { deletion, signingSecret as segmentSecret, segmentWire } from '../platforms/segment-messages.ts';
import { redaction, shop, shopifyWire } from '../platforms/shopify-messages.ts';
import {
  apiKey,
  job,
  pemOf,
  sombraKeys,
  headerSecret as transcendSecret,
  transcendWire,
} from '../platforms/transcend-messages.ts';
import { leaks, token } from '../support/canary.ts';
import type { Answer, Wire } from '../support/event.ts';
import { createHarness, type Harness } from '../support/harness.ts';
import { deleteRequest, ketchSecretText, ketchSection, ketchWire, uid } from '../support/ketch.ts';

const shopifySecret = 'shpss_client_secret_of_the_tests_1';
const formSecret = 'in-house-current-secret-0001';

/** One harness that serves every platform. */
function everyPlatform() {
  const secrets = {
    ketch: ketchSecretText(),
    generic: JSON.stringify({ current: genericSecret }),
    'in-house': JSON.stringify({ current: formSecret }),
    segment: JSON.stringify({ current: segmentSecret }),
    shopify: JSON.stringify({ current: shopifySecret }),
    transcend: JSON.stringify({ current: transcendSecret, apiKey }),
  };
  return createHarness({
    platforms: {
      ketch: ketchSection,
      generic: { authentication: { kind: 'standard-webhooks' } },
      'in-house': { type: 'generic', authentication: { kind: 'header', header: 'X-Form-Key' } },
      segment: {},
      shopify: { shops: [shop] },
      transcend: {
        audience: 'acme',
        sombraUrl: 'http://127.0.0.1:9',
        identities: { coreIdentifier: 'source_id' },
        publicKey: pemOf(sombraKeys.publicKey),
      },
    },
    secrets: Object.fromEntries(Object.entries(secrets).map(([name, text]) => [`erasure/platform/${name}`, text])),
  });
}

/** An outside value: no log line may contain it. */
const planted = token('refused');

const text = { 'Content-Type': `text/${planted}` };
const formWire = (body: unknown, headers: Wire['headers'] = {}) => ({
  ...genericWire(body),
  path: '/webhooks/in-house',
  headers: { 'Content-Type': 'application/json', 'X-Form-Key': formSecret, ...headers },
});

const compressed = { ...transcendWire(), body: gzipSync(String(transcendWire().body)) };
compressed.headers = { ...compressed.headers, 'content-encoding': 'gzip' };

const redact = 'customers/redact';

/** Genuine messages that are refused, by platform, each with the rule and the status if it is not 400. */
type Case = readonly [what: string, wire: Wire, rule: string, status?: number];

const refusedBy: Readonly<Record<string, readonly Case[]>> = {
  ketch: [
    ['another content type', ketchWire(deleteRequest(), text), 'Content-Type: must be application/json', 415],
    ['no JSON', ketchWire(planted), 'body: is not JSON'],
    ['no UTF-8', { ...ketchWire(), body: Buffer.from(`${planted}\u00ff`, 'latin1') }, 'body: is not UTF-8'],
    ['another version', ketchWire(deleteRequest({}, { apiVersion: planted })), missing('apiVersion')],
    ['no identities', ketchWire(deleteRequest({ identities: planted })), missing('request.identities')],
    [
      'an identity that is a list',
      ketchWire(deleteRequest({ identities: [{ identitySpace: 'email', identityValue: [planted] }] })),
      missing('request.identities.0.identityValue'),
    ],
    ['a time that is text', ketchWire(deleteRequest({ dueTimestamp: planted })), missing('request.dueTimestamp')],
    ['a key twice', ketchWire(`{"${planted}":1,"${planted}":2}`), 'body: contains a duplicate key'],
    ['no uid', ketchWire(deleteRequest({}, { metadata: { tenant: planted } })), missing('metadata.uid')],
    [
      'another tenant',
      ketchWire(deleteRequest({}, { metadata: { uid, tenant: planted } })),
      unknown('metadata.tenant'),
      403,
    ],
    ['another environment', ketchWire(deleteRequest({ environment: planted })), unknown('request.environment'), 403],
    ['another kind', ketchWire(deleteRequest({}, { kind: planted })), 'kind: only DeleteRequest is supported', 501],
    [
      'a callback header that HTTP cannot carry',
      ketchWire(deleteRequest({ callbacks: [{ url: 'x', headers: { [`${planted} `]: 'x' } }] })),
      missing('request.callbacks.0.headers'),
    ],
  ],
  generic: [
    ['another content type', genericWire(order, text), 'Content-Type: must be application/json', 415],
    [
      'another kind of order',
      genericWire({ ...order, type: planted }),
      '/type: does not have the value that the settings require',
    ],
    ['no id', genericWire({ ...order, request_id: undefined }), '/request_id: is missing'],
    [
      'an id that may be an address',
      genericWire({ ...order, request_id: `${planted}@example.com` }),
      '/request_id: must be 1 to 128 letters, digits, dots, dashes or colons',
    ],
    [
      'an identifier of no kind',
      genericWire({ ...order, identifiers: [{ type: planted, value: planted }] }),
      '/identifiers/0/type: must be customer_id, source_id, email or phone',
    ],
    [
      'a time without a zone',
      genericWire({ ...order, submitted_at: planted }),
      '/submitted_at: must be an RFC 3339 time with its zone',
    ],
    ['a question about no request', question(planted), 'path: no such request', 404],
  ],
  'in-house': [
    ['no id', formWire({ ...order, request_id: null }), '/request_id: is missing'],
    ['JSON in a string', formWire(JSON.stringify(JSON.stringify(order))), 'body: is not an object'],
    ['null', formWire(null), 'body: is not an object'],
    [
      'a compressed body',
      formWire(order, { 'Content-Encoding': ['identity', 'gzip'] }),
      'Content-Encoding: must be identity',
      415,
    ],
  ],
  segment: [
    ['an event without a type', segmentWire({ userId: planted }), missing('type', 'Segment')],
    [
      'a deletion without an id',
      segmentWire({ type: 'delete', userId: planted }),
      'timestamp: is missing, and so is messageId',
    ],
    ['a user as an object', segmentWire({ ...deletion, userId: { [planted]: planted } }), missing('userId', 'Segment')],
    [
      'an array whose first event is signed, without the secret header',
      segmentWire([{ ...deletion, userId: planted }], { 'x-webhook-secret': [] }),
      'x-webhook-secret: is required for an array',
      401,
    ],
    ['JSON in a string', segmentWire(JSON.stringify(JSON.stringify(deletion))), missing('body', 'Segment')],
  ],
  shopify: [
    ['another shop', shopifyWire({ ...redaction, shop_domain: planted }), unknown('shop_domain'), 403],
    ['no orders', shopifyWire({ ...redaction, orders_to_redact: undefined }), missing('orders_to_redact', redact)],
    ['no topic', shopifyWire({}, { 'X-Shopify-Topic': [] }), 'X-Shopify-Topic: is missing'],
    ['JSON in a string', shopifyWire(JSON.stringify(JSON.stringify(redaction))), missing('body', redact)],
  ],
  transcend: [
    ['a compressed body', compressed, 'Content-Encoding: must be identity', 415],
    ['another kind of job', transcendWire(job(undefined, { type: planted })), 'type: only ERASURE is supported'],
    ['no JSON', transcendWire(`{"${planted}"`), 'body: is not JSON'],
    [
      'no core identifier',
      transcendWire(job(undefined, { coreIdentifier: { [planted]: planted } })),
      'coreIdentifier.value: is missing or does not match new-privacy-request-job',
    ],
    ['no nonce', transcendWire(job(), { 'x-transcend-nonce': [] }), 'x-transcend-nonce: is missing'],
  ],
};
const refused = Object.entries(refusedBy).flatMap(([platform, cases]) =>
  cases.map(([what, wire, rule, status = 400]) => [platform, what, wire, status, rule] as const),
);

function missing(field: string, format = 'dsr/v1'): string {
  return `${field}: is missing or does not match ${format}`;
}

function unknown(field: string): string {
  return `${field}: is not configured`;
}

/** Asserts that neither the reply nor the log contains the outside value, and that nothing is stored. */
async function expectSilent({ logText, receipts }: Harness, answer: Answer): Promise<void> {
  const shown = { log: logText.join(''), reply: JSON.stringify(answer) };
  expect(leaks(new Map([['planted', planted]]), shown)).toEqual([]);
  expect(await receipts()).toEqual([]);
}

/** Credentials without the right secret. */
const wrong = {
  Authorization: 'Bearer not-the-right-secret-of-tests',
  'X-Form-Key': 'not-the-right-secret-of-tests',
  'X-Signature': '00',
  'X-Shopify-Hmac-SHA256': '00',
  'x-webhook-secret': 'not-the-right-secret-of-tests',
  'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')}`,
};

describe('refused authentic request', () => {
  test.each(refused)('%s, %s: raises an alarm with platform and rule', async (...one) => {
    const [platform, , wire, status, rule] = one;
    const harness = await everyPlatform();
    const answer = await harness.send(wire);
    expect(answer.status).toBe(status);
    expect(harness.lines).toEqual([
      expect.objectContaining({ event: 'rejected', alarm: 'request-rejected', platform, rule, status }),
    ]);
    await expectSilent(harness, answer);
  });

  test('alarm of its own: raises no second one and names the rule', async () => {
    const harness = await everyPlatform();
    await harness.send(genericWire());
    const other = { ...order, identifiers: [{ type: 'source_id', value: planted }] };
    expect((await harness.send(genericWire(other))).status).toBe(409);
    expect(harness.lines.filter(({ event }) => event === 'rejected')).toMatchObject([
      { alarm: 'payload-mismatch', rule: 'this request id was used before with other identities' },
    ]);
  });

  test('retried by the platform: raises no alarm', async () => {
    const harness = await everyPlatform();
    harness.sandbox.outage('error');
    expect((await harness.send(ketchWire())).status).toBe(503);
    expect(harness.alarms()).toEqual([]);
  });

  test('alarm: is part of the alarms for refused platforms', () => {
    expect(alarmFor['request-rejected']).toBe('requests-rejected');
  });
});

describe('same request without authentication', () => {
  test.each(refused)('%s, %s: raises no alarm and names no rule', async (_, _what, wire) => {
    const harness = await everyPlatform();
    const answer = await harness.send({ ...wire, headers: { ...wire.headers, ...wrong } });
    expect([401, 403]).toContain(answer.status);
    expect(harness.alarms()).toEqual([]);
    expect(harness.logText.join('')).not.toContain('"rule"');
    await expectSilent(harness, answer);
  });

  test.each([
    ['of another method', { ...genericWire(), method: 'PUT' }, 405],
    ['of another platform', { ...genericWire(), path: '/webhooks/osano' }, 404],
    ['signed in another year', genericWire(order, signed(JSON.stringify(order), { at: 0 })), 401],
  ])('%s: raises no alarm', async (_, wire, status) => {
    const harness = await everyPlatform();
    expect((await harness.send(wire)).status).toBe(status);
    expect(harness.alarms()).toEqual([]);
  });
});
