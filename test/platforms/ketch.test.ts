import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../lambda/domain/erasure.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import {
  expectAnswer,
  type Fixture,
  matching,
  ownFixtures,
  publishedFixtures,
  wireOf,
} from '../support/conformance.ts';
import { jsonOrUndefined } from '../support/event.ts';
import { createHarness, fixtureTime, type Harness, type HarnessOptions } from '../support/harness.ts';
import * as messages from '../support/ketch.ts';
import { account, callback, deleteRequest, ketchHarness, ketchWire, tenant, uid } from '../support/ketch.ts';
import { callbackRequests, ketchPlatform, requestOf } from '../support/requests.ts';
import { describePlatform } from './contract.ts';

describePlatform('ketch', {
  section: { ...messages.ketchSection },
  secretText: messages.ketchSecretText,
  secrets: {
    current: 'Bearer ketch-current-secret-0001',
    previous: 'Basic a2V0Y2g6cHJldmlvdXMtc2VjcmV0',
    wrong: 'Bearer ketch-another-secret-0001',
  },
  message: ({ id, sourceId, extra = {} }) => {
    const metadata = { uid: `22880925-aac5-42f9-a653-cb6921d3610${id}`, tenant };
    const body = { ...deleteRequest({ identities: [account(sourceId)] }, { metadata }), ...extra };
    return ketchWire(body, { Authorization: [] });
  },
  sign: (wire, secret) => ({ ...wire, headers: { ...wire.headers, Authorization: secret } }),
  headers: ['Authorization'],
  coversBody: false,
  refusedWith: 403,
  expectRefusal: ({ json, headers }, status) => {
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    expect(json).toMatchObject({ apiVersion: 'dsr/v1', kind: 'Error', error: { code: status } });
  },
  others: [
    { what: 'access request', wire: ketchWire(deleteRequest({}, { kind: 'AccessRequest' })), status: 501 },
    { what: 'other environment', wire: ketchWire(deleteRequest({ environment: 'staging' })), status: 403 },
  ],
});

const fixtures = [...publishedFixtures('ketch'), ...ownFixtures('ketch')];
const requests = fixtures.filter(fixture => 'request' in fixture);
const cases = requests.flatMap(fixture =>
  Object.entries(fixture.responses).map(([outcome, expected]) => ({ fixture, outcome, expected })),
);

function fixtureHarness({ config, clock }: Fixture, options: Partial<HarnessOptions> = {}, section = {}): Harness {
  const ketch = {
    header: config['authHeaderName'],
    tenants: ['axonic'],
    environments: ['production'],
    identities: config['identitySpaces'],
    callbackOrigins: (config['callbackHostAllowList'] as readonly string[]).map(host => `https://${host}`),
    ...section,
  };
  const secrets = { 'erasure/platform/ketch': JSON.stringify({ current: config['authHeaderValue'] }) };
  return createHarness({ platforms: { ketch }, secrets, at: Date.parse(clock), ...options });
}

function withOutage(harness: Harness): Harness {
  harness.sandbox.outage('error');
  return harness;
}

/** The state of the service that leads to each outcome of a fixture. */
const preparations: Readonly<Record<string, (fixture: Fixture) => Harness>> = {
  deleted: fixture => fixtureHarness(fixture),
  not_found: fixture => fixtureHarness(fixture, { customers: [] }),
  no_usable_identifier: fixture => fixtureHarness(fixture, {}, { identities: {} }),
  accepted_async: fixture => withOutage(fixtureHarness(fixture)),
  failed_retryable: fixture => withOutage(fixtureHarness(fixture, {}, { callbackOrigins: [] })),
  failed_internal: fixture =>
    fixtureHarness(fixture, {
      change: ({ store }) => ({ store: { ...store, accept: () => Promise.reject(new TypeError('unforeseen')) } }),
    }),
  rejected: fixture => fixtureHarness(fixture),
};

describe('fixture of Ketch', () => {
  test.each(cases)('$fixture.fixture, $outcome: gets the published reply', async ({ fixture, outcome, expected }) => {
    const harness = preparations[outcome]!(fixture);
    const answer = await harness.send(wireOf(fixture, '/webhooks/ketch'));
    if (expected.mustNot === undefined) expectAnswer(answer, expected);
    else expect(answer).toMatchObject({ status: 503, json: { kind: 'Error', error: { status: 'unavailable' } } });
    expect(harness.deleted()).toEqual(outcome === 'deleted' ? ['cust_AdaExample00000000000001'] : []);
    if (outcome === 'rejected') expect(await harness.receipts()).toEqual([]);
  });

  test.each(requests.filter(({ parsed }) => parsed.intent === 'erase'))('$fixture: is parsed', fixture => {
    const { headers, rawBody } = fixture.request;
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const parsed = fixtureHarness(fixture).services.platforms.get('ketch')!.parse(requestOf(rawBody, lower));
    const { identifiers = [], dueAt } = fixture.parsed;
    const due = dueAt === undefined ? {} : { dueAt: Date.parse(dueAt) };
    const wanted = identifiers.map(({ kind, value }) => ({ kind, value }));
    expect(parsed).toMatchObject({ erase: [{ scope: 'axonic', identifiers: wanted, ...due }] });
  });

  test('outcomes: each occurs', () => {
    expect(new Set(cases.map(({ outcome }) => outcome))).toEqual(new Set(Object.keys(preparations)));
  });

  const at = Date.parse('2026-01-15T12:00:00Z');
  test.each<[string, Outcome]>([
    ['completed', { kind: 'erased', at, deletions: [] }],
    ['not_found', { kind: 'no-match', at, deletions: [] }],
    ['still_running', { kind: 'in-progress', expectedAt: at + 900_000 }],
  ])('DeleteStatusEvent, %s: is the published one', async (name, outcome) => {
    const { completed, [name]: wanted } = fixtures.find(fixture => fixture.callbacks !== undefined)!.callbacks!;
    const { url, headers, body, method } = completed as { url: string; headers: object; body: object; method: string };
    const callbacks = [{ url, headers: { Authorization: 'Bearer cb-token-1' } }];
    const [call, ...others] = await callbackRequests(ketchPlatform(), {
      reference: uid,
      scope: tenant,
      outcome,
      callbacks,
    });
    expect(others).toEqual([]);
    expect(call).toMatchObject({ method, url, headers, alsoDelivered: [] });
    const event = { ...(body as { event: object }).event, ...(wanted!['eventOverrides'] as object) };
    const { reason, ...rest } = event as { reason?: string };
    const expected = matching({ ...body, event: name === 'still_running' ? rest : { ...rest, reason } });
    expect(jsonOrUndefined(call!.body)).toEqual(expected);
  });
});

describe('reply to Ketch', () => {
  const replyTo = (outcome: Outcome, callbackFollows: boolean) => {
    const result = { reference: uid, receivedAt: 0, receiptId: 'receipt-1', outcome, callbackFollows };
    const { status, body, headers } = ketchPlatform().parse(requestOf(deleteRequest())).reply([result]);
    return { status, headers, json: jsonOrUndefined(body) };
  };

  test.each([
    ['erased', 'executed'],
    ['no-match', 'no_match'],
    ['not-identifiable', 'insufficient_identification'],
    ['refused', 'unknown'],
  ] as const)('%s: is completed with the reason %s, with or without callbacks', (kind, reason) => {
    const response = { status: 'completed', reason, expectedCompletionTimestamp: 1, requestID: 'receipt-1' };
    const json = { apiVersion: 'dsr/v1', kind: 'DeleteResponse', metadata: { uid, tenant }, response };
    for (const callbackFollows of [true, false])
      expect(replyTo({ kind, at: 1999, deletions: [] }, callbackFollows)).toMatchObject({ status: 200, json });
  });

  test.each(['in-progress', 'needs-review'] as const)('%s: is in_progress with callbacks, else 503', kind => {
    const open = replyTo({ kind, expectedAt: 900_999 }, true);
    const response = {
      status: 'in_progress',
      expectedCompletionTimestamp: 900,
      resultMessage: 'Deletion in progress.',
    };
    expect(open).toMatchObject({ status: 200, json: { response } });
    expect(open.json).not.toHaveProperty('response.reason');
    expect(replyTo({ kind, expectedAt: 900_999 }, false)).toMatchObject({
      status: 503,
      headers: { 'Retry-After': '60' },
      json: { kind: 'Error', metadata: { uid, tenant }, error: { code: 503, status: 'unavailable' } },
    });
  });

  test('no result: is an error', () => {
    const failure = expect.objectContaining({ code: 'internal', message: 'there is no result' });
    expect(() => ketchPlatform().parse(requestOf(deleteRequest())).reply([])).toThrow(failure);
  });

  test('sends again: only without callbacks, because the reply is an error then', () => {
    const { sendsAgain } = ketchPlatform();
    expect([true, false].map(hasCallbacks => sendsAgain?.(hasCallbacks))).toEqual([false, true]);
  });

  test.each([
    ['invalid', 400, 'invalid'],
    ['unauthorized', 401, 'forbidden'],
    ['forbidden', 403, 'forbidden'],
    ['not-found', 404, 'not_found'],
    ['method-not-allowed', 405, 'invalid'],
    ['conflict', 409, 'conflict'],
    ['too-large', 413, 'invalid'],
    ['unsupported-media-type', 415, 'invalid'],
    ['internal', 500, 'internal'],
    ['unimplemented', 501, 'unimplemented'],
    ['unavailable', 503, 'unavailable'],
  ] as const)('failure %s: is %i %s', (code, status, word) => {
    const failure = new Failure(code, 'why', { headers: { Allow: 'POST' } });
    const { body, ...reply } = ketchPlatform().errorReply!(requestOf(deleteRequest()), failure);
    const header = code === 'unavailable' ? { 'Retry-After': '60' } : { Allow: 'POST' };
    expect(reply).toEqual({ status, headers: { 'Content-Type': 'application/json', ...header } });
    const error = { code: status, status: word, message: 'why' };
    expect(jsonOrUndefined(body)).toEqual({ apiVersion: 'dsr/v1', kind: 'Error', error });
  });

  test.each([
    ['no due time', undefined, 900],
    ['a late due time', 1_771_070_400, 900],
    ['an earlier due time', fixtureTime / 1000 + 60, 60],
  ])('expected completion with %s: is a quarter of an hour later at most', async (_, dueTimestamp, after) => {
    const harness = withOutage(ketchHarness());
    const { json } = await harness.send(ketchWire(deleteRequest({ callbacks: [callback], dueTimestamp })));
    expect(json).toHaveProperty('response.expectedCompletionTimestamp', fixtureTime / 1000 + after);
  });

  test('review: the reply stays in progress, and an alarm is raised', async () => {
    const harness = ketchHarness({ limits: { customersPerRequest: 1 } });
    const identities = [{ identitySpace: 'email', identityValue: 'family@example.com' }];
    const wire = ketchWire(deleteRequest({ callbacks: [callback], identities }));
    const first = await harness.send(wire);
    expect(first).toMatchObject({ status: 200, json: { response: { status: 'in_progress' } } });
    const review = { state: 'needs-review', reason: 'too-many-matches', repliedInProgress: true };
    expect(await harness.receipts()).toMatchObject([review]);
    expect(harness.alarms()).toEqual(['needs-review']);
    expect(harness.deleted()).toEqual([]);
    expect((await harness.send(wire)).text).toBe(first.text);
  });
});

describe('request of Ketch without a match', () => {
  const raw = (identitySpace: string, identityValue: string) => ({ ...account(identityValue), identitySpace });
  const hash = (identitySpace: string) => ({ ...raw(identitySpace, 'a1b2c3'), identityFormat: 'md5' });

  test.each([
    ['nothing else', [], 'no_match'],
    ['a phone number', [raw('phone', '+15550100')], 'no_match'],
    ['a hash of the same space', [hash('account_id')], 'no_match'],
    ['a hash of an unmapped space', [hash('other')], 'no_match'],
    ['a hashed phone number', [hash('phone')], 'no_match'],
    ['a hash of another space', [hash('email')], 'insufficient_identification'],
    ['an empty address', [raw('email', '')], 'insufficient_identification'],
    ['a line break inside the address', [raw('email', 'a\n@x.y')], 'insufficient_identification'],
    ['a line break after the address', [raw('email', 'none@x.y\n')], 'no_match'],
    ['a malformed customer id', [raw('customer', 'crm-1')], 'insufficient_identification'],
  ])('with %s: is completed', async (_, others, reason) => {
    const harness = ketchHarness();
    const identities = [account('crm-none'), ...others];
    const { json } = await harness.send(ketchWire(deleteRequest({ identities })));
    expect(json).toMatchObject({ response: { status: 'completed', reason } });
    const hashed = new Set((await harness.receipts())[0]?.subjectHmacs);
    expect(hashed.size).toBe(identities.filter(one => one.identityFormat === 'raw' && one.identityValue !== '').length);
  });
});

describe('callback of Ketch', () => {
  test.each([
    ['listed origin', [callback], [callback], []],
    ['other origins', [{ url: 'https://evil.example/' }, callback], [callback], ['callback-origin-refused']],
    ['none', [], [], []],
    ['user name', [{ url: 'https://dsr.ketch.com@evil.example/' }], [], ['callback-origin-refused']],
    ['http', [{ url: 'http://dsr.ketch.com/' }], [], ['callback-origin-refused']],
  ])('%s: only targets at a listed origin are stored', async (_, callbacks, stored, alarms) => {
    const harness = withOutage(ketchHarness());
    const { status } = await harness.send(ketchWire(deleteRequest({ callbacks })));
    const [receipt] = await harness.receipts();
    const isPromised = stored.length > 0;
    expect(status).toBe(isPromised ? 200 : 503);
    expect((await harness.store.readPersonalData(receipt!.id))?.callbacks).toEqual(stored);
    expect(receipt).toMatchObject({ hasCallbacks: isPromised });
    if (isPromised) expect(receipt).toMatchObject({ repliedInProgress: true });
    expect(harness.alarms().filter(alarm => alarm.startsWith('callback'))).toEqual(alarms);
  });

  test('several: each gets the event with its own headers', async () => {
    const callbacks = [callback, { url: 'https://dsr.ketch.com/2', headers: { 'X-Two': '2', Accept: 'text/json' } }];
    const outcome = { kind: 'refused', at: 5000, deletions: [] } as const;
    const calls = await callbackRequests(ketchPlatform(), { reference: uid, scope: tenant, outcome, callbacks });
    const json = { 'Content-Type': 'application/json', Accept: 'application/json' };
    expect(calls).toMatchObject(callbacks.map(({ url, headers }) => ({ url, headers: { ...json, ...headers } })));
    const event = { status: 'completed', reason: 'unknown', expectedCompletionTimestamp: 5, requestID: 'receipt-1' };
    const body = { kind: 'DeleteStatusEvent', metadata: { uid, tenant }, event };
    for (const call of calls) expect(jsonOrUndefined(call.body)).toMatchObject(body);
  });
});

test('credentials of Ketch, wrong ones: the reply names no value', async () => {
  const { json } = await ketchHarness().send(ketchWire(undefined, { Authorization: 'wrong' }));
  expect(json).toMatchObject({ error: { message: 'the shared secret does not match' } });
});

describe('settings of Ketch', () => {
  test('header: may have any name, and no other header is read', async () => {
    const harness = ketchHarness({ section: { header: 'X-Ketch-Key' } });
    expect((await harness.send(ketchWire())).status).toBe(403);
    const headers = { Authorization: [], 'x-KETCH-key': messages.ketchSecret };
    expect((await harness.send(ketchWire(undefined, headers))).status).toBe(200);
  });

  test('projects: only these are searched', async () => {
    const harness = ketchHarness({ projects: ['main', 'other'], section: { projects: ['other'] } });
    expect((await harness.send(ketchWire())).json).toHaveProperty('response.reason', 'no_match');
    const [receipt] = await harness.receipts();
    expect(Object.keys(receipt!.projects)).toEqual(['other']);
  });

  test('tenants: the same uid of two tenants is two requests', async () => {
    const harness = ketchHarness({ section: { tenants: [tenant, 'second'] } });
    await harness.send(ketchWire());
    const other = deleteRequest({ identities: [account('crm-10043')] }, { metadata: { uid, tenant: 'second' } });
    expect((await harness.send(ketchWire(other))).json).toHaveProperty('response.reason', 'executed');
    expect(await harness.receipts()).toHaveLength(2);
  });
});
