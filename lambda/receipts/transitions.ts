import { closeReceipt, dueDuringCallbacks, pinsKeptUntil } from './closing.ts';
import {
  type Decision,
  hasRefusedLookUps,
  holdCheckMs,
  isClosingDecided,
  isFinal,
  isHeld,
  isPartialAccepted,
  isRefusalDecided,
  isTimeReached,
  isWithdrawn,
  nextRevision,
  type ProjectProgress,
  type Receipt,
  requestReview,
  withdrawnReason,
  wrongCustomerDeleted,
} from './receipt.ts';
import type { ResidueCounts } from './row-schemas.ts';

/** After this many claims without a result, the receipt needs review. */
export const maxUnrecordedClaims = 5;

/**
 * Claims a due receipt for one worker until `until`. After too many claims without a result it needs review instead. A
 * receipt that an operator has decided to close cannot be claimed.
 */
export function claimReceipt(receipt: Receipt, now: number, until: number): Receipt | undefined {
  if (!isDue(receipt, now) || isClosingDecided(receipt)) return undefined;
  const current = receipt.unrecordedClaims > 0 ? markMayHaveExecuted(receipt) : receipt;
  if (receipt.unrecordedClaims >= maxUnrecordedClaims) return requestReview(current, 'claims-without-result');
  return nextRevision(current, {
    nextAttemptAt: until,
    claims: receipt.claims + 1,
    unrecordedClaims: receipt.unrecordedClaims + 1,
  });
}

/** Marks the projects with pins: a worker without a recorded result may have posted deletions that took effect. */
function markMayHaveExecuted(receipt: Receipt): Receipt {
  const projects = Object.entries(receipt.projects).map(([project, progress]) => {
    const posted = progress.state === 'open' && progress.pins > 0;
    return [project, posted ? { ...progress, mayHaveExecuted: true } : progress] as const;
  });
  return { ...receipt, projects: Object.fromEntries(projects) };
}

/** Postpones a due receipt without a claim, because of a pause or the rate limit. */
export function postponeReceipt(receipt: Receipt, now: number, until: number): Receipt | undefined {
  return isDue(receipt, now) ? nextRevision(receipt, { nextAttemptAt: until }) : undefined;
}

/** Returns whether an open receipt is due for an attempt. */
export function isDue(receipt: Receipt, now: number): boolean {
  return receipt.state === 'open' && isTimeReached(receipt, now);
}

/** Returns whether `delaySeconds` delays the first attempt of a receipt. */
export function isDelayed({ state, delayedUntil = 0, claims }: Receipt, now: number): boolean {
  return state === 'open' && claims === 0 && delayedUntil > now;
}

/** Returns whether a closed receipt is due for signing: its callbacks are delivered or given up. */
export function isSignatureDue(receipt: Receipt, now: number): boolean {
  return isFinal(receipt.state) && receipt.queue === 'sign' && isTimeReached(receipt, now);
}

/** Stores the signed evidence, once, and takes the receipt out of its last queue. */
export function storeEvidence(receipt: Receipt, evidence: string): Receipt | undefined {
  if (!isFinal(receipt.state) || receipt.queue !== 'sign') return undefined;
  const { queue: _, nextAttemptAt: __, ...rest } = receipt;
  return nextRevision(rest, { evidence });
}

/** Returns a receipt with what Voucherify lists after the deletion, by project, under the same revision. */
export function addResidue(receipt: Receipt, counts: Readonly<Record<string, ResidueCounts>>, at: number): Receipt {
  const projects = Object.entries(receipt.projects).map(([project, progress]) => {
    const { [project]: after } = counts;
    if (after === undefined || progress.residue === undefined) return [project, progress];
    return [project, { ...progress, residue: { ...progress.residue, after, at } }];
  });
  return { ...receipt, projects: Object.fromEntries(projects) };
}

/** Upper limit of a claim, with a margin, in milliseconds: after it no worker posts for the receipt. */
const maxClaimMs = 60_000;

/** A decision as an operator makes it; the receipt adds the reason for review. */
export type DecisionInput = Omit<Decision, 'reviewReason'>;

/**
 * Records an operator's decision to continue now: a receipt in review, or one that is queued for its next attempt, its
 * callback or its signature. After a review, refused look-ups are repeated. Not after a wrong deletion: that receipt posts
 * nothing more.
 */
export function decideRetry(receipt: Receipt, decided: DecisionInput): Receipt | undefined {
  if (receipt.queue === undefined || receipt.reason === wrongCustomerDeleted || isWithdrawn(receipt)) return undefined;
  // The worker with a running claim may still be posting.
  const isClaimed = receipt.state === 'open' && receipt.unrecordedClaims > 0;
  const at = decided.at + (isClaimed ? maxClaimMs : 0);
  const soon = { nextAttemptAt: Math.min(receipt.nextAttemptAt ?? at, at) };
  if (isFinal(receipt.state)) return withDecision(receipt, decided, { ...soon, ...callbackSoon(receipt, at) });
  // The hold decides, not the operator: it is checked again at once.
  if (isHeld(receipt)) return withDecision(receipt, withReason(decided, receipt), { nextAttemptAt: decided.at });
  const isWaiting = receipt.state === 'needs-review' || isClosingDecided(receipt);
  const { reason: _, delayedUntil: __, ...rest } = isWaiting ? repeatRefusedLookUps(receipt) : receipt;
  if (receipt.state === 'open') return withDecision(rest, withReason(decided, receipt), soon);
  const reopened = {
    state: 'open',
    queue: 'erase',
    nextAttemptAt: decided.at,
    unprovenCount: 0,
    unrecordedClaims: 0,
  } as const;
  return withDecision(rest, withReason(decided, receipt), reopened);
}

function callbackSoon({ queue, callbackState }: Receipt, at: number): Pick<Receipt, 'callbackState'> {
  return queue === 'callback' && callbackState !== undefined
    ? { callbackState: { ...callbackState, retryAt: at } }
    : {};
}

/** Returns whether it is time to check whether the legal hold of a receipt has ended. */
export function isHoldCheckDue(receipt: Receipt, now: number): boolean {
  return isHeld(receipt) && isTimeReached(receipt, now);
}

/**
 * Records a check of the legal holds of a receipt: it waits for the next check while one is in effect (`active`), and is
 * attempted again as soon as none is.
 */
export function recordHoldCheck(receipt: Receipt, active: readonly string[], now: number): Receipt | undefined {
  if (!isHoldCheckDue(receipt, now)) return undefined;
  if (active.length > 0) return nextRevision(receipt, { nextAttemptAt: now + holdCheckMs });
  const { reason: _, ...rest } = withEndedHolds(receipt, now);
  const continued = {
    state: 'open',
    queue: 'erase',
    nextAttemptAt: now,
    unprovenCount: 0,
    unrecordedClaims: 0,
  } as const;
  return nextRevision(rest, continued);
}

function withEndedHolds<R extends Pick<Receipt, 'legalHolds'>>(receipt: R, to: number): R {
  const { legalHolds } = receipt;
  return legalHolds === undefined ? receipt : { ...receipt, legalHolds: legalHolds.map(hold => ({ to, ...hold })) };
}

function repeatRefusedLookUps(receipt: Receipt): Receipt {
  const projects = Object.entries(receipt.projects).map(([project, progress]) => {
    return [project, hasRefusedLookUps(progress) ? { ...progress, lookUpAgain: true } : progress] as const;
  });
  return { ...receipt, projects: Object.fromEntries(projects) };
}

/**
 * Records an operator's decision to close a receipt in review with what is proved. Only if nothing is left that another
 * attempt could delete: look-ups that Voucherify refused, or customers that were never seen and of which it is
 * unknown whether they were deleted. The sweep closes the receipt.
 */
export function decideAcceptPartial(receipt: Receipt, decided: DecisionInput): Receipt | undefined {
  const open = Object.values(receipt.projects).filter(progress => progress.state === 'open');
  const canAccept =
    receipt.state === 'needs-review' && receipt.reason !== wrongCustomerDeleted && open.every(isPartial);
  if (!canAccept) return undefined;
  const change = { state: 'open', queue: 'erase', nextAttemptAt: decided.at } as const;
  return withDecision(receipt, withReason(decided, receipt), change);
}

function isPartial(progress: ProjectProgress): boolean {
  const { pins, deletions, absent = [], unseenUnproven = [], lookUpAgain = false } = progress;
  const settled = new Set([...deletions.map(({ pin }) => pin), ...absent, ...unseenUnproven]);
  const isLeft = settled.size < pins || lookUpAgain;
  return !isLeft && (hasRefusedLookUps(progress) || unseenUnproven.length > 0);
}

/**
 * Closes a receipt with what is proved, as an operator has decided: `erased` only if there is proof of a deletion.
 * Unfinished projects stay marked as open.
 */
export function closeAsPartial(receipt: Receipt, now: number): Receipt | undefined {
  if (!isPartialAccepted(receipt) || !isDue(receipt, now)) return undefined;
  const isErased = Object.values(receipt.projects).some(({ deletions }) => deletions.length > 0);
  return closeReceipt(receipt, { state: isErased ? 'erased' : 'not-identifiable', now, replied: false });
}

/**
 * Records an operator's decision not to erase. The sweep closes the receipt as `refused` after the last claim has
 * expired, so that its worker can first record what it has deleted.
 */
export function decideRefusal(receipt: Receipt, decided: DecisionInput): Receipt | undefined {
  if (isFinal(receipt.state) || isRefusalDecided(receipt)) return undefined;
  const latest = decided.at + maxClaimMs;
  const claimEnds = receipt.state === 'needs-review' ? decided.at : Math.min(receipt.nextAttemptAt ?? latest, latest);
  const change = { state: 'open', queue: 'erase', nextAttemptAt: claimEnds } as const;
  return withDecision(receipt, withReason(decided, receipt), change);
}

/**
 * Records that the platform withdraws its request. Only while no customer is stored for deletion: then nothing can have been
 * deleted, and the decision prevents it. The sweep closes the receipt as `refused`.
 */
export function decideWithdrawal(receipt: Receipt, now: number): Receipt | undefined {
  const isPinned = Object.values(receipt.projects).some(({ pins }) => pins > 0);
  if (isFinal(receipt.state) || isPinned || isWithdrawn(receipt)) return undefined;
  const decision = {
    at: now,
    actor: `platform:${receipt.platform}`,
    action: 'withdraw',
    reason: 'the platform withdrew the request',
  } as const;
  const change = { state: 'open', queue: 'erase', nextAttemptAt: now, reason: withdrawnReason } as const;
  return withDecision(receipt, withReason(decision, receipt), change);
}

/**
 * Records an operator's decision that the next delivery of the same body opens a new request. Only for a closed receipt,
 * and once. Stored apart from `decisions`, because the signed evidence of this receipt must not change.
 */
export function newRequestDecided(receipt: Receipt, decided: DecisionInput): Receipt | undefined {
  if (!isFinal(receipt.state) || receipt.newRequest !== undefined) return undefined;
  return nextRevision(receipt, { newRequest: decided });
}

/**
 * Records an operator's decision to delete customers again that are still present after an erasure. Only while their pins are
 * kept, and once. Stored apart from `decisions`, because the signed evidence of this receipt must not change.
 */
export function decideEraseAgain(receipt: Receipt, decided: DecisionInput): Receipt | undefined {
  const { queue, verification } = receipt;
  const isKept = decided.at < (pinsKeptUntil(receipt) ?? 0);
  if (!isKept || queue === 'sign' || receipt.eraseAgain !== undefined || verification === undefined) return undefined;
  const due = { nextAttemptAt: decided.at, verification: { ...verification, lookAt: decided.at } };
  return nextRevision(receipt, { eraseAgain: decided, ...due, queue: queue ?? 'verify' });
}

/** Takes a receipt out of its queue whose customers are deleted again for another receipt; open callbacks continue. */
export function endEraseAgain(receipt: Receipt, now: number): Receipt | undefined {
  const { queue, nextAttemptAt: _, verification, ...rest } = receipt;
  if (receipt.eraseAgain === undefined || verification?.lookAt === undefined) return undefined;
  const { lookAt: __, ...verified } = verification;
  const ended = { ...rest, verification: verified };
  if (queue === 'callback') return nextRevision(ended, { queue, nextAttemptAt: dueDuringCallbacks(ended, now) });
  return nextRevision(ended, receipt.evidence === undefined ? { queue: 'sign', nextAttemptAt: now } : {});
}

/** Closes a receipt that an operator has refused. Deletions without a recorded result stay marked as possible. */
export function closeAsRefused(receipt: Receipt, now: number): Receipt | undefined {
  if (!isRefusalDecided(receipt) || !isDue(receipt, now)) return undefined;
  const current = receipt.unrecordedClaims > 0 ? markMayHaveExecuted(receipt) : receipt;
  return closeReceipt(current, { state: 'refused', now, replied: false });
}

function withReason(decided: DecisionInput, { reason }: Receipt): Decision {
  return reason === undefined ? decided : { ...decided, reviewReason: reason };
}

function withDecision(receipt: Receipt, decision: Decision, change: Partial<Receipt>): Receipt {
  return nextRevision(receipt, { ...change, decisions: [...(receipt.decisions ?? []), decision] });
}

// The preview of a delayed receipt.

/** By project, the number of customers that would be deleted now, or a code that says why it is not known. */
export type PreviewedProjects = NonNullable<NonNullable<Receipt['preview']>['projects']>;

/**
 * Asks the next sweep what would be deleted for a receipt. Only while `delaySeconds` delays it, and without a decision
 * of an operator.
 */
export function askPreview(receipt: Receipt, now: number): Receipt | undefined {
  if (!isDelayed(receipt, now) || isClosingDecided(receipt)) return undefined;
  return nextRevision(receipt, { nextAttemptAt: now, preview: { askedAt: now } });
}

/** Returns whether an operator waits for the preview of a delayed receipt. */
export function isPreviewAsked(receipt: Receipt, now: number): boolean {
  return isDelayed(receipt, now) && receipt.preview !== undefined && receipt.preview.at === undefined;
}

/** Stores a preview and lets the receipt continue to wait. Returns `undefined` if it no longer waits for this preview. */
export function storePreview(receipt: Receipt, projects: PreviewedProjects, now: number): Receipt | undefined {
  const { preview, delayedUntil = now } = receipt;
  if (!isPreviewAsked(receipt, now) || isClosingDecided(receipt)) return undefined;
  return nextRevision(receipt, {
    nextAttemptAt: delayedUntil,
    preview: { askedAt: now, ...preview, at: now, projects },
  });
}
