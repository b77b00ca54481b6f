import type { Deletion } from '../domain/erasure.ts';
import type { Alarm } from '../domain/failure.ts';
import type { Pin } from '../receipts/store.ts';
import { type CallFailure, unprovenFailure } from '../voucherify/classify.ts';
import type { VoucherifyClient, VoucherifyReply } from '../voucherify/client.ts';
import { parseDeletion, parseLookUp } from '../voucherify/responses.ts';

export interface DeletionTask {
  readonly project: string;
  readonly voucherify: VoucherifyClient;
  readonly pins: readonly Pin[];
  /** Pins of which nothing is left to do, by index: proved to be gone, or absent. */
  readonly done: ReadonlySet<number>;
  /** The pins were resolved by this attempt: nobody can have posted to them yet. */
  readonly justResolved: boolean;
  /** A deletion of an earlier attempt may have had its effect. */
  readonly mayHaveExecuted: boolean;
  readonly appIdHmac: (appId: string) => string;
  readonly now: () => number;
  readonly until: number;
}

export interface DeletionResults {
  readonly deletions: readonly Deletion[];
  /** Pins that name nobody, by index: never seen, and a 404 on the first try. */
  readonly absent: readonly number[];
  /** Whether a deletion that is not proved may have had its effect. */
  readonly mayHaveExecuted: boolean;
  readonly failure: CallFailure | undefined;
  readonly alarms: readonly Alarm[];
}

/** Deletes the pins that are left, one after the other; trouble with one does not keep the others from going. */
export async function deleteCustomers(todo: DeletionTask): Promise<DeletionResults> {
  const deletions: Deletion[] = [];
  const absent: number[] = [];
  const troubles: CallFailure[] = [];
  for (const [index, pin] of todo.pins.entries()) {
    if (todo.done.has(index)) continue;
    const gone = await deleteCustomer(pin, todo);
    if (gone.kind === 'retry' || gone.kind === 'review') troubles.push(gone);
    else if (gone.kind === 'no-match') absent.push(index);
    else deletions.push({ ...proofOf(gone), project: todo.project, pin: index, at: todo.now() });
    if ('stop' in gone && gone.stop) break;
  }
  return {
    deletions,
    absent,
    mayHaveExecuted: troubles.some(trouble => trouble.mayHaveExecuted),
    failure: gravestFailure(troubles),
    alarms: troubles.flatMap(trouble => trouble.alarm ?? []),
  };
}

/**
 * A person is asked where one pin needs it; what stops the attempt comes last and has the say. Otherwise all are put off
 * together, to the latest time that any asks for.
 */
function gravestFailure(troubles: readonly CallFailure[]): CallFailure | undefined {
  const human = troubles.findLast(trouble => trouble.kind === 'review');
  const later = troubles.filter(trouble => trouble.kind === 'retry');
  const [first] = later;
  if (human !== undefined || first === undefined) return human;
  const notBefore = Math.max(...later.map(trouble => trouble.notBefore ?? 0));
  return { ...first, notBefore, unproven: later.some(trouble => trouble.unproven === true) };
}

type PinResult =
  | Extract<ReturnType<typeof parseDeletion>, { kind: 'deleted' }>
  | { readonly kind: 'gone' }
  | { readonly kind: 'no-match' }
  | CallFailure;

async function deleteCustomer(pin: Pin, todo: DeletionTask): Promise<PinResult> {
  const look = todo.justResolved ? 'not-looked' : await lookAt(pin, todo);
  // Nothing was posted in this attempt.
  if (typeof look === 'object') return { ...look, mayHaveExecuted: false };
  const reply = await todo.voucherify.deletePermanently(pin.customerId, todo.until);
  const answer = parseDeletion(reply, pin.customerId, todo.now());
  if (answer.kind !== 'not-found') return answer;
  if (isOtherKey(reply, pin, todo)) return otherKey;
  if (!pin.seen && look !== 'shown') return todo.mayHaveExecuted ? unseenUnproven : { kind: 'no-match' };
  if (look === 'absent') return { kind: 'gone' };
  const confirmed = await confirm(pin, todo);
  // Shown, 404, and no quota for the confirming GET: a later attempt may meet the same, so it counts, and that ends it.
  const isUndecided = look === 'shown' && confirmed.kind === 'retry' && confirmed.code === 'rate-limited';
  return isUndecided ? { ...confirmed, unproven: true } : confirmed;
}

/** A 404 on a deletion proves that a customer is gone only if a look at the pin is answered 404 too. */
async function confirm(pin: Pin, todo: DeletionTask): Promise<PinResult> {
  const look = await lookAt(pin, todo);
  if (look === 'absent') return { kind: 'gone' };
  if (look === 'shown') return unprovenFailure('deletion-404-still-shown');
  return look === 'absent-under-other-key' ? otherKey : { ...look, mayHaveExecuted: true };
}

type Look = 'shown' | 'absent' | 'absent-under-other-key' | CallFailure;

/** Looks at a pin before it is posted to again, or to confirm a 404. The path takes a source_id too. */
async function lookAt(pin: Pin, todo: DeletionTask): Promise<Look> {
  const reply = await todo.voucherify.lookUp(pin.customerId, todo.until);
  const lookUp = parseLookUp(reply, todo.now());
  if (lookUp.kind === 'retry' || lookUp.kind === 'review') return lookUp;
  if (lookUp.kind === 'no-match') return isOtherKey(reply, pin, todo) ? 'absent-under-other-key' : 'absent';
  if (lookUp.customer.id === pin.customerId) return 'shown';
  return isOtherKey(reply, pin, todo) ? otherKey : pinShadowed;
}

/** A key of another project says of every customer that it is not there. */
function isOtherKey(reply: VoucherifyReply, pin: Pin, todo: DeletionTask): boolean {
  return todo.appIdHmac(reply.appId) !== pin.appIdHmac;
}

const otherKey: CallFailure = { kind: 'review', code: 'other-app-id', mayHaveExecuted: false, stop: true };
/** The look shows another customer, who has the pin as source_id: nobody can tell what became of the pin itself. */
const pinShadowed: CallFailure = { kind: 'review', code: 'pin-shadowed', mayHaveExecuted: false, stop: false };
/** Never shown, and a deletion without an answer before this 404: nobody can tell whether it deleted anybody. */
const unseenUnproven: CallFailure = { kind: 'review', code: 'unseen-unproven', mayHaveExecuted: true, stop: false };

function proofOf(gone: Exclude<PinResult, CallFailure | { kind: 'no-match' }>): Pick<Deletion, 'proof' | 'received'> {
  return gone.kind === 'deleted' ? { proof: 'deleted', received: gone.received } : { proof: 'gone' };
}
