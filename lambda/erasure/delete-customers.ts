import type { Deletion } from '../domain/erasure.ts';
import type { Alarm } from '../domain/failure.ts';
import type { Pin } from '../receipts/store.ts';
import type { VoucherifyClient, VoucherifyResponse } from '../voucherify/client.ts';
import type { DeletionResult } from '../voucherify/responses.ts';
import { type CallFailure, unprovenFailure } from '../voucherify/responses.ts';

/** A customer as far as a legal hold can find it: its id, and the HMACs of its source_id and e-mail address. */
export interface HoldableCustomer {
  readonly customerId: string;
  readonly subjectHmacs?: readonly string[];
}

/** Returns why these customers must not be deleted now; `undefined` if no legal hold is in effect. Never throws. */
export type CheckHolds = (customers: readonly HoldableCustomer[]) => Promise<CallFailure | undefined>;

export interface DeletionTask {
  readonly project: string;
  readonly voucherify: VoucherifyClient;
  readonly pins: readonly Pin[];
  /** The indexes of the pins that are finished: deletion proved, or absent. */
  readonly done: ReadonlySet<number>;
  /** Whether this attempt resolved the pins: then no deletion can have been sent for them yet. */
  readonly justResolved: boolean;
  /** Whether a deletion of an earlier attempt may have been executed. */
  readonly mayHaveExecuted: boolean;
  readonly appIdHmac: (appId: string) => string;
  /** HMAC of another app id of the same project, as an operator has decided. */
  readonly acceptedAppIdHmac: string | undefined;
  readonly checkHolds: CheckHolds;
  readonly now: () => number;
  readonly until: number;
}

export interface DeletionResults {
  readonly deletions: readonly Deletion[];
  /** The indexes of the pins without a customer: never seen, and 404 on the first try. */
  readonly absent: readonly number[];
  /** The indexes of the pins that were never seen, and of which it is unknown whether they were deleted. */
  readonly unseenUnproven: readonly number[];
  /** Whether an unproven deletion may have been executed. */
  readonly mayHaveExecuted: boolean;
  readonly failure: CallFailure | undefined;
  readonly alarms: readonly Alarm[];
}

/** Deletes the customers of the unfinished pins, one after the other. A failure stops the others only if its `stop` says so. */
export async function deleteCustomers(task: DeletionTask): Promise<DeletionResults> {
  const deletions: Deletion[] = [];
  const absent: number[] = [];
  const unseen: number[] = [];
  const failures: CallFailure[] = [];
  for (const [index, pin] of task.pins.entries()) {
    if (task.done.has(index)) continue;
    const result = await deleteCustomer(pin, task);
    const deletion = { project: task.project, pin: index, at: task.now() };
    if (result.kind === 'deleted') deletions.push({ proof: 'deleted', received: result.received, ...deletion });
    else if (result.kind === 'gone') deletions.push({ proof: 'gone', ...deletion });
    else if (result.kind === 'no-match') absent.push(index);
    else failures.push(result);
    if (result === unseenUnproven) unseen.push(index);
    if ('stop' in result && result.stop) break;
  }
  return {
    deletions,
    absent,
    unseenUnproven: unseen,
    mayHaveExecuted: failures.some(failure => failure.mayHaveExecuted),
    failure: combineFailures(failures),
    alarms: failures.flatMap(failure => failure.alarm ?? []),
  };
}

/**
 * Returns one failure for the whole attempt: the last review if there is one, because a failure that stops the attempt is
 * always the last. Otherwise a retry, at the latest time that any of them names.
 */
function combineFailures(failures: readonly CallFailure[]): CallFailure | undefined {
  const retries = failures.filter(failure => failure.kind === 'retry');
  const [first] = retries;
  if (first === undefined || retries.length < failures.length)
    return failures.findLast(({ kind }) => kind === 'review');
  const notBefore = Math.max(...retries.map(failure => failure.notBefore ?? 0));
  return { ...first, notBefore, unproven: retries.some(failure => failure.unproven === true) };
}

type PinResult =
  | Extract<DeletionResult, { kind: 'deleted' }>
  | { readonly kind: 'gone' }
  | { readonly kind: 'no-match' }
  | CallFailure;

async function deleteCustomer(pin: Pin, task: DeletionTask): Promise<PinResult> {
  const look = task.justResolved ? undefined : await lookAtPin(pin, task);
  // No deletion was sent in this attempt.
  if (typeof look === 'object') return { ...look, mayHaveExecuted: false };
  const held = await task.checkHolds([pin]);
  if (held !== undefined) return held;
  const response = await task.voucherify.deletePermanently(pin.customerId, task.until);
  const { result } = response;
  const isRepeated = look === 'shown' && task.mayHaveExecuted;
  if (isRepeated && result.kind === 'retry' && result.code === 'timed-out') return { ...result, ...tooSlow };
  if (result.kind !== 'not-found') return result;
  if (isOtherKey(response, pin, task)) return otherKey;
  if (!pin.seen && look !== 'shown') return task.mayHaveExecuted ? unseenUnproven : { kind: 'no-match' };
  if (look === 'absent') return { kind: 'gone' };
  const confirmed = await confirm(pin, task);
  // No quota for the confirming GET counts as unproven: otherwise every later attempt could end in this way.
  const isUndecided = look === 'shown' && confirmed.kind === 'retry' && confirmed.code === 'rate-limited';
  return isUndecided ? { ...confirmed, unproven: true } : confirmed;
}

/** Confirms a 404 on a deletion with a GET. Only if that also returns 404 is the customer proved to be gone. */
async function confirm(pin: Pin, task: DeletionTask): Promise<PinResult> {
  const look = await lookAtPin(pin, task);
  if (look === 'absent') return { kind: 'gone' };
  if (look === 'shown') return unprovenFailure('deletion-404-still-shown');
  return look === 'absent-under-other-key' ? otherKey : { ...look, mayHaveExecuted: true };
}

type Look = 'shown' | 'absent' | 'absent-under-other-key' | CallFailure;

/** What a look at a customer needs. */
export type LookTask = Pick<DeletionTask, 'voucherify' | 'appIdHmac' | 'acceptedAppIdHmac' | 'until'>;

/**
 * Gets the customer of a pin before a repeated deletion, to confirm a 404, or to verify an erasure. The path also accepts a
 * source_id, so another customer proves nothing.
 */
export async function lookAtPin(pin: Pin, task: LookTask): Promise<Look> {
  const response = await task.voucherify.lookUp(pin.customerId, task.until);
  const lookUp = response.result;
  if (lookUp.kind === 'retry' || lookUp.kind === 'review') return lookUp;
  if (lookUp.kind === 'no-match') return isOtherKey(response, pin, task) ? 'absent-under-other-key' : 'absent';
  if (lookUp.customer.id === pin.customerId) return 'shown';
  return isOtherKey(response, pin, task) ? otherKey : pinShadowed;
}

/** Returns whether the response came under another app id than the pin's. Another project returns 404 for every customer. */
function isOtherKey(response: VoucherifyResponse<unknown>, pin: Pin, task: LookTask): boolean {
  const appIdHmac = task.appIdHmac(response.appId);
  return appIdHmac !== pin.appIdHmac && appIdHmac !== task.acceptedAppIdHmac;
}

const otherKey: CallFailure = { kind: 'review', code: 'other-app-id', mayHaveExecuted: false, stop: true };
/** The GET returned another customer, whose source_id is the pin. The state of the pinned customer is unknown. */
const pinShadowed: CallFailure = { kind: 'review', code: 'pin-shadowed', mayHaveExecuted: false, stop: false };
/** The customer is shown although a deletion may have been sent earlier, and this one did not end within the attempt. */
const tooSlow = { code: 'deletion-too-slow', alarm: 'unproven-response' } as const;
/** Never seen, and a deletion may have been sent before this 404. Whether it deleted a customer is unknown. */
const unseenUnproven: CallFailure = { kind: 'review', code: 'unseen-unproven', mayHaveExecuted: true, stop: false };
