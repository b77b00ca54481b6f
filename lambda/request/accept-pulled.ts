import { failureOf } from '../domain/failure.ts';
import type { Platform, PulledPage } from '../platforms/platform.ts';
import { needsNoPersonalData, type Receipt } from '../receipts/receipt.ts';
import type { Services } from '../services.ts';
import { accept, type VerifiedRequest } from './accept.ts';
import { isWithinLimit } from './request-limit.ts';

/** The number of orders that are stored at once. */
const batchSize = 25;

/**
 * Accepts the orders of a page that a platform was asked for, as requests are accepted: one receipt for each order, however
 * often it is listed, counted against the hourly limit. The sweep erases. An order that cannot be accepted raises an alarm
 * and does not stop the others. Throws `unavailable` if the store fails; the next pull finds the order again.
 */
export async function acceptPulled(
  platformName: string,
  platform: Platform,
  { erase, unreadable }: PulledPage,
  services: Services,
): Promise<void> {
  const receivedAt = services.now();
  const pulled: Omit<VerifiedRequest, 'erasure'> = {
    platformName,
    // No reply waits for the result.
    platform: { ...platform, responseMode: 'acknowledgement' },
    authentication: { scheme: 'pull', secret: 'current' },
    receivedAt,
    startedAt: receivedAt,
  };
  const left = [...erase];
  while (left.length > 0) {
    const batch = left.splice(0, batchSize);
    await Promise.all(batch.map(erasure => acceptOne({ ...pulled, erasure }, services)));
  }
  for (const rule of new Set(unreadable)) {
    services.log({ event: 'alarm', alarm: 'request-refused', platform: platformName, rule });
  }
}

async function acceptOne(request: VerifiedRequest, services: Services): Promise<void> {
  try {
    const { receipt, pauses, isNew } = await accept(request, services);
    if (isNew) await isWithinLimit(receipt, pauses, services);
    else logStillListed(receipt, services);
  } catch (thrown) {
    const failure = failureOf(thrown);
    if (failure.status >= 500) throw failure;
    const { alarm = 'request-refused', message: rule } = failure;
    services.log({ event: 'alarm', alarm, platform: request.platformName, rule });
  }
}

/** Longest time that a platform may still list an order after it was sent the outcome, in milliseconds. */
const maxListedMs = 86_400_000;

/** An order with a closed receipt is never erased again, so one that was opened again would be lost unnoticed. */
function logStillListed(receipt: Receipt, { log, now }: Services): void {
  const { closedAt = now(), platform, id } = receipt;
  if (!needsNoPersonalData(receipt) || now() - closedAt < maxListedMs) return;
  const rule = 'pull: an order is still listed a day after its receipt was closed';
  log({ event: 'alarm', alarm: 'request-refused', platform, receipt: id, rule });
}
