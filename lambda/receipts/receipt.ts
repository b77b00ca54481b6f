import type { FinalKind, Outcome } from '../domain/erasure.ts';
import type { Alarm } from '../domain/failure.ts';
import type { Decision, ProjectProgress, Receipt, ReceiptState, ResidueCounts } from './row-schemas.ts';

export type { CallbackState, Decision, ProjectProgress, Receipt, ReceiptQueue, ReceiptState } from './row-schemas.ts';

/*
 * The rules of a receipt, as pure functions. A row is open until it is closed, once. Every change returns `undefined` if
 * the rules forbid it, and the store writes a change only over the revision that it was made from.
 */

export type ReceiptFacts = Pick<
  Receipt,
  | 'id'
  | 'platform'
  | 'reference'
  | 'payloadHmac'
  | 'deliveryHmac'
  | 'subjectHmacs'
  | 'lookUpCalls'
  | 'notLookedUp'
  | 'authentication'
  | 'receivedAt'
  | 'submittedAt'
  | 'dueAt'
  | 'hasCallbacks'
  | 'firstReply'
  | 'decisions'
  | 'erasesAgain'
  | 'delayedUntil'
>;

/** Returns a new receipt. With `attemptFollows` its writer attempts it at once, which counts as the first claim. */
export function createReceipt(
  facts: ReceiptFacts,
  projects: readonly string[],
  next: { readonly attemptAt: number; readonly attemptFollows: boolean },
): Receipt {
  const claims = next.attemptFollows ? 1 : 0;
  const untouched: ProjectProgress = { state: 'open', pins: 0, mayHaveExecuted: false, deletions: [] };
  return {
    ...facts,
    v: 1,
    revision: 1,
    state: 'open',
    queue: 'erase',
    nextAttemptAt: next.attemptAt,
    repliedInProgress: false,
    claims,
    unrecordedClaims: claims,
    unprovenCount: 0,
    projects: Object.fromEntries(projects.map(project => [project, untouched])),
  };
}

/** Returns the last decision about an open receipt. */
function openDecision({ state, decisions }: Receipt): Decision | undefined {
  return state === 'open' ? decisions?.at(-1) : undefined;
}

/** Returns whether an operator has decided to refuse an open receipt, or its platform has withdrawn it. */
export function isRefusalDecided(receipt: Receipt): boolean {
  return openDecision(receipt)?.action === 'refuse' || isWithdrawn(receipt);
}

/** Returns whether the platform has withdrawn an open receipt. It was told so, thus nothing can change it. */
export function isWithdrawn(receipt: Receipt): boolean {
  return openDecision(receipt)?.action === 'withdraw';
}

/** The reason of a receipt that its platform has withdrawn. */
export const withdrawnReason = 'withdrawn';

/** Returns whether an operator has decided to close an open receipt: no worker may claim it. */
export function isClosingDecided(receipt: Receipt): boolean {
  return isRefusalDecided(receipt) || isPartialAccepted(receipt);
}

/** Returns whether an operator has decided to close an open receipt with a partial result. */
export function isPartialAccepted(receipt: Receipt): boolean {
  return openDecision(receipt)?.action === 'accept-partial';
}

/** Returns whether Voucherify refused look-ups of a project: it cannot finish before an operator decides. */
export function hasRefusedLookUps({ refusedLookUps = [] }: ProjectProgress): boolean {
  return refusedLookUps.length > 0;
}

/** Returns how many customers of one project may be deleted for this receipt, if an operator has set a limit. */
export function maxCustomersFor({ decisions }: Receipt): number | undefined {
  return decisions?.findLast(decision => decision.maxCustomers !== undefined)?.maxCustomers;
}

/** Returns the HMAC of the app id that an operator has accepted last for the pins of a project. */
export function acceptedAppIdHmac({ decisions }: Receipt, project: string): string | undefined {
  // A project may be named like a property that every object inherits.
  return decisions?.flatMap(({ sameProject = {} }) => new Map(Object.entries(sameProject)).get(project) ?? []).at(-1);
}

/** Moves a receipt to review: no worker processes it until an operator decides. Not final for the platform. */
export function requestReview(receipt: Receipt, reason: string): Receipt {
  return nextRevision(receipt, {
    state: 'needs-review',
    queue: 'needs-review',
    nextAttemptAt: receipt.receivedAt,
    reason,
    lastResult: reason,
  });
}

/** The reason of a review because of a legal hold. */
export const legalHold = 'legal-hold';

/** How often the sweep checks whether a legal hold has ended, in milliseconds. */
export const holdCheckMs = 900_000;

/** Moves a receipt to review because of legal holds, whose ids are given. The sweep checks it until they have ended. */
export function holdReceipt(receipt: Receipt, holds: readonly string[], now: number): Receipt {
  const before = receipt.legalHolds ?? [];
  const added = holds.filter(hold => !before.some(one => one.hold === hold && one.to === undefined));
  const legalHolds = [...before, ...added.map(hold => ({ hold, from: now }))];
  return { ...requestReview(receipt, legalHold), queue: 'held', nextAttemptAt: now + holdCheckMs, legalHolds };
}

/** Returns whether a receipt is in review because of a legal hold. */
export function isHeld({ queue }: Receipt): boolean {
  return queue === 'held';
}

/** The look-ups that pins come from, where they are not the first ones or some were refused. */
export interface PinnedLookUps {
  /** Number of pins of earlier sets, which the worker knew. */
  readonly known?: number;
  /** The code of each refused look-up. */
  readonly refused?: readonly string[];
  /** Number of look-ups that stay stored, because others were refused. */
  readonly lookedUp?: number;
  /** The outcome if no pin has a customer. */
  readonly ifAbsent?: ProjectProgress['ifAbsent'];
  /** What Voucherify lists before the deletion. */
  readonly residue?: ResidueCounts | undefined;
  /** HMACs of what the pinned customers have. */
  readonly resolvedHmacs?: readonly string[];
}

/** Largest number of actions in one transaction (DynamoDB API Reference, TransactWriteItems). */
const maxActions = 100;

/**
 * Returns how many more look-up rows the transaction can write that closes a receipt. It writes the receipt and every look-up
 * row, and deletes the personal data, and the pins and completed look-ups of every project.
 */
export function actionsLeft({ subjectHmacs, projects }: Pick<Receipt, 'subjectHmacs' | 'projects'>): number {
  return maxActions - 2 - new Set(subjectHmacs).size - 2 * Object.keys(projects).length;
}

/** Adds the HMACs of what pinned customers have and the request does not, as many as the closing transaction can write. */
function withResolved(receipt: Receipt, hmacs: readonly string[]): Pick<Receipt, 'resolvedHmacs'> {
  const all = [...new Set([...(receipt.resolvedHmacs ?? []), ...hmacs])];
  const others = all.filter(hmac => !receipt.subjectHmacs.includes(hmac)).slice(0, Math.max(0, actionsLeft(receipt)));
  return others.length === 0 ? {} : { resolvedHmacs: others };
}

/** Returns the HMACs that have a look-up row: of the request, and of what its pinned customers have. */
export function lookUpHmacs({ subjectHmacs, resolvedHmacs = [] }: Receipt): readonly string[] {
  return [...new Set([...subjectHmacs, ...resolvedHmacs])];
}

/**
 * Records that a set of pins is written in a project: once, by the worker with the last claim, unless an operator has
 * decided to close the receipt. `pins` counts the pins of all sets. A further set is possible only after an operator has
 * decided to repeat refused look-ups. Discards the look-ups that the pins come from.
 */
export function recordPins(
  receipt: Receipt,
  claim: number,
  project: string,
  pins: number,
  { known = 0, refused = [], lookedUp = 0, ifAbsent, residue, resolvedHmacs = [] }: PinnedLookUps = {},
): Receipt | undefined {
  const progress = receipt.projects[project];
  if (progress?.state !== 'open' || progress.pins !== known) return undefined;
  const { lookUpAgain = false, ifAbsent: _, ...before } = progress;
  if (!lookUpAgain && (known > 0 || hasRefusedLookUps(progress))) return undefined;
  const mayWrite = receipt.state === 'open' && receipt.claims === claim && !isClosingDecided(receipt);
  if (!mayWrite) return undefined;
  const counted = lookedUp > 0 || progress.lookedUp !== undefined ? { lookedUp } : {};
  const codes = refused.length > 0 || progress.refusedLookUps !== undefined ? { refusedLookUps: refused } : {};
  const listed = residue === undefined ? {} : { residue: { before: residue } };
  return nextRevision(receipt, {
    ...withResolved(receipt, resolvedHmacs),
    projects: {
      ...receipt.projects,
      [project]: { ...before, ...counted, ...codes, ...(ifAbsent && { ifAbsent }), ...listed, pins },
    },
  });
}

/** Returns whether a state is final: such a receipt is closed and its outcome never changes. */
export function isFinal(state: ReceiptState): state is FinalKind {
  return state !== 'open' && state !== 'needs-review';
}

/** Returns whether the next step of a receipt is due. */
export function isTimeReached({ nextAttemptAt = Number.POSITIVE_INFINITY }: Receipt, now: number): boolean {
  return nextAttemptAt <= now;
}

/** Returns the next revision of a receipt. */
export function nextRevision(receipt: Receipt, change: Partial<Receipt>): Receipt {
  return { ...receipt, ...change, revision: receipt.revision + 1 };
}

/** Records that the reply to the platform says that the erasure is not finished. */
export function markRepliedInProgress(receipt: Receipt): Receipt | undefined {
  if (isFinal(receipt.state) || receipt.repliedInProgress) return undefined;
  return nextRevision(receipt, { repliedInProgress: true });
}

/** Longest time after which a platform should request the status again, in milliseconds. */
const statusIntervalMs = 900_000;

/** Returns the outcome of a receipt. An open one is expected to finish in 15 minutes, or at its due date if earlier. */
export function outcomeOf(receipt: Receipt, now: number): Outcome {
  if (isFinal(receipt.state)) {
    const deletions = Object.values(receipt.projects).flatMap(progress => progress.deletions);
    return { kind: receipt.state, at: receipt.closedAt ?? now, deletions };
  }
  const decision = openDecision(receipt);
  if (decision?.action === 'withdraw') return { kind: 'refused', at: decision.at, deletions: [] };
  const expectedAt = Math.min(now + statusIntervalMs, receipt.dueAt ?? Number.POSITIVE_INFINITY);
  return { kind: receipt.state === 'open' ? 'in-progress' : 'needs-review', expectedAt };
}

/** GDPR, Article 12(3): one month, unless the platform sets a due date. */
const monthMs = 30 * 86_400_000;

/** Returns how much of the time until its due date a receipt has used, in percent; over 100 means late. */
export function deadlineUsedPercent(receipt: Receipt, now: number): number {
  const { submittedAt } = receipt;
  return (100 * (now - submittedAt)) / (dueAtOf(receipt) - submittedAt);
}

/** Returns when an erasure is due, in epoch milliseconds. Ignores a due date that is before the request. */
export function dueAtOf({ submittedAt, dueAt = 0 }: Receipt): number {
  return dueAt > submittedAt ? dueAt : submittedAt + monthMs;
}

/** The code of a deletion that deleted another customer. */
export const wrongCustomerDeleted = 'wrong-customer-deleted' satisfies Alarm;
