import type { Identifier } from '../domain/identifiers.ts';
import type { Services } from '../services.ts';
import type { ProjectClient } from '../voucherify/client.ts';
import { type Resolved, refusedCodes, resolve } from '../voucherify/resolve.ts';
import { needsReview } from '../voucherify/responses.ts';
import { createHoldCheck } from './erase-in-project.ts';

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
  /** Why the customers found would not be deleted: a legal hold, or a look-up that Voucherify refused. */
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
  services: Services,
): Promise<Preview> {
  const { atOnce, inAttempt } = client.capacity();
  if (atOnce === 0) return { resolved: needsReview('quota-too-small') };
  client.expectCalls({ calls });
  const hmacs = await services.pseudonymizer();
  const { appId: appIdHmac, subject: subjectHmac } = hmacs;
  const context = { voucherify: client, appIdHmac, subjectHmac, until, mostPages: inAttempt };
  const { resolved, lookUps } = await resolve({ identifiers, submittedAt, maxCustomers }, context);
  if (resolved.kind === 'found') {
    const checkHolds = createHoldCheck(identifiers.map(subjectHmac), hmacs, services, true);
    const held = await checkHolds(resolved.candidates.map(({ id, ...found }) => ({ ...found, customerId: id })));
    if (held !== undefined) return { resolved, refused: held.code };
  }
  const [refused] = refusedCodes(lookUps);
  return { resolved, refused };
}
