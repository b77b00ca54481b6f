import { manualPlatform, pepperName } from '../../../lambda/domain/names.ts';
import { createPseudonymizer } from '../../../lambda/receipts/hmac.ts';
import { type ManualRequest, manualErasure } from '../../../lambda/request/receive-manual.ts';
import { OpsUsageError } from '../args.ts';
import type { OpsContext } from '../context.ts';
import type { Output } from '../terminal.ts';
import type { SendManual } from './send-manual.ts';

/** Who asks for an erasure, and why. */
export interface AskedBy {
  readonly by: string;
  readonly reason: string;
}

export interface EraseInput {
  readonly context: OpsContext;
  readonly output: Output;
}

/** Returns the sender. Throws {@link OpsUsageError} if the local run is not running. */
export function senderOf({ sendManual }: OpsContext): SendManual {
  if (sendManual === undefined) throw new OpsUsageError('--local: npm start is not running: start it first');
  return sendManual;
}

/** Returns the receipt id of each request, which the function computes in the same way. */
export async function receiptIds(
  requests: readonly ManualRequest[],
  { readSecret }: Pick<OpsContext, 'readSecret'>,
): Promise<readonly string[]> {
  const hmacs = createPseudonymizer(await readSecret(pepperName));
  return requests.map(manualErasure).map(({ scope, reference }) => hmacs.receipt(manualPlatform, scope, reference));
}

/** Requests of the file, and those that were accepted before. */
export interface Counts {
  readonly total: number;
  readonly before: number;
}

/** More requests in an hour than the limit pause the platform, which is no error but needs an operator. */
export function warnOfLimit(count: number, { context, output }: EraseInput): void {
  const { requestsPerHour } = context.settings.limits;
  if (count <= requestsPerHour) return;
  output.warn(
    `more than requestsPerHour (${requestsPerHour}): the platform manual is paused after so many, and an alarm is raised. ` +
      'Release the rest with:\n  npm run ops -- resume platform:manual --why "…"',
  );
}

const barWidth = 30;

/** Returns a bar that shows how much is done. */
export function progressBar(done: number, total: number): string {
  const filled = Math.floor((barWidth * done) / total);
  return `[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${done} of ${total}`;
}
