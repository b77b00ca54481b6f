import { isDue, markMayHaveExecuted } from './claiming.ts';
import { closeReceipt } from './closing.ts';
import { type Decision, isFinal, isRefusalDecided, nextRevision, type Receipt } from './receipt.ts';
import { wrongCustomerDeleted } from './result.ts';

/** Longest that a worker may hold a claim, with a margin, in milliseconds: nobody posts for a receipt after it. */
const longestClaimMs = 60_000;

/** A decision as an operator makes it: the receipt adds what it was about. */
export type DecisionInput = Omit<Decision, 'about'>;

/**
 * An operator lets a receipt go on, now: one that asked for a person, or one that waits for its next attempt, its
 * callback or its signature. Not after somebody else was deleted: that receipt posts nothing more.
 */
export function decideRetry(receipt: Receipt, decided: DecisionInput): Receipt | undefined {
  if (receipt.queue === undefined || receipt.reason === wrongCustomerDeleted) return undefined;
  // A claim runs to its end: whoever holds it may still be posting.
  const isHeld = receipt.state === 'open' && receipt.unrecordedClaims > 0;
  const at = decided.at + (isHeld ? longestClaimMs : 0);
  const soon = { nextAttemptAt: Math.min(receipt.nextAttemptAt ?? at, at) };
  if (isFinal(receipt.state)) return withDecision(receipt, decided, soon);
  const { reason: _, ...rest } = receipt;
  if (receipt.state === 'open') return withDecision(rest, withReason(decided, receipt), soon);
  const anew = {
    state: 'open',
    queue: 'erase',
    nextAttemptAt: decided.at,
    unprovenCount: 0,
    unrecordedClaims: 0,
  } as const;
  return withDecision(rest, withReason(decided, receipt), anew);
}

/**
 * An operator decides that an erasure is not to be done. The sweep closes it as `refused`, and not before the last
 * claim has run out: a worker that still holds one tells first what it has deleted.
 */
export function decideRefusal(receipt: Receipt, decided: DecisionInput): Receipt | undefined {
  if (isFinal(receipt.state) || isRefusalDecided(receipt)) return undefined;
  const latest = decided.at + longestClaimMs;
  const claimEnds = receipt.state === 'needs-review' ? decided.at : Math.min(receipt.nextAttemptAt ?? latest, latest);
  const waits = { state: 'open', queue: 'erase', nextAttemptAt: claimEnds } as const;
  return withDecision(receipt, withReason(decided, receipt), waits);
}

/**
 * An operator decides that the next delivery of the same body opens a new request. Only for a closed receipt, and once.
 * Kept beside `decisions`, since the signed evidence of this receipt does not change.
 */
export function newRequestDecided(receipt: Receipt, decided: DecisionInput): Receipt | undefined {
  if (!isFinal(receipt.state) || receipt.newRequest !== undefined) return undefined;
  return nextRevision(receipt, { newRequest: decided });
}

/** The sweep's part of a refusal. What a worker without a result may have deleted stays marked as possible. */
export function closeAsRefused(receipt: Receipt, now: number): Receipt | undefined {
  if (!isRefusalDecided(receipt) || !isDue(receipt, now)) return undefined;
  const standing = receipt.unrecordedClaims > 0 ? markMayHaveExecuted(receipt) : receipt;
  return closeReceipt(standing, { state: 'refused', now, answered: false });
}

/** How many customers of one project may be deleted for this receipt, where an operator has said so. */
export function maxCustomersFor({ decisions = [] }: Receipt): number | undefined {
  return decisions.findLast(decision => decision.maxCustomers !== undefined)?.maxCustomers;
}

function withReason(decided: DecisionInput, { reason }: Receipt): Decision {
  return reason === undefined ? decided : { ...decided, reviewReason: reason };
}

function withDecision(receipt: Receipt, decision: Decision, change: Partial<Receipt>): Receipt {
  return nextRevision(receipt, { ...change, decisions: [...(receipt.decisions ?? []), decision] });
}
