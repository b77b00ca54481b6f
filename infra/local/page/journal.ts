import type { Alarm } from '../../../lambda/domain/failure.ts';
import type { LogLine } from '../../../lambda/io/log.ts';
import { isFinal, legalHold, type Receipt } from '../../../lambda/receipts/receipt.ts';
import type { Adapters } from '../../../lambda/services.ts';

/** A receipt as it was last written in this run, and when each of its revisions was first seen. */
export interface SeenReceipt {
  readonly receipt: Receipt;
  /** When its pins were first seen, in epoch milliseconds: a receipt does not contain this time. */
  readonly pinnedAt?: number;
  readonly signedAt?: number;
  readonly calledBackAt?: number;
}

/** An alarm code of the log: how often, and when for the last time, in epoch milliseconds. */
interface RaisedAlarm {
  readonly code: Alarm;
  readonly count: number;
  readonly lastAt: number;
}

/** What happened in this run: the written receipts and the alarms of the log. It sees no identifiers. */
export interface Journal {
  /** Returns the same adapters, with a store and a log that also inform the journal. */
  observe(adapters: Adapters): Adapters;
  /** The latest receipts, in no order. */
  receipts(): readonly SeenReceipt[];
  alarms(): readonly RaisedAlarm[];
  /** Forgets the alarms. */
  clearAlarms(): void;
  /** Calls `listener` after each change; `accepted` is set if it is a new receipt. Returns a function that ends this. */
  subscribe(listener: (accepted?: Receipt) => void): () => void;
}

/** How many receipts are kept. */
const maxReceipts = 100;

/** Creates an empty journal. */
export function createJournal(): Journal {
  const seen = new Map<string, SeenReceipt>();
  const raised = new Map<Alarm, RaisedAlarm>();
  const listeners = new Set<(accepted?: Receipt) => void>();
  const tell = (accepted?: Receipt) => {
    for (const listener of listeners) listener(accepted);
  };
  const written = (receipt: Receipt, now: number, accepted?: Receipt) => {
    seen.set(receipt.id, seenAt(seen.get(receipt.id), receipt, now));
    const [oldest] = seen.keys();
    if (seen.size > maxReceipts && oldest !== undefined) seen.delete(oldest);
    tell(accepted);
  };
  const logged = ({ alarm: code }: LogLine, lastAt: number) => {
    if (code === undefined) return;
    raised.set(code, { code, count: (raised.get(code)?.count ?? 0) + 1, lastAt });
    tell();
  };
  return {
    observe: adapters => observed(adapters, written, logged),
    receipts: () => [...seen.values()],
    alarms: () => [...raised.values()],
    clearAlarms: () => {
      raised.clear();
      tell();
    },
    subscribe: listener => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function observed(
  adapters: Adapters,
  written: (receipt: Receipt, now: number, accepted?: Receipt) => void,
  logged: (line: LogLine, now: number) => void,
): Adapters {
  const { store, log, now } = adapters;
  return {
    ...adapters,
    store: {
      ...store,
      accept: async (receipt, ...personalData) => {
        const result = await store.accept(receipt, ...personalData);
        if (result.stored) written(result.receipt, now(), result.receipt);
        return result;
      },
      replace: async (next, also) => {
        const replaced = await store.replace(next, also);
        if (replaced) written(next, now());
        return replaced;
      },
    },
    log: line => {
      log(line);
      logged(line, now());
    },
  };
}

function seenAt(before: SeenReceipt | undefined, receipt: Receipt, now: number): SeenReceipt {
  const first = (key: 'pinnedAt' | 'signedAt' | 'calledBackAt', isDone: boolean) => {
    const at = before?.[key] ?? (isDone ? now : undefined);
    return at === undefined ? {} : { [key]: at };
  };
  return {
    receipt,
    ...first(
      'pinnedAt',
      Object.values(receipt.projects).some(({ pins }) => pins > 0),
    ),
    ...first('calledBackAt', receipt.callbackState?.endedAt !== undefined),
    ...first('signedAt', receipt.evidence !== undefined),
  };
}

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
