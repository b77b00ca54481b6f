import { type Delivery, deliver } from './callbacks/deliver.ts';
import { failureOf } from './failure.ts';
import { logged } from './io/log.ts';
import type { Parts } from './parts.ts';
import type { Callback, Platform } from './platforms/platform.ts';
import { advance } from './receipts/advance.ts';
import { outcomeOf } from './receipts/answering.ts';
import { calling, isOwed, told, untellable, untold, wasGivenUp } from './receipts/calling-back.ts';
import { forgets, type Receipt } from './receipts/receipt.ts';
import type { KeptWithPins } from './receipts/store.ts';

/** Longest that one call may take, in milliseconds. */
const callMs = 10_000;

/** The part of a claim in which calls may begin: the last one, and writing it down, end before the claim does. */
const beginningShare = 1 / 2;

/** A minute, doubled with every try, up to six hours. */
const firstStepMs = 60_000;
const longestStepMs = 6 * 3_600_000;

/**
 * Tells the platform of one closed receipt how it ended, if that is due. What was owed is kept until every target has
 * taken it or it is given up; then it is forgotten. No call but the first begins after `sweepEnds` (epoch ms). Returns
 * whether every target has taken it by now.
 */
export async function callBack(id: string, parts: Parts, sweepEnds: number): Promise<boolean> {
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
  const beginUntil = Math.min(parts.now() + parts.times.claimMs * beginningShare, sweepEnds);
  const deliveries = await deliverAll(receipt, callbacks, platform, beginUntil, parts);
  return record(receipt, callbacks.length, deliveries, parts);
}

/**
 * A platform that settings no longer hold cannot be told, and neither can one whose secret is not usable (that is logged
 * with its alarm): each of its targets has had a failed try, since both may be mended.
 */
async function callbacksOf(receipt: Receipt, kept: KeptWithPins, platform: Platform | undefined, parts: Parts) {
  const none = kept.callbacks.map(() => undefined);
  if (platform === undefined) return none;
  const { reference, scope, callbacks } = kept;
  const outcome = outcomeOf(receipt, parts.now());
  const secret = () => parts.readSecret(`erasure/platform/${receipt.platform}`);
  const told = { reference, scope, receiptId: receipt.id, outcome, callbacks };
  try {
    return await platform.notify(told, { secret, now: parts.now });
  } catch (error) {
    parts.log({ event: 'call-back', platform: receipt.platform, receipt: receipt.id, ...logged(failureOf(error)) });
    return none;
  }
}

type Deliveries = ReadonlyMap<number, Delivery>;

/** Where to tell it is lost, so somebody who was to be told never is. */
async function giveUp(receipt: Receipt, parts: Parts): Promise<false> {
  const { done } = await advance(parts.store, receipt, standing => untellable(standing, parts.now()));
  if (done) parts.log({ event: 'alarm', alarm: 'callback-given-up', platform: receipt.platform, receipt: receipt.id });
  return false;
}

/**
 * One after the other, only to the targets that have neither taken nor refused it yet. Each try begins with another one,
 * so that slow targets never keep the others from their turn; who gets none in this try is asked later.
 */
async function deliverAll(
  receipt: Receipt,
  callbacks: readonly (Callback | undefined)[],
  platform: Platform | undefined,
  beginUntil: number,
  parts: Parts,
): Promise<Deliveries> {
  const { sendCallback: send, now } = parts;
  const { tries, delivered, refused } = receipt.callBack ?? untold;
  const answered = new Set([...delivered, ...refused]);
  const open = [...callbacks.entries()].filter(([index]) => !answered.has(index));
  const first = tries % Math.max(1, open.length);
  const deliveries = new Map<number, Delivery>();
  for (const [index, callback] of [...open.slice(first), ...open.slice(0, first)]) {
    const isItsTurn = callback !== undefined && (deliveries.size === 0 || now() <= beginUntil);
    const post = { send, origins: platform?.callbackOrigins ?? [], now, until: now() + callMs };
    deliveries.set(index, isItsTurn ? await deliver(callback, post) : { kind: 'later' });
  }
  return deliveries;
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
