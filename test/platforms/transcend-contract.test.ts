import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../lambda/domain/erasure.ts';
import { type Fixture, ownFixtures, publishedFixtures, wireOf } from '../support/conformance.ts';
import { jsonOrUndefined, type Wire } from '../support/event.ts';
import { createHarness, type Harness } from '../support/harness.ts';
import { callContext } from '../support/requests.ts';
import { describePlatform } from './contract.ts';
import { apiKey, claims, job, pemOf, sombraKeys, tokenOf, transcendWire } from './transcend-messages.ts';

const nobody = { identifier: 'nobody@example.com', type: 'email' };

describePlatform('transcend', {
  section: {
    audience: 'acme',
    // Nothing listens there: what is sent to Sombra is tested elsewhere.
    sombraUrl: 'http://127.0.0.1:9',
    identities: { coreIdentifier: 'source_id', email: 'email' },
    publicKey: pemOf(sombraKeys.publicKey),
  },
  secretText: (current, previous) => JSON.stringify({ current, previous, apiKey }),
  secrets: {
    current: 'transcend-current-secret-001',
    previous: 'transcend-previous-secret-01',
    wrong: 'transcend-another-secret-01',
  },
  message: ({ id, sourceId, extra = {} }) => {
    const request = { id: `c3ae78c9-2768-4666-991a-d2f72950333${id}` };
    const coreIdentifier = { value: sourceId };
    return transcendWire({ ...job(undefined, { coreIdentifier, extras: { profile: nobody, request } }), ...extra });
  },
  sign: (wire, secret, at) => {
    const iat = Math.floor(at / 1000);
    const token = tokenOf({ ...claims, value: coreIdentifierIn(wire), iat });
    return { ...wire, headers: { ...wire.headers, 'x-sombra-token': token, 'x-webhook-secret': secret } };
  },
  headers: ['x-sombra-token', 'x-webhook-secret'],
  coversBody: false,
  refusedWith: 401,
  anyContentType: true,
  expectRefusal: ({ json }) => expect(json).toMatchObject({ error: { code: expect.any(String) } }),
  others: [
    { what: 'a request for access', wire: transcendWire(job(undefined, { type: 'ACCESS' })), status: 400 },
    { what: 'a trial', wire: transcendWire(job(undefined, { isTest: true })), status: 204 },
  ],
});

/** Sombra's token vouches for the core identifier of the body that it goes with. */
function coreIdentifierIn({ body }: Wire): string {
  const read = jsonOrUndefined(Buffer.from(body).toString('utf8')) as { coreIdentifier?: { value: string } } | null;
  return read?.coreIdentifier?.value ?? claims.value;
}

const keysFile = new URL('../fixtures/published/transcend/keys.json', import.meta.url);
const shared = publishedFixtures('transcend');
const fixtures = [...shared, ...ownFixtures('transcend')];
/** A fixture without responses is a trial, whose reply has no outcome. */
const cases = fixtures.flatMap(fixture =>
  Object.entries(fixture.responses ?? { test: { status: 204 } }).map(([outcome, expected]) => ({
    name: fixture.fixture,
    fixture,
    outcome,
    expected,
  })),
);

describe('a fixture of Transcend through the exported handler', () => {
  test.each(cases)('$name: $outcome', async ({ fixture, outcome, expected }) => {
    const harness = await harnessOf(fixture, outcome === 'not_found' ? { customers: [] } : {});
    if (outcome === 'failed_retryable') harness.secrets['erasure/pepper'] = 'short';
    const answer = await harness.send(wireOf(fixture, '/webhooks/transcend'));
    expect(answer.status).toBe(expected.status);
    if (answer.status < 300) expect(answer.text).toBe('');
    const isErased = outcome === 'accepted_async';
    expect(harness.sandbox.deletions()).toHaveLength(isErased ? 1 : 0);
    expect(await harness.receipts()).toHaveLength(isErased || outcome === 'not_found' ? 1 : 0);
  });

  test.each(fixtures.filter(({ parsed }) => parsed.intent === 'erase'))('$fixture: what is read', async fixture => {
    const harness = await harnessOf(fixture);
    await harness.send(wireOf(fixture, '/webhooks/transcend'));
    const [receipt] = await harness.receipts();
    const hmacs = await harness.services.pseudonymizer();
    const wanted = fixture.parsed.identifiers!.map(({ kind, value }) =>
      hmacs.subject({ kind: kind as 'email', value }),
    );
    expect(receipt!.subjectHmacs).toEqual(wanted);
  });
});

describe('a completion of the fixtures', () => {
  const at = Date.parse('2026-01-15T12:00:00Z');
  const outcomes: Readonly<Record<string, Outcome>> = {
    deleted: { kind: 'erased', at, deletions: [] },
    not_found_found_out_later: { kind: 'no-match', at, deletions: [] },
    failed_for_good: { kind: 'refused', at, deletions: [] },
  };

  test.each(Object.entries(outcomes))('%s', async (name, outcome) => {
    const fixture = shared.find(({ callbacks }) => callbacks !== undefined)!;
    const { method, url, headers, body } = fixture.callbacks![name] as Record<string, object>;
    const harness = await harnessOf(fixture);
    const nonce = fixture.request.headers['x-transcend-nonce']!;
    const callbacks = [{ url: String(url), headers: { 'x-transcend-nonce': nonce } }];
    const notice = { reference: 'r', scope: 'e-shop-it', receivedAt: 0, receiptId: 'receipt-1', outcome, callbacks };
    const secret = async () => harness.secrets['erasure/platform/transcend']!;
    const calls = await harness.services.platforms.get('transcend')!.buildCallbacks(notice, callContext(secret, at));
    expect(calls).toEqual([{ method, url, headers, body: expect.any(String), alsoDelivered: [409] }]);
    const message = 'message' in body! ? { message: expect.stringMatching(/^[A-Z][a-z ]+\.$/) } : {};
    expect(JSON.parse(calls[0]!.body)).toEqual({ ...body, ...message });
  });
});

function harnessOf({ config, clock }: Fixture, options = {}): Harness {
  const { name, value } = config['customSecretHeader'] as { name: string; value: string };
  const transcend = {
    audience: config['audience'],
    sombraUrl: config['sombraUrl'],
    header: name,
    identities: { coreIdentifier: 'source_id', email: 'email', phone: 'phone' },
    publicKey: config['publicKeyPem'] ?? sharedKey(),
  };
  const secret = JSON.stringify({ current: value, apiKey: config['apiKey'] });
  return createHarness({
    platforms: { transcend },
    secrets: { 'erasure/platform/transcend': secret },
    at: Date.parse(clock),
    ...options,
  });
}

function sharedKey(): unknown {
  return (JSON.parse(readFileSync(keysFile, 'utf8')) as { sombra: { publicKeyPem: string } }).sombra.publicKeyPem;
}
