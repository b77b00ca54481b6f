import type { Identifier } from '../domain/erasure.ts';
import type { Services } from '../services.ts';
import { needsReview } from '../voucherify/classify.ts';
import type { ProjectClient } from '../voucherify/client.ts';
import { type Resolved, refusedCodes, resolve } from '../voucherify/resolve.ts';

interface PreviewedRequest {
  readonly identifiers: readonly Identifier[];
  /** In epoch milliseconds: customers that were created later do not count. */
  readonly submittedAt: number;
  readonly maxCustomers: number;
  /** Calls that the look-ups need at least. */
  readonly calls: number;
}

interface Preview {
  readonly resolved: Resolved;
  /** Why Voucherify refused a look-up, if it refused one. */
  readonly refused?: string | undefined;
}

/**
 * Looks up in one project which customers a request would delete, within the quota, as an attempt does. Pins, stores and
 * deletes nothing. `until` is the end of the last call in epoch milliseconds.
 */
export async function previewInProject(
  { identifiers, submittedAt, maxCustomers, calls }: PreviewedRequest,
  client: ProjectClient,
  until: number,
  { pseudonymizer }: Services,
): Promise<Preview> {
  const { together, inAttempt } = client.capacity();
  if (together === 0) return { resolved: needsReview('quota-too-small') };
  client.expectCalls({ calls });
  const { appId: appIdHmac, subject: subjectHmac } = await pseudonymizer();
  const context = { voucherify: client, appIdHmac, subjectHmac, until, mostPages: inAttempt };
  const { resolved, lookUps } = await resolve({ identifiers, submittedAt, maxCustomers }, context);
  const [refused] = refusedCodes(lookUps);
  return { resolved, refused };
}
