import { isFinal, legalHold } from '../../../lambda/receipts/receipt.ts';
import type { SeenReceipt } from './journal.ts';

/** One step in the life of a receipt. */
export interface Step {
  readonly name: 'accepted' | 'answered' | 'pinned' | 'deleted' | 'called back' | 'signed';
  /** `skipped`: the receipt is closed and never needs this step. */
  readonly state: 'done' | 'waiting' | 'skipped';
  /** Epoch milliseconds. */
  readonly at?: number;
  /** What happened, or what it waits for, in one sentence. */
  readonly text: string;
}

type Found = Pick<Step, 'state' | 'at' | 'text'>;

/**
 * Returns the life of a receipt in the order in which it happens: a reply that does not wait for the result comes before
 * the deletion. `acknowledges` is set for a platform that expects only an acknowledgement.
 */
export function stepsOf(seen: SeenReceipt, acknowledges: boolean): readonly Step[] {
  const { receipt } = seen;
  const accepted: Step = {
    name: 'accepted',
    state: 'done',
    at: receipt.receivedAt,
    text: 'The sender is verified and the receipt is stored. Only then may a reply say so.',
  };
  const reply: Step = { name: 'answered', ...answered(seen, acknowledges) };
  const work: Step[] = [
    { name: 'pinned', ...pinned(seen) },
    { name: 'deleted', ...deleted(seen) },
  ];
  const isEarly = acknowledges || receipt.firstReply?.as === 'in-progress';
  const end: Step[] = [
    { name: 'called back', ...calledBack(seen) },
    { name: 'signed', ...signed(seen) },
  ];
  return isEarly ? [accepted, reply, ...work, ...end] : [accepted, ...work, reply, ...end];
}

function answered({ receipt }: SeenReceipt, acknowledges: boolean): Found {
  const { firstReply, receivedAt } = receipt;
  if (acknowledges) return done('The platform expects an acknowledgement, not the result.', receivedAt);
  if (firstReply?.as === 'outcome') return done('The reply contained the result.', firstReply.at);
  if (firstReply !== undefined) return done('The reply said that the erasure is in progress.', firstReply.at);
  return waiting('The reply follows as soon as the result is known, at the latest after the time limit.');
}

function pinned({ receipt, pinnedAt }: SeenReceipt): Found {
  const pins = pinsOf(receipt);
  if (pins > 0) return done(`${customers(pins)} found. The id is stored before a deletion is sent.`, pinnedAt);
  if (isFinal(receipt.state)) return skipped(nobodyFound(receipt.state));
  return waiting(waitText(receipt));
}

function deleted({ receipt }: SeenReceipt): Found {
  const pins = pinsOf(receipt);
  const proofs = Object.values(receipt.projects).flatMap(({ deletions }) => deletions);
  if (proofs.length > 0 && (proofs.length >= pins || isFinal(receipt.state))) {
    return done(`${customers(proofs.length)} permanently deleted, with the proof of Voucherify.`, proofs.at(-1)?.at);
  }
  if (isFinal(receipt.state)) return skipped('There was no customer to delete.');
  return waiting(pins === 0 ? 'No customer is deleted before the id is stored.' : waitText(receipt));
}

function calledBack({ receipt, calledBackAt }: SeenReceipt): Found {
  const { hasCallbacks, callbackState, queue, state } = receipt;
  if (!hasCallbacks) return skipped('The request asked for no callback.');
  if (callbackState?.endedAt !== undefined) {
    const [received] = callbackState.delivered;
    const text = received === undefined ? 'The platform did not take the callback.' : 'The platform got the result.';
    return done(text, calledBackAt);
  }
  if (queue === 'callback') return waiting('The next sweep sends the result to the platform.');
  return isFinal(state)
    ? skipped('Not needed: the reply contained the result.')
    : waiting('Follows if the reply had no result.');
}

function signed({ receipt, signedAt }: SeenReceipt): Found {
  if (receipt.evidence !== undefined) return done('The evidence is signed. It contains no personal data.', signedAt);
  if (receipt.queue === 'verify')
    return waiting('Follows when Voucherify no longer returns the customer: a minute later.');
  return waiting(
    receipt.queue === 'sign' ? 'The next sweep signs the evidence.' : 'Follows when the receipt is closed.',
  );
}

function waitText({ state, lastResult, reason }: SeenReceipt['receipt']): string {
  if (reason === legalHold) return 'Waits until the legal hold ends or is released.';
  if (state === 'needs-review') return `An operator must decide: ${reason}.`;
  if (lastResult === undefined) return 'Is attempted now or by the next sweep.';
  return `The last attempt failed: ${lastResult}. The sweep attempts it again.`;
}

function nobodyFound(state: string): string {
  if (state === 'created-later') return 'A customer was found, but was created after the request, and is spared.';
  if (state === 'refused') return 'An operator refused the erasure.';
  return 'No customer matches the identifiers exactly.';
}

function pinsOf({ projects }: SeenReceipt['receipt']): number {
  return Object.values(projects).reduce((sum, { pins }) => sum + pins, 0);
}

function customers(count: number): string {
  return count === 1 ? '1 customer' : `${count} customers`;
}

function done(text: string, at?: number): Found {
  return { state: 'done', text, ...(at === undefined ? {} : { at }) };
}

function waiting(text: string): Found {
  return { state: 'waiting', text };
}

function skipped(text: string): Found {
  return { state: 'skipped', text };
}
