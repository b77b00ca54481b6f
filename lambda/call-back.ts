import { type Delivery, deliver } from './callbacks/deliver.ts';
import type { Parts } from './parts.ts';
import type { Callback, Platform } from './platforms/platform.ts';
import { advance } from './receipts/advance.ts';
import { outcomeOf } from './receipts/answering.ts';
import { calling, isOwed, told, untellable, untold, wasGivenUp } from './receipts/calling-back.ts';
import { forgets, type Receipt } from './receipts/receipt.ts';
import type { KeptWithPins } from './receipts/store.ts';

/** Longest that one call may take, in milliseconds. */
const callMs = 10_000;

/** A minute, doubled with every try, up to six hours. */
const firstStepMs = 60_000;
const longestStepMs = 6 * 3_600_000;

/**
 * Tells the platform of one closed receipt how it ended, if that is due. What was owed is kept until every target has
 * taken it or it is given up; then it is forgotten. Gives whether every target has taken it by now.
 */
export async function callBack(id: string, parts: Parts): Promise<boolean> {
  const owed = await parts.store.read(id);
  if (owed === undefined || !isOwed(owed, parts.now())) return false;
  const until = parts.now() + parts.times.claimMs;
  const claim = await advance(parts.store, owed, standing => calling(standing, parts.now(), until));
  if (!claim.done) return false;
  const { receipt } = claim;
  const kept = await parts.store.kept(id);
  const platform = parts.platforms.get(receipt.platform);
  if (kept === undefined) return giveUp(receipt, parts);
  const callbacks = await callbacksOf(receipt, kept, platform, parts);
  const deliveries = await deliverAll(receipt, callbacks, platform, parts);
  return record(receipt, callbacks.length, deliveries, parts);
}

/** A platform that settings no longer hold cannot be told; it may be put back, so this is tried again. */
async function callbacksOf(receipt: Receipt, kept: KeptWithPins, platform: Platform | undefined, parts: Parts) {
  if (platform === undefined) return kept.callbacks.map(() => undefined);
  const { reference, scope, callbacks } = kept;
  const outcome = outcomeOf(receipt, parts.now());
  const secret = () => parts.readSecret(`erasure/platform/${receipt.platform}`);
  return platform.notify({ reference, scope, receiptId: receipt.id, outcome, callbacks }, { secret, now: parts.now });
}

type Deliveries = ReadonlyMap<number, Delivery>;

/** Where to tell it is lost, so somebody who was to be told never is. */
async function giveUp(receipt: Receipt, parts: Parts): Promise<false> {
  const { done } = await advance(parts.store, receipt, standing => untellable(standing, parts.now()));
  if (done) parts.log({ event: 'alarm', alarm: 'callback-given-up', platform: receipt.platform, receipt: receipt.id });
  return false;
}

/** Only to the targets that have neither taken nor refused it yet. */
async function deliverAll(
  receipt: Receipt,
  callbacks: readonly (Callback | undefined)[],
  platform: Platform | undefined,
  parts: Parts,
): Promise<Deliveries> {
  const { delivered, refused } = receipt.callBack ?? untold;
  const answered = new Set([...delivered, ...refused]);
  const post = {
    send: parts.sendCallback,
    origins: platform?.callbackOrigins ?? [],
    now: parts.now,
    until: parts.now() + callMs,
  };
  const open = [...callbacks.entries()].filter(([index]) => !answered.has(index));
  const sent = open.map(
    async ([index, callback]): Promise<[number, Delivery]> => [
      index,
      callback === undefined ? { kind: 'later' } : await deliver(callback, post),
    ],
  );
  return new Map(await Promise.all(sent));
}

async function record(receipt: Receipt, targets: number, deliveries: Deliveries, parts: Parts): Promise<boolean> {
  const of = (kind: Delivery['kind']) => [...deliveries].flatMap(([index, one]) => (one.kind === kind ? [index] : []));
  const asked = [...deliveries.values()].flatMap(one => (one.kind === 'later' ? (one.notBefore ?? []) : []));
  const retryAt = Math.max(parts.now() + stepMs(receipt, parts), ...asked);
  const change = { now: parts.now(), targets, delivered: of('delivered'), refused: of('refused'), retryAt };
  const { receipt: next, done } = await advance(
    parts.store,
    receipt,
    standing => told(standing, change),
    standing => ({ forget: forgets(standing) }),
  );
  const givenUp = wasGivenUp(next, targets);
  parts.log({
    event: 'call-back',
    platform: next.platform,
    receipt: next.id,
    code: next.callBack?.endedAt === undefined ? 'later' : 'ended',
  });
  if (done && givenUp)
    parts.log({ event: 'alarm', alarm: 'callback-given-up', platform: next.platform, receipt: next.id });
  return next.callBack?.endedAt !== undefined && !givenUp;
}

/** Half of the step for certain, half of it by chance. */
function stepMs({ callBack: before }: Receipt, { random }: Parts): number {
  const step = Math.min(longestStepMs, firstStepMs * 2 ** Math.min(before?.tries ?? 0, 20));
  return Math.floor(step / 2 + (random() * step) / 2);
}
