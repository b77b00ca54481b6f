import { readHeartbeat, writeHeartbeat } from '../control/heartbeat.ts';
import { readPausedScopes } from '../control/pauses.ts';
import { failureOf } from '../domain/failure.ts';
import { failureFields } from '../io/log.ts';
import { deadlineUsedPercent, isFinal, type Receipt } from '../receipts/receipt.ts';
import type { Services } from '../services.ts';

/** How many receipts in review are counted, and of how many, the oldest, the age is measured. */
const maxCounted = 100;
const maxMeasured = 10;

/** How long a receipt may be unsigned before it is reported, in milliseconds. A backlog takes a while to sign. */
const maxUnsignedMs = 3_600_000;

/** The result of a sweep. Alarms use it. */
export interface SweepResult {
  readonly claimed: number;
  readonly closed: number;
  /** Receipts whose callbacks every target has accepted. */
  readonly delivered: number;
  /** Receipts that were postponed without a claim, because of a pause or the rate limit. */
  readonly held: number;
  readonly failed: number;
  readonly signed: number;
  /** Receipts that have been unsigned for too long, up to 100; at least one if signing failed. */
  readonly unsigned: number;
  /** Receipts in review, up to 100. */
  readonly needsReview: number;
  /** Scopes that are paused. */
  readonly paused: number;
  /** Age of the oldest open receipt that the sweep read. */
  readonly oldestOpenMs: number;
  /** The largest share of the time until its due date that an open receipt has used, in whole percent. */
  readonly deadlineUsedPercent: number;
}

const nothing: SweepResult = {
  ...{ claimed: 0, closed: 0, delivered: 0, held: 0, failed: 0, signed: 0, unsigned: 0 },
  ...{ needsReview: 0, paused: 0, oldestOpenMs: 0, deadlineUsedPercent: 0 },
};

/** The counts of a running sweep. */
export interface SweepState {
  readonly services: Services;
  readonly counts: { -readonly [name in keyof SweepResult]: SweepResult[name] };
  /** The open receipt closest to its due date, of those that this sweep has read. */
  mostUrgent: { readonly id: string; readonly used: number } | undefined;
}

/** Returns the state of a sweep that has not done anything yet. */
export function newSweepState(services: Services): SweepState {
  return { services, counts: { ...nothing }, mostUrgent: undefined };
}

/** Counts the receipts in review and the unsigned ones. Throws `unavailable` if the index cannot be read. */
export async function measureBacklog(run: SweepState): Promise<void> {
  const { store, now } = run.services;
  const [inReview, unsigned] = await Promise.all([
    store.due('needs-review', now(), maxCounted),
    store.due('sign', now() - maxUnsignedMs, maxCounted),
  ]);
  run.counts.needsReview = inReview.length;
  run.counts.unsigned = Math.max(run.counts.unsigned, unsigned.length);
  // The index returns the oldest first.
  for (const receipt of await Promise.all(inReview.slice(0, maxMeasured).map(id => store.read(id)))) {
    if (receipt?.state === 'needs-review') recordAge(receipt, run);
  }
}

/**
 * Ends a sweep: counts the pauses, measures the most urgent receipt of the last sweep, which this one may not have read,
 * and writes the heartbeat. A failure here is counted and logged, and does not fail the sweep.
 */
export async function finishSweep(run: SweepState): Promise<void> {
  const { services, counts } = run;
  const { store, control, settings, now, log } = services;
  try {
    const [paused, last] = await Promise.all([readPausedScopes(settings, control), readHeartbeat(control)]);
    counts.paused = paused.size;
    const mostUrgent = last?.mostUrgent === undefined ? undefined : await store.read(last.mostUrgent);
    if (mostUrgent !== undefined && !isFinal(mostUrgent.state)) recordAge(mostUrgent, run);
    await writeHeartbeat(control, { at: now(), mostUrgent: run.mostUrgent?.id });
  } catch (error) {
    counts.failed += 1;
    log({ event: 'alarm', ...failureFields(failureOf(error)) });
  }
}

/** Includes an open receipt in the sweep's ages. */
export function recordAge(receipt: Receipt, run: SweepState): void {
  const { services, counts, mostUrgent } = run;
  const now = services.now();
  const used = deadlineUsedPercent(receipt, now);
  if (mostUrgent === undefined || used > mostUrgent.used) run.mostUrgent = { id: receipt.id, used };
  counts.oldestOpenMs = Math.max(counts.oldestOpenMs, now - receipt.receivedAt);
  counts.deadlineUsedPercent = Math.max(counts.deadlineUsedPercent, Math.floor(used));
}
