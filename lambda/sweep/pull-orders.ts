import { TokenFailure } from '../authentication/access-token.ts';
import { claimPull, needsOperator, type PullState, recordPull } from '../control/sweep-state.ts';
import { failureOf } from '../domain/failure.ts';
import { platformSecretName } from '../domain/names.ts';
import { type HttpResult, retryAfterMs } from '../io/http-client.ts';
import type { CallContext, OrderPull, Platform, PulledPage } from '../platforms/platform.ts';
import { needsNoPersonalData } from '../receipts/closing.ts';
import type { Receipt } from '../receipts/receipt.ts';
import { accept, countAndAdmit, type VerifiedRequest } from '../request/accept.ts';
import type { Services } from '../services.ts';
import { runPart, type SweepState } from './backlog.ts';

/** Timeout of one call, in milliseconds. */
const callMs = 10_000;

/** Largest size of a page, in bytes: as large as a request may be. */
export const maxPageBytes = 1_048_576;

/** How long a claim lasts, in milliseconds: longer than a function runs. */
const claimMs = 120_000;

/** The longest wait that a platform may request, in milliseconds. */
const maxWaitMs = 86_400_000;

interface PulledPlatform {
  readonly name: string;
  readonly platform: Platform;
  readonly pull: OrderPull;
}

/**
 * Asks every platform that is due for its open orders, and accepts them like requests. Raises the alarm
 * `platform-unreachable` in each sweep for a platform that has not answered for a day, or that refuses the call.
 */
export async function pullOrders(run: SweepState, sweepEnds: number): Promise<void> {
  const pulled = [...run.services.platforms].flatMap(([name, platform]) =>
    platform.pull === undefined ? [] : [{ name, platform, pull: platform.pull }],
  );
  await Promise.all(pulled.map(one => runPart(run, () => pullIfDue(one, run.services, sweepEnds))));
}

async function pullIfDue(one: PulledPlatform, services: Services, sweepEnds: number): Promise<void> {
  const { control, now, log } = services;
  const { name, pull } = one;
  const startedAt = now();
  const { state: before, isClaimed } = await claimPull(name, control, startedAt, startedAt + claimMs);
  let state = before;
  if (isClaimed) {
    const result = await pullPages(one, services, sweepEnds);
    log({ event: 'pull', platform: name, code: result.kind === 'failed' ? result.code : 'complete' });
    state = stateAfter(before, result, startedAt, pull.everyMs);
    await recordPull(name, control, state);
  }
  const { failure } = state;
  if (failure === undefined || !needsOperator(failure, now())) return;
  log({ event: 'alarm', alarm: 'platform-unreachable', platform: name, code: failure.code });
}

interface FailedPull {
  readonly kind: 'failed';
  readonly code: string;
  /** Whether the platform refuses the call, so that waiting does not help. */
  readonly isPermanent: boolean;
  /** Time that the platform asks to wait, in milliseconds. */
  readonly waitMs: number;
}

type PullResult = { readonly kind: 'complete' } | FailedPull;

function stateAfter({ failure }: PullState, result: PullResult, startedAt: number, everyMs: number): PullState {
  if (result.kind === 'complete') return { nextAt: startedAt + everyMs, failure: undefined };
  const { code, isPermanent, waitMs } = result;
  const nextAt = startedAt + Math.max(everyMs, Math.min(waitMs, maxWaitMs));
  return { nextAt, failure: { since: failure?.since ?? startedAt, code, isPermanent } };
}

/** Reads the pages one after the other. Each is stored before the next is read. */
async function pullPages(one: PulledPlatform, services: Services, sweepEnds: number): Promise<PullResult> {
  const { name, pull } = one;
  const secret = () => services.readSecret(platformSecretName(name));
  const context = { secret, now: services.now, sendPublic: services.sendCallback };
  let cursor: string | undefined;
  for (let pages = 0; pages < pull.maxPages; pages += 1) {
    const call = await buildCall(pull, context, cursor);
    if (call instanceof TokenFailure) return { ...failedPull(call.result), code: call.reason };
    const until = Math.min(services.now() + callMs, sweepEnds);
    const result = await services.sendCallback({ ...call, until, maxResponseBytes: maxPageBytes, repeatable: true });
    if (result.kind === 'response' && result.status === 401) call.dropToken?.();
    if (result.kind === 'no-response' || result.status !== 200) return failedPull(result);
    const page = readPage(pull, result.body, cursor);
    if (page === undefined) return { kind: 'failed', code: 'unreadable', isPermanent: true, waitMs: 0 };
    await acceptPulled(name, one.platform, page, services);
    if (page.next === undefined) return { kind: 'complete' };
    cursor = page.next;
  }
  const rule = 'pull: has more than maxPages pages';
  services.log({ event: 'alarm', alarm: 'request-rejected', platform: name, rule });
  return { kind: 'complete' };
}

/** Returns why there is no access token, which is a failure of this pull. */
async function buildCall(pull: OrderPull, context: CallContext, cursor: string | undefined) {
  try {
    return await pull.buildCall(context, cursor);
  } catch (thrown) {
    if (thrown instanceof TokenFailure) return thrown;
    throw thrown;
  }
}

/** Returns `undefined` for a page that is no list of orders. */
function readPage(pull: OrderPull, body: string, cursor: string | undefined) {
  try {
    return pull.parsePage(body, cursor);
  } catch (thrown) {
    if (failureOf(thrown).code === 'internal') throw thrown;
    return undefined;
  }
}

/** Statuses that a later call may not get: a timeout, too early, too many calls (RFC 9110, RFC 8470, RFC 6585). */
const passing = [408, 425, 429];

/** Returns the code of a failed call, and whether waiting can help. */
export function failedPull(result: HttpResult): FailedPull {
  if (result.kind === 'no-response') {
    const { code } = result;
    return { kind: 'failed', code, isPermanent: code === 'redirected' || code === 'too-large', waitMs: 0 };
  }
  const { status } = result;
  if (status < 400) return { kind: 'failed', code: 'unreadable', isPermanent: true, waitMs: 0 };
  const isPermanent = status < 500 && !passing.includes(status);
  return { kind: 'failed', code: `http-${status}`, isPermanent, waitMs: retryAfterMs(result) ?? 0 };
}

/** The number of orders that are stored at once. */
const batchSize = 25;

/**
 * Accepts the orders of a page that a platform was asked for, as requests are accepted: one receipt for each order, however
 * often it is listed, counted against the hourly limit. The sweep erases. An order that cannot be accepted raises an alarm
 * and does not stop the others. Throws `unavailable` if the store fails; the next pull finds the order again.
 */
export async function acceptPulled(
  platformName: string,
  platform: Platform,
  { erase, unreadable }: PulledPage,
  services: Services,
): Promise<void> {
  const receivedAt = services.now();
  const pulled: Omit<VerifiedRequest, 'erasure'> = {
    platformName,
    // No reply waits for the result.
    platform: { ...platform, responseMode: 'acknowledgement' },
    authentication: { scheme: 'pull', secret: 'current' },
    receivedAt,
    startedAt: receivedAt,
  };
  const left = [...erase];
  while (left.length > 0) {
    const batch = left.splice(0, batchSize);
    await Promise.all(batch.map(erasure => acceptOne({ ...pulled, erasure }, services)));
  }
  for (const rule of new Set(unreadable)) {
    services.log({ event: 'alarm', alarm: 'request-rejected', platform: platformName, rule });
  }
}

async function acceptOne(request: VerifiedRequest, services: Services): Promise<void> {
  try {
    const { receipt, stops, isNew } = await accept(request, services);
    if (isNew) await countAndAdmit(receipt, stops, services);
    else logStillListed(receipt, services);
  } catch (thrown) {
    const failure = failureOf(thrown);
    if (failure.status >= 500) throw failure;
    const { alarm = 'request-rejected', message: rule } = failure;
    services.log({ event: 'alarm', alarm, platform: request.platformName, rule });
  }
}

/** Longest time that a platform may still list an order after it was sent the outcome, in milliseconds. */
const maxListedMs = 86_400_000;

/** Raises an alarm for an order that the platform may have reopened: its receipt stays closed, so it is not erased again. */
function logStillListed(receipt: Receipt, { log, now }: Services): void {
  const { closedAt = now(), platform, id } = receipt;
  if (!needsNoPersonalData(receipt) || now() - closedAt < maxListedMs) return;
  const rule = 'pull: an order is still listed a day after its receipt was closed';
  log({ event: 'alarm', alarm: 'request-rejected', platform, receipt: id, rule });
}
