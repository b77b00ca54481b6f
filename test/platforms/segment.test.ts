import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownFixtures, publishedFixtures, wireOf } from '../support/conformance.ts';
import { eventuallyHolds, flipped } from '../support/fuzz.ts';
import { createHarness } from '../support/harness.ts';
import { requestOf } from '../support/requests.ts';
import { spoiled } from '../support/settings.ts';
import { weakValues } from '../support/unusable-secrets.ts';
import { describePlatform } from './contract.ts';
import { deletion, headerSecret, segmentHarness, segmentWire, signingSecret } from './segment-messages.ts';

const current = 'segment-current-secret-00001';

describePlatform('segment', {
  section: {},
  secretText: (current, previous) => JSON.stringify({ current, previous }),
  secrets: { current, previous: 'segment-previous-secret-0001', wrong: 'segment-another-secret-0001' },
  unusableSecrets: Object.fromEntries(
    weakValues.map(({ why, value }) => [`${why} as the header`, JSON.stringify({ current, header: value })]),
  ),
  message: ({ id, sourceId, extra = {} }) =>
    segmentWire({ ...deletion, userId: sourceId, messageId: `delete-${id}`, ...extra }, { 'X-Signature': [] }),
  sign: (wire, secret) => {
    const signature = createHmac('sha1', secret).update(wire.body).digest('hex');
    return { ...wire, headers: { ...wire.headers, 'X-Signature': signature } };
  },
  headers: ['X-Signature'],
  // It covers the JSON values, not the white space: see "change of one bit" below.
  coversBody: false,
  refusedWith: 401,
  anyContentType: true,
  idHoldsIdentities: true,
  expectRefusal: ({ json }) => expect(json).toMatchObject({ error: { code: expect.any(String) } }),
  others: [
    ...['identify', 'track', 'Delete', 'suppress', ''].map(type => ({
      what: `event ${type}`,
      wire: segmentWire({ type, userId: 7 }),
      status: 200,
    })),
    { what: 'fraction as a user', wire: segmentWire({ ...deletion, userId: 10_042.5 }), status: 400 },
    { what: 'neither id nor time', wire: segmentWire({ type: 'delete', userId: 'crm-10042' }), status: 400 },
    { what: 'empty id, no time', wire: segmentWire({ type: 'delete', userId: 'x', messageId: '' }), status: 400 },
    { what: 'no type', wire: segmentWire({ userId: 'crm-10042' }), status: 400 },
    { what: 'no object', wire: segmentWire('"delete"'), status: 400 },
  ],
});

test.each([...publishedFixtures('segment'), ...ownFixtures('segment')])('$fixture: is handled', async fixture => {
  const { name, value } = fixture.config['customSecretHeader'] as { name: string; value: string };
  const harness = createHarness({
    platforms: { segment: { header: name } },
    secrets: {
      'erasure/platform/segment': JSON.stringify({ current: fixture.config['sharedSecret'], header: value }),
    },
    at: Date.parse(fixture.clock),
  });
  const { accepted, ignored, rejected } = fixture.responses;
  const answer = await harness.send(wireOf(fixture, '/webhooks/segment'));
  expect(answer.status).toBe((accepted ?? ignored ?? rejected)!.status);
  if (answer.status === 200) expect(answer.text).toBe('');
  const wanted = fixture.parsed.intent === 'erase' ? (fixture.parsed.identifiers ?? []) : [];
  const identifiers = wanted.map(({ kind, value }) => ({ kind, value }));
  expect(await storedIdentifiers(harness)).toEqual(identifiers);
  await harness.sweep();
  expect(harness.deleted()).toHaveLength(wanted.length);
});

describe('deletion of Segment', () => {
  test('genuine event: is acknowledged when it is stored, and erased by the sweep', async () => {
    const harness = segmentHarness();
    expect(await harness.send(segmentWire())).toMatchObject({ status: 200, text: '' });
    expect(harness.sandbox.calls()).toEqual([]);
    const authentication = { scheme: 'hmac-sha1', secret: 'current' };
    const submittedAt = Date.parse(deletion.timestamp);
    expect(await harness.receipts()).toMatchObject([{ authentication, submittedAt, hasCallbacks: false }]);
    await harness.sweep();
    expect(harness.deleted()).toEqual(['cust_AdaExample00000000000001']);
  });

  test('userId: has the kind in the settings', async () => {
    const harness = segmentHarness({ section: { userId: 'email' } });
    await harness.send(segmentWire());
    expect(await storedIdentifiers(harness)).toEqual([{ kind: 'email', value: 'crm-10042' }]);
  });

  const { messageId: _, ...least } = deletion;
  test.each([
    ['id and user', [deletion, deletion, { ...deletion, userId: 'crm-10043' }], 2],
    [
      'time and user if it has no id',
      [least, least, { ...least, timestamp: '2026-01-15T11:59:59.000Z' }, { ...least, userId: 'crm-10043' }],
      3,
    ],
  ])('reference: is the %s', async (_, events, count) => {
    const harness = segmentHarness();
    for (const event of events) expect(await harness.send(segmentWire(event))).toMatchObject({ status: 200 });
    expect(await harness.receipts()).toHaveLength(count);
  });

  test.each([undefined, null, 1_768_478_398, {}, '2026-01-15 11:59:58.276808489 +0000 UTC m=+70366.298768264'])(
    'timestamp %j: the time of the first delivery is used',
    async timestamp => {
      const harness = segmentHarness();
      expect(await harness.send(segmentWire({ ...deletion, timestamp }))).toMatchObject({ status: 200 });
      expect(await harness.receipts()).toMatchObject([{ submittedAt: harness.clock.now }]);
    },
  );

  test.each([
    ['missing', 'null', 'not-identifiable'],
    ['a whole number', '10042', 'erased'],
    ['a whole number of any size', '9007199254740993', 'erased'],
  ])('userId that is %s: keeps its digits', async (_, userId, state) => {
    const harness = segmentHarness({ customers: [] });
    harness.addCustomer({ source_id: userId });
    const body = JSON.stringify({ ...deletion, userId: 0 }).replace('"userId":0', `"userId":${userId}`);
    expect(await harness.send(segmentWire(body))).toMatchObject({ status: 200 });
    await harness.sweep();
    expect(await harness.receipts()).toMatchObject([{ state }]);
  });

  test('list with unreadable events: the others are stored, and each alarm names the rule', async () => {
    const harness = segmentHarness();
    const unreadable = [{ type: 'delete', userId: 'crm-1' }, { ...deletion, userId: 1.5 }, 'text'];
    const events = [deletion, ...unreadable, { type: 'track' }];
    expect(await harness.send(segmentWire(events))).toMatchObject({ status: 200 });
    expect(await harness.receipts()).toHaveLength(1);
    expect(harness.lines.flatMap(({ alarm, rule }) => (alarm === 'request-rejected' ? [rule] : []))).toEqual([
      'timestamp: is missing, and so is messageId',
      'userId: is missing or does not match Segment',
      'body: is missing or does not match Segment',
    ]);
  });

  test('messageId in digits: is the reference', async () => {
    const harness = segmentHarness();
    for (const messageId of [7, '7']) {
      expect(await harness.send(segmentWire({ ...deletion, messageId }))).toMatchObject({ status: 200 });
    }
    expect(await harness.receipts()).toHaveLength(1);
  });

  test.each([
    ['nested too deeply', `{"type":"track","context":${'['.repeat(70)}${']'.repeat(70)}}`],
    ['with a key twice', '{"type":"track","type":"delete","text":"},[\\"{"}'],
  ])('list with an event %s: the others are stored, and an alarm names the rule', async (what, bad) => {
    const harness = segmentHarness();
    const events = [deletion, { ...deletion, userId: 'crm-10043' }].map(event => JSON.stringify(event));
    const body = `[${events[0]}, ${bad} ,${events[1]}]`;
    const signature = createHmac('sha1', signingSecret).update(String(events[0])).digest('hex');
    const headers = { 'X-Signature': signature, 'x-webhook-secret': headerSecret };
    expect(await harness.send(segmentWire(body, headers))).toMatchObject({ status: 200 });
    expect(await harness.receipts()).toHaveLength(2);
    const rule = what === 'with a key twice' ? 'body: contains a duplicate key' : 'body: is nested too deeply';
    expect(harness.lines).toContainEqual({ event: 'alarm', alarm: 'request-rejected', platform: 'segment', rule });
  });

  test.each([
    [0, 200, 0],
    [500, 200, 500],
    [501, 413, 0],
  ])('list of %i events: gets %i', async (count, expected, stored) => {
    const harness = segmentHarness();
    const events = Array.from({ length: count }, (_, at) => ({ ...deletion, userId: `crm-${at}` }));
    const { status, json } = await harness.send(segmentWire(events));
    expect([status, (await harness.receipts()).length]).toEqual([expected, stored]);
    if (status === 413) expect(json).toMatchObject({ error: { message: 'body: has more than 500 events' } });
  });
});

describe('parsed event of Segment', () => {
  const parsed = (event: object) => {
    const { reply: _, ...result } = segmentHarness().services.platforms.get('segment')!.parse(requestOf(event));
    return result;
  };

  test('deletion with all fields, and with the fewest', () => {
    expect(parsed(deletion)).toStrictEqual({
      erase: [
        {
          reference: 'delete-reg-1::job-1',
          scope: 'crm-10042',
          identities: [{ space: 'userId', format: 'raw', value: 'crm-10042' }],
          identifiers: [{ kind: 'source_id', value: 'crm-10042' }],
          callbacks: [],
          submittedAt: Date.parse(deletion.timestamp),
        },
      ],
      unreadable: [],
    });
    const least = { reference: 'm-1', scope: '', identities: [], identifiers: [], callbacks: [] };
    expect(parsed({ type: 'delete', messageId: 'm-1' })).toStrictEqual({ erase: [least], unreadable: [] });
  });

  test('other event: is ignored for a reason', () => {
    expect(parsed({ type: 'track' })).toStrictEqual({ ignore: 'other-event' });
  });
});

describe('signature of Segment', () => {
  test('of an empty text: is not accepted for a body that is not JSON, or an empty list', async () => {
    const harness = segmentHarness();
    const empty = createHmac('sha1', signingSecret).update('').digest('hex');
    for (const body of ['{', '[]', '']) {
      const { status, json } = await harness.send(
        segmentWire(body, { 'X-Signature': empty, 'x-webhook-secret': headerSecret }),
      );
      expect(status).toBe(body === '' ? 400 : 401);
      if (body !== '') expect(json).toMatchObject({ error: { message: 'X-Signature: does not match' } });
    }
  });

  const signature = String(segmentWire().headers['X-Signature']);

  test('white space: the bytes or their JSON may be signed', async () => {
    const spaced = JSON.stringify(deletion, undefined, 2);
    const harness = segmentHarness();
    const status = async (headers = {}) => (await harness.send(segmentWire(spaced, headers))).status;
    const other = createHmac('sha1', signingSecret).update(spaced.replace('10042', '10043')).digest('hex');
    expect(await status()).toBe(200);
    expect(await status({ 'X-Signature': signature })).toBe(200);
    expect(await status({ 'X-Signature': other })).toBe(401);
  });

  test('list: the signature covers the first event, and the secret header is needed too', async () => {
    const harness = segmentHarness();
    const events = [deletion, { ...deletion, userId: 'crm-10043' }];
    expect(await harness.send(segmentWire(events))).toMatchObject({ status: 200 });
    const authentication = { scheme: 'hmac-sha1+shared-secret', secret: 'current' };
    expect(await harness.receipts()).toMatchObject([{ authentication }, { authentication }]);
    await harness.sweep();
    expect(harness.deleted()).toHaveLength(2);
  });

  test.each([
    ['missing', { 'x-webhook-secret': [] }, {}],
    ['wrong', { 'x-webhook-secret': `${headerSecret}x` }, {}],
    ['the signing secret', { 'x-webhook-secret': signingSecret }, {}],
    ['not in the secret', {}, { header: undefined }],
  ])('list whose secret header is %s: is rejected', async (_, headers, secret) => {
    const harness = segmentHarness({ secret });
    const message = 'x-webhook-secret: is required for an array';
    for (const events of [[deletion], [deletion, deletion], []])
      expect(await harness.send(segmentWire(events, headers))).toMatchObject({
        status: 401,
        json: { error: { message } },
      });
    expect(await harness.receipts()).toEqual([]);
    // The signature is genuine: the operator learns that the second secret is missing.
    expect(harness.lines).toContainEqual(expect.objectContaining({ alarm: 'request-rejected', rule: message }));
  });

  test('change of one bit in body or signature: is rejected', async () => {
    const harness = segmentHarness();
    const wire = segmentWire();
    await eventuallyHolds(
      fc.asyncProperty(fc.boolean(), fc.nat(), async (inBody, at) => {
        const given = inBody ? signature : flipped(signature, at).toString('latin1');
        const body = inBody ? flipped(String(wire.body), at) : wire.body;
        const answer = await harness.send({ ...wire, headers: { ...wire.headers, 'X-Signature': given }, body });
        expect(answer.status).toBe(401);
      }),
    );
    expect(await harness.receipts()).toEqual([]);
  });
});

const noKind = 'platforms.segment.userId: must be customer_id, source_id, email or phone';
test.each([
  ['defaults', {}, []],
  ['all keys', { projects: ['main'], header: 'X-Own', userId: 'customer_id' }, []],
  ['another kind', { userId: 'anonymous_id' }, [noKind]],
  ['a wrong header name', { header: 'a b' }, ['platforms.segment.header: must be a header name']],
  ['callback origins', { callbackOrigins: [] }, ['platforms.segment.callbackOrigins: is not a setting']],
])('settings of Segment with %s: are checked', (_, segment, problems) => {
  expect(spoiled(settings => Object.assign(settings['platforms'], { segment }))).toEqual(problems);
});

async function storedIdentifiers({ receipts, store }: ReturnType<typeof segmentHarness>) {
  const stored = await Promise.all((await receipts()).map(({ id }) => store.readPersonalData(id)));
  return stored.flatMap(data => data?.identifiers ?? []);
}
