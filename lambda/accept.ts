import { isAllowedOrigin } from './callbacks/allowed-origin.ts';
import type { ErasureRequest } from './erasure.ts';
import { Failure } from './failure.ts';
import { prefetchLimits } from './intake.ts';
import type { Services } from './parts.ts';
import type { Pauses } from './pause.ts';
import type { Authentication, Platform } from './platforms/platform.ts';
import { createReceipt, type Decision, isFinal, type Receipt } from './receipts/receipt.ts';
import type { PersonalData } from './receipts/store.ts';

/** A verified erasure request, and the platform that asked. */
export interface VerifiedRequest {
  readonly platformName: string;
  readonly platform: Platform;
  readonly authentication: Authentication;
  readonly erasure: ErasureRequest;
  readonly receivedAt: number;
  /** Set where an operator decided that this delivery opens a new request: the decision, and which new request it is. */
  readonly newRequest?: { readonly number: number; readonly decision: Decision };
}

export interface AcceptedRequest {
  readonly receipt: Receipt;
  readonly personalData: PersonalData;
  /** False for a request that was asked before. */
  readonly stored: boolean;
  /** Whether this line goes on to attempt it. */
  readonly attempts: boolean;
  /** As they stood while it was stored; absent when they could not be told. */
  readonly pauses: Pauses | undefined;
}

/** The sweep leaves a request line's own attempt this much time after its budget, in milliseconds. */
const grace = 7000;

/**
 * Stores the receipt, before anything is answered or done. Throws `conflict` when the same request id came with other
 * identities before, and `unavailable` when it cannot be stored.
 */
export async function accept(asked: VerifiedRequest, services: Services): Promise<AcceptedRequest> {
  const callbacks = allowedCallbacks(asked, services);
  const { reference, scope, identifiers } = asked.erasure;
  const kept = { reference, scope, identifiers, callbacks };
  const attempts = asked.platform.responseMode === 'result' && services.settings.limits.holdSeconds === 0;
  const receipt = await receiptFor(asked, callbacks.length > 0, attempts, services);
  const projects = Object.keys(receipt.projects);
  const stores = services.store.accept(receipt, kept);
  const [standing, pauses] = await Promise.all([stores, prefetchLimits(asked.platformName, projects, services)]);
  if (standing.receipt.payloadHmac !== receipt.payloadHmac) {
    throw new Failure('conflict', 'this request id was used before with other identities', {
      alarm: 'payload-mismatch',
    });
  }
  const { stored } = standing;
  const { newRequest } = standing.receipt;
  if (newRequest !== undefined) return accept(asNewRequest(asked, newRequest), services);
  if (!stored) reportRepeated(standing.receipt, receipt, services);
  services.log({
    event: 'accepted',
    platform: asked.platformName,
    receipt: receipt.id,
    code: stored ? 'stored' : 'repeated',
  });
  return { receipt: standing.receipt, personalData: kept, stored, attempts: attempts && stored, pauses };
}

/** The same delivery as the request that an operator decided on: its reference is numbered, its time is the decision's. */
function asNewRequest(asked: VerifiedRequest, decision: Decision): VerifiedRequest {
  const { newRequest: { number: last } = { number: 0 }, erasure } = asked;
  const number = last + 1;
  const reference = `${erasure.reference.replace(/#\d+$/, '')}#${number}`;
  return { ...asked, erasure: { ...erasure, reference, submittedAt: decision.at }, newRequest: { number, decision } };
}

/**
 * A genuine second request can have the same bytes as the first, and so can a replay. Unless the delivery id shows that
 * it is the delivery of the first request, sent again, an operator looks at it; a missing id shows nothing.
 */
function reportRepeated(standing: Receipt, { deliveryHmac }: Receipt, { log }: Services): void {
  if (!isFinal(standing.state) || standing.deliveryHmac === deliveryHmac) return;
  log({ event: 'alarm', alarm: 'repeated-redaction', platform: standing.platform, receipt: standing.id });
}

async function receiptFor(
  asked: VerifiedRequest,
  hasCallbacks: boolean,
  attempts: boolean,
  services: Services,
): Promise<Receipt> {
  const { erasure, platformName, authentication, receivedAt, newRequest } = asked;
  const hmacs = await services.pseudonymizer();
  const { answerBudgetMs, holdSeconds } = services.settings.limits;
  const facts = {
    id: hmacs.receipt(platformName, erasure.scope, erasure.reference),
    platform: platformName,
    ...(isUuid(erasure.reference) ? { reference: erasure.reference } : {}),
    payloadHmac: hmacs.payload(erasure.identities),
    ...(erasure.deliveryId === undefined ? {} : { deliveryHmac: hmacs.delivery(platformName, erasure.deliveryId) }),
    subjectHmacs: [...new Set(erasure.identifiers.filter(({ value }) => value !== '').map(hmacs.subject))],
    authentication: { scheme: authentication.scheme, secret: authentication.secret },
    receivedAt,
    ...plausibleTimes(erasure, receivedAt),
    hasCallbacks,
    ...(newRequest === undefined ? {} : { decisions: [newRequest.decision] }),
    // Until the outcome takes its place: whoever waits for a result is answered that there is none yet.
    ...(asked.platform.responseMode === 'result' ? { firstReply: { at: receivedAt, as: 'in-progress' as const } } : {}),
  };
  const attemptAt = receivedAt + (attempts ? answerBudgetMs + grace : holdSeconds * 1000);
  const projects = asked.platform.projects ?? Object.keys(services.settings.projects);
  return createReceipt(facts, projects, { attemptAt, attemptFollows: attempts });
}

/** No request is older: zero times (year 1 in Go and .NET, 1970 elsewhere) and seconds read as milliseconds are. */
const earliestRequest = Date.UTC(2015, 0, 1);

/**
 * The times that the receipt keeps: an implausible one is missing, so that the time of receipt takes its place in the
 * created-after guard, and the legal month that of the due time.
 */
function plausibleTimes({ submittedAt = 0, dueAt = 0 }: ErasureRequest, receivedAt: number) {
  return {
    submittedAt: submittedAt < earliestRequest ? receivedAt : Math.min(receivedAt, submittedAt),
    ...(dueAt < receivedAt ? {} : { dueAt }),
  };
}

/** More callbacks of one request would be a flood of calls, and a claim has not the time for them. */
const mostCallbacks = 10;

/** Drops callbacks to an origin that settings do not list, and those over {@link mostCallbacks}; each with an alarm. */
function allowedCallbacks(
  { erasure, platform, platformName }: VerifiedRequest,
  { log }: Services,
): PersonalData['callbacks'] {
  const allowed = erasure.callbacks.filter(({ url }) => isAllowedOrigin(url, platform.callbackOrigins));
  if (allowed.length < erasure.callbacks.length) {
    log({ event: 'alarm', alarm: 'callback-origin-refused', platform: platformName });
  }
  if (allowed.length > mostCallbacks) log({ event: 'alarm', alarm: 'callbacks-dropped', platform: platformName });
  return allowed.slice(0, mostCallbacks);
}

/** Only an id that cannot be personal is kept in clear. */
function isUuid(reference: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(reference);
}
