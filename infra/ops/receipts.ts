import {
  deadlineUsedPercent,
  isPartialAccepted,
  isRefusalDecided,
  type Receipt,
} from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import type { Output } from './terminal.ts';

/** Number of receipts read in parallel, which is also how many are in memory. */
const atOnce = 25;

/** Reads receipts by id, in the given order, skips expired ones, and shows the progress. Throws as the store does. */
export async function* readReceipts(
  ids: readonly string[],
  store: Pick<ReceiptStore, 'read'>,
  output: Pick<Output, 'progress'>,
): AsyncIterable<Receipt> {
  for (let from = 0; from < ids.length; from += atOnce) {
    const found = await Promise.all(ids.slice(from, from + atOnce).map(id => store.read(id)));
    output.progress(`${from + found.length} of ${ids.length} receipts read`);
    yield* found.filter(receipt => receipt !== undefined);
  }
  output.progress('');
}

/** Returns why a receipt is not finished: the reason for its review, or the result of its last attempt. */
export function reasonOf(receipt: Receipt): string {
  if (isPartialAccepted(receipt)) return 'to-be-closed-as-partial';
  return isRefusalDecided(receipt) ? 'to-be-refused' : (receipt.reason ?? receipt.lastResult ?? 'not-tried-yet');
}

/** Returns the used part of the legal time, in whole percent. It stops growing when the receipt is closed. */
export function usedPercent(receipt: Receipt, now: number): number {
  return Math.floor(deadlineUsedPercent(receipt, receipt.closedAt ?? now));
}
