import { isFinal, nextRevision, type Receipt } from './receipt.ts';

/** Whether a closed receipt is to be signed now: its platform has been told, or will never be. */
export function isSignatureDue({ state, queue, nextAttemptAt }: Receipt, now: number): boolean {
  return isFinal(state) && queue === 'sign' && nextAttemptAt !== undefined && nextAttemptAt <= now;
}

/** The evidence is written once, and then nothing waits any more. */
export function storeEvidence(receipt: Receipt, evidence: string): Receipt | undefined {
  if (!isFinal(receipt.state) || receipt.queue !== 'sign') return undefined;
  const { queue: _, nextAttemptAt: __, ...rest } = receipt;
  return nextRevision(rest, { evidence });
}

/** It cannot be signed now. */
export function postponeSignature(receipt: Receipt, until: number): Receipt | undefined {
  return isFinal(receipt.state) && receipt.queue === 'sign'
    ? nextRevision(receipt, { nextAttemptAt: until })
    : undefined;
}
