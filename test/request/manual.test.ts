import { describe, expect, test } from 'vitest';
import type { GatewayEvent } from '../../lambda/aws/api-gateway.ts';
import { setLegalHold } from '../../lambda/control/legal-holds.ts';
import { pause, readPausedScopes } from '../../lambda/control/pauses.ts';
import { evidenceOf } from '../../lambda/receipts/evidence.ts';
import type { ManualEvent, ManualReply } from '../../lambda/request/receive-manual.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { webhookHandler } from '../../lambda/webhook.ts';
import { contextWith, eventOf, invoke } from '../support/event.ts';
import { countedReservations, createHarness, type Harness, type HarnessOptions } from '../support/harness.ts';
import { ketchHarness, ketchWire } from '../support/ketch.ts';

const by = 'arn:aws:sts::123456789012:assumed-role/privacy/zoe';
const reason = 'a letter of 12 November';
const minute = 60_000;

type Identifiers = ManualEvent['manual']['requests'][number]['identifiers'];

/** The id of a request, the same for the same number. */
function idOf(number: number): string {
  return `5b0f3f5e-5b0c-4c7e-9a3b-${String(number).padStart(12, '0')}`;
}

function bySource(...values: readonly string[]) {
  return values.map((value, at) => ({
    reference: idOf(at),
    identifiers: [{ kind: 'source_id', value }] as Identifiers,
  }));
}

/** A harness, and a function that sends it an event as an invocation does. */
function manualHarness(options: HarnessOptions = {}) {
  const harness = createHarness({ platforms: {}, customers: [], ...options });
  const handler = webhookHandler(() => harness.services);
  const send = (manual: object): Promise<ManualReply> => handler({ manual } as ManualEvent, contextWith(60_000));
  const erase = (...values: readonly string[]) => send({ action: 'erase', requests: bySource(...values), by, reason });
  const accept = (...values: readonly string[]) =>
    send({ action: 'accept', requests: bySource(...values), by, reason });
  const preview = (...values: readonly string[]) => send({ action: 'preview', requests: bySource(...values) });
  return { harness, send, erase, accept, preview };
}

function outcomes(reply: ManualReply): readonly string[] {
  return 'results' in reply ? reply.results.map(({ outcome }) => outcome) : [];
}

function previewed(reply: ManualReply): readonly unknown[] {
  return 'previews' in reply ? reply.previews.map(({ projects }) => projects) : [];
}

async function expectAlarm({ receipts, lines }: Harness, alarm: string): Promise<void> {
  const [receipt] = await receipts();
  expect(lines).toContainEqual({ event: 'alarm', alarm, platform: 'manual', receipt: receipt?.id });
}

describe('request by hand', () => {
  test('erase: deletes, and the receipt names who asked and why, and proves it', async () => {
    const { harness, erase } = manualHarness();
    const id = harness.addCustomer({ source_id: 'crm-1' });
    expect(outcomes(await erase('crm-1'))).toEqual(['erased']);
    expect(harness.deleted()).toEqual([id]);
    const [receipt] = await harness.receipts();
    expect(receipt).toMatchObject({
      platform: 'manual',
      reference: idOf(0),
      state: 'erased',
      authentication: { scheme: 'iam', secret: 'current' },
      decisions: [{ actor: by, action: 'erase', reason, at: harness.clock.now }],
      firstReply: { as: 'outcome' },
    });
    await harness.sweep(harness.clock.now + minute);
    const signed = await harness.receipt(receipt!.id);
    expect(signed.evidence).toBeDefined();
    expect(evidenceOf(signed)).toMatchObject({ platform: 'manual', decisions: [{ actor: by, action: 'erase' }] });
  });

  test('accept: is stored without a call, and the sweep erases', async () => {
    const { harness, accept } = manualHarness();
    harness.addCustomer({ source_id: 'crm-1' });
    harness.addCustomer({ source_id: 'crm-2' });
    expect(outcomes(await accept('crm-1', 'crm-2'))).toEqual(['in-progress', 'in-progress']);
    expect(harness.sent).toEqual([]);
    await harness.sweep(harness.clock.now + minute);
    expect(await harness.receipts()).toMatchObject([{ state: 'erased' }, { state: 'erased' }]);
    expect(harness.deleted()).toHaveLength(2);
  });

  test('same id for another person: is a conflict', async () => {
    const { harness, erase } = manualHarness();
    await erase('crm-1');
    expect(await erase('crm-2')).toMatchObject({ failure: { code: 'conflict' } });
    expect(harness.lines).toContainEqual(expect.objectContaining({ event: 'rejected', alarm: 'payload-mismatch' }));
  });

  test('more matches than customersPerRequest: deletes nobody and needs review', async () => {
    const { harness, send } = manualHarness({ limits: { customersPerRequest: 1 } });
    for (const source_id of ['crm-1', 'crm-2']) harness.addCustomer({ source_id, email: 'shared@example.com' });
    const identifiers = [{ kind: 'email', value: 'shared@example.com' }];
    const requests = [{ reference: idOf(1), identifiers }];
    expect(outcomes(await send({ action: 'erase', requests, by, reason }))).toEqual(['needs-review']);
    expect(harness.deleted()).toEqual([]);
    expect(harness.alarms()).toEqual(['needs-review']);
    await expectAlarm(harness, 'needs-review');
  });

  test('more requests than requestsPerHour: are stored, and the platform manual is paused', async () => {
    const { harness, accept } = manualHarness({ limits: { requestsPerHour: 2 } });
    for (const source_id of ['crm-1', 'crm-2', 'crm-3']) harness.addCustomer({ source_id });
    expect(outcomes(await accept('crm-1', 'crm-2', 'crm-3'))).toHaveLength(3);
    expect(harness.alarms()).toEqual(['platform-paused']);
    const { settings, control } = harness.services;
    expect([...(await readPausedScopes(settings, control))]).toEqual(['platform:manual']);
    await harness.sweep(harness.clock.now + minute);
    expect(harness.deleted()).toEqual([]);
    expect(await harness.receipts()).toHaveLength(3);
  });

  test('pause and hold: nothing is deleted', async () => {
    const { harness, erase } = manualHarness();
    harness.addCustomer({ source_id: 'crm-1' });
    const why = { actor: 'zoe', reason: 'a drill', at: harness.clock.now };
    await pause('platform:manual', why, harness.services.control);
    expect(outcomes(await erase('crm-1'))).toEqual(['in-progress']);
    const delayed = manualHarness({ limits: { delaySeconds: 60 } });
    delayed.harness.addCustomer({ source_id: 'crm-1' });
    expect(outcomes(await delayed.erase('crm-1'))).toEqual(['in-progress']);
    expect([...harness.deleted(), ...delayed.harness.deleted()]).toEqual([]);
  });

  test('customer created later: is spared, and the alarm says so, because nobody waits for the result', async () => {
    const { harness, accept } = manualHarness();
    await accept('crm-new');
    const created_at = new Date(harness.clock.now + 1000).toISOString();
    harness.sandbox.register({ source_id: 'crm-new', created_at }, 'main');
    await harness.sweep(harness.clock.now + minute);
    expect(await harness.receipts()).toMatchObject([{ state: 'created-later' }]);
    expect(harness.alarms()).toEqual(['created-later']);
  });

  test('source_id that is the id of another customer: is spared, and the alarm says so', async () => {
    const { harness, send } = manualHarness();
    const other = harness.addCustomer({ source_id: 'crm-9' });
    const requests = [{ reference: idOf(1), identifiers: [{ kind: 'source_id', value: other }] }];
    await send({ action: 'accept', requests, by, reason });
    await harness.sweep(harness.clock.now + minute);
    expect(await harness.receipts()).toMatchObject([{ state: 'not-identifiable' }]);
    await expectAlarm(harness, 'not-identifiable');
  });

  test('store unavailable: is no result', async () => {
    const { send, harness } = manualHarness({
      change: ({ store }) => ({ store: { ...store, accept: () => Promise.reject(new Error('secret-value')) } }),
    });
    const reply = await send({ action: 'erase', requests: bySource('crm-1'), by, reason });
    expect(reply).toEqual({ failure: { code: 'internal', message: 'internal error' } });
    expect(harness.logText.join('')).not.toContain('secret-value');
    expect(harness.sent).toEqual([]);
  });
});

describe('preview of requests by hand', () => {
  const unclear = (code: string) => [{ main: { kind: 'unclear', code } }];

  test('counts: matches in each project, and stores, logs and deletes nothing', async () => {
    const { harness, preview } = manualHarness({ projects: ['main', 'eu'] });
    harness.addCustomer({ source_id: 'crm-1' }, 'main');
    harness.addCustomer({ source_id: 'crm-1' }, 'eu');
    harness.addCustomer({ source_id: 'crm-2' }, 'eu');
    expect(previewed(await preview('crm-1', 'crm-2', 'crm-3'))).toEqual([
      { main: { kind: 'found', customers: 1 }, eu: { kind: 'found', customers: 1 } },
      { main: { kind: 'no-match' }, eu: { kind: 'found', customers: 1 } },
      { main: { kind: 'no-match' }, eu: { kind: 'no-match' } },
    ]);
    expect(await harness.receipts()).toEqual([]);
    expect(harness.lines).toEqual([]);
    expect(harness.sent.filter(call => !call.startsWith('GET '))).toEqual([]);
  });

  test('unclear: says which rule would need an operator', async () => {
    const { harness, send } = manualHarness({ limits: { customersPerRequest: 1 } });
    for (const source_id of ['crm-1', 'crm-2']) harness.addCustomer({ source_id, email: 'shared@example.com' });
    const requests = [{ reference: idOf(1), identifiers: [{ kind: 'email', value: 'shared@example.com' }] }];
    expect(previewed(await send({ action: 'preview', requests }))).toEqual(unclear('too-many-matches'));
    harness.addCustomer({ source_id: 'crm-held', email: 'held@example.com' });
    const hold = (await harness.services.pseudonymizer()).subject({ kind: 'email', value: 'held@example.com' });
    const terms = { kind: 'email', until: harness.clock.now + 86_400_000, actor: 'ada', reason: 'a lawsuit' };
    await setLegalHold({ id: hold, at: harness.clock.now, ...terms }, harness.services.control);
    const held = [{ reference: idOf(3), identifiers: [{ kind: 'source_id', value: 'crm-held' }] }];
    expect(previewed(await send({ action: 'preview', requests: held }))).toEqual(unclear('legal-hold'));
    const upper = harness.addCustomer({ source_id: 'CRM-9' });
    const byId = [{ reference: idOf(2), identifiers: [{ kind: 'source_id', value: upper }] }];
    expect(previewed(await send({ action: 'preview', requests: byId }))).toEqual(unclear('not-identifiable'));
  });

  test('customer created later: is said so', async () => {
    const { harness, preview } = manualHarness();
    const created_at = new Date(harness.clock.now + 1000).toISOString();
    harness.addCustomer({ source_id: 'crm-1', created_at });
    expect(previewed(await preview('crm-1'))).toEqual([{ main: { kind: 'created-later' } }]);
  });

  test('burst: is left for platforms, which wait for a reply', async () => {
    const limit = { calls: 60, periodSeconds: 60 };
    const { harness, preview } = manualHarness({ project: { callsPerMinute: 60 }, limit, waitsOnClock: true });
    const startedAt = harness.clock.now;
    expect(previewed(await preview('crm-1', 'crm-2'))).toHaveLength(2);
    expect(harness.clock.now).toBeGreaterThan(startedAt + 1000);
  });

  test('two look-ups: are reserved at once, and the second one may be the refused one', async () => {
    const { options, writes } = countedReservations();
    const { harness, send } = manualHarness(options);
    const identifiers = ['crm-1', 'crm-2'].map(value => ({ kind: 'source_id', value }));
    const requests = [{ reference: idOf(1), identifiers }];
    await send({ action: 'preview', requests });
    expect([harness.sent.length, writes()]).toEqual([2, 1]);
    harness.intercept = (call, pass) =>
      call.url.pathname.endsWith('crm-2') ? { kind: 'response', status: 400, headers: {}, body: '{}' } : pass();
    expect(previewed(await send({ action: 'preview', requests }))).toEqual(unclear('voucherify-400'));
  });

  test('refused look-up, and a share that is too small for a look-up: are unclear', async () => {
    const { harness, preview } = manualHarness();
    harness.intercept = () => ({ kind: 'response', status: 400, headers: {}, body: '{}' });
    expect(previewed(await preview('crm-1'))).toEqual(unclear('voucherify-400'));
    const small = { main: { baseUrl: 'https://api.voucherify.io', callsPerMinute: 1, quotaShare: 0.5 } };
    const settings = parseSettings(JSON.stringify({ projects: small, platforms: {} }), 'local');
    const slow = manualHarness({ change: () => ({ settings }) });
    expect(previewed(await slow.preview('crm-1'))).toEqual(unclear('quota-too-small'));
  });

  test('rate limit and outage: what is not looked up is said, and within the quota', async () => {
    const { harness, preview } = manualHarness({ limits: { answerBudgetMs: 1000 } });
    harness.sandbox.outage('down');
    expect(previewed(await preview('crm-1'))).toMatchObject([{ main: { kind: 'later' } }]);
    harness.sandbox.outage('quota');
    expect(previewed(await preview('crm-1'))).toMatchObject([{ main: { kind: 'later' } }]);
    const before = harness.sent.length;
    expect(previewed(await preview('crm-1', 'crm-2'))).toMatchObject([
      { main: { kind: 'later' } },
      { main: { kind: 'later' } },
    ]);
    expect(harness.sent).toHaveLength(before);
  });
});

test('platform of requests by hand: has no route, no secret and no callback', async () => {
  const { harness } = manualHarness();
  const platform = harness.services.platforms.get('manual')!;
  const request = { method: 'POST', path: '/webhooks/manual', headers: new Map(), rawBody: new Uint8Array() };
  const context = { secret: async () => 'x', ...harness.services, sendPublic: harness.services.send };
  await expect(platform.verify(request, context)).rejects.toThrow('path: no such platform');
  expect(() => platform.parse(request)).toThrow('path: no such platform');
  expect(() => platform.checkSecret('x')).not.toThrow();
  expect(platform).toMatchObject({ isPullOnly: true, callbackOrigins: [] });
});

describe('event of a request by hand', () => {
  const request = { reference: idOf(1), identifiers: [{ kind: 'source_id', value: 'planted-value' }] };
  const valid = { action: 'erase', requests: [request], by, reason };
  const withRequest = (change: object) => ({ ...valid, requests: [{ ...request, ...change }] });
  const withIdentifier = (change: object) => withRequest({ identifiers: [{ ...request.identifiers[0], ...change }] });

  test.each<[string, object, string]>([
    ['another action', { ...valid, action: 'delete' }, 'manual.action'],
    ['no reason', { ...valid, reason: ' ' }, 'manual.reason'],
    ['a reason with an e-mail address', { ...valid, reason: 'for planted@example.com' }, 'manual.reason'],
    ['nobody who asks', { ...valid, by: undefined }, 'manual.by'],
    ['two lines', { ...valid, by: 'zoe\nplanted-value' }, 'manual.by'],
    ['an unknown key', { ...valid, 'planted-value': 1 }, 'manual'],
    ['no request', { ...valid, requests: [] }, 'manual.requests'],
    ['too many requests', { ...valid, requests: Array.from({ length: 26 }, () => request) }, 'manual.requests'],
    ['a short reference', withRequest({ reference: '1' }), 'manual.requests.0.reference'],
    ['no identifier', withRequest({ identifiers: [] }), 'manual.requests.0.identifiers'],
    ['a phone', withIdentifier({ kind: 'phone' }), 'manual.requests.0.identifiers.0.kind'],
    ['a value that cannot be looked up', withIdentifier({ kind: 'customer_id' }), 'manual.requests.0.identifiers.0'],
    ['a hash', withIdentifier({ hash: 'sha256' }), 'manual.requests.0.identifiers.0'],
    ['a preview with a reason', { ...valid, action: 'preview' }, 'manual'],
  ])('%s: is refused by its field and without its value', async (_, manual, field) => {
    const { harness, send } = manualHarness();
    const reply = await send(manual);
    expect(reply).toMatchObject({ failure: { code: 'invalid', message: expect.stringMatching(`^${field}[.:]`) } });
    expect(JSON.stringify([reply, harness.logText])).not.toContain('planted');
    expect(harness.lines).toMatchObject([{ event: 'rejected', platform: 'manual', code: 'invalid', status: 400 }]);
    expect(harness.sent).toEqual([]);
  });

  test.each<[string, object]>([
    ['a second key', { manual: valid, other: 1 }],
    ['text', { manual: 'planted-value' }],
    ['nothing', { manual: null }],
  ])('%s: is refused', async (_, event) => {
    const { harness } = manualHarness();
    const handler = webhookHandler(() => harness.services);
    expect(await handler(event as ManualEvent, contextWith(60_000))).toMatchObject({ failure: { code: 'invalid' } });
  });

  const wire = ketchWire();
  test.each<[string, object]>([
    ['in the body', eventOf({ ...wire, path: '/webhooks/manual', body: JSON.stringify({ manual: valid }) })],
    ['in the body of no route', eventOf({ ...wire, path: '/', body: JSON.stringify({ manual: valid }) })],
    [
      'as a header',
      eventOf({ ...wire, path: '/webhooks/manual', headers: { ...wire.headers, manual: JSON.stringify(valid) } }),
    ],
    [
      'as a query',
      { ...eventOf({ ...wire, path: '/webhooks/manual' }), multiValueQueryStringParameters: { manual: ['x'] } },
    ],
    ['as a status', eventOf({ ...wire, method: 'GET', path: `/webhooks/manual/${idOf(1)}` })],
    ['beside the keys of API Gateway', { ...eventOf({ ...wire, path: '/webhooks/manual' }), manual: valid }],
    ['beside a context', { requestContext: { domainName: 'x' }, manual: valid }],
    ['beside a method', { httpMethod: 'POST', manual: valid }],
  ])('%s of an HTTP request: is 404, and nothing is read or stored', async (_, event) => {
    const harness = ketchHarness();
    const handler = webhookHandler(() => harness.services);
    const answer = await invoke(handler, event as GatewayEvent);
    expect(answer).toMatchObject({ status: 404, json: { error: { code: 'not-found' } } });
    expect(await harness.receipts()).toEqual([]);
    expect(harness.sandbox.calls()).toEqual([]);
  });
});
