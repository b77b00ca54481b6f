import { type CallBack, changed, isFinal, type Receipt } from './receipt.ts';

/** Callbacks are tried for this long after the receipt was closed, in milliseconds: at least seven days. */
export const callBackForMs = 8 * 86_400_000;

/** A receipt whose platform was never told of its end. */
export const untold: CallBack = { tries: 0, delivered: [], refused: [] };

/** A worker takes a due callback until `until`. */
export function calling(receipt: Receipt, now: number, until: number): Receipt | undefined {
  return isOwed(receipt, now) ? changed(receipt, { nextAttemptAt: until }) : undefined;
}

/** Whether the platform of a closed receipt is to be told now. */
export function isOwed({ state, queue, nextAttemptAt }: Receipt, now: number): boolean {
  return isFinal(state) && queue === 'call-back' && nextAttemptAt !== undefined && nextAttemptAt <= now;
}

export interface Told {
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
export function told(receipt: Receipt, { now, targets, delivered, refused, retryAt }: Told): Receipt | undefined {
  if (!isFinal(receipt.state) || receipt.queue !== 'call-back') return undefined;
  const before = receipt.callBack ?? untold;
  const callBack = {
    ...before,
    tries: before.tries + 1,
    delivered: union(before.delivered, delivered),
    refused: union(before.refused, refused),
  };
  const until = (receipt.closedAt ?? now) + callBackForMs;
  const answered = union(callBack.delivered, callBack.refused).length >= targets;
  if (now < until && !answered) {
    // A target that wants to be asked later than that is asked one last time.
    return changed(receipt, { callBack, nextAttemptAt: Math.min(Math.max(retryAt, now), until) });
  }
  return ended(receipt, callBack, now);
}

/** Where to tell it is lost: nobody can be told any more, and nobody has refused to hear it. */
export function untellable(receipt: Receipt, now: number): Receipt | undefined {
  if (!isFinal(receipt.state) || receipt.queue !== 'call-back') return undefined;
  return ended(receipt, receipt.callBack ?? untold, now);
}

function ended(receipt: Receipt, callBack: CallBack, now: number): Receipt {
  return changed(receipt, { callBack: { ...callBack, endedAt: now }, queue: 'sign', nextAttemptAt: now });
}

/** Whether some target never took it. */
export function wasGivenUp({ callBack }: Receipt, targets: number): boolean {
  return callBack?.endedAt !== undefined && callBack.delivered.length < targets;
}

function union(a: readonly number[], b: readonly number[]): readonly number[] {
  return [...new Set([...a, ...b])].toSorted((x, y) => x - y);
}
