import type { ErasureRequest, Outcome } from '../domain/erasure.ts';
import { Failure, failureOf } from '../domain/failure.ts';
import { type HttpReply, type HttpRequest, rejectCompressed } from '../domain/http.ts';
import { namePattern, platformSecretName } from '../domain/names.ts';
import { attempt, reserveFirstCalls } from '../erasure/attempt.ts';
import { failureFields, type LogLine } from '../io/log.ts';
import { type ErasureResult, type ParsedRequest, type Platform, plainErrorReply } from '../platforms/platform.ts';
import { isFinal, markRepliedInProgress, outcomeOf, type Receipt } from '../receipts/receipt.ts';
import { updateReceipt } from '../receipts/store.ts';
import { decideWithdrawal } from '../receipts/transitions.ts';
import type { Services } from '../services.ts';
import { type AcceptedRequest, accept, countAndAdmit, type VerifiedRequest } from './accept.ts';

/**
 * Handles one HTTP request of a privacy platform:
 *
 * 1. Verify the caller. Nothing is looked up or written before that.
 * 2. Parse the body into erasure requests.
 * 3. Accept each request: store its receipt and its identifiers in one transaction. No 2xx reply is sent without it. If
 *    the store fails, the reply is 503, so that the platform sends the request again.
 * 4. Attempt a new erasure once, within the answer budget, if the platform expects the result in the reply
 *    (`responseMode` is `result`: Ketch, Transcend, most generic platforms) and no pause, delay or limit forbids it. Otherwise
 *    the sweep makes the first attempt: Shopify and Segment, for example, only get an acknowledgement.
 * 5. Reply in the format of the platform.
 *
 * While Voucherify is down, steps 1 to 3 work as usual. The attempt fails, times out, or makes no call because the
 * circuit breaker is open. The receipt then stays `open` with the time of its next attempt, and the platform gets what
 * its format has for an unfinished erasure: "in progress", the acknowledgement, or 503 if sending the request again is its
 * only way to learn the outcome (Ketch without callbacks). A repeated delivery makes no attempt. From there the
 * sweep (sweep/sweep.ts, every minute) retries with backoff until the outcome is final. It then sends the callbacks. Platforms without callbacks get the outcome only if they
 * request the status or send the request again; Shopify and Segment never get it.
 *
 * Throws a `Failure`, which {@link errorReply} turns into the reply.
 */
export async function receive(request: HttpRequest, services: Services): Promise<HttpReply> {
  const startedAt = services.now();
  const { name, platform } = findPlatform(request, services.platforms);
  const authentication = await platform.verify(request, {
    secret: () => services.readSecret(platformSecretName(name)),
    now: services.now,
    send: services.send,
    sendPublic: services.sendCallback,
  });
  try {
    rejectCompressed(request);
    const parsed = platform.parse(request);
    const { receivedAt = startedAt } = request;
    const caller = { platformName: name, platform, authentication, receivedAt, startedAt };
    const results = await processParsed(parsed, caller, services);
    logViolations(name, parsed, services);
    if (parsed.hasIgnored === true) await countIgnored(name, services);
    rejectUnknownWithdrawals(name, parsed, results, services);
    return parsed.reply(results);
  } catch (error) {
    // An authentic request that is rejected raises an alarm, see rejectionAlarm.
    throw failureOf(error).markVerified();
  }
}

/**
 * Raises an alarm for each rule that made entries of a list unreadable, and for a request that is carried out although it
 * violates a rule of the platform's contract.
 */
function logViolations(platform: string, parsed: ParsedRequest, { log }: Services): void {
  const { unreadable = [], violation }: { unreadable?: readonly string[]; violation?: string } = parsed;
  const rules = violation === undefined ? unreadable : [...unreadable, violation];
  for (const rule of new Set(rules)) log({ event: 'alarm', alarm: 'request-rejected', platform, rule });
}

/**
 * Raises an alarm if a withdrawal of a request that this platform never sent is among others. Throws `not-found`, which
 * raises it too, if a message has nothing else: unreadable entries have raised theirs by then.
 */
function rejectUnknownWithdrawals(
  platform: string,
  parsed: ParsedRequest,
  results: readonly ErasureResult[],
  { log }: Services,
): void {
  if (!('erase' in parsed)) return;
  const { erase, withdraw: withdrawals = [] } = parsed;
  if (results.length === erase.length + withdrawals.length) return;
  const rule = 'withdrawal: no such request';
  if (results.length === 0) throw new Failure('not-found', rule);
  log({ event: 'alarm', alarm: 'request-rejected', platform, rule });
}

/**
 * Counts a message with a part that asked nothing of this service (generic platforms only), by day: `ops report` shows the
 * sum. Logs it too. Never throws: the platform gets its reply even if the count cannot be stored.
 */
export async function countIgnored(platform: string, { control, log, now }: Services): Promise<void> {
  log({ event: 'ignored', platform });
  const at = now();
  await control.count(ignoredKey(platform, at), Math.ceil((at + ignoredKeptMs) / 1000)).catch(() => undefined);
}

/** A little longer than receipts are kept: 25 months of 31 days. */
const ignoredKeptMs = 25 * 31 * 86_400_000;

/** Returns the key of the counter of ignored messages on the day of a time (epoch ms, UTC). */
export function ignoredKey(platform: string, at: number): string {
  return `ignored-count#${platform}#${new Date(at).toISOString().slice(0, 10)}`;
}

/** Logs a failure and returns its reply: in the platform's own format if it has one, else as JSON. Never throws. */
export function errorReply(request: HttpRequest, failure: Failure, services: Services): HttpReply {
  const { name } = parsePath(request);
  const platform = services.platforms.get(name);
  services.log({
    event: 'rejected',
    ...(platform === undefined ? {} : { platform: name }),
    ...failureFields(failure),
    ...rejectionAlarm(failure),
    status: failure.status,
  });
  return platform?.errorReply?.(request, failure) ?? plainErrorReply(failure);
}

/**
 * Returns the alarm for an authentic request that is rejected permanently: without it, the request would be lost unnoticed.
 * The rule is the failure's message, which never contains an outside value. After a 5xx, except 501, the platform
 * sends the request again. The size is checked before the sender is authenticated, so an oversized body may be genuine.
 */
function rejectionAlarm({ status, code, verified, alarm, message }: Failure): Pick<LogLine, 'alarm' | 'rule'> {
  const platformSendsAgain = status >= 500 && code !== 'unimplemented';
  const mayBeGenuine = verified || code === 'too-large';
  if (platformSendsAgain || (alarm === undefined && !mayBeGenuine)) return {};
  return { alarm: alarm ?? 'request-rejected', rule: message };
}

/** Throws `not-found` for any other route than those of the platforms, and `method-not-allowed` for another method. */
function findPlatform(request: HttpRequest, platforms: Services['platforms']): { name: string; platform: Platform } {
  const { name, hasRequestId } = parsePath(request);
  const platform = platforms.get(name);
  const allowed = platform === undefined || platform.isPullOnly ? [] : allowedMethods(platform, hasRequestId);
  if (platform === undefined || allowed.length === 0) throw new Failure('not-found', 'path: no such platform');
  if (allowed.includes(request.method)) return { name, platform };
  const Allow = allowed.join(', ');
  throw new Failure('method-not-allowed', `method: only ${Allow} is allowed`, { headers: { Allow } });
}

function allowedMethods(platform: Platform, hasRequestId: boolean): readonly string[] {
  if (!hasRequestId) return ['POST'];
  const { hasStatusRoute, hasWithdrawalRoute } = platform;
  return [...(hasStatusRoute ? ['GET'] : []), ...(hasWithdrawalRoute ? ['DELETE'] : [])];
}

const route = new RegExp(`^/webhooks/(${namePattern})(/[^/]+)?$`);

/** Reads `/webhooks/{platform}` or `/webhooks/{platform}/{requestId}`. The name is empty for any other path. */
function parsePath({ path }: HttpRequest): { name: string; hasRequestId: boolean } {
  const match = route.exec(path);
  return { name: match?.[1] ?? '', hasRequestId: match?.[2] !== undefined };
}

type Caller = Omit<VerifiedRequest, 'erasure'>;

/** The number of erasures of one request that are stored at once: a list of hundreds must not overload the store. */
const batchSize = 25;

/**
 * Stores and attempts what a message asks for, and returns the results. After a failure, the sweep processes what is already
 * stored. A test message has no results, and neither has a withdrawal of a request that this platform never sent.
 */
async function processParsed(
  parsed: ParsedRequest,
  caller: Caller,
  services: Services,
): Promise<readonly ErasureResult[]> {
  if ('status' in parsed) return [await readStatus(parsed.status, caller, services)];
  if (!('erase' in parsed)) return [];
  const { erase, withdraw: withdrawals = [] } = parsed;
  // Erasures first: a message may withdraw what it requests.
  const results = [...(await processErasures(erase, caller, services))];
  for (const id of withdrawals) {
    const receipt = await withdraw(id, caller.platformName, services);
    if (receipt !== undefined) results.push(resultOf(id.reference, receipt, outcomeOf(receipt, services.now())));
  }
  return results;
}

/** Stores and attempts each erasure of a verified caller, in batches of {@link batchSize}, and returns the results. */
export async function processErasures(
  erasures: readonly ErasureRequest[],
  caller: Caller,
  services: Services,
): Promise<readonly ErasureResult[]> {
  const results: ErasureResult[] = [];
  const left = [...erasures];
  while (left.length > 0) {
    const batch = left.splice(0, batchSize);
    results.push(...(await Promise.all(batch.map(erasure => processErasure({ ...caller, erasure }, services)))));
  }
  return results;
}

/**
 * Withdraws an erasure of this platform, if no customer is pinned yet. After that no customer can be pinned, and the sweep
 * closes the receipt as `refused`. Returns the receipt as it is afterwards, withdrawn or not; `undefined` if this
 * platform never sent the request. Throws `unavailable` if the store fails.
 */
export async function withdraw(
  { scope, reference }: Pick<ErasureRequest, 'scope' | 'reference'>,
  platform: string,
  services: Services,
): Promise<Receipt | undefined> {
  const { store, now, log } = services;
  const hmacs = await services.pseudonymizer();
  const found = await store.read(hmacs.receipt(platform, scope, reference));
  if (found === undefined) return undefined;
  const { receipt, done } = await updateReceipt(store, found, current => decideWithdrawal(current, now()));
  log({ event: 'withdrawal', platform, receipt: receipt.id, code: done ? 'withdrawn' : 'not-withdrawn' });
  return receipt;
}

/** Returns the outcome of an earlier request. Throws `not-found` if this platform never sent it. */
async function readStatus(
  { scope, reference }: Extract<ParsedRequest, { status: unknown }>['status'],
  { platformName }: Caller,
  services: Services,
): Promise<ErasureResult> {
  const hmacs = await services.pseudonymizer();
  const receipt = await services.store.read(hmacs.receipt(platformName, scope, reference));
  if (receipt === undefined) throw new Failure('not-found', 'path: no such request');
  const outcome = outcomeOf(receipt, services.now());
  return resultOf(reference, receipt, outcome);
}

/** Stores the request, attempts the erasure if that may begin now, and returns the outcome so far. */
async function processErasure(request: VerifiedRequest, services: Services): Promise<ErasureResult> {
  const accepted = await accept(request, services);
  const { receipt, outcome } = await attemptIfNew(accepted, request, services);
  const { reference } = request.erasure;
  if (isFinal(receipt.state) || !receipt.hasCallbacks) return resultOf(reference, receipt, outcome);
  // Stored before the platform gets "in progress": from then on a callback must follow. Without callbacks, no one reads the mark.
  const marked = await updateReceipt(services.store, receipt, markRepliedInProgress);
  return resultOf(reference, receipt, outcomeOf(marked.receipt, services.now()));
}

function resultOf(reference: string, receipt: Receipt, outcome: Outcome): ErasureResult {
  const { id: receiptId, receivedAt, hasCallbacks: callbackFollows } = receipt;
  return { reference, receiptId, receivedAt, outcome, callbackFollows };
}

/**
 * Attempts only a receipt that this request has just stored. The sweep processes those that existed before. The request is
 * counted during the look-ups: no customer is deleted before it is known to be below the platform's hourly limit.
 */
async function attemptIfNew(
  accepted: AcceptedRequest,
  request: VerifiedRequest,
  services: Services,
): Promise<{ readonly receipt: Receipt; readonly outcome: Outcome }> {
  const { receipt, personalData, isNew, mayAttempt, stops, clients, until, wasReserving } = accepted;
  const unattempted = () => ({ receipt, outcome: outcomeOf(receipt, services.now()) });
  if (!isNew) return unattempted();
  const isAllowed = countAndAdmit(receipt, stops, services);
  if (!mayAttempt) {
    // The request counts towards the limit also if the sweep attempts it.
    await isAllowed;
    return unattempted();
  }
  if (!wasReserving) await reserveFirstCalls(receipt, clients, until);
  const work = {
    receipt,
    personalData: { ...personalData, pins: {}, lookUps: {} },
    until,
    clients,
    isAllowed,
    holdsExist: stops?.holdsExist ?? true,
    repliesNow: true,
    callbackOnlyOutcomes: request.platform.callbackOnlyOutcomes,
  };
  try {
    return await attempt(work, services);
  } finally {
    // The count and its pause are stored even if the attempt failed early.
    await isAllowed;
  }
}
