import { isAllowedOrigin } from './callbacks/allowed-origin.ts';
import type { ErasureRequest } from './erasure.ts';
import { Failure } from './failure.ts';
import { lookAround } from './intake.ts';
import type { Parts } from './parts.ts';
import type { Pauses } from './pause.ts';
import type { Platform, Proof } from './platforms/platform.ts';
import { opened, type Receipt } from './receipts/receipt.ts';
import type { Kept } from './receipts/store.ts';

/** A verified erasure request, and the platform that asked. */
export interface Asked {
  readonly name: string;
  readonly platform: Platform;
  readonly proof: Proof;
  readonly erasure: ErasureRequest;
  readonly receivedAt: number;
}

export interface Accepted {
  readonly receipt: Receipt;
  readonly kept: Kept;
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
export async function accept(asked: Asked, parts: Parts): Promise<Accepted> {
  const callbacks = allowedCallbacks(asked, parts);
  const { reference, scope, identifiers } = asked.erasure;
  const kept = { reference, scope, identifiers, callbacks };
  const attempts = asked.platform.waits === 'result' && parts.settings.limits.holdSeconds === 0;
  const receipt = await receiptFor(asked, callbacks.length > 0, attempts, parts);
  const projects = Object.keys(receipt.projects);
  const stores = parts.store.accept(receipt, kept);
  const [standing, pauses] = await Promise.all([stores, lookAround(asked.name, projects, parts)]);
  if (standing.receipt.payloadMac !== receipt.payloadMac) {
    throw new Failure('conflict', 'this request id was used before with other identities', {
      alarm: 'payload-mismatch',
    });
  }
  const { stored } = standing;
  parts.log({ event: 'accepted', platform: asked.name, receipt: receipt.id, code: stored ? 'stored' : 'repeated' });
  return { receipt: standing.receipt, kept, stored, attempts: attempts && stored, pauses };
}

async function receiptFor(asked: Asked, hasCallbacks: boolean, attempts: boolean, parts: Parts): Promise<Receipt> {
  const { erasure, name, proof, receivedAt } = asked;
  const macs = await parts.macs();
  const { answerBudgetMs, holdSeconds } = parts.settings.limits;
  const facts = {
    id: macs.receipt(name, erasure.scope, erasure.reference),
    platform: name,
    ...(isUuid(erasure.reference) ? { reference: erasure.reference } : {}),
    payloadMac: macs.payload(erasure.identities),
    subjectMacs: [...new Set(erasure.identifiers.filter(({ value }) => value !== '').map(macs.subject))],
    authentication: { scheme: proof.scheme, secret: proof.secret },
    receivedAt,
    ...plausibleTimes(erasure, receivedAt),
    hasCallbacks,
    // Until the outcome takes its place: whoever waits for a result is answered that there is none yet.
    ...(asked.platform.waits === 'result' ? { firstAnswer: { at: receivedAt, as: 'in-progress' as const } } : {}),
  };
  const attemptAt = receivedAt + (attempts ? answerBudgetMs + grace : holdSeconds * 1000);
  const projects = asked.platform.projects ?? Object.keys(parts.settings.projects);
  return opened(facts, projects, { attemptAt, attemptFollows: attempts });
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

/** A callback to an origin that settings do not list is dropped, and a person is told. */
function allowedCallbacks({ erasure, platform, name }: Asked, { log }: Parts): Kept['callbacks'] {
  const allowed = erasure.callbacks.filter(({ url }) => isAllowedOrigin(url, platform.callbackOrigins));
  if (allowed.length < erasure.callbacks.length) {
    log({ event: 'alarm', alarm: 'callback-origin-refused', platform: name });
  }
  return allowed;
}

/** Only an id that cannot be personal is kept in clear. */
function isUuid(reference: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(reference);
}
