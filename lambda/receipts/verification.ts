import type { Receipt, Verification } from './row-schemas.ts';

/*
 * The verification of an erasure: some time after the deletion, each deleted customer is looked up once more. The outcome of
 * a closed receipt does not change with it.
 */

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** The first look is this long after the deletion, because Voucherify completes deletions in the background. */
const firstLookMs = minute;
/** A customer that is still returned after this time is reported. */
const presentMs = hour;
/** If a customer cannot be looked up for this time, the verification ends without a result. */
const unavailableMs = day;

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
  /** Whether Voucherify still returned a customer. */
  readonly isShown: boolean;
  /** Whether a customer can never be looked at, because its pin is lost. */
  readonly isLost: boolean;
}

/**
 * Returns the receipt with the result of one look, under the same revision: the caller stores it. It is due for its signature
 * once the verification has ended, and before that for its next look. `random` is a number from 0 to 1.
 */
export function recordLook(receipt: Receipt, look: VerificationLook, now: number, random: number): Receipt {
  const { tries = 0, absent = [] } = receipt.verification ?? {};
  const verification = { tries: tries + 1, absent: [...absent, ...look.absent] };
  const since = deletedAt(receipt) ?? now;
  const isLeft = unverifiedPins({ ...receipt, verification }).size > 0;
  const result = isLeft ? resultOf(look, now - since) : 'absent';
  if (result !== undefined)
    return withSchedule({ ...receipt, verification: { ...verification, result, at: now } }, now);
  const lookAt = nextLookAt(since, tries, now, random);
  return withSchedule({ ...receipt, verification: { ...verification, lookAt } }, now);
}

/** While callbacks are open, the receipt stays in their queue. */
function withSchedule(receipt: Receipt, now: number): Receipt {
  if (receipt.queue === 'callback') return { ...receipt, nextAttemptAt: dueDuringCallbacks(receipt, now) };
  return { ...receipt, ...queueAfterCallbacks(receipt, now) };
}

function resultOf({ isShown, isLost }: VerificationLook, age: number): Verification['result'] {
  if (isShown && age >= presentMs) return 'stillPresent';
  return isLost || age >= unavailableMs ? 'unavailable' : undefined;
}

/** Exponential backoff from one minute to one hour, half of it random. One look each is at the time of a possible result. */
function nextLookAt(since: number, tries: number, now: number, random: number): number {
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
