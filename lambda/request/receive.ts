import { Failure, failureOf } from '../domain/failure.ts';
import type { HttpReply, HttpRequest } from '../domain/http.ts';
import { namePattern, platformSecretName } from '../domain/names.ts';
import { type AttemptOutcome, attempt, clientsFor, reserveFirstCalls } from '../erasure/attempt.ts';
import { failureFields, type LogLine } from '../io/log.ts';
import { type ErasureResult, type ParsedRequest, type Platform, plainErrorReply } from '../platforms/platform.ts';
import { isFinal, markAnsweredInProgress, outcomeOf } from '../receipts/receipt.ts';
import { updateReceipt } from '../receipts/update.ts';
import type { Services } from '../services.ts';
import { lookUpCalls } from '../voucherify/find-customers.ts';
import { type AcceptedRequest, accept, type VerifiedRequest } from './accept.ts';
import { isWithinLimit } from './request-limit.ts';

/** Kept free at the end of the answer budget for writing the result down: an eighth of it. */
const writingShare = 1 / 8;

/**
 * The request line: platform, verify, read, accept, attempt, answer. Throws a `Failure`; nothing is looked up or
 * written before the caller is proved genuine, and nothing is answered with 2xx before a receipt is stored.
 */
export async function receive(request: HttpRequest, services: Services): Promise<HttpReply> {
  const receivedAt = services.now();
  const { name, platform } = platformOf(request, services.platforms);
  const secret = () => services.readSecret(platformSecretName(name));
  const authentication = await platform.verify(request, { secret, now: services.now, send: services.send });
  try {
    const reading = platform.parse(request, authentication);
    const caller = { platformName: name, platform, authentication, receivedAt };
    return platform.reply(request, reading, await processParsed(reading, caller, services));
  } catch (error) {
    throw failureOf(error).afterVerification();
  }
}

/** A refusal in the form of the platform that the path names, else in our own plain one; logged. Never throws. */
export function errorReply(request: HttpRequest, failure: Failure, services: Services): HttpReply {
  const platform = services.platforms.get(platformName(request));
  const named = platform === undefined ? {} : { platform: platformName(request) };
  services.log({
    event: 'refused',
    ...named,
    ...failureFields(failure),
    ...turnedAway(failure),
    status: failure.status,
  });
  return platform?.errorReply(request, failure) ?? plainErrorReply(failure);
}

/**
 * The alarm for a genuine request that is turned away for good: nobody would hear of it otherwise. The rule is the
 * failure's message, which never holds a value from outside. What is answered 5xx comes again, but 501.
 */
function turnedAway({ status, code, verified, alarm, message }: Failure): Pick<LogLine, 'alarm' | 'rule'> {
  const isFinal = status < 500 || code === 'unimplemented';
  if (!isFinal || (alarm === undefined && !verified)) return {};
  return { alarm: alarm ?? 'request-refused', rule: message };
}

/** A platform, or a platform and the reference of an earlier request; nothing else is reachable. */
const route = new RegExp(`/webhooks/(${namePattern})(/[^/]+)?$`);

/** Throws `not-found` for what is not a platform of ours, and `method-not-allowed` for another method than its route's. */
function platformOf(request: HttpRequest, platforms: Services['platforms']): { name: string; platform: Platform } {
  const name = platformName(request);
  const platform = platforms.get(name);
  const asksStatus = route.exec(request.path)?.[2] !== undefined;
  if (platform === undefined || (asksStatus && platform.hasStatusRoute === undefined)) {
    throw new Failure('not-found', 'path: no such platform');
  }
  const served = asksStatus ? 'GET' : 'POST';
  if (request.method === served) return { name, platform };
  throw new Failure('method-not-allowed', `method: only ${served} is served here`, { headers: { Allow: served } });
}

/** The platform that a path names; empty when it names none. */
function platformName({ path }: HttpRequest): string {
  return route.exec(path)?.[1] ?? '';
}

type Caller = Omit<VerifiedRequest, 'erasure'>;

/** Erasures of one request that are stored at once: an array of a few hundred must not flood the store. */
const atOnce = 25;

/** Gives an answer only when every erasure that was read is stored; what was stored before a failure is the sweep's. */
async function processParsed(
  reading: ParsedRequest,
  caller: Caller,
  services: Services,
): Promise<readonly ErasureResult[]> {
  if ('status' in reading) return readStatus(reading.status, caller, services);
  if (!('erase' in reading)) return [];
  const answered: ErasureResult[] = [];
  for (let first = 0; first < reading.erase.length; first += atOnce) {
    const some = reading.erase.slice(first, first + atOnce);
    answered.push(...(await Promise.all(some.map(erasure => processErasure({ ...caller, erasure }, services)))));
  }
  return answered;
}

/** Throws `not-found` for a request that this platform never made. */
async function readStatus(
  asked: StatusAsked,
  { platformName }: Caller,
  services: Services,
): Promise<readonly ErasureResult[]> {
  const hmacs = await services.pseudonymizer();
  const receipt = await services.store.read(hmacs.receipt(platformName, asked.scope, asked.reference));
  if (receipt === undefined) throw new Failure('not-found', 'path: no such request');
  const outcome = outcomeOf(receipt, services.now());
  return [{ reference: asked.reference, receiptId: receipt.id, outcome, callbackFollows: receipt.hasCallbacks }];
}

type StatusAsked = Extract<ParsedRequest, { status: unknown }>['status'];

/** An unfinished erasure is marked before the platform is told so: from then on it is owed a callback. */
async function processErasure(asked: VerifiedRequest, services: Services): Promise<ErasureResult> {
  const accepted = await accept(asked, services);
  const { receipt, outcome } = await attemptIfNew(accepted, asked, services);
  const answered = { reference: asked.erasure.reference, receiptId: receipt.id, callbackFollows: receipt.hasCallbacks };
  if (isFinal(receipt.state) || !receipt.hasCallbacks) return { ...answered, outcome };
  const marked = await updateReceipt(services.store, receipt, markAnsweredInProgress);
  return { ...answered, outcome: outcomeOf(marked.receipt, services.now()) };
}

/** Only a receipt that was stored just now is attempted here; what stood before is the sweep's. */
async function attemptIfNew(
  accepted: AcceptedRequest,
  asked: VerifiedRequest,
  services: Services,
): Promise<AttemptOutcome> {
  const { receipt, personalData, stored, attempts, pauses } = accepted;
  const standing = { receipt, outcome: outcomeOf(receipt, services.now()) };
  if (!stored) return standing;
  const until = asked.receivedAt + services.settings.limits.answerBudgetMs * (1 - writingShare);
  const clientFor = clientsFor(receipt, true, services);
  const work = {
    receipt,
    personalData: { ...personalData, pins: {}, lookUps: {} },
    until,
    clientFor,
    repliesNow: true,
    callbackOnlyOutcomes: asked.platform.callbackOnlyOutcomes ?? [],
  };
  // What the first answer waits for is written at once: a place for the look-ups, and one more in this hour's count.
  // Nobody who is held takes a place from the others.
  const free = attempts && pauses?.paused.size === 0;
  const admitted = free
    ? reserveFirstCalls(receipt, clientFor, () => ({ calls: lookUpCalls(personalData.identifiers) + 1 }), until)
    : Promise.resolve();
  const proceeds = await isWithinLimit(receipt, pauses, services);
  await admitted;
  return attempts && proceeds ? attempt(work, services) : standing;
}
