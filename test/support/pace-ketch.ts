import { randomUUID } from 'node:crypto';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { Answer } from './event.ts';
import type { Harness } from './harness.ts';
import { account, callback, deleteRequest, ketchWire, tenant } from './ketch.ts';

/** A person whom nobody else is, in a sandbox. */
export function registered(harness: Harness, sourceId: string, project = 'main'): string {
  return harness.sandbox.register({ source_id: sourceId, created_at: '2025-01-01T00:00:00.000Z' }, project);
}

/** Asks for one person by the next id; a request may wish to be called back. */
export function ask(
  harness: Harness,
  sourceId: string,
  { uid = randomUUID() as string, calledBack = true } = {},
): Promise<Answer> {
  const callbacks = calledBack ? { callbacks: [callback] } : {};
  const request = { identities: [account(sourceId)], ...callbacks };
  return harness.send(ketchWire(deleteRequest(request, { metadata: { uid, tenant } })));
}

/** What an answer says of the erasure: Ketch's word, or the status of a refusal. */
export function wordOf({ status, json }: Answer): string | number {
  const standing = json as { response?: { status?: string } } | undefined;
  return standing?.response?.status ?? status;
}

/** The calls that Voucherify got. */
export function callsIn(harness: Harness): readonly string[] {
  return harness.sandbox.calls().map(({ kind }) => kind);
}

export async function statesIn(harness: Harness): Promise<readonly Receipt['state'][]> {
  return (await harness.receipts()).map(({ state }) => state);
}
