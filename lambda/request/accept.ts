import { type PauseScope, type Pauses, pause, readStops, type Stops } from '../control/pauses.ts';
import type { ErasureRequest } from '../domain/erasure.ts';
import { Failure } from '../domain/failure.ts';
import { isAllowedOrigin } from '../domain/http.ts';
import { countLookUpCalls, kindsNotLookedUp } from '../domain/identifiers.ts';
import { clientsFor, releaseFirstCalls, reserveFirstCalls } from '../erasure/attempt.ts';
import type { ProjectClients } from '../erasure/erase-in-project.ts';
import type { Authentication, Platform } from '../platforms/platform.ts';
import { createReceipt, type Decision, isFinal, type Receipt } from '../receipts/receipt.ts';
import type { PersonalData } from '../receipts/store.ts';
import type { Services } from '../services.ts';

/** A verified erasure request and the platform that sent it. */
export interface VerifiedRequest {
  readonly platformName: string;
  readonly platform: Platform;
  readonly authentication: Authentication;
  readonly erasure: ErasureRequest;
  /** By the gateway's clock, which decides who existed when the request arrived. */
  readonly receivedAt: number;
  /** By this process's clock, which also times the attempts. */
  readonly startedAt: number;
  /** Set if an operator made this request by hand. */
  readonly decision?: Decision;
  /** Set if an operator decided that this delivery opens a new request: the decision and the new request's number. */
  readonly newRequest?: { readonly number: number; readonly decision: Decision };
}

export interface AcceptedRequest {
  readonly receipt: Receipt;
  readonly personalData: PersonalData;
  /** Whether this request is new. False if its receipt existed before. */
  readonly isNew: boolean;
  /**
   * Whether the request path may attempt the erasure itself: the platform expects the result, nothing delays the receipt,
   * it is new, and the pauses were read and do not cover it.
   */
  readonly mayAttempt: boolean;
  /** Pauses and legal holds as read while the receipt was stored; `undefined` if they are unavailable. */
  readonly stops: Stops | undefined;
  readonly clients: ProjectClients;
  /** When the attempt must end, in epoch milliseconds. */
  readonly until: number;
  /** Whether the first calls of the clients were requested from the rate limiter while the receipt was stored. */
  readonly wasReserving: boolean;
}

/** The part of the answer budget that is reserved for storing the result. */
const storingShare = 1 / 8;

/** Returns when the attempt of the request path must end, in epoch milliseconds. */
export function attemptUntil({ startedAt }: VerifiedRequest, { settings }: Services): number {
  return startedAt + settings.limits.answerBudgetMs * (1 - storingShare);
}

/** If the request path records no result, the sweep attempts the receipt this long after the answer budget, in milliseconds. */
const graceMs = 7000;

/**
 * Stores the receipt and the personal data before the reply and before any call to Voucherify. For a repeated request it
 * returns the existing receipt. Throws `conflict` if the same request id was used with other identities, and
 * `unavailable` if the store fails.
 */
export async function accept(request: VerifiedRequest, services: Services): Promise<AcceptedRequest> {
  const callbacks = allowedCallbacks(request, services);
  const { reference, scope, identifiers } = request.erasure;
  const personalData = { reference, scope, identifiers, callbacks };
  const delayMs = delaySecondsOf(request.platform, services) * 1000;
  const attemptsNow = request.platform.responseMode === 'result' && delayMs === 0;
  const receipt = await buildReceipt(request, { hasCallbacks: callbacks.length > 0, delayMs, attemptsNow }, services);
  const clients = clientsFor(receipt, { fresh: true }, services);
  const until = attemptUntil(request, services);
  const wasReserving = attemptsNow && reservesWhileStoring(receipt, services);
  const [{ receipt: current, stored: isNew }, stops] = await Promise.all([
    services.store.accept(receipt, personalData),
    readStopsFor(receipt, services),
    wasReserving ? reserveFirstCalls(receipt, clients, until) : undefined,
  ]);
  const mayAttempt = attemptsNow && isNew && stops?.paused.size === 0;
  if (!mayAttempt) await releaseFirstCalls(clients);
  if (current.payloadHmac !== receipt.payloadHmac) {
    throw new Failure('conflict', 'this request id was used before with other identities', {
      alarm: 'payload-mismatch',
    });
  }
  if (current.newRequest !== undefined) return accept(asNewRequest(request, current.newRequest), services);
  const { log } = services;
  // The same bytes may be a second genuine request, or a replay. If the delivery ids differ, or only one delivery has one,
  // an operator must decide.
  if (!isNew && isFinal(current.state) && current.deliveryHmac !== receipt.deliveryHmac) {
    log({ event: 'alarm', alarm: 'repeated-redaction', platform: current.platform, receipt: current.id });
  }
  log({
    event: 'accepted',
    platform: request.platformName,
    receipt: receipt.id,
    code: isNew ? 'stored' : 'repeated',
  });
  const attemptable = { mayAttempt, stops, clients, until, wasReserving };
  return { receipt: current, personalData, isNew, ...attemptable };
}

/** Returns how long an erasure waits before anything is looked up: the platform's own setting, or that of all. */
export function delaySecondsOf(platform: Platform | undefined, { settings }: Services): number {
  return platform?.delaySeconds ?? settings.limits.delaySeconds;
}

/**
 * Returns whether the first calls are reserved while the receipt is stored, to save time. A project with OAuth may need a
 * token first, and no call to Voucherify is made before the receipt is stored.
 */
export function reservesWhileStoring({ projects }: Receipt, { settings }: Services): boolean {
  return Object.keys(projects).every(name => settings.projects[name]?.auth !== 'oauth');
}

/** Returns the delivery as the new request that an operator decided on: with a numbered reference and the decision's time. */
function asNewRequest(request: VerifiedRequest, decision: Decision): VerifiedRequest {
  const { newRequest: { number: last } = { number: 0 }, erasure } = request;
  const number = last + 1;
  const reference = `${erasure.reference.replace(/#\d+$/, '')}#${number}`;
  return { ...request, erasure: { ...erasure, reference, submittedAt: decision.at }, newRequest: { number, decision } };
}

async function buildReceipt(
  request: VerifiedRequest,
  { hasCallbacks, delayMs, attemptsNow }: { hasCallbacks: boolean; delayMs: number; attemptsNow: boolean },
  services: Services,
): Promise<Receipt> {
  const { erasure, platform, platformName, authentication, receivedAt, startedAt, newRequest } = request;
  const { decision = newRequest?.decision } = request;
  const { answerBudgetMs } = services.settings.limits;
  const unfinishedReply =
    platform.sendsAgain?.(hasCallbacks) === true ? ('send-again' as const) : ('in-progress' as const);
  const notLookedUp = kindsNotLookedUp(erasure.identifiers);
  const lookUpCalls = countLookUpCalls(erasure.identifiers);
  const hmacs = await services.pseudonymizer();
  const facts = {
    id: hmacs.receipt(platformName, erasure.scope, erasure.reference),
    platform: platformName,
    // Only a reference that cannot be personal data is stored in clear.
    ...(uuid.test(erasure.reference) ? { reference: erasure.reference } : {}),
    payloadHmac: hmacs.payload(erasure.identities),
    ...(erasure.deliveryId === undefined ? {} : { deliveryHmac: hmacs.delivery(platformName, erasure.deliveryId) }),
    subjectHmacs: [...new Set(erasure.identifiers.filter(({ value }) => value !== '').map(hmacs.subject))],
    lookUpCalls,
    ...(notLookedUp.length === 0 ? {} : { notLookedUp }),
    authentication: { scheme: authentication.scheme, secret: authentication.secret },
    receivedAt,
    ...plausibleTimes(erasure, receivedAt),
    hasCallbacks,
    ...(decision === undefined ? {} : { decisions: [decision] }),
    ...(delayMs === 0 ? {} : { delayedUntil: startedAt + delayMs }),
    // The outcome replaces this if it is known in time for the reply.
    ...(platform.responseMode === 'result' ? { firstReply: { at: receivedAt, as: unfinishedReply } } : {}),
  };
  const attemptAt = startedAt + (attemptsNow ? answerBudgetMs + graceMs : delayMs);
  const projects = platform.projects ?? Object.keys(services.settings.projects);
  return createReceipt(facts, projects, { attemptAt, attemptFollows: attemptsNow });
}

/** An earlier time is not plausible: a zero value (year 1 in Go and .NET, else 1970), or seconds read as milliseconds. */
const earliestRequest = Date.UTC(2015, 0, 1);

/** A due time further ahead, in milliseconds, is not plausible: milliseconds read as seconds. No law allows as much. */
const latestDueMs = 366 * 86_400_000;

/**
 * Returns the times for the receipt. The arrival time replaces an implausible submission time, for the created-after
 * guard. An implausible due time is left out: the legal default of one month applies.
 */
function plausibleTimes({ submittedAt = 0, dueAt = 0 }: ErasureRequest, receivedAt: number) {
  return {
    submittedAt: submittedAt < earliestRequest ? receivedAt : Math.min(receivedAt, submittedAt),
    ...(dueAt < receivedAt || dueAt > receivedAt + latestDueMs ? {} : { dueAt }),
  };
}

/** The number of callbacks for one request. A claim has no time for more. */
const maxCallbacks = 10;

/** Drops callbacks to an origin that is not in settings and those over {@link maxCallbacks}, with an alarm for each rule. */
function allowedCallbacks(
  { erasure, platform, platformName }: VerifiedRequest,
  { log }: Services,
): PersonalData['callbacks'] {
  const allowed = erasure.callbacks.filter(({ url }) => isAllowedOrigin(url, platform.callbackOrigins));
  if (allowed.length < erasure.callbacks.length) {
    log({ event: 'alarm', alarm: 'callback-origin-refused', platform: platformName });
  }
  if (allowed.length > maxCallbacks) log({ event: 'alarm', alarm: 'callbacks-dropped', platform: platformName });
  return allowed.slice(0, maxCallbacks);
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const hourMs = 3_600_000;

/** Reads what may stop a receipt. Never throws. Returns `undefined` if it is unavailable. */
export function readStopsFor(receipt: Receipt, { control, now }: Services): Promise<Stops | undefined> {
  return readStops(receipt, control, now()).catch(() => undefined);
}

/**
 * Counts a new receipt and returns whether it may be attempted now: no pause covers it, and its platform has not sent more
 * than `requestsPerHour` in this clock hour. One request more pauses the platform: its secret may be in the wrong hands,
 * and an operator must check before a mass deletion. Fails closed if the store is unavailable.
 */
export async function countAndAdmit(
  { platform }: Receipt,
  pauses: Pauses | undefined,
  services: Services,
): Promise<boolean> {
  const scope: PauseScope = `platform:${platform}`;
  const { control, log } = services;
  const now = services.now();
  try {
    const inThisHour = await countRequest(platform, now, control);
    if (pauses === undefined || pauses.paused.size > 0) return false;
    // After an operator resumed the platform in this hour, only the requests since then count.
    const resumedAt = pauses.resumedAt.get(scope) ?? 0;
    const count =
      hourOf(resumedAt) === hourOf(now) ? await countRequest(platform, now, control, resumedAt) : inThisHour;
    if (count <= services.settings.limits.requestsPerHour) return true;
    const why = { actor: 'request-limit', reason: 'more requests in an hour than requestsPerHour', at: now };
    if (await pause(scope, why, control)) log({ event: 'alarm', alarm: 'platform-paused', platform });
    return false;
  } catch {
    return false;
  }
}

/** Counts one request and returns the count of this clock hour, or of the part of it since `from`. */
function countRequest(platform: string, now: number, control: Services['control'], from = 0): Promise<number> {
  const expiresAt = Math.ceil((now + 48 * hourMs) / 1000);
  const part = from === 0 ? '' : `#${from}`;
  return control.count(`request-count#${platform}#${hourOf(now)}${part}`, expiresAt);
}

function hourOf(at: number): number {
  return Math.floor(at / hourMs);
}
