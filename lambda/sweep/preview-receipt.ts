import type { Identifier } from '../domain/erasure.ts';
import { clientsFor } from '../erasure/attempt.ts';
import { type PreviewedProjects, storePreview } from '../receipts/preview.ts';
import { maxCustomersFor, type Receipt } from '../receipts/receipt.ts';
import { updateReceipt } from '../receipts/store.ts';
import { postponeReceipt } from '../receipts/transitions.ts';
import type { Services } from '../services.ts';
import type { ProjectClient } from '../voucherify/client.ts';
import { resolve } from '../voucherify/resolve.ts';

/**
 * Looks up what would be deleted for a receipt that `holdSeconds` delays, within the quota, and stores the numbers on the
 * receipt. It pins and deletes nothing. Throws `unavailable` if the store fails.
 */
export async function previewReceipt(receipt: Receipt, until: number, services: Services): Promise<void> {
  const { store, now, times } = services;
  const at = now();
  // Another sweep repeats it if this one ends early.
  const { receipt: claimed, done } = await updateReceipt(store, receipt, current =>
    postponeReceipt(current, at, Math.min(at + times.claimMs, receipt.heldUntil ?? at)),
  );
  const personalData = done ? await store.readPersonalData(receipt.id) : undefined;
  if (personalData === undefined) return;
  const projects: Record<string, PreviewedProjects[string]> = {};
  for (const [name, client] of clientsFor(claimed, { fresh: false }, services)) {
    projects[name] = await countCustomers(personalData.identifiers, claimed, client, until, services);
  }
  await updateReceipt(store, claimed, current => storePreview(current, projects, now()));
}

async function countCustomers(
  identifiers: readonly Identifier[],
  receipt: Receipt,
  client: ProjectClient,
  until: number,
  { pseudonymizer, settings }: Services,
): Promise<PreviewedProjects[string]> {
  const { together, inAttempt } = client.capacity();
  if (together === 0) return { code: 'quota-too-small' };
  client.expectCalls({ calls: receipt.lookUpCalls });
  const { appId, subject } = await pseudonymizer();
  const context = { voucherify: client, appIdHmac: appId, subjectHmac: subject, until, mostPages: inAttempt };
  const maxCustomers = maxCustomersFor(receipt) ?? settings.limits.customersPerRequest;
  const request = { identifiers, submittedAt: receipt.submittedAt, maxCustomers };
  const { resolved, lookUps } = await resolve(request, context);
  const refused = lookUps.results.find(result => result.refused !== undefined)?.refused;
  if (resolved.kind === 'retry' || resolved.kind === 'review') {
    const matched = 'matched' in resolved && resolved.matched !== undefined ? { customers: resolved.matched } : {};
    return { ...matched, code: resolved.code };
  }
  if (resolved.kind === 'found') {
    return { customers: resolved.candidates.length, ...(refused === undefined ? {} : { code: refused }) };
  }
  return { customers: 0, code: refused ?? resolved.kind };
}
