import { TokenFailure } from '../authentication/access-token.ts';
import { failureOf } from '../domain/failure.ts';
import { isAllowedOrigin } from '../domain/http.ts';
import { platformSecretName } from '../domain/names.ts';
import { type HttpResult, retryAfterMs, type Send } from '../io/http-client.ts';
import { failureFields } from '../io/log.ts';
import type { CallbackRequest, Platform } from '../platforms/platform.ts';
import {
  abandonCallbacks,
  claimCallback,
  deleteUnneeded,
  isCallbackDue,
  isVerificationDue,
  needsNoPersonalData,
  noCallbackYet,
  recordCallback,
  wasCallbackGivenUp,
} from '../receipts/closing.ts';
import { outcomeOf, type Receipt } from '../receipts/receipt.ts';
import { type PersonalDataWithPins, updateReceipt } from '../receipts/store.ts';
import type { Services } from '../services.ts';

/** Timeout of one call, in milliseconds. */
const callMs = 10_000;

/** Calls may start in this share of a claim, so that the last one is recorded before the claim expires. */
const startShare = 1 / 2;

/** The backoff: one minute, doubled with every try, up to six hours. */
const firstDelayMs = 60_000;
const maxDelayMs = 6 * 3_600_000;

/**
 * Sends the outcome of one closed receipt to its platform, if that is due. The personal data is deleted when every target
 * has accepted the callback or it is given up. Only the first call may start after `sweepEnds` (epoch ms). Returns
 * `delivered` if every target has accepted it, and `verify` if no callback is due, but the verification is.
 */
export async function deliverCallbacks(
  id: string,
  services: Services,
  sweepEnds: number,
): Promise<'delivered' | 'verify' | 'nothing'> {
  const due = await services.store.read(id);
  if (due === undefined) return 'nothing';
  if (!isCallbackDue(due, services.now())) return isVerificationDue(due, services.now()) ? 'verify' : 'nothing';
  const until = services.now() + services.times.claimMs;
  const claim = await updateReceipt(services.store, due, current => claimCallback(current, services.now(), until));
  if (!claim.done) return 'nothing';
  const { receipt } = claim;
  const personalData = await services.store.readPersonalData(id);
  const platform = services.platforms.get(receipt.platform);
  if (personalData === undefined) return giveUp(receipt, services);
  const callbacks = await buildCallbacks(receipt, personalData, platform, services);
  const beginUntil = Math.min(services.now() + services.times.claimMs * startShare, sweepEnds);
  const deliveries = await deliverAll(receipt, callbacks, platform, beginUntil, services);
  return (await record(receipt, callbacks.length, deliveries, services)) ? 'delivered' : 'nothing';
}

/**
 * Builds the callbacks. For a platform that is no longer in settings, or whose secret is unusable (logged with its alarm),
 * every entry is `undefined` and counts as a failed try: an operator can fix both.
 */
async function buildCallbacks(
  receipt: Receipt,
  personalData: PersonalDataWithPins,
  platform: Platform | undefined,
  services: Services,
) {
  const none = personalData.callbacks.map(() => undefined);
  if (platform === undefined) return none;
  const { reference, scope, callbacks } = personalData;
  const outcome = outcomeOf(receipt, services.now());
  const secret = () => services.readSecret(platformSecretName(receipt.platform));
  const notice = { reference, scope, receiptId: receipt.id, outcome, receivedAt: receipt.receivedAt, callbacks };
  try {
    return await platform.buildCallbacks(notice, { secret, now: services.now, sendPublic: services.sendCallback });
  } catch (error) {
    services.log({
      event: 'callback',
      platform: receipt.platform,
      receipt: receipt.id,
      ...failureFields(failureOf(error)),
      ...(error instanceof TokenFailure ? { code: error.reason } : {}),
    });
    return none;
  }
}

type Deliveries = ReadonlyMap<number, CallbackDelivery>;

/** Gives up because the addresses are missing: the platform never receives the outcome. */
async function giveUp(receipt: Receipt, services: Services): Promise<'nothing'> {
  const { done } = await updateReceipt(services.store, receipt, current => abandonCallbacks(current, services.now()));
  if (done)
    services.log({ event: 'alarm', alarm: 'callback-abandoned', platform: receipt.platform, receipt: receipt.id });
  return 'nothing';
}

/**
 * Calls the targets one after the other, except those that have accepted or refused. Each round starts with another
 * target, so that slow targets do not block the others; targets without a call in this round are retried later.
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
  const finished = new Set([...delivered, ...refused]);
  const open = [...callbacks.entries()].filter(([index]) => !finished.has(index));
  const first = tries % Math.max(1, open.length);
  const deliveries = new Map<number, CallbackDelivery>();
  for (const [index, callback] of [...open.slice(first), ...open.slice(0, first)]) {
    const maySend = callback !== undefined && (deliveries.size === 0 || now() <= beginUntil);
    const post = { send, origins: platform?.callbackOrigins ?? [], now, until: now() + callMs };
    deliveries.set(index, maySend ? await sendCallback(callback, post) : { kind: 'retry' });
  }
  return deliveries;
}

async function record(receipt: Receipt, targets: number, deliveries: Deliveries, services: Services): Promise<boolean> {
  const of = (kind: CallbackDelivery['kind']) =>
    [...deliveries].flatMap(([index, one]) => (one.kind === kind ? [index] : []));
  const notBefore = [...deliveries.values()].flatMap(one => (one.kind === 'retry' ? (one.notBefore ?? []) : []));
  const retryAt = Math.max(services.now() + backoffMs(receipt, services), ...notBefore);
  const change = { now: services.now(), targets, delivered: of('delivered'), refused: of('refused'), retryAt };
  const { receipt: next, done } = await updateReceipt(
    services.store,
    receipt,
    current => recordCallback(current, change),
    next => (needsNoPersonalData(next) ? deleteUnneeded(next, undefined) : {}),
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

/** Returns the delay before the next round: half of the step, plus a random part of the other half. */
function backoffMs({ callbackState }: Receipt, { random }: Services): number {
  const step = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(callbackState?.tries ?? 0, 20));
  return Math.floor(step / 2 + (random() * step) / 2);
}

/** The result for one target. `retry` may name the earliest time of the next try, in epoch milliseconds. */
export type CallbackDelivery =
  | { readonly kind: 'delivered' | 'refused' }
  | { readonly kind: 'retry'; readonly notBefore?: number };

export interface SendCallbackOptions {
  /** Sends only to checked addresses, follows no redirect, and reads little of the response. */
  readonly send: Send;
  readonly origins: readonly string[];
  readonly now: () => number;
  readonly until: number;
}

/** Sends one callback. Delivery is at least once: a lost response leads to a retry. Never throws. */
export async function sendCallback(
  callback: CallbackRequest,
  { send, origins, now, until }: SendCallbackOptions,
): Promise<CallbackDelivery> {
  // The allowed origins in settings may have changed since the request was accepted.
  if (!isAllowedOrigin(callback.url, origins)) return { kind: 'refused' };
  const { method, url, headers, body } = callback;
  const allHeaders = { ...endToEndHeaders(headers), 'Content-Length': String(Buffer.byteLength(body)) };
  const call = { method, url: new URL(url), headers: allHeaders, body, until, repeatable: true };
  const result = await send(call);
  if (result.kind === 'response' && result.status === 401) callback.dropToken?.();
  return readDelivery(result, callback, now());
}

/** Headers that a request may not set: `Host` alone could bypass the origin check (RFC 9110). */
const connectionHeaders: readonly string[] = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

function endToEndHeaders(headers: CallbackRequest['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !connectionHeaders.includes(name.toLowerCase())),
  );
}

/** 2xx means delivered, 404 and 410 mean that the target does not exist, everything else is retried. */
function readDelivery(
  result: HttpResult,
  { alsoDelivered, alsoRefused = [] }: CallbackRequest,
  now: number,
): CallbackDelivery {
  if (result.kind === 'no-response') return { kind: 'retry' };
  const { status } = result;
  if ((status >= 200 && status < 300) || alsoDelivered.includes(status)) return { kind: 'delivered' };
  if (status === 404 || status === 410 || alsoRefused.includes(status)) return { kind: 'refused' };
  const waitMs = retryAfterMs(result);
  return waitMs === undefined ? { kind: 'retry' } : { kind: 'retry', notBefore: now + waitMs };
}
