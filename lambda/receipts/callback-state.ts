import { type CallbackState, isFinal, isTimeReached, nextRevision, type Receipt } from './receipt.ts';
import { dueDuringCallbacks, queueAfterCallbacks } from './verification.ts';

/** How long after closing a receipt its callbacks are retried, in milliseconds. At least seven days are promised. */
export const callbackPeriodMs = 8 * 86_400_000;

/** The state before the first callback was sent. */
export const noCallbackYet: CallbackState = { tries: 0, delivered: [], refused: [] };

/** Claims a due callback for one worker until `until`. */
export function claimCallback(receipt: Receipt, now: number, until: number): Receipt | undefined {
  return isCallbackDue(receipt, now) ? nextRevision(receipt, { nextAttemptAt: until }) : undefined;
}

/** Returns whether callbacks of a closed receipt are due now, and not only its verification. */
export function isCallbackDue(receipt: Receipt, now: number): boolean {
  const { state, queue, callbackState } = receipt;
  const isQueued = isFinal(state) && queue === 'callback' && isTimeReached(receipt, now);
  return isQueued && (callbackState?.retryAt ?? now) <= now;
}

export interface CallbackRecord {
  readonly now: number;
  readonly targets: number;
  readonly delivered: readonly number[];
  readonly refused: readonly number[];
  readonly retryAt: number;
}

/**
 * Records one round of callbacks. Schedules the next round, or ends when every target has accepted or refused, or when
 * the period is over. Never changes the outcome of the erasure.
 */
export function recordCallback(
  receipt: Receipt,
  { now, targets, delivered, refused, retryAt }: CallbackRecord,
): Receipt | undefined {
  if (!isFinal(receipt.state) || receipt.queue !== 'callback') return undefined;
  const before = receipt.callbackState ?? noCallbackYet;
  const state = {
    ...before,
    tries: before.tries + 1,
    delivered: union(before.delivered, delivered),
    refused: union(before.refused, refused),
  };
  const until = (receipt.closedAt ?? now) + callbackPeriodMs;
  const answered = union(state.delivered, state.refused).length >= targets;
  if (now < until && !answered) {
    // A target may ask for a later retry than the period allows: then the last try is at its end.
    const callbackState = { ...state, retryAt: Math.min(Math.max(retryAt, now), until) };
    return nextRevision(receipt, {
      callbackState,
      nextAttemptAt: dueDuringCallbacks({ ...receipt, callbackState }, now),
    });
  }
  return endCallbacks(receipt, state, now);
}

/** Ends the callbacks of a receipt whose personal data, with the callback addresses, is missing. */
export function abandonCallbacks(receipt: Receipt, now: number): Receipt | undefined {
  if (!isFinal(receipt.state) || receipt.queue !== 'callback') return undefined;
  return endCallbacks(receipt, receipt.callbackState ?? noCallbackYet, now);
}

function endCallbacks(receipt: Receipt, { retryAt: _, ...state }: CallbackState, now: number): Receipt {
  return nextRevision(receipt, { callbackState: { ...state, endedAt: now }, ...queueAfterCallbacks(receipt, now) });
}

/** Returns whether the callbacks ended although some target did not accept its callback. */
export function wasCallbackGivenUp({ callbackState }: Receipt, targets: number): boolean {
  return callbackState?.endedAt !== undefined && callbackState.delivered.length < targets;
}

function union(a: readonly number[], b: readonly number[]): readonly number[] {
  return [...new Set([...a, ...b])].toSorted((x, y) => x - y);
}
