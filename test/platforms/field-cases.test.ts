import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { embeddedSecretTexts } from '../../infra/local/embedded-secrets.ts';
import { settingsWith } from '../infra/synthesised.ts';
import { createHarness, type Harness } from '../support/harness.ts';
import { ketchSection } from '../support/ketch.ts';

/** One message from the field, the person whom it means, and what must happen. `test/fixtures/field/SOURCES.md` */
interface FieldCase {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly bodyEncoding?: 'base64';
    readonly body: string;
  };
  readonly registered?: { readonly email?: string; readonly source_id?: string };
  readonly expected: {
    readonly status: number;
    readonly states: readonly string[];
    readonly alarms?: readonly string[];
    readonly notLookedUp?: readonly string[];
  };
}

/** The time at which the messages were sent: their signatures and times are genuine. */
const sentAt = Date.parse('2026-11-28T01:14:00Z');
const folder = new URL('../fixtures/field/', import.meta.url);
const files = readdirSync(folder).filter(name => name.endsWith('.json'));
const cases = files.map(name => [name.replace('.json', ''), read(new URL(name, folder)) as FieldCase] as const);

const platforms = {
  ketch: ketchSection,
  segment: {},
  shopify: { shops: ['acme.myshopify.com'], customerId: 'source_id' },
  generic: { type: 'generic', authentication: { kind: 'standard-webhooks' } },
  ...recipe('onetrust'),
  ...recipe('kertos'),
  osano: { ...recipe('osano')['osano'], authentication: { kind: 'header', header: 'x-webhook-secret' } },
};
const secrets = embeddedSecretTexts(settingsWith({ platforms }));

test.each(cases)(
  'message from the field, %s: ends as it must, and the evidence says so',
  async (_, { request, registered, expected }) => {
    const harness = createHarness({ platforms, secrets, at: sentAt });
    const before = { created_at: '2025-01-01T00:00:00Z' };
    const meant = registered === undefined ? [] : [harness.sandbox.register({ ...before, ...registered }, 'main')];
    const body = Buffer.from(request.body, request.bodyEncoding ?? 'utf8');
    expect((await harness.send({ ...request, body })).status).toBe(expected.status);
    await harness.sweepAndVerify();
    const isErased = expected.states.includes('erased');
    expect(harness.sandbox.deletions().map(({ customerId }) => customerId)).toEqual(isErased ? meant : []);
    expect((await harness.receipts()).map(({ state }) => state)).toEqual(expected.states);
    expect(harness.alarms()).toEqual(expected.alarms ?? []);
    const evidence = await evidenceOf(harness);
    expect(evidence.map(({ outcome }) => outcome)).toEqual(expected.states);
    expect(evidence[0]?.request.notLookedUp).toEqual(expected.notLookedUp);
  },
);

test('redaction with 4,800 orders: is carried out', async () => {
  const harness = createHarness({ platforms, secrets, at: sentAt });
  const customer = { id: 70828210934, email: null, phone: null };
  const id = harness.sandbox.register({ source_id: '70828210934', created_at: '2025-01-01T00:00:00Z' }, 'main');
  const orders = Array.from({ length: 4800 }, (_, index) => 5_400_000_000_000 + index);
  const body = JSON.stringify({ shop_domain: 'acme.myshopify.com', customer, orders_to_redact: orders });
  const { current } = JSON.parse(secrets['erasure/platform/shopify'] ?? '') as { readonly current: string };
  const headers = {
    'Content-Type': 'application/json',
    'X-Shopify-Topic': 'customers/redact',
    'X-Shopify-Hmac-Sha256': createHmac('sha256', current).update(body).digest('base64'),
  };
  expect((await harness.send({ path: '/webhooks/shopify', headers, body })).status).toBe(200);
  await harness.sweep();
  expect(harness.sandbox.deletions().map(({ customerId }) => customerId)).toEqual([id]);
});

interface Payload {
  readonly outcome: string;
  readonly request: { readonly notLookedUp?: readonly string[] };
}

async function evidenceOf(harness: Harness): Promise<readonly Payload[]> {
  return (await harness.receipts()).map(({ evidence = '' }) => decodeJwt<Payload>(evidence));
}

function recipe(name: string): Readonly<Record<string, object>> {
  const file = new URL(`../../docs/platforms/recipes/${name}.json`, import.meta.url);
  return (read(file) as { platforms: Record<string, object> }).platforms;
}

function read(file: URL): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
