import { expect } from 'vitest';
import type { Answer, Wire } from '../support/event.ts';
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
