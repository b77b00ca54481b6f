import type { Outcome } from '../erasure.ts';
import { isFinal, nextRevision, type Receipt } from './receipt.ts';

/** The platform is about to be told that this is not finished. */
export function markAnsweredInProgress(receipt: Receipt): Receipt | undefined {
  if (isFinal(receipt.state) || receipt.answeredInProgress) return undefined;
  return nextRevision(receipt, { answeredInProgress: true });
}

/** Longest a platform is told to wait before it looks again. */
const nextLookMs = 900_000;

/** How the receipt stands, as an outcome; open ones are expected in a quarter of an hour or when they are due. */
export function outcomeOf(receipt: Receipt, now: number): Outcome {
  if (isFinal(receipt.state)) {
    const deletions = Object.values(receipt.projects).flatMap(progress => progress.deletions);
    return { kind: receipt.state, at: receipt.closedAt ?? now, deletions };
  }
  const expectedAt = Math.min(now + nextLookMs, receipt.dueAt ?? Number.POSITIVE_INFINITY);
  return { kind: receipt.state === 'open' ? 'in-progress' : 'needs-review', expectedAt };
}
