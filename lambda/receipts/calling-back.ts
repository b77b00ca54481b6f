import { type CallbackState, isFinal, nextRevision, type Receipt } from './receipt.ts';

/** Callbacks are tried for this long after the receipt was closed, in milliseconds: at least seven days. */
export const callbackPeriodMs = 8 * 86_400_000;

/** A receipt whose platform was never told of its end. */
export const noCallbackYet: CallbackState = { tries: 0, delivered: [], refused: [] };

/** A worker takes a due callback until `until`. */
export function claimCallback(receipt: Receipt, now: number, until: number): Receipt | undefined {
  return isCallbackDue(receipt, now) ? nextRevision(receipt, { nextAttemptAt: until }) : undefined;
}

/** Whether the platform of a closed receipt is to be told now. */
export function isCallbackDue({ state, queue, nextAttemptAt }: Receipt, now: number): boolean {
  return isFinal(state) && queue === 'callback' && nextAttemptAt !== undefined && nextAttemptAt <= now;
}

export interface CallbackRecord {
  readonly now: number;
  readonly targets: number;
  readonly delivered: readonly number[];
  readonly refused: readonly number[];
  readonly retryAt: number;
}

/**
 * What came of telling: waits for the next try, or ends when every target has taken or refused it, or after too long.
 * Never touches what the receipt says of the erasure.
 */
export function recordCallback(
  receipt: Receipt,
  { now, targets, delivered, refused, retryAt }: CallbackRecord,
): Receipt | undefined {
  if (!isFinal(receipt.state) || receipt.queue !== 'callback') return undefined;
  const before = receipt.callbackState ?? noCallbackYet;
  const callBack = {
    ...before,
    tries: before.tries + 1,
    delivered: union(before.delivered, delivered),
    refused: union(before.refused, refused),
  };
  const until = (receipt.closedAt ?? now) + callbackPeriodMs;
  const answered = union(callBack.delivered, callBack.refused).length >= targets;
  if (now < until && !answered) {
    // A target that wants to be asked later than that is asked one last time.
    return nextRevision(receipt, { callbackState: callBack, nextAttemptAt: Math.min(Math.max(retryAt, now), until) });
  }
  return endCallbacks(receipt, callBack, now);
}

/** Where to tell it is lost: nobody can be told any more, and nobody has refused to hear it. */
export function abandonCallbacks(receipt: Receipt, now: number): Receipt | undefined {
  if (!isFinal(receipt.state) || receipt.queue !== 'callback') return undefined;
  return endCallbacks(receipt, receipt.callbackState ?? noCallbackYet, now);
}

function endCallbacks(receipt: Receipt, callBack: CallbackState, now: number): Receipt {
  return nextRevision(receipt, { callbackState: { ...callBack, endedAt: now }, queue: 'sign', nextAttemptAt: now });
}

/** Whether some target never took it. */
export function wasCallbackGivenUp({ callbackState }: Receipt, targets: number): boolean {
  return callbackState?.endedAt !== undefined && callbackState.delivered.length < targets;
}

function union(a: readonly number[], b: readonly number[]): readonly number[] {
  return [...new Set([...a, ...b])].toSorted((x, y) => x - y);
}
