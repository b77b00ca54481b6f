import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ownFixtures, publishedFixtures, wireOf } from '../support/conformance.ts';
import { forbidden } from '../support/forbidden-adapters.ts';
import { eventuallyHolds } from '../support/fuzz.ts';
import { createHarness } from '../support/harness.ts';
import { spoiled } from '../support/settings.ts';
import { weakValues } from '../support/unusable-secrets.ts';
import { deletion, headerSecret, segmentHarness, segmentWire, signingSecret } from './segment-messages.ts';

describe('a fixture of Segment through the exported handler', () => {
  test.each([...publishedFixtures('segment'), ...ownFixtures('segment')])('$fixture', async fixture => {
    const { sharedSecret, customSecretHeader } = fixture.config;
    const { name, value } = customSecretHeader as { name: string; value: string };
    const harness = await createHarness({
      platforms: { segment: { header: name } },
      secrets: { 'erasure/platform/segment': JSON.stringify({ current: sharedSecret, header: value }) },
      at: Date.parse(fixture.clock),
    });
    const { accepted, ignored, rejected } = fixture.responses;
    const answer = await harness.send(wireOf(fixture, '/webhooks/segment'));
    expect(answer.status).toBe((accepted ?? ignored ?? rejected)!.status);
    if (answer.status === 200) expect(answer.text).toBe('');
    const wanted = fixture.parsed.intent === 'erase' ? (fixture.parsed.identifiers ?? []) : [];
    const receipts = await harness.receipts();
    const kept = await Promise.all(receipts.map(receipt => harness.services.store.readPersonalData(receipt.id)));
    const identifiers = kept.flatMap(one => one?.identifiers ?? []);
    expect(identifiers).toEqual(wanted.map(identifier => ({ kind: identifier.kind, value: identifier.value })));
    await harness.sweep();
    expect(harness.sandbox.deletions()).toHaveLength(wanted.length);
  });
});

describe('a deletion', () => {
  test('is acknowledged once it is stored, and erased by the sweep', async () => {
    const harness = await segmentHarness();
    expect(await harness.send(segmentWire())).toMatchObject({ status: 200, text: '' });
    expect(harness.sandbox.calls()).toEqual([]);
    expect(await harness.receipts()).toMatchObject([
      {
        authentication: { scheme: 'hmac-sha1', secret: 'current' },
        submittedAt: Date.parse(deletion.timestamp),
        hasCallbacks: false,
      },
    ]);
    await harness.sweep();
    expect(harness.sandbox.deletions().map(one => one.customerId)).toEqual(['cust_AdaExample00000000000001']);
  });

  test('is of what settings say a user is', async () => {
    const harness = await segmentHarness({ section: { userId: 'email' } });
    await harness.send(segmentWire());
    const [receipt] = await harness.receipts();
    const kept = await harness.services.store.readPersonalData(receipt!.id);
    expect(kept?.identifiers).toEqual([{ kind: 'email', value: 'crm-10042' }]);
  });

  test('is one request however often it is delivered', async () => {
    const harness = await segmentHarness();
    for (const _ of [1, 2]) expect(await harness.send(segmentWire())).toMatchObject({ status: 200 });
    expect(await harness.receipts()).toHaveLength(1);
  });

  test('of another user is another request, even when the job has the same id', async () => {
    const harness = await segmentHarness();
    for (const userId of ['crm-10042', 'crm-10043']) {
      expect(await harness.send(segmentWire({ ...deletion, userId }))).toMatchObject({ status: 200 });
    }
    expect(await harness.receipts()).toHaveLength(2);
  });

  test('without an id is the deletion of that user at that time', async () => {
    const harness = await segmentHarness();
    const { messageId: _, ...least } = deletion;
    const later = { ...least, timestamp: '2026-01-15T11:59:59.000Z' };
    for (const body of [least, least, later, { ...least, userId: 'crm-10043' }]) {
      expect(await harness.send(segmentWire(body))).toMatchObject({ status: 200 });
    }
    expect(await harness.receipts()).toHaveLength(3);
  });

  test.each([undefined, null, '2026-01-15 11:59:58.276808489 +0000 UTC m=+70366.298768264'])(
    'whose time reads %j counts from when it came',
    async timestamp => {
      const harness = await segmentHarness();
      expect(await harness.send(segmentWire({ ...deletion, timestamp }))).toMatchObject({ status: 200 });
      expect(await harness.receipts()).toMatchObject([{ submittedAt: harness.clock.now }]);
    },
  );

  test('of nobody is acknowledged, and its receipt says that nobody could be looked up', async () => {
    const harness = await segmentHarness();
    expect(await harness.send(segmentWire({ ...deletion, userId: null }))).toMatchObject({ status: 200 });
    await harness.sweep();
    expect(await harness.receipts()).toMatchObject([{ state: 'not-identifiable' }]);
  });

  test.each([
    ['neither id nor time', { type: 'delete', userId: 'crm-10042' }],
    ['an empty id and no time', { type: 'delete', userId: 'crm-10042', messageId: '' }],
    ['a fraction for a user', { ...deletion, userId: 10_042.5 }],
    ['no type', { userId: 'crm-10042' }],
    ['no object', '"delete"'],
    ['null', 'null'],
  ])('is refused with %s, and nothing is stored', async (_, body) => {
    const store = forbidden<object>('store');
    const harness = await segmentHarness({ change: () => ({ store: store.port as never }) });
    const answer = await harness.send(segmentWire(body));
    expect(answer.status).toBe(400);
    expect(store.calls).toEqual([]);
    expect(answer.text + harness.logText.join()).not.toMatch(/10_?042/);
  });

  test.each([
    ['a whole number', 10_042, '10042'],
    ['a whole number beyond those that are exact', '9007199254740993', '9007199254740993'],
  ])('%s as a user: keeps its digits', async (_, userId, value) => {
    const harness = segmentHarness();
    harness.sandbox.register({ source_id: value, created_at: '2025-01-01T00:00:00Z' }, 'main');
    const body = JSON.stringify({ ...deletion, userId: 0 }).replace('"userId":0', `"userId":${userId}`);
    expect(await harness.send(segmentWire(body))).toMatchObject({ status: 200 });
    await harness.sweep();
    expect(await harness.receipts()).toMatchObject([{ state: 'erased' }]);
  });

  test('one unreadable event: the others are stored, and an alarm names the rule', async () => {
    const harness = segmentHarness();
    const events = [
      deletion,
      { type: 'delete', userId: 'crm-1' },
      { ...deletion, userId: 1.5 },
      'text',
      { type: 'track' },
    ];
    expect(await harness.send(segmentWire(events, { 'x-webhook-secret': headerSecret }))).toMatchObject({
      status: 200,
    });
    expect(await harness.receipts()).toHaveLength(1);
    const rules = harness.lines.flatMap(({ alarm, rule }) => (alarm === 'request-refused' ? [rule] : []));
    expect(rules).toEqual([
      'timestamp: is missing, and so is messageId',
      'userId: is missing or does not match Segment',
      'body: is missing or does not match Segment',
    ]);
  });

  test.each([500, 501])('list of %i events: up to 500 are accepted', async count => {
    const harness = segmentHarness();
    const events = Array.from({ length: count }, (_, at) => ({ ...deletion, userId: `crm-${at}` }));
    const { status } = await harness.send(segmentWire(events, { 'x-webhook-secret': headerSecret }));
    expect([status, (await harness.receipts()).length]).toEqual(count > 500 ? [413, 0] : [200, 500]);
  });

  test('is asked for again when it cannot be stored', async () => {
    const harness = await segmentHarness();
    harness.secrets['erasure/pepper'] = 'short';
    expect(await harness.send(segmentWire())).toMatchObject({ status: 503 });
  });
});

describe('every other event', () => {
  test.each(['identify', 'track', 'page', 'screen', 'group', 'alias', 'Delete', 'suppress', ''])(
    '%o is acknowledged and nothing is stored',
    async type => {
      const store = forbidden<object>('store');
      const harness = await segmentHarness({ change: () => ({ store: store.port as never }) });
      for (const body of [{ type, userId: 7 }, [{ type }, { type, userId: 'crm-10042' }], []]) {
        expect(await harness.send(segmentWire(body))).toMatchObject({ status: 200, text: '' });
      }
      expect(store.calls).toEqual([]);
    },
  );
});

describe('the proof', () => {
  const signature = String(segmentWire().headers['X-Signature']);

  test('is over the bytes as they came, or over what JSON makes of them', async () => {
    const spaced = JSON.stringify(deletion, undefined, 2);
    const harness = await segmentHarness();
    expect(await harness.send(segmentWire(spaced))).toMatchObject({ status: 200 });
    expect(await harness.send(segmentWire(spaced, { 'X-Signature': signature }))).toMatchObject({ status: 200 });
    const other = createHmac('sha1', signingSecret).update(spaced.replace('10042', '10043')).digest('hex');
    expect(await harness.send(segmentWire(spaced, { 'X-Signature': other }))).toMatchObject({ status: 401 });
  });

  test.each(['{', '', '{"a":1,"a":2}', `{"a":${'['.repeat(70)}${']'.repeat(70)}}`, '\uFEFF{}'])(
    'is refused with 401 for a body that is no proper JSON and not signed, 400 when it is signed: %o',
    async body => {
      const harness = await segmentHarness();
      expect(await harness.send(segmentWire(body, {}, 'another-secret'))).toMatchObject({ status: 401 });
      expect(await harness.send(segmentWire(body))).toMatchObject({ status: 400 });
    },
  );

  test('of an array is its first event and the secret header', async () => {
    const harness = await segmentHarness();
    const array = [deletion, { ...deletion, userId: 'crm-10043' }];
    expect(await harness.send(segmentWire(array))).toMatchObject({ status: 200 });
    const authentication = { scheme: 'hmac-sha1+shared-secret', secret: 'current' };
    expect(await harness.receipts()).toMatchObject([{ authentication }, { authentication }]);
    await harness.sweep();
    expect(harness.sandbox.deletions()).toHaveLength(2);
  });

  test.each([
    ['is missing', { 'x-webhook-secret': [] }, {}],
    ['is wrong', { 'x-webhook-secret': `${headerSecret}x` }, {}],
    ['is the signing secret', { 'x-webhook-secret': signingSecret }, {}],
    ['is not held by us', {}, { header: undefined }],
  ])('of an array is refused when the secret header %s', async (_, headers, secret) => {
    const store = forbidden<object>('store');
    const harness = await segmentHarness({ secret, change: () => ({ store: store.port as never }) });
    for (const array of [[deletion], [deletion, deletion], []]) {
      expect(await harness.send(segmentWire(array, headers))).toMatchObject({ status: 401 });
    }
    expect(store.calls).toEqual([]);
  });

  test('fails for any change of one bit in the body or the signature, before anything is stored', async () => {
    const store = forbidden<object>('store');
    const harness = await segmentHarness({ change: () => ({ store: store.port as never }) });
    const wire = segmentWire();
    await eventuallyHolds(
      fc.asyncProperty(fc.boolean(), fc.nat(), async (inBody, at) => {
        const given = inBody ? signature : flipped(signature, at).toString('latin1');
        const body = inBody ? flipped(String(wire.body), at) : wire.body;
        const answer = await harness.send({ ...wire, headers: { ...wire.headers, 'X-Signature': given }, body });
        expect(answer.status).toBe(401);
      }),
    );
    expect(store.calls).toEqual([]);
  });

  test.each(weakValues)(
    'cannot be given when the header in the secret is $why: 503 and an alarm',
    async ({ value }) => {
      const harness = await segmentHarness({ secret: { header: value } });
      expect(await harness.send(segmentWire())).toMatchObject({ status: 503 });
      expect(harness.alarms()).toEqual(['secret-unusable']);
    },
  );
});

test('its platform is told nothing afterwards', async () => {
  const platform = (await segmentHarness()).services.platforms.get('segment')!;
  const outcome = { kind: 'erased', at: 0, deletions: [] } as const;
  const told = { reference: 'r', scope: '', receivedAt: 0, receiptId: 'i', outcome, callbacks: [] };
  expect(await platform.buildCallbacks(told, { secret: async () => '', now: () => 0 })).toEqual([]);
});

describe('its settings', () => {
  const noKind = 'platforms.segment.userId: must be customer_id, source_id, email or phone';
  test.each([
    ['nothing', {}, []],
    ['everything', { projects: ['main'], header: 'X-Own', userId: 'customer_id' }, []],
    ['another kind', { userId: 'anonymous_id' }, [noKind]],
    ['an odd header', { header: 'a b' }, ['platforms.segment.header: must be a header name']],
    ['a callback', { callbackOrigins: [] }, ['platforms.segment.callbackOrigins: is not a setting']],
  ])('hold %s', (_, segment, problems) => {
    expect(spoiled(settings => Object.assign(settings['platforms'], { segment }))).toEqual(problems);
  });
});

function flipped(text: string, at: number): Buffer {
  const bytes = Buffer.from(text);
  bytes[(at >> 3) % bytes.length]! ^= 1 << (at & 7);
  return bytes;
}
