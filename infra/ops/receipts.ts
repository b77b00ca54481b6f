import {
  deadlineUsedPercent,
  isPartialAccepted,
  isRefusalDecided,
  type Receipt,
} from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';

/** Number of receipts read in parallel. */
const atOnce = 25;

/** Reads receipts by id, in the given order, and skips expired ones. Throws as the store does. */
export async function readReceipts(
  ids: readonly string[],
  store: Pick<ReceiptStore, 'read'>,
): Promise<readonly Receipt[]> {
  const found: (Receipt | undefined)[] = [];
  for (let from = 0; from < ids.length; from += atOnce) {
    found.push(...(await Promise.all(ids.slice(from, from + atOnce).map(id => store.read(id)))));
  }
  return found.filter(receipt => receipt !== undefined);
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
