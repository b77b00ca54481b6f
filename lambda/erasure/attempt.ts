import type { FinalKind, Outcome } from '../domain/erasure.ts';
import { deleteUnneeded } from '../receipts/closing.ts';
import { isFinal, legalHold, outcomeOf, type Receipt } from '../receipts/receipt.ts';
import { lookUpsOf, type ProjectResult, recordAttempt } from '../receipts/record-attempt.ts';
import { updateReceipt } from '../receipts/store.ts';
import type { Services } from '../services.ts';
import type { ProjectClient } from '../voucherify/client.ts';
import { type AttemptInput, eraseInProject, type ProjectClients } from './erase-in-project.ts';

export interface AttemptRequest extends AttemptInput {
  /** Outcomes that this reply cannot express. */
  readonly callbackOnlyOutcomes?: readonly FinalKind[] | undefined;
}

/**
 * Creates the clients of one attempt, one for each open project, so that each uses the calls reserved on it. A fresh attempt
 * belongs to the request path and may use the burst.
 */
export function clientsFor(receipt: Receipt, { fresh }: { fresh: boolean }, services: Services): ProjectClients {
  const clients = openProjects(receipt).flatMap((name): readonly [string, ProjectClient][] => {
    const project = services.projects.get(name);
    return project === undefined ? [] : [[name, project.client(receipt, fresh)]];
  });
  return new Map(clients);
}

export interface FirstReservation {
  /** False if every open project is rate-limited: then no call could be made. */
  readonly mayStart: boolean;
  /** The first time when a project may be called again, in epoch milliseconds. */
  readonly limitedUntil: number;
  /**
   * Whether a project may be called before that time: a probe that succeeds closes its circuit breaker, and a rate limit that
   * could not be read may be readable again.
   */
  readonly mayEndSooner: boolean;
}

/** Reserves the first calls in every open project before the attempt starts. */
export async function reserveFirstCalls(
  receipt: Receipt,
  clients: ProjectClients,
  until: number,
): Promise<FirstReservation> {
  const limits = await Promise.all(openProjects(receipt).map(project => clients.get(project)?.reserve(until)));
  const limitedUntil = Math.min(...limits.map(limit => limit?.until ?? 0));
  const mayEndSooner = limits.some(limit => limit !== undefined && limit.code !== 'rate-limited');
  return { mayStart: limits.includes(undefined), limitedUntil, mayEndSooner };
}

/** Returns what {@link reserveFirstCalls} reserved, if no call was sent. Never throws. */
export async function releaseFirstCalls(clients: ProjectClients): Promise<void> {
  await Promise.all([...clients.values()].map(client => client.release()));
}

/** Returns the projects that are still open. */
export function openProjects({ projects }: Receipt): readonly string[] {
  return Object.entries(projects).flatMap(([project, { state }]) => (state === 'open' ? [project] : []));
}

export interface AttemptOutcome {
  /** The receipt after the attempt. */
  readonly receipt: Receipt;
  readonly outcome: Outcome;
}

/**
 * Attempts the erasure once in every open project: resolve, pin, delete. Then closes the receipt, postpones it, or puts
 * it in review. Safe to run again and to run twice at once. Throws `unavailable` if the store fails: the receipt then
 * stays open and the sweep attempts it again.
 */
export async function attempt(work: AttemptRequest, services: Services): Promise<AttemptOutcome> {
  const { now, store, log } = services;
  const claim = work.receipt.claims;
  const { receipt, results } = await eraseInOpenProjects(work, services);
  const recording = {
    claim,
    results,
    now: now(),
    retryAt: retryAt(claim, services),
    repliesNow: work.repliesNow,
    callbackOnlyOutcomes: work.callbackOnlyOutcomes,
  };
  const { receipt: updated, done } = await updateReceipt(
    store,
    receipt,
    // A retry after a conflict may be much later: the time is read again, so that no end is before the write that states it.
    before => recordAttempt(before, { ...recording, now: now() }),
    next => ({ ...deleteUnneeded(next, work.personalData), lookUps: lookUpsOf(next, recording) }),
  );
  const outcome = outcomeOf(updated, now());
  const code = (done ? updated.lastResult : undefined) ?? 'superseded';
  // Only the write that closed the receipt logs `closed`: an attempt that lost the race must not count it again.
  const event = done && isFinal(updated.state) ? 'closed' : 'attempt';
  log({ event, platform: updated.platform, receipt: updated.id, outcome: outcome.kind, code });
  if (done && updated.state === 'needs-review') {
    log({ event: 'alarm', alarm: 'needs-review', platform: updated.platform, receipt: updated.id });
  }
  // If the platform cannot be informed, the person would be lost unnoticed without an alarm.
  const { state } = updated;
  if (done && (state === 'not-identifiable' || state === 'created-later') && !isInformed(updated, state, services)) {
    log({ event: 'alarm', alarm: state, platform: updated.platform, receipt: updated.id });
  }
  return { receipt: updated, outcome: done ? withCustomerIds(outcome, results) : outcome };
}

/** Returns whether the platform learns that no customer was deleted. */
function isInformed(
  { platform: name, hasCallbacks }: Receipt,
  kind: 'not-identifiable' | 'created-later',
  { platforms }: Services,
): boolean {
  const platform = platforms.get(name);
  return platform?.tells?.(kind, hasCallbacks) ?? platform?.responseMode !== 'acknowledgement';
}

interface AttemptedProjects {
  readonly receipt: Receipt;
  readonly results: Readonly<Record<string, ProjectResult>>;
}

/** Attempts the projects one after the other, each with its share of the time, so that a slow one leaves time for the next. */
async function eraseInOpenProjects(work: AttemptRequest, services: Services): Promise<AttemptedProjects> {
  const { log } = services;
  const open = openProjects(work.receipt);
  const results: Record<string, ProjectResult> = {};
  let { receipt } = work;
  for (const [index, project] of open.entries()) {
    const now = services.now();
    const until = now + (work.until - now) / (open.length - index);
    const attempted = await eraseInProject(project, { ...work, receipt, until }, services);
    const code = 'code' in attempted.result ? { code: attempted.result.code } : {};
    for (const alarm of attempted.alarms) {
      log({ event: 'alarm', alarm, platform: receipt.platform, receipt: receipt.id, project, ...code });
    }
    results[project] = attempted.result;
    receipt = attempted.receipt;
    // After a wrong customer was deleted, this receipt makes no further call in any project. A legal hold stops it too.
    if (attempted.alarms.includes('wrong-customer-deleted') || code.code === legalHold) break;
  }
  return { receipt, results };
}

/** Returns when to retry: exponential backoff with full jitter, at most one hour. */
function retryAt(claim: number, { now, random, times }: Services): number {
  const step = Math.min(3_600_000, times.backoffMs * 2 ** Math.min(claim - 1, 30));
  return now() + Math.floor(random() * step);
}

/** Adds the customers' ids to the reply of this attempt. The receipt does not store them. */
function withCustomerIds(outcome: Outcome, results: Readonly<Record<string, ProjectResult>>): Outcome {
  if (!('deletions' in outcome)) return outcome;
  const fresh = Object.values(results).flatMap(result => result.deletions);
  const same = (a: { project: string; pin: number }, b: typeof a) => a.project === b.project && a.pin === b.pin;
  return { ...outcome, deletions: outcome.deletions.map(stored => fresh.find(one => same(one, stored)) ?? stored) };
}
