import { deadlineUsedPercent, dueAtOf } from '../../../lambda/receipts/deadline.ts';
import { isRefusalDecided, type Receipt, type ReceiptQueue } from '../../../lambda/receipts/receipt.ts';
import type { OpsContext } from '../desk.ts';
import { readReceipts } from '../read-receipts.ts';

/** What a receipt can wait for, in the words of `list --state`, and the queue that holds it. */
export const listStates = {
  'needs-review': 'needs-review',
  open: 'erase',
  callback: 'callback',
  sign: 'sign',
} as const satisfies Readonly<Record<string, ReceiptQueue>>;

export type ListState = keyof typeof listStates;

/** Ids of one queue that are looked at: it holds them by their next attempt, and what is due first may be anywhere. */
const mostLookedThrough = 1000;

/** Every queue holds what is due at the end of time. */
const ever = Number.MAX_SAFE_INTEGER;

interface Wanted {
  readonly states: readonly ListState[];
  readonly platform: string | undefined;
  readonly limit: number;
}

/**
 * What waits: first what waits for a person, and then what is due first. `more` says that there is more than that.
 * Throws as the store does.
 */
export async function readBacklog({ states, platform, limit }: Wanted, { store }: Pick<OpsContext, 'store'>) {
  const ids = await Promise.all(states.map(state => store.due(listStates[state], ever, mostLookedThrough + 1)));
  const looked = ids.map(found => found.slice(0, mostLookedThrough));
  const receipts = await readReceipts([...new Set(looked.flat())], store);
  // The index lags: a receipt counts as what it says itself.
  const waiting = receipts.filter(
    one => states.some(state => listStates[state] === one.queue) && (platform ?? one.platform) === one.platform,
  );
  const sorted = waiting.toSorted((a, b) => rank(a) - rank(b) || dueAtOf(a) - dueAtOf(b));
  const notAll = ids.some(found => found.length > mostLookedThrough);
  return { receipts: sorted.slice(0, limit), more: sorted.length > limit || notAll };
}

function rank({ queue }: Receipt): number {
  return queue === 'needs-review' ? 0 : 1;
}

/** Why a receipt waits: what made it ask for a person, or what its last attempt came to. */
export function reasonOf(receipt: Receipt): string {
  return isRefusalDecided(receipt) ? 'to-be-refused' : (receipt.reason ?? receipt.lastResult ?? 'not-tried-yet');
}

/** How much of its time it has used, in whole percent; that of a closed receipt no longer grows. */
export function usedPercent(receipt: Receipt, now: number): number {
  return Math.floor(deadlineUsedPercent(receipt, receipt.closedAt ?? now));
}
