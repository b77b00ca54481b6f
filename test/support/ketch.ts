import { randomUUID } from 'node:crypto';
import type { KetchSettings } from '../../lambda/platforms/ketch.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { Answer, Wire } from './event.ts';
import { createHarness, type Harness, type HarnessOptions } from './harness.ts';

export const ketchSecret = 'Bearer ketch-secret-of-the-tests-1';
export const tenant = 'axonic';
export const uid = '22880925-aac5-42f9-a653-cb6921d361ff';
export const callback = { url: 'https://dsr.ketch.com/callback', headers: { Authorization: 'Bearer cb-token-1' } };

export const ketchSection: KetchSettings = {
  header: 'Authorization',
  tenants: [tenant],
  environments: ['production'],
  identities: { account_id: 'source_id', customer: 'customer_id', email: 'email', phone: 'phone' },
  callbackOrigins: ['https://dsr.ketch.com'],
  projects: undefined,
};

export function ketchSecretText(current: unknown = ketchSecret, previous?: unknown): string {
  return JSON.stringify(previous === undefined ? { current } : { current, previous });
}

/** A harness that serves Ketch; `section` changes its settings. */
export function ketchHarness(
  options: Partial<Omit<HarnessOptions, 'platforms'>> & { section?: Readonly<Record<string, unknown>> } = {},
): Harness {
  const { section = {}, secrets = {}, ...rest } = options;
  return createHarness({
    ...rest,
    platforms: { ketch: { ...ketchSection, ...section } },
    secrets: { 'erasure/platform/ketch': ketchSecretText(), ...secrets },
  });
}

/** One identity of the account space, which is mapped to `source_id`. */
export function account(identityValue: string) {
  return { identitySpace: 'account_id', identityFormat: 'raw', identityValue };
}

/** A DeleteRequest for the seeded person crm-10042; `request` and `envelope` replace fields of it. */
export function deleteRequest(request: object = {}, envelope: object = {}) {
  return {
    apiVersion: 'dsr/v1',
    kind: 'DeleteRequest',
    metadata: { uid, tenant },
    request: {
      property: 'axonic.io',
      environment: 'production',
      regulation: 'gdpr',
      jurisdiction: 'eugdpr',
      identities: [account('crm-10042')],
      subject: { email: 'ada@example.com', firstName: 'Ada', lastName: 'Example' },
      submittedTimestamp: 1_768_474_800,
      dueTimestamp: 1_771_070_400,
      ...request,
    },
    ...envelope,
  };
}

/** The message that carries a body: an object as JSON, text and bytes as they are. */
export function ketchWire(body: unknown = deleteRequest(), headers: Wire['headers'] = {}): Wire {
  return {
    path: '/webhooks/ketch',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json',
      Authorization: ketchSecret,
      ...headers,
    },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  };
}

/** Adds a customer to the sandbox and returns the id. */
export function addPerson(harness: Harness, sourceId: string, project = 'main'): string {
  return harness.sandbox.register({ source_id: sourceId, created_at: '2025-01-01T00:00:00.000Z' }, project);
}

/** Asks for one person by the next id; a request may wish to be called back. */
export function requestErasure(
  harness: Harness,
  sourceId: string,
  { uid = randomUUID() as string, calledBack = true } = {},
): Promise<Answer> {
  const callbacks = calledBack ? { callbacks: [callback] } : {};
  const request = { identities: [account(sourceId)], ...callbacks };
  return harness.send(ketchWire(deleteRequest(request, { metadata: { uid, tenant } })));
}

/** What an answer says of the erasure: Ketch's word, or the status of a refusal. */
export function statusOf({ status, json }: Answer): string | number {
  const standing = json as { response?: { status?: string } } | undefined;
  return standing?.response?.status ?? status;
}

/** The calls that Voucherify got. */
export function callKinds(harness: Harness): readonly string[] {
  return harness.sandbox.calls().map(({ kind }) => kind);
}

export async function receiptStates(harness: Harness): Promise<readonly Receipt['state'][]> {
  return (await harness.receipts()).map(({ state }) => state);
}
