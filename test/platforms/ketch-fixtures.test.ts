import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../lambda/domain/erasure.ts';
import {
  expectAnswer,
  type Fixture,
  matching,
  ownFixtures,
  publishedFixtures,
  wireOf,
} from '../support/conformance.ts';
import { createHarness, type Harness, type HarnessOptions } from '../support/harness.ts';

const shared = publishedFixtures('ketch');
const fixtures = [...shared, ...ownFixtures('ketch')];
const requests = fixtures.filter(fixture => 'request' in fixture);

/** What must be true of the world for each outcome of a fixture. */
const worlds: Readonly<Record<string, (fixture: Fixture) => Harness>> = {
  deleted: fixture => harnessOf(fixture),
  not_found: fixture => harnessOf(fixture, { customers: [] }),
  no_usable_identifier: fixture => harnessOf(fixture, {}, { identities: {} }),
  accepted_async: fixture => downFor(harnessOf(fixture)),
  failed_retryable: fixture => downFor(harnessOf(fixture, {}, { callbackOrigins: [] })),
  failed_internal: fixture =>
    harnessOf(fixture, {
      change: ({ store }) => ({ store: { ...store, accept: () => Promise.reject(new TypeError('unforeseen')) } }),
    }),
  rejected: fixture => harnessOf(fixture),
};

function harnessOf(fixture: Fixture, options: Partial<HarnessOptions> = {}, section = {}): Harness {
  const { config, clock } = fixture;
  const hosts = config['callbackHostAllowList'] as readonly string[];
  const ketch = {
    header: config['authHeaderName'],
    tenants: ['axonic'],
    environments: ['production'],
    identities: config['identitySpaces'],
    callbackOrigins: hosts.map(host => `https://${host}`),
    ...section,
  };
  const secrets = { 'erasure/platform/ketch': JSON.stringify({ current: config['authHeaderValue'] }) };
  return createHarness({ platforms: { ketch }, secrets, at: Date.parse(clock), ...options });
}

function downFor(harness: Harness): Harness {
  harness.sandbox.outage('error');
  return harness;
}

const cases = requests.flatMap(fixture =>
  Object.entries(fixture.responses).map(([outcome, expected]) => ({
    name: fixture.fixture,
    fixture,
    outcome,
    expected,
  })),
);

describe('a fixture of Ketch through the exported handler', () => {
  test.each(cases)('$name: $outcome', async ({ fixture, outcome, expected }) => {
    const harness = await worlds[outcome]!(fixture);
    const answer = await harness.send(wireOf(fixture, '/webhooks/ketch'));
    if (expected.mustNot === undefined) expectAnswer(answer, expected);
    else expect(answer).toMatchObject({ status: 503, json: { kind: 'Error', error: { status: 'unavailable' } } });
    const erased = outcome === 'deleted' ? ['cust_AdaExample00000000000001'] : [];
    expect(harness.sandbox.deletions().map(deletion => deletion.customerId)).toEqual(erased);
    if (outcome === 'rejected') expect(await harness.receipts()).toEqual([]);
  });

  test.each(requests.filter(({ parsed }) => parsed.intent === 'erase'))('$fixture: what is read', async fixture => {
    const harness = await harnessOf(fixture, { customers: [] });
    const { headers, rawBody } = fixture.request;
    const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value]] as const);
    const request = { method: 'POST', path: '', headers: new Map(lower), rawBody: Buffer.from(rawBody) };
    const reading = harness.services.platforms.get('ketch')!.parse(request);
    const { identifiers = [], dueAt } = fixture.parsed;
    expect(reading).toMatchObject({
      erase: [
        {
          scope: 'axonic',
          identifiers: identifiers.map(({ kind, value }) => ({ kind, value })),
          ...(dueAt === undefined ? {} : { dueAt: Date.parse(dueAt) }),
        },
      ],
    });
  });

  test('each outcome was tried', () => {
    expect(new Set(cases.map(({ outcome }) => outcome))).toEqual(new Set(Object.keys(worlds)));
  });
});

const events = fixtures.filter(fixture => 'callbacks' in fixture);

describe.skipIf(events.length === 0)('a DeleteStatusEvent of the fixtures', () => {
  const at = Date.parse('2026-01-15T12:00:00Z');
  const outcomes: Readonly<Record<string, Outcome>> = {
    completed: { kind: 'erased', at, deletions: [] },
    not_found: { kind: 'no-match', at, deletions: [] },
    still_running: { kind: 'in-progress', expectedAt: at + 900_000 },
  };

  test.each(Object.entries(outcomes))('%s', async (name, outcome) => {
    const harness = await harnessOf(events[0]!, { customers: [] });
    const { completed, [name]: wanted } = events[0]!.callbacks!;
    const { url, headers, body, method } = completed as { url: string; headers: object; body: object; method: string };
    const told = {
      reference: '22880925-aac5-42f9-a653-cb6921d361ff',
      scope: 'axonic',
      receivedAt: 0,
      receiptId: 'receipt-1',
      outcome,
      callbacks: [{ url, headers: { Authorization: 'Bearer cb-token-1' } }],
    };
    const means = { secret: () => Promise.reject(new Error('needs none')), now: () => at };
    const [call, ...others] = await harness.services.platforms.get('ketch')!.buildCallbacks(told, means);
    expect(others).toEqual([]);
    expect(call).toMatchObject({ method, url, headers, alsoDelivered: [] });
    const event = { ...(body as { event: object }).event, ...(wanted!['eventOverrides'] as object) };
    const sent = JSON.parse(call!.body) as { event: object };
    const { reason, ...rest } = event as { reason?: string };
    expect(sent).toEqual(matching({ ...body, event: name === 'still_running' ? rest : { ...rest, reason } }));
  });
});
