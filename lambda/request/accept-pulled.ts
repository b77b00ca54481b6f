import { type Failure, failureOf } from '../domain/failure.ts';
import type { Platform, PulledPage } from '../platforms/platform.ts';
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
  for (let first = 0; first < erase.length; first += batchSize) {
    const batch = erase.slice(first, first + batchSize);
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
  } catch (thrown) {
    const failure = failureOf(thrown);
    if (failure.status >= 500) throw failure;
    logRefused(request.platformName, failure, services);
  }
}

function logRefused(platform: string, { alarm = 'request-refused', message }: Failure, { log }: Services): void {
  log({ event: 'alarm', alarm, platform, rule: message });
}
