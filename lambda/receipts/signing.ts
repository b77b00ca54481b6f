import { changed, isFinal, type Receipt } from './receipt.ts';

/** Whether a closed receipt is to be signed now: its platform has been told, or will never be. */
export function isUnsigned({ state, queue, nextAttemptAt }: Receipt, now: number): boolean {
  return isFinal(state) && queue === 'sign' && nextAttemptAt !== undefined && nextAttemptAt <= now;
}

/** The evidence is written once, and then nothing waits any more. */
export function signed(receipt: Receipt, evidence: string): Receipt | undefined {
  if (!isFinal(receipt.state) || receipt.queue !== 'sign') return undefined;
  const { queue: _, nextAttemptAt: __, ...rest } = receipt;
  return changed(rest, { evidence });
}

/** It cannot be signed now. */
export function unsignedUntil(receipt: Receipt, until: number): Receipt | undefined {
  return isFinal(receipt.state) && receipt.queue === 'sign' ? changed(receipt, { nextAttemptAt: until }) : undefined;
}
