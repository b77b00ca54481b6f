import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import type { Ask } from './people.ts';
import type { Truth } from './truth.ts';
import { uidOf } from './watched-store.ts';
import type { World } from './world.ts';

/**
 * Judges a world in which nothing more is to come, over the sandbox's own log, the rows of the store and what the
 * platform heard; adds to the violations that were seen on the way.
 */
export async function judge(world: World): Promise<void> {
  const byUid = new Map([...world.watch.receipts.values()].map(receipt => [uidOf(receipt), receipt] as const));
  const human = new Set(await world.stores.store.due('needs-review', Number.MAX_SAFE_INTEGER, 1_000_000));
  judgeDeletions(world);
  for (const ask of world.truth.asks.values()) {
    const receipt = byUid.get(ask.uid);
    if (receipt === undefined) judgeUnknown(ask, world);
    else {
      judgeEnd(ask, receipt, human, world);
      await judgeKept(ask, receipt, world);
      judgeAnswers(ask, receipt, world);
    }
  }
}

/** Results that these faults can cause; all others are bugs. */
function isWorthAPerson({ people, identities }: Ask, { reason }: Receipt, { voucherify }: World): boolean {
  const ids = people.map(({ id }) => id);
  switch (reason) {
    case 'pin-shadowed':
      return voucherify.sandbox.customers().some(({ source_id }) => source_id !== null && ids.includes(source_id));
    case 'unseen-unproven':
      return identities.some(({ identitySpace }) => identitySpace === 'customer');
    default:
      return reason === 'claims-without-result' || reason === 'unproven-responses';
  }
}

/** Checks that the evidence of a refused request lists every customer that was, or may have been, deleted for it. */
function judgeRefused({ uid, people }: Ask, { projects }: Receipt, truth: Truth): void {
  for (const [project, { deletions, mayHaveExecuted }] of Object.entries(projects)) {
    const gone = people.filter(
      ({ id, project: of }) =>
        of === project && truth.isGone(id) && !truth.wasRemovedByOthers(id) && truth.asksFor(id).length === 1,
    );
    if (gone.length > deletions.length && !mayHaveExecuted)
      truth.violated('deleted, refused, and nothing said of it', uid);
  }
}

/** Checks that nothing was accepted or deleted without a receipt. */
function judgeUnknown({ uid }: Ask, { sender, truth }: World): void {
  if (sender.exchanges.get(uid)?.accepted) truth.violated('lost: accepted, and no receipt', uid);
}

function judgeEnd(ask: Ask, receipt: Receipt, human: ReadonlySet<string>, world: World): void {
  const { truth } = world;
  const { uid } = ask;
  if (isFinal(receipt.state)) {
    if (receipt.evidence === undefined) truth.violated('closed, and never signed', uid);
    if (receipt.state === 'refused') judgeRefused(ask, receipt, truth);
    return;
  }
  if (receipt.state === 'open') truth.violated('lost: never ended', uid);
  else if (!isWorthAPerson(ask, receipt, world)) truth.violated(`asks a person: ${receipt.reason}`, uid);
  // The sweep counts receipts that need review until they are decided: that keeps the alarm on.
  else if (!human.has(receipt.id)) truth.violated('silent: waits for a person, and nobody is told', uid);
}

async function judgeKept({ uid }: Ask, receipt: Receipt, { stores, truth }: World): Promise<void> {
  const kept = await stores.store.readPersonalData(receipt.id);
  const isOver = isFinal(receipt.state) && receipt.queue !== 'callback';
  if (isOver && kept !== undefined) truth.violated('closed and told, and identifiers are still kept', uid);
  if (!isOver && kept === undefined) truth.violated('identifiers are gone too early', uid);
}

const words = new Map<string, string>([
  ['erased', 'completed/executed'],
  ['no-match', 'completed/no_match'],
  ['not-identifiable', 'completed/insufficient_identification'],
  ['refused', 'completed/unknown'],
]);

/** Checks that every final reply equals the receipt, and that every "in progress" is followed by the outcome. */
function judgeAnswers({ uid, callbacks }: Ask, receipt: Receipt, { sender, receiver, truth }: World): void {
  const word = words.get(receipt.state) ?? '';
  const exchange = sender.exchanges.get(uid);
  for (const final of exchange?.finals ?? []) {
    if (final !== word) truth.violated(`answered ${final}, and it is ${receipt.state}`, uid);
  }
  const tried = (receipt.callbackState?.endedAt ?? 0) - (receipt.closedAt ?? 0);
  for (let index = 0; index < callbacks; index += 1) {
    const { texts, times } = receiver.told(uid, index);
    for (const text of texts) if (text !== word) truth.violated(`called back ${text}: ${receipt.state}`, uid);
    const isOwed = exchange?.toldOpen === true && isFinal(receipt.state);
    if (isOwed && times === 0 && tried < leastTried) truth.violated('never called back', uid);
    if (isOwed && receipt.queue === 'callback') truth.violated('calling back never ended', uid);
  }
}

/** Callbacks to an unreachable platform are retried for a week. */
const leastTried = 7 * 86_400_000;

/** Checks that only requested customers that existed before the request were deleted, each at most once. */
function judgeDeletions({ voucherify, truth }: World): void {
  const deletions = voucherify.sandbox.deletions().filter(({ customerId }) => !truth.wasRemovedByOthers(customerId));
  for (const { customerId } of deletions) {
    if (truth.asksFor(customerId).length === 0) truth.violated(`wrong: ${customerId} was never asked for`);
  }
  const left = new Set(voucherify.sandbox.customers().map(({ id }) => id));
  for (const { people, uid } of truth.asks.values()) {
    for (const { id } of people) {
      if (truth.isGone(id) === left.has(id)) truth.violated(`the account of ${id} is wrong`, uid);
    }
  }
}
