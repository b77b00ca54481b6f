import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Wire } from '../support/event.ts';
import { createHarness, type Harness } from '../support/harness.ts';
import { ketchSection } from '../support/ketch.ts';

/** One message from the field, whom it means, and how its receipt must end. */
interface FieldCase {
  readonly platform: string;
  readonly request: Wire & { readonly headers: { readonly Authorization: string } };
  readonly registered?: { readonly email?: string; readonly source_id?: string };
  readonly outcome: 'erased' | 'not-identifiable';
}

const folder = new URL('../fixtures/field/', import.meta.url);
const files = readdirSync(folder).filter(name => name.endsWith('.json'));
const cases = files.map(name => [name.replace('.json', ''), read(new URL(name, folder)) as FieldCase] as const);

describe('a message from the field', () => {
  test.each(cases)('%s: ends as it must, and the evidence says so', async (_, { request, registered, outcome }) => {
    const harness = await fieldHouse(request.headers.Authorization);
    const before = { created_at: '2025-01-01T00:00:00Z' };
    const meant = registered === undefined ? [] : [harness.sandbox.register({ ...before, ...registered }, 'main')];
    expect((await harness.send(request)).status).toBe(200);
    await harness.sweep();
    expect(harness.sandbox.deletions().map(deletion => deletion.customerId)).toEqual(meant);
    const [receipt] = await harness.receipts();
    expect(receipt).toMatchObject({ state: outcome });
    expect(signedOutcome(receipt?.evidence)).toBe(outcome);
  });
});

function fieldHouse(current: string): Harness {
  const { platforms } = read(new URL('../../docs/platforms/recipes/onetrust.json', import.meta.url)) as {
    platforms: Record<string, unknown>;
  };
  const secret = JSON.stringify({ current });
  return createHarness({
    platforms: { ...platforms, ketch: ketchSection },
    secrets: { 'erasure/platform/onetrust': secret, 'erasure/platform/ketch': secret },
  });
}

/** The outcome in the payload of a compact JWS. */
function signedOutcome(jws = ''): unknown {
  const [, payload = ''] = jws.split('.');
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { outcome: unknown }).outcome;
}

function read(file: URL): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
