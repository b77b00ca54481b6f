import type { FinalKind } from '../domain/erasure.ts';
import { type CallbackState, isFinal, isTimeReached, nextRevision, type Receipt } from './receipt.ts';
import type { PersonalData, Verification } from './row-schemas.ts';
import type { SideWrites } from './store.ts';

/*
 * What follows when a receipt is closed: its personal data is deleted, its callbacks are sent, and the erasure is verified.
 * The outcome of a closed receipt never changes.
 */

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Receipts are stored for 25 months after closing (CCPA regulations §7101: at least 24), in days. */
const evidenceDays = 762;

interface Closing {
  readonly state: FinalKind;
  readonly now: number;
  /** Whether the reply to the current request tells the platform the outcome. */
  readonly replied: boolean;
}

/** Closes a receipt, once. Due callbacks come next, then the verification and the signature. */
export function closeReceipt(receipt: Receipt, { state, now, replied }: Closing): Receipt {
  const needsCallback = receipt.hasCallbacks && (receipt.repliedInProgress || !replied);
  return nextRevision(receipt, {
    state,
    ...(needsCallback ? { queue: 'callback', nextAttemptAt: now } : queueAfterCallbacks(receipt, now)),
    closedAt: now,
    expiresAt: Math.ceil((now + evidenceDays * day) / 1000),
    lastResult: state,
    ...(replied ? { firstReply: { at: now, as: 'outcome' } } : {}),
  });
}

/** Returns whether a receipt is closed and no remaining step needs personal data, apart from {@link uncountedProjects}. */
export function needsNoPersonalData(receipt: Receipt): boolean {
  return isFinal(receipt.state) && receipt.queue !== 'callback';
}

/** Returns the projects in which it is still to be counted what Voucherify lists after the deletion. */
export function uncountedProjects({ state, projects }: Receipt): readonly string[] {
  if (!isFinal(state)) return [];
  return Object.entries(projects).flatMap(([name, { residue, deletions }]) =>
    residue !== undefined && residue.after === undefined && deletions.length > 0 ? [name] : [],
  );
}

/**
 * Returns what the write of a receipt deletes. Once the receipt is closed, nothing needs the identifiers; the callbacks, and
 * the id of the request that they name, are needed until the callbacks have ended, and the pins of deleted customers until
 * they are verified.
 */
export function deleteUnneeded(next: Receipt, personalData: PersonalData | undefined): SideWrites {
  if (!isFinal(next.state)) return {};
  const deleted = { deletePersonalData: true, keepPins: needsVerification(next) || pinsKeptUntil(next) !== undefined };
  if (personalData === undefined || needsNoPersonalData(next)) return deleted;
  const { reference, scope, callbacks } = personalData;
  return { ...deleted, callbackData: { reference, scope, identifiers: [], callbacks } };
}

/** How long after closing a receipt its callbacks are retried, in milliseconds. At least seven days are promised. */
export const callbackPeriodMs = 8 * day;

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
  const isDone = union(state.delivered, state.refused).length >= targets;
  if (now < until && !isDone) {
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

/*
 * The verification of an erasure: some time after the deletion, each deleted customer is looked up again.
 */

/** The first look is this long after the deletion, because Voucherify completes deletions in the background. */
const firstLookMs = minute;
/** A customer that is still returned after this time is reported. */
const presentMs = hour;
/** If Voucherify does not say for this time whether a customer is there, the verification ends without a result. */
const unavailableMs = day;
/** It does so only after this number of looks, because a backlog may delay the first one. In a day of failures there are more. */
const leastTries = 24;
/** The next look after this time ends it, whatever it shows. */
const longestMs = 30 * day;

/** After a look that this service did not send, the delay is that after two tries, four minutes at most: it does not grow. */
const unsentTries = 2;

/** Pins of customers that are still present are kept for this time, in milliseconds, so that they can be deleted again. */
const keptPinsMs = 30 * day;

/** Returns the time of the last proved deletion, or `undefined` if nothing was deleted. */
function deletedAt({ projects }: Receipt): number | undefined {
  const times = Object.values(projects).flatMap(({ deletions }) => deletions.map(({ at }) => at));
  return times.length === 0 ? undefined : Math.max(...times);
}

/** Returns whether deleted customers are still to be looked at, so that the pins are needed. */
export function needsVerification(receipt: Receipt): boolean {
  return deletedAt(receipt) !== undefined && receipt.verification?.result === undefined;
}

/** Returns when the deleted customers are looked at next; `undefined` if they need not be. */
function nextLook(receipt: Receipt): number | undefined {
  const { verification: { lookAt } = {} } = receipt;
  return lookAt ?? (needsVerification(receipt) ? (deletedAt(receipt) ?? 0) + firstLookMs : undefined);
}

/** Returns the queue of a closed receipt whose callbacks are sent or were not due, and from when. */
export function queueAfterCallbacks(receipt: Receipt, now: number): Pick<Receipt, 'queue' | 'nextAttemptAt'> {
  const lookAt = nextLook(receipt);
  if (lookAt === undefined) return { queue: 'sign', nextAttemptAt: now };
  return { queue: 'verify', nextAttemptAt: Math.max(now, lookAt) };
}

/**
 * Returns when a closed receipt is due whose callbacks are not all accepted: for the next round of callbacks, or for
 * the next look at the deleted customers if that is earlier. A callback that fails for days must not delay the alarm
 * about a customer who is still present.
 */
export function dueDuringCallbacks(receipt: Receipt, now: number): number {
  return Math.min(receipt.callbackState?.retryAt ?? now, nextLook(receipt) ?? Number.POSITIVE_INFINITY);
}

/** Returns whether a closed receipt is due for its verification: in the queue of its own, or between two rounds of callbacks. */
export function isVerificationDue(receipt: Receipt, now: number): boolean {
  const { queue, nextAttemptAt = Number.POSITIVE_INFINITY } = receipt;
  if (nextAttemptAt > now) return false;
  return queue === 'verify' || (queue === 'callback' && (nextLook(receipt) ?? Number.POSITIVE_INFINITY) <= now);
}

/** The deleted customers that are not yet found to be absent, as indexes of pins by project. */
export function unverifiedPins({ projects, verification }: Receipt): ReadonlyMap<string, readonly number[]> {
  const isAbsent = (project: string, pin: number) =>
    verification?.absent.some(one => one.project === project && one.pin === pin) ?? false;
  const left = Object.entries(projects).map(([project, { deletions }]) => {
    const pins = deletions.map(({ pin }) => pin).filter(pin => !isAbsent(project, pin));
    return [project, pins] as const;
  });
  return new Map(left.filter(([, pins]) => pins.length > 0));
}

/** What one look at the deleted customers has shown. */
export interface VerificationLook {
  readonly absent: Verification['absent'];
  /**
   * What was found for the others: `shown`, `pin-missing` (it can never be looked at), or the code of a failure, and when the
   * quota allows the next call, in epoch milliseconds.
   */
  readonly others: readonly { readonly code: string; readonly notBefore?: number }[];
}

/** Codes of looks that this service did not send, for a reason of its own. An open circuit breaker is one of Voucherify. */
const unsentCodes: readonly string[] = ['rate-limited', 'rate-limit-unavailable', 'out-of-time'];

/**
 * Returns the receipt with the result of one look, under the same revision: the caller stores it. It is due for its signature
 * once the verification has ended, and before that for its next look. `random` is a number from 0 to 1.
 */
export function recordLook(
  receipt: Receipt,
  { absent, others }: VerificationLook,
  now: number,
  random: number,
): Receipt {
  const { tries = 0, absent: before = [] } = receipt.verification ?? {};
  const isUnsent = others.length > 0 && others.every(({ code }) => unsentCodes.includes(code));
  const verification = { tries: isUnsent ? tries : tries + 1, absent: [...before, ...absent] };
  const since = deletedAt(receipt) ?? now;
  const isLeft = unverifiedPins({ ...receipt, verification }).size > 0;
  const failures = isUnsent ? 0 : verification.tries;
  const result = isLeft ? resultOf(others, failures, now - since) : 'absent';
  if (result !== undefined)
    return withSchedule({ ...receipt, verification: { ...verification, result, at: now } }, now);
  // A look that waits for the quota must not take the call of an erasure that waits for it too.
  const notBefore = isUnsent ? Math.min(...others.map(other => other.notBefore ?? 0)) : 0;
  const lookAt = Math.max(notBefore, scheduleLook(since, isUnsent ? unsentTries : tries, now, random));
  return withSchedule({ ...receipt, verification: { ...verification, lookAt } }, now);
}

/** While callbacks are open, the receipt stays in their queue. */
function withSchedule(receipt: Receipt, now: number): Receipt {
  if (receipt.queue === 'callback') return { ...receipt, nextAttemptAt: dueDuringCallbacks(receipt, now) };
  return { ...receipt, ...queueAfterCallbacks(receipt, now) };
}

/** `failures` is the number of looks, of which the last one failed too. */
function resultOf(others: VerificationLook['others'], failures: number, age: number): Verification['result'] {
  const codes = others.map(({ code }) => code);
  if (codes.includes('shown') && age >= presentMs) return 'stillPresent';
  if (codes.includes('pin-missing') || age >= longestMs) return 'unavailable';
  return failures >= leastTries && age >= unavailableMs ? 'unavailable' : undefined;
}

/** Exponential backoff from a minute to an hour, half of it random. One look is exactly an hour after the deletion, one a day. */
function scheduleLook(since: number, tries: number, now: number, random: number): number {
  const step = Math.min(hour, minute * 2 ** Math.min(tries, 20));
  const at = now + Math.floor(step / 2 + (random * step) / 2);
  const limits = [since + presentMs, since + unavailableMs].filter(limit => limit > now);
  return Math.min(at, ...limits);
}

/** Returns until when the pins of a receipt are kept whose customers are still present, in epoch milliseconds. */
export function pinsKeptUntil({ verification }: Receipt): number | undefined {
  const { result, at = 0 } = verification ?? {};
  return result === 'stillPresent' ? at + keptPinsMs : undefined;
}
