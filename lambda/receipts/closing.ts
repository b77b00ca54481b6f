import type { FinalKind } from '../erasure.ts';
import { nextRevision, type Receipt } from './receipt.ts';

/** Evidence is kept for 25 months after closing (CCPA regulations §7101: at least 24), in days. */
const evidenceDays = 762;
const dayMs = 86_400_000;

interface Closing {
  readonly state: FinalKind;
  readonly now: number;
  /** Whether the answer to this very request tells the platform the outcome. */
  readonly answered: boolean;
}

/** Ends a receipt, once: whoever is owed a callback gets it, and then it is signed. */
export function closeReceipt(receipt: Receipt, { state, now, answered }: Closing): Receipt {
  const owesCallback = receipt.hasCallbacks && (receipt.answeredInProgress || !answered);
  return nextRevision(receipt, {
    state,
    queue: owesCallback ? 'callback' : 'sign',
    nextAttemptAt: now,
    closedAt: now,
    expiresAt: Math.ceil((now + evidenceDays * dayMs) / 1000),
    lastResult: state,
    ...(answered ? { firstReply: { at: now, as: 'outcome' } } : {}),
  });
}
