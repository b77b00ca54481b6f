import { deadlineUsedPercent, isRefusalDecided, type Receipt } from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';

/** Receipts that are read at the same time. */
const atOnce = 25;

/** The receipts of these ids, in their order and without those that are gone. Throws as the store does. */
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

/** Why a receipt waits: what made it ask for a person, or what its last attempt came to. */
export function reasonOf(receipt: Receipt): string {
  return isRefusalDecided(receipt) ? 'to-be-refused' : (receipt.reason ?? receipt.lastResult ?? 'not-tried-yet');
}

/** How much of its time it has used, in whole percent; that of a closed receipt no longer grows. */
export function usedPercent(receipt: Receipt, now: number): number {
  return Math.floor(deadlineUsedPercent(receipt, receipt.closedAt ?? now));
}
