import { failureOf } from '../domain/failure.ts';
import { platformSecretName } from '../domain/names.ts';
import { failureFields } from '../io/log.ts';
import type { CallbackRequest, Platform } from '../platforms/platform.ts';
import {
  abandonCallbacks,
  claimCallback,
  isCallbackDue,
  noCallbackYet,
  recordCallback,
  wasCallbackGivenUp,
} from '../receipts/callback-state.ts';
import { needsNoPersonalData, outcomeOf, type Receipt } from '../receipts/receipt.ts';
import type { PersonalDataWithPins } from '../receipts/store.ts';
import { updateReceipt } from '../receipts/update.ts';
import type { Services } from '../services.ts';
import { type CallbackDelivery, sendCallback } from './send-callback.ts';

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
export async function deliverCallbacks(id: string, services: Services, sweepEnds: number): Promise<boolean> {
  const owed = await services.store.read(id);
  if (owed === undefined || !isCallbackDue(owed, services.now())) return false;
  const until = services.now() + services.times.claimMs;
  const claim = await updateReceipt(services.store, owed, standing => claimCallback(standing, services.now(), until));
  if (!claim.done) return false;
  const { receipt } = claim;
  const kept = await services.store.readPersonalData(id);
  const platform = services.platforms.get(receipt.platform);
  if (kept === undefined) return giveUp(receipt, services);
  const callbacks = await callbacksOf(receipt, kept, platform, services);
  const beginUntil = Math.min(services.now() + services.times.claimMs * beginningShare, sweepEnds);
  const deliveries = await deliverAll(receipt, callbacks, platform, beginUntil, services);
  return record(receipt, callbacks.length, deliveries, services);
}

/**
 * A platform that settings no longer hold cannot be told, and neither can one whose secret is not usable (that is logged
 * with its alarm): each of its targets has had a failed try, since both may be mended.
 */
async function callbacksOf(
  receipt: Receipt,
  kept: PersonalDataWithPins,
  platform: Platform | undefined,
  services: Services,
) {
  const none = kept.callbacks.map(() => undefined);
  if (platform === undefined) return none;
  const { reference, scope, callbacks } = kept;
  const outcome = outcomeOf(receipt, services.now());
  const secret = () => services.readSecret(platformSecretName(receipt.platform));
  const told = { reference, scope, receiptId: receipt.id, outcome, callbacks };
  try {
    return await platform.buildCallbacks(told, { secret, now: services.now });
  } catch (error) {
    services.log({
      event: 'callback',
      platform: receipt.platform,
      receipt: receipt.id,
      ...failureFields(failureOf(error)),
    });
    return none;
  }
}

type Deliveries = ReadonlyMap<number, CallbackDelivery>;

/** Where to tell it is lost, so somebody who was to be told never is. */
async function giveUp(receipt: Receipt, services: Services): Promise<false> {
  const { done } = await updateReceipt(services.store, receipt, standing => abandonCallbacks(standing, services.now()));
  if (done)
    services.log({ event: 'alarm', alarm: 'callback-abandoned', platform: receipt.platform, receipt: receipt.id });
  return false;
}

/**
 * One after the other, only to the targets that have neither taken nor refused it yet. Each try begins with another one,
 * so that slow targets never keep the others from their turn; who gets none in this try is asked later.
 */
async function deliverAll(
  receipt: Receipt,
  callbacks: readonly (CallbackRequest | undefined)[],
  platform: Platform | undefined,
  beginUntil: number,
  services: Services,
): Promise<Deliveries> {
  const { sendCallback: send, now } = services;
  const { tries, delivered, refused } = receipt.callbackState ?? noCallbackYet;
  const answered = new Set([...delivered, ...refused]);
  const open = [...callbacks.entries()].filter(([index]) => !answered.has(index));
  const first = tries % Math.max(1, open.length);
  const deliveries = new Map<number, CallbackDelivery>();
  for (const [index, callback] of [...open.slice(first), ...open.slice(0, first)]) {
    const isItsTurn = callback !== undefined && (deliveries.size === 0 || now() <= beginUntil);
    const post = { send, origins: platform?.callbackOrigins ?? [], now, until: now() + callMs };
    deliveries.set(index, isItsTurn ? await sendCallback(callback, post) : { kind: 'retry' });
  }
  return deliveries;
}

async function record(receipt: Receipt, targets: number, deliveries: Deliveries, services: Services): Promise<boolean> {
  const of = (kind: CallbackDelivery['kind']) =>
    [...deliveries].flatMap(([index, one]) => (one.kind === kind ? [index] : []));
  const asked = [...deliveries.values()].flatMap(one => (one.kind === 'retry' ? (one.notBefore ?? []) : []));
  const retryAt = Math.max(services.now() + stepMs(receipt, services), ...asked);
  const change = { now: services.now(), targets, delivered: of('delivered'), refused: of('refused'), retryAt };
  const { receipt: next, done } = await updateReceipt(
    services.store,
    receipt,
    standing => recordCallback(standing, change),
    standing => ({ deletePersonalData: needsNoPersonalData(standing) }),
  );
  const givenUp = wasCallbackGivenUp(next, targets);
  services.log({
    event: 'callback',
    platform: next.platform,
    receipt: next.id,
    code: next.callbackState?.endedAt === undefined ? 'retry' : 'ended',
  });
  if (done && givenUp)
    services.log({ event: 'alarm', alarm: 'callback-abandoned', platform: next.platform, receipt: next.id });
  return next.callbackState?.endedAt !== undefined && !givenUp;
}

/** Half of the step for certain, half of it by chance. */
function stepMs({ callbackState: before }: Receipt, { random }: Services): number {
  const step = Math.min(longestStepMs, firstStepMs * 2 ** Math.min(before?.tries ?? 0, 20));
  return Math.floor(step / 2 + (random() * step) / 2);
}
