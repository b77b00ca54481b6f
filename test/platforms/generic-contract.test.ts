import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { expectAnswer, type Fixture, ownFixtures, publishedFixtures, wireOf } from '../support/conformance.ts';
import type { Answer, Wire } from '../support/event.ts';
import { createHarness } from '../support/harness.ts';
import { describePlatform } from './contract.ts';
import type { PlatformCase } from './contract-case.ts';
import { genericWire, order, signed, signingSecret } from './generic-messages.ts';

const keyOf = (byte: number) => `whsec_${Buffer.alloc(24, byte).toString('base64')}`;

const common = {
  secretText: (current: unknown, previous?: unknown) => JSON.stringify({ current, previous }),
  refusedWith: 401,
  expectRefusal: ({ json }: Answer) => expect(json).toMatchObject({ error: { code: expect.any(String) } }),
  // What Voucherify answered is told once: the receipt keeps no customer's id.
  expectSame: (first: Answer, again: Answer) => {
    expect(again.status).toBe(first.status);
    expect(withoutCustomers(again)).toEqual(withoutCustomers(first));
  },
} as const;

const message: PlatformCase['message'] = ({ id, sourceId, extra = {} }) => {
  const identifiers = [{ type: 'source_id', value: sourceId }];
  const none = { 'webhook-id': [], 'webhook-timestamp': [], 'webhook-signature': [] };
  return genericWire({ ...order, request_id: `req-${id}`, identifiers, ...extra }, none);
};

describePlatform('generic', {
  ...common,
  section: { authentication: { kind: 'standard-webhooks' } },
  secrets: { current: signingSecret, previous: keyOf(1), wrong: keyOf(2) },
  unusableSecrets: { 'not base64': JSON.stringify({ current: 'a-secret-with-25-letters-' }) },
  message,
  sign: (wire, secret, at) => ({ ...wire, headers: { ...wire.headers, ...signed(wire.body, { at, secret }) } }),
  headers: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
  coversBody: true,
  others: [
    { what: 'a trial', wire: genericWire({ ...order, test: true }), status: 200 },
    { what: 'a request for access', wire: genericWire({ ...order, type: 'access' }), status: 400 },
  ],
});

/** A foreign body under a name of its own, proved by a header or by Basic. */
const form = {
  rules: [{ when: { '/form/name': 'forget me' }, do: 'erase' }],
  reference: '/form/ticket',
  identifiers: { '/customer/number': 'source_id' },
};

function formMessage(id: number, sourceId: string, extra = {}): Wire {
  const body = { form: { name: 'forget me', ticket: id }, customer: { number: sourceId }, ...extra };
  return { path: '/webhooks/in-house', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

describePlatform('in-house', {
  ...common,
  section: { type: 'generic', authentication: { kind: 'header', header: 'X-Form-Key' }, ...form },
  secrets: {
    current: 'in-house-current-secret-0001',
    previous: 'in-house-previous-secret-001',
    wrong: 'in-house-another-secret-0001',
  },
  message: ({ id, sourceId, extra }) => formMessage(id, sourceId, extra),
  sign: (wire, secret) => ({ ...wire, headers: { ...wire.headers, 'X-Form-Key': secret } }),
  headers: ['X-Form-Key'],
  coversBody: false,
});

describePlatform('in-house', {
  ...common,
  section: { type: 'generic', authentication: { kind: 'basic' }, ...form },
  secrets: {
    current: 'form:current-secret-00000001',
    previous: 'form:previous-secret-0000001',
    wrong: 'form:another-secret-00000001',
  },
  unusableSecrets: {
    'without a user': JSON.stringify({ current: 'a-secret-with-25-letters-' }),
    'without a user in the previous one': JSON.stringify({
      current: 'user:a-secret-of-letters',
      previous: 'a-secret-with-25-letters-',
    }),
  },
  message: ({ id, sourceId, extra }) => formMessage(id, sourceId, extra),
  sign: (wire, secret) => {
    const credentials = Buffer.from(secret).toString('base64');
    return { ...wire, headers: { ...wire.headers, Authorization: `Basic ${credentials}` } };
  },
  headers: ['Authorization'],
  coversBody: false,
});

function withoutCustomers({ json }: Answer): unknown {
  const { deletions, ...rest } = json as { deletions: { related_object_id?: string }[] };
  return { ...rest, deletions: deletions.map(({ related_object_id: _, ...deletion }) => deletion) };
}

/** Its cases share one secret and one clock, which stand above them. */
const file = new URL('../fixtures/published/generic/standard-webhooks.json', import.meta.url);
const above = JSON.parse(readFileSync(file, 'utf8')) as Fixture;
const shared = publishedFixtures('generic') as readonly (Fixture & { name: string })[];

test.each(shared)('a published fixture of the generic sender through the exported handler, $name', async fixture => {
  const harness = await harnessOf(above.config['secret'], above.clock);
  const answer = await harness.send(wireOf(fixture, '/webhooks/generic'));
  const { accepted, rejected } = fixture.responses;
  expect(accepted === undefined ? [rejected!.status] : [200, 202]).toContain(answer.status);
  expect(await harness.receipts()).toHaveLength(accepted === undefined ? 0 : 1);
  expect(harness.sandbox.deletions()).toHaveLength(accepted === undefined ? 0 : 1);
});

test.each(ownFixtures('generic'))(
  'a fixture of our own contract through the exported handler, $fixture',
  async fixture => {
    const harness = await harnessOf(fixture.config['secret'], fixture.clock, fixture.config['settings']);
    const answer = await harness.send(wireOf(fixture, '/webhooks/generic'));
    const [expected] = Object.values(fixture.responses);
    expectAnswer(answer, expected!);
    const erases = fixture.parsed.intent === 'erase';
    const receipts = await harness.receipts();
    expect(receipts).toHaveLength(erases ? 1 : 0);
    const hmacs = await harness.services.pseudonymizer();
    const wanted = (fixture.parsed.identifiers ?? []).map(({ kind, value }) =>
      hmacs.subject({ kind: kind as 'email', value }),
    );
    expect(receipts.flatMap(receipt => receipt.subjectHmacs)).toEqual(wanted);
    const { dueAt } = fixture.parsed;
    if (dueAt !== undefined) expect(receipts).toMatchObject([{ dueAt: Date.parse(dueAt) }]);
  },
);

function harnessOf(secret: unknown, at: string, settings: unknown = { authentication: { kind: 'standard-webhooks' } }) {
  return createHarness({
    platforms: { generic: settings },
    secrets: { 'erasure/platform/generic': JSON.stringify({ current: secret }) },
    at: Date.parse(at),
  });
}
