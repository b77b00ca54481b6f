import type { Identifier } from '../domain/identifiers.ts';
import { clientsFor } from '../erasure/attempt.ts';
import { previewInProject } from '../erasure/preview.ts';
import { type PreviewedProjects, storePreview } from '../receipts/preview.ts';
import { maxCustomersFor, type Receipt } from '../receipts/receipt.ts';
import { updateReceipt } from '../receipts/store.ts';
import { postponeReceipt } from '../receipts/transitions.ts';
import type { Services } from '../services.ts';
import type { ProjectClient } from '../voucherify/client.ts';

/**
 * Looks up what would be deleted for a receipt that `holdSeconds` delays, within the quota, and stores the numbers of
 * customers and of their activities on the receipt. It pins and deletes nothing. Throws `unavailable` if the store
 * fails.
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

/** How long one project's activities may wait for calls that no erasure needs, in milliseconds. */
const activitiesMs = 10_000;

async function countCustomers(
  identifiers: readonly Identifier[],
  receipt: Receipt,
  client: ProjectClient,
  until: number,
  services: Services,
): Promise<PreviewedProjects[string]> {
  const { submittedAt, lookUpCalls: calls } = receipt;
  const maxCustomers = maxCustomersFor(receipt) ?? services.settings.limits.customersPerRequest;
  const request = { identifiers, submittedAt, maxCustomers, calls };
  const { resolved, refused } = await previewInProject(request, client, until, services);
  if (resolved.kind === 'retry' || resolved.kind === 'review') {
    const matched = 'matched' in resolved && resolved.matched !== undefined ? { customers: resolved.matched } : {};
    return { ...matched, code: resolved.code };
  }
  if (resolved.kind === 'found') {
    const ids = resolved.candidates.map(({ id }) => id);
    const activities = await client.countActivities(ids, Math.min(until, services.now() + activitiesMs));
    return { customers: ids.length, activities, ...(refused === undefined ? {} : { code: refused }) };
  }
  return { customers: 0, code: refused ?? resolved.kind };
}
