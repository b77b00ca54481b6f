import { readActiveHolds } from '../control/legal-holds.ts';
import { type PauseScope, readStops } from '../control/pauses.ts';
import type { Identifier } from '../domain/identifiers.ts';
import { type AttemptRequest, attempt, clientsFor, openProjects, reserveFirstCalls } from '../erasure/attempt.ts';
import { previewInProject } from '../erasure/preview.ts';
import { attemptMs } from '../quota/rate-limit.ts';
import { deleteUnneeded } from '../receipts/closing.ts';
import { isClosingDecided, maxCustomersFor, type Receipt, requestReview } from '../receipts/receipt.ts';
import { updateReceipt } from '../receipts/store.ts';
import {
  claimReceipt,
  closeAsPartial,
  closeAsRefused,
  isDelayed,
  isDue,
  isHoldCheckDue,
  isPreviewAsked,
  type PreviewedProjects,
  postponeReceipt,
  recordHoldCheck,
  storePreview,
} from '../receipts/transitions.ts';
import type { Services } from '../services.ts';
import type { ProjectClient } from '../voucherify/client.ts';

/** How long an attempt may continue after the end of the sweep, in milliseconds: less than its claim. */
const overrunMs = 5000;

/**
 * How long an attempt may continue a deletion that may have been executed, in milliseconds: less than its claim. A deletion
 * that Voucherify did not complete within one attempt then has twice the time.
 */
const repeatedDeletionMs = 50_000;

/** The longest time for which a receipt is postponed if every project is limited and one may be called sooner, in milliseconds. */
const mostWaitMs = 300_000;

export interface ProcessedReceipt {
  readonly kind: 'nothing' | 'paused' | 'postponed' | 'taken-by-another' | 'attempted' | 'closed';
  /** The receipt as it was read, if it was open. */
  readonly open?: Receipt;
  /** The pauses that stop the receipt. */
  readonly pauses?: ReadonlySet<PauseScope>;
  /** Whether every project is rate-limited: no other receipt could be attempted either. */
  readonly allRateLimited?: boolean;
}

/** The turn of a receipt in a sweep. */
export interface Turn {
  /** When the sweep ends, in epoch milliseconds. */
  readonly until: number;
  /** Called when the first calls are reserved: then the next receipt may take its turn. */
  readonly started: () => void;
  /** Returns whether other due receipts have not had their turn yet. */
  readonly othersWait: () => boolean;
}

/** If an attempt waits longer than this for its first calls, in milliseconds, the quota is what all erasures wait for. */
const quotaWaitMs = 1000;

/**
 * Processes one due receipt: claims it, attempts the erasure, and closes or postpones it. A paused receipt is not changed; a
 * rate-limited one is postponed without a claim. Throws `unavailable` if the store fails; the receipt is due again when
 * its claim expires.
 */
export async function processReceipt(
  id: string,
  { until: sweepEnds, started, othersWait }: Turn,
  services: Services,
): Promise<ProcessedReceipt> {
  const receipt = await services.store.read(id);
  // The index may lag: whether a receipt is due is decided on the receipt itself.
  if (receipt === undefined || !isDue(receipt, services.now())) return { kind: 'nothing' };
  if (isClosingDecided(receipt))
    return (await closeDecidedReceipt(receipt, services)) ? { kind: 'closed' } : { kind: 'nothing' };
  const { paused: pauses, holdsExist } = await readStops(receipt, services.control, services.now());
  if (pauses.size > 0) return { kind: 'paused', open: receipt, pauses };
  if (isDelayed(receipt, services.now())) {
    const isAsked = isPreviewAsked(receipt, services.now());
    if (isAsked) await previewReceipt(receipt, Math.min(services.now() + attemptMs, sweepEnds), services);
    else await postpone(receipt, receipt.delayedUntil ?? services.now(), services);
    return { kind: 'postponed', open: receipt };
  }
  const until = Math.min(services.now() + durationOf(receipt), sweepEnds + overrunMs);
  const clients = clientsFor(receipt, { fresh: false }, services);
  const startsAt = services.now();
  // What waits beyond the end would be reserved a second time by the next sweep.
  const { mayStart, limitedUntil, mayEndSooner } = await reserveFirstCalls(
    receipt,
    clients,
    Math.min(until, sweepEnds),
  );
  if (!mayStart) {
    const allRateLimited = openProjects(receipt).length === services.projects.size;
    // A limit may end before its time, for example when a probe closes the breaker. The sweep stops here, so few receipts
    // are due that early.
    const soon = allRateLimited && mayEndSooner ? services.now() + mostWaitMs : limitedUntil;
    await postpone(receipt, Math.min(limitedUntil, soon), services);
    return { kind: 'postponed', open: receipt, allRateLimited };
  }
  const isWaiting = services.now() - startsAt >= quotaWaitMs;
  started();
  const claimed = await claim(receipt, services);
  if (claimed === undefined) return { kind: 'taken-by-another', open: receipt };
  const isBacklog = isWaiting && othersWait();
  const closed = await attemptClaimed(claimed, { clients, until, holdsExist, isBacklog }, services);
  return closed ? { kind: 'closed' } : { kind: 'attempted', open: claimed };
}

function durationOf({ projects }: Receipt): number {
  const isRepeated = Object.values(projects).some(({ state, mayHaveExecuted }) => state === 'open' && mayHaveExecuted);
  return isRepeated ? repeatedDeletionMs : attemptMs;
}

/** Returns whether the receipt was closed. Reads personal data under the claim, so that no pin is missed. */
async function attemptClaimed(
  receipt: Receipt,
  conditions: Pick<AttemptRequest, 'clients' | 'until' | 'holdsExist' | 'isBacklog'>,
  services: Services,
): Promise<boolean> {
  const personalData = await services.store.readPersonalData(receipt.id);
  // A restore of the receipts table opens closed receipts again, whose identifiers were deleted when they were closed.
  const isMissing = receipt.lookUpCalls > 0 && personalData?.identifiers.length === 0;
  if (personalData === undefined || isMissing) return reviewWithoutPersonalData(receipt, services);
  const { outcome } = await attempt({ receipt, personalData, ...conditions, repliesNow: false }, services);
  return 'deletions' in outcome;
}

async function postpone(receipt: Receipt, until: number, { store, now }: Services): Promise<void> {
  const at = now();
  await updateReceipt(store, receipt, current => postponeReceipt(current, at, until));
}

async function claim(receipt: Receipt, services: Services): Promise<Receipt | undefined> {
  const now = services.now();
  const { receipt: claimed, done } = await updateReceipt(services.store, receipt, current =>
    claimReceipt(current, now, now + services.times.claimMs),
  );
  if (!done) return undefined;
  if (claimed.state === 'open') return claimed;
  logReview(claimed, services);
  return undefined;
}

async function reviewWithoutPersonalData(receipt: Receipt, services: Services): Promise<false> {
  const { receipt: updated, done } = await updateReceipt(services.store, receipt, current =>
    current.state === 'open' ? requestReview(current, 'identifiers-missing') : undefined,
  );
  if (done) logReview(updated, services);
  return false;
}

function logReview({ platform, id, reason }: Receipt, { log }: Services): void {
  log({
    event: 'alarm',
    alarm: 'needs-review',
    platform,
    receipt: id,
    ...(reason === undefined ? {} : { code: reason }),
  });
}

/**
 * Closes a due receipt as an operator has decided, even if it is paused: this needs no call to Voucherify. Returns
 * whether it was closed now. Throws `unavailable` if the store fails.
 */
async function closeDecidedReceipt(receipt: Receipt, { store, now, log }: Services): Promise<boolean> {
  const personalData = receipt.hasCallbacks ? await store.readPersonalData(receipt.id) : undefined;
  const { receipt: closed, done } = await updateReceipt(
    store,
    receipt,
    current => closeAsRefused(current, now()) ?? closeAsPartial(current, now()),
    next => deleteUnneeded(next, personalData),
  );
  if (done) log({ event: 'closed', platform: closed.platform, receipt: closed.id, outcome: closed.state });
  return done;
}

/**
 * Checks whether the legal holds of a receipt have ended, by their date or by an operator: then the erasure continues.
 * Throws `unavailable` if the store fails: the receipt stays in review and is checked by the next sweep.
 */
export async function checkHold(id: string, { store, control, now, log }: Services): Promise<void> {
  const receipt = await store.read(id);
  if (receipt === undefined || !isHoldCheckDue(receipt, now())) return;
  const holds = (receipt.legalHolds ?? []).filter(({ to }) => to === undefined).map(({ hold }) => hold);
  const active = await readActiveHolds(holds, control, now());
  const { receipt: checked, done } = await updateReceipt(store, receipt, current =>
    recordHoldCheck(current, active, now()),
  );
  if (done && checked.state === 'open') {
    log({ event: 'attempt', platform: checked.platform, receipt: id, code: 'legal-hold-ended' });
  }
}

/**
 * Looks up what would be deleted for a receipt that `delaySeconds` delays, within the quota, and stores the numbers of
 * customers and of their activities on the receipt. It pins and deletes nothing. Throws `unavailable` if the store
 * fails.
 */
async function previewReceipt(receipt: Receipt, until: number, services: Services): Promise<void> {
  const { store, now, times } = services;
  const at = now();
  // Another sweep repeats it if this one ends early.
  const { receipt: claimed, done } = await updateReceipt(store, receipt, current =>
    postponeReceipt(current, at, Math.min(at + times.claimMs, receipt.delayedUntil ?? at)),
  );
  const personalData = done ? await store.readPersonalData(receipt.id) : undefined;
  if (personalData === undefined) return;
  const projects: Record<string, PreviewedProjects[string]> = {};
  for (const [name, client] of clientsFor(claimed, { fresh: false }, services)) {
    projects[name] = await countCustomers(personalData.identifiers, claimed, client, until, services);
  }
  await updateReceipt(store, claimed, current => storePreview(current, projects, now()));
}

/** How long one project's activities may wait for calls that no erasure needs, in milliseconds. */
const activitiesMs = 10_000;

async function countCustomers(
  identifiers: readonly Identifier[],
  receipt: Receipt,
  client: ProjectClient,
  until: number,
  services: Services,
): Promise<PreviewedProjects[string]> {
  const { submittedAt, lookUpCalls: calls } = receipt;
  const maxCustomers = maxCustomersFor(receipt) ?? services.settings.limits.customersPerRequest;
  const request = { identifiers, submittedAt, maxCustomers, calls };
  const { resolved, refused } = await previewInProject(request, client, until, services);
  if (resolved.kind === 'retry' || resolved.kind === 'review') {
    const matched = 'matched' in resolved && resolved.matched !== undefined ? { customers: resolved.matched } : {};
    return { ...matched, code: resolved.code };
  }
  if (resolved.kind === 'found') {
    const ids = resolved.candidates.map(({ id }) => id);
    const activities = await client.countActivities(ids, Math.min(until, services.now() + activitiesMs));
    return { customers: ids.length, activities, ...(refused === undefined ? {} : { code: refused }) };
  }
  return { customers: 0, code: refused ?? resolved.kind };
}
