import type { FinalKind } from '../domain/erasure.ts';
import {
  type Decision,
  isFinal,
  isRefusalDecided,
  nextRevision,
  type Receipt,
  requestReview,
  wrongCustomerDeleted,
} from './receipt.ts';

/** Claims without a result after which a person must look. */
export const maxUnrecordedClaims = 5;

/**
 * A worker takes a due receipt until `until`; after too many claims without a result it asks for a person instead. What
 * is to be refused is taken by nobody.
 */
export function claimReceipt(receipt: Receipt, now: number, until: number): Receipt | undefined {
  if (!isDue(receipt, now) || isRefusalDecided(receipt)) return undefined;
  const standing = receipt.unrecordedClaims > 0 ? markMayHaveExecuted(receipt) : receipt;
  if (receipt.unrecordedClaims >= maxUnrecordedClaims) return requestReview(standing, 'claims-without-result');
  return nextRevision(standing, {
    nextAttemptAt: until,
    claims: receipt.claims + 1,
    unrecordedClaims: receipt.unrecordedClaims + 1,
  });
}

/** A claim left no result: what it posted to the pins that were there by then may have had its effect. */
function markMayHaveExecuted(receipt: Receipt): Receipt {
  const projects = Object.entries(receipt.projects).map(([project, progress]) => {
    const posted = progress.state === 'open' && progress.pins > 0;
    return [project, posted ? { ...progress, mayHaveExecuted: true } : progress] as const;
  });
  return { ...receipt, projects: Object.fromEntries(projects) };
}

/** Put off without a claim, because everybody is held: nobody has tried anything. */
export function postponeReceipt(receipt: Receipt, now: number, until: number): Receipt | undefined {
  return isDue(receipt, now) ? nextRevision(receipt, { nextAttemptAt: until }) : undefined;
}

/**
 * Pins are written once, by the worker with the last claim, and not when an operator has refused meanwhile. The look-ups
 * that they come from are discarded then.
 */
export function recordPins(receipt: Receipt, generation: number, project: string, pins: number): Receipt | undefined {
  const progress = receipt.projects[project];
  if (progress?.state !== 'open' || progress.pins > 0) return undefined;
  const free = receipt.state === 'open' && receipt.claims === generation && !isRefusalDecided(receipt);
  if (!free) return undefined;
  const lookedUp = progress.lookedUp === undefined ? {} : { lookedUp: 0 };
  return nextRevision(receipt, { projects: { ...receipt.projects, [project]: { ...progress, ...lookedUp, pins } } });
}

export function isDue({ state, nextAttemptAt }: Receipt, now: number): boolean {
  return state === 'open' && nextAttemptAt !== undefined && nextAttemptAt <= now;
}

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
