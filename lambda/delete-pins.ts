import type { Deletion } from './erasure.ts';
import type { Alarm } from './failure.ts';
import type { Pin } from './receipts/store.ts';
import { judgeDeletion, judgeLookUp } from './voucherify/answer.ts';
import type { Reply, Voucherify } from './voucherify/client.ts';
import { type Trouble, unproven } from './voucherify/trouble.ts';

export interface ToDelete {
  readonly project: string;
  readonly voucherify: Voucherify;
  readonly pins: readonly Pin[];
  /** Pins of which nothing is left to do, by index: proved to be gone, or absent. */
  readonly done: ReadonlySet<number>;
  /** The pins were resolved by this attempt: nobody can have posted to them yet. */
  readonly justResolved: boolean;
  /** A deletion of an earlier attempt may have had its effect. */
  readonly mayBeTried: boolean;
  readonly appIdMac: (appId: string) => string;
  readonly now: () => number;
  readonly until: number;
}

export interface DeletedPins {
  readonly deletions: readonly Deletion[];
  /** Pins that name nobody, by index: never seen, and a 404 on the first try. */
  readonly absent: readonly number[];
  /** Whether a deletion that is not proved may have had its effect. */
  readonly tried: boolean;
  readonly trouble: Trouble | undefined;
  readonly alarms: readonly Alarm[];
}

/** Deletes the pins that are left, one after the other; trouble with one does not keep the others from going. */
export async function deletePins(todo: ToDelete): Promise<DeletedPins> {
  const deletions: Deletion[] = [];
  const absent: number[] = [];
  const troubles: Trouble[] = [];
  for (const [index, pin] of todo.pins.entries()) {
    if (todo.done.has(index)) continue;
    const gone = await deletePin(pin, todo);
    if (gone.kind === 'later' || gone.kind === 'human') troubles.push(gone);
    else if (gone.kind === 'nobody') absent.push(index);
    else deletions.push({ ...proofOf(gone), project: todo.project, pin: index, at: todo.now() });
    if ('stop' in gone && gone.stop) break;
  }
  return {
    deletions,
    absent,
    tried: troubles.some(trouble => trouble.effect === 'possible'),
    trouble: weightiest(troubles),
    alarms: troubles.flatMap(trouble => trouble.alarm ?? []),
  };
}

/**
 * A person is asked where one pin needs it; what stops the attempt comes last and has the say. Otherwise all are put off
 * together, to the latest time that any asks for.
 */
function weightiest(troubles: readonly Trouble[]): Trouble | undefined {
  const human = troubles.findLast(trouble => trouble.kind === 'human');
  const later = troubles.filter(trouble => trouble.kind === 'later');
  const [first] = later;
  if (human !== undefined || first === undefined) return human;
  const notBefore = Math.max(...later.map(trouble => trouble.notBefore ?? 0));
  return { ...first, notBefore, unproven: later.some(trouble => trouble.unproven === true) };
}

type Gone =
  | Extract<ReturnType<typeof judgeDeletion>, { kind: 'deleted' }>
  | { readonly kind: 'gone' }
  | { readonly kind: 'nobody' }
  | Trouble;

async function deletePin(pin: Pin, todo: ToDelete): Promise<Gone> {
  const look = todo.justResolved ? 'not-looked' : await lookAt(pin, todo);
  // Nothing was posted in this attempt.
  if (typeof look === 'object') return { ...look, effect: 'none' };
  const reply = await todo.voucherify.deletePermanently(pin.customerId, todo.until);
  const answer = judgeDeletion(reply, pin.customerId, todo.now());
  if (answer.kind !== 'not-found') return answer;
  if (isOtherKey(reply, pin, todo)) return otherKey;
  if (!pin.seen && look !== 'shown') return todo.mayBeTried ? unseenUnproven : { kind: 'nobody' };
  return look === 'absent' ? { kind: 'gone' } : confirm(pin, todo);
}

/** A 404 on a deletion proves that a customer is gone only if a look at the pin is answered 404 too. */
async function confirm(pin: Pin, todo: ToDelete): Promise<Gone> {
  const look = await lookAt(pin, todo);
  if (look === 'absent') return { kind: 'gone' };
  if (look === 'shown') return unproven('deletion-404-still-shown');
  return look === 'absent-under-other-key' ? otherKey : { ...look, effect: 'possible' };
}

type Look = 'shown' | 'absent' | 'absent-under-other-key' | Trouble;

/** Looks at a pin before it is posted to again, or to confirm a 404. The path takes a source_id too. */
async function lookAt(pin: Pin, todo: ToDelete): Promise<Look> {
  const reply = await todo.voucherify.lookUp(pin.customerId, todo.until);
  const lookUp = judgeLookUp(reply, todo.now());
  if (lookUp.kind === 'later' || lookUp.kind === 'human') return lookUp;
  if (lookUp.kind === 'nobody') return isOtherKey(reply, pin, todo) ? 'absent-under-other-key' : 'absent';
  if (lookUp.customer.id === pin.customerId) return 'shown';
  return isOtherKey(reply, pin, todo) ? otherKey : pinShadowed;
}

/** A key of another project says of every customer that it is not there. */
function isOtherKey(reply: Reply, pin: Pin, todo: ToDelete): boolean {
  return todo.appIdMac(reply.appId) !== pin.appIdMac;
}

const otherKey: Trouble = { kind: 'human', code: 'other-app-id', effect: 'none', stop: true };
/** The look shows another customer, who has the pin as source_id: nobody can tell what became of the pin itself. */
const pinShadowed: Trouble = { kind: 'human', code: 'pin-shadowed', effect: 'none', stop: false };
/** Never shown, and a deletion without an answer before this 404: nobody can tell whether it deleted anybody. */
const unseenUnproven: Trouble = { kind: 'human', code: 'unseen-unproven', effect: 'possible', stop: false };

function proofOf(gone: Exclude<Gone, Trouble | { kind: 'nobody' }>): Pick<Deletion, 'proof' | 'received'> {
  return gone.kind === 'deleted' ? { proof: 'deleted', received: gone.received } : { proof: 'gone' };
}
