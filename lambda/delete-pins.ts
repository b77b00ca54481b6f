import type { Deletion } from './erasure.ts';
import type { Alarm } from './failure.ts';
import type { Pin } from './receipts/store.ts';
import { judgeDeletion, judgeLookUp } from './voucherify/answer.ts';
import type { Reply, Voucherify } from './voucherify/client.ts';
import type { Trouble } from './voucherify/trouble.ts';

export interface ToDelete {
  readonly project: string;
  readonly voucherify: Voucherify;
  readonly pins: readonly Pin[];
  /** Pins that are proved to be gone already, by index. */
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
  /** Whether a deletion that is not proved may have had its effect. */
  readonly tried: boolean;
  readonly trouble: Trouble | undefined;
  readonly alarms: readonly Alarm[];
}

/** Deletes the pins that are left, one after the other; trouble with one does not keep the others from going. */
export async function deletePins(todo: ToDelete): Promise<DeletedPins> {
  const deletions: Deletion[] = [];
  const troubles: Trouble[] = [];
  for (const [index, pin] of todo.pins.entries()) {
    if (todo.done.has(index)) continue;
    const gone = await deletePin(pin, todo);
    if (gone.kind === 'later' || gone.kind === 'human') troubles.push(gone);
    else if (gone.kind !== 'nobody')
      deletions.push({ ...proofOf(gone), project: todo.project, pin: index, at: todo.now() });
    if ('stop' in gone && gone.stop) break;
  }
  return {
    deletions,
    tried: troubles.some(trouble => trouble.effect === 'possible'),
    trouble: weightiest(troubles),
    alarms: troubles.flatMap(trouble => trouble.alarm ?? []),
  };
}

/** A person is asked where one pin needs it; else all are put off together, to the latest time that any asks for. */
function weightiest(troubles: readonly Trouble[]): Trouble | undefined {
  const human = troubles.find(trouble => trouble.kind === 'human');
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
  const taken = todo.justResolved ? 'same' : await lookAgain(pin, todo);
  if (taken !== 'same') return taken;
  const reply = await todo.voucherify.deletePermanently(pin.customerId, todo.until);
  const resent = reply.result.kind === 'answer' && reply.result.resent;
  const answer = judgeDeletion(reply, pin.customerId, todo.now());
  if (answer.kind === 'deleted') return answer;
  if (answer.kind !== 'not-found') return resent ? { ...answer, effect: 'possible' } : answer;
  if (isOtherKey(reply, pin, todo)) return otherKey;
  return absent(pin, todo.mayBeTried || resent);
}

/** A pin that nobody showed and nothing was posted to before names nobody; every other one is gone. */
function absent({ seen }: Pin, mayBeTried: boolean): Gone {
  return { kind: seen || mayBeTried ? 'gone' : 'nobody' };
}

/** Before posting to a pin again: the path takes a source_id too, and somebody new may be known by this one. */
async function lookAgain(pin: Pin, todo: ToDelete): Promise<Gone | 'same'> {
  const reply = await todo.voucherify.lookUp(pin.customerId, todo.until);
  const lookUp = judgeLookUp(reply, todo.now());
  if (lookUp.kind === 'nobody') return 'same';
  if (lookUp.kind !== 'customer') return { ...lookUp, effect: 'none' };
  if (lookUp.customer.id === pin.customerId) return 'same';
  return isOtherKey(reply, pin, todo) ? otherKey : absent(pin, todo.mayBeTried);
}

/** A key of another project says of every customer that it is not there. */
function isOtherKey(reply: Reply, pin: Pin, todo: ToDelete): boolean {
  return todo.appIdMac(reply.appId) !== pin.appIdMac;
}

const otherKey: Trouble = { kind: 'human', code: 'other-app-id', effect: 'none', stop: true };

function proofOf(gone: Exclude<Gone, Trouble | { kind: 'nobody' }>): Pick<Deletion, 'proof' | 'received'> {
  return gone.kind === 'deleted' ? { proof: 'deleted', received: gone.received } : { proof: 'gone' };
}
