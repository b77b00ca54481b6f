import { type PauseScope, readPausedScopes, scopesOf } from '../control/pauses.ts';
import { readHeartbeat, writeHeartbeat } from '../control/sweep-state.ts';
import { failureOf } from '../domain/failure.ts';
import { failureFields } from '../io/log.ts';
import { deadlineUsedPercent, isFinal, isHeld, type Receipt } from '../receipts/receipt.ts';
import type { ErasePartition } from '../receipts/rows.ts';
import type { Services } from '../services.ts';

/** How many receipts in review are counted, and of how many, the oldest, the age is measured. */
const maxCounted = 100;
const maxMeasured = 10;

/**
 * How long a receipt may be unsigned before it is reported, in milliseconds. A backlog takes a while to sign, and a throttled
 * signing key recovers.
 */
const maxUnsignedMs = 3_600_000;

/** The result of a sweep. Alarms use it. */
export interface SweepResult {
  readonly claimed: number;
  readonly closed: number;
  /** Receipts whose callbacks every target has accepted. */
  readonly delivered: number;
  /** Receipts that were not claimed: up to 100 that a pause stops, and those that the rate limit postponed. */
  readonly unclaimed: number;
  /** Receipts that failed, and parts of the sweep that failed. */
  readonly failed: number;
  readonly signed: number;
  /** Receipts that have been unsigned for too long, up to 100. Absent, like the next two, if it cannot be read. */
  readonly unsigned?: number;
  /** Receipts in review, up to 100. */
  readonly needsReview?: number;
  /** Scopes that are paused. */
  readonly paused?: number;
  /** Age of the oldest open receipt that the sweep read. */
  readonly oldestOpenMs: number;
  /** The largest share of the time until its due date that an open receipt has used, in whole percent. */
  readonly deadlineUsedPercent: number;
}

const nothing: SweepResult = {
  ...{ claimed: 0, closed: 0, delivered: 0, unclaimed: 0, failed: 0, signed: 0 },
  ...{ oldestOpenMs: 0, deadlineUsedPercent: 0 },
};

/** The counts of a running sweep. */
export interface SweepState {
  readonly services: Services;
  /** The scopes that this sweep knows to be paused; `undefined` if they cannot be read, which counts as a pause of all. */
  paused: Set<PauseScope> | undefined;
  readonly counts: { -readonly [name in keyof SweepResult]: SweepResult[name] };
  /** The open receipt closest to its due date, of those that this sweep has read. */
  mostUrgent: { readonly id: string; readonly used: number } | undefined;
}

/** Returns the state of a sweep that has not done anything yet. */
export function newSweepState(services: Services): SweepState {
  return { services, paused: undefined, counts: { ...nothing }, mostUrgent: undefined };
}

/**
 * Runs one part of a sweep. A failure is counted, logged and raises its alarm, and does not stop the other parts. Returns
 * whether the part succeeded.
 */
export async function runPart({ services, counts }: SweepState, part: () => Promise<void>): Promise<boolean> {
  try {
    await part();
    return true;
  } catch (error) {
    counts.failed += 1;
    services.log({ event: 'alarm', ...failureFields(failureOf(error)) });
    return false;
  }
}

/** Reads the pauses at the start of a sweep. */
export async function readSweepPauses(run: SweepState): Promise<void> {
  const { settings, control } = run.services;
  await runPart(run, async () => {
    run.paused = new Set(await readPausedScopes(settings, control));
  });
}

/** Returns whether a pause stops a part of the queue `erase`. */
export function isPausedPart(partition: ErasePartition | undefined, { paused }: SweepState): boolean {
  if (partition === undefined || paused === undefined) return partition !== undefined;
  return scopesOf(partition.platform, partition.projects).some(scope => paused.has(scope));
}

/**
 * Ends a sweep: counts the receipts in review, the unsigned ones and the pauses, measures the most urgent receipt of the
 * last sweep, which this one may not have read, and writes the heartbeat.
 */
export async function finishSweep(run: SweepState): Promise<void> {
  await Promise.all([
    runPart(run, () => countReviews(run)),
    runPart(run, () => countUnsigned(run)),
    runPart(run, () => measurePaused(run)),
  ]);
  await runPart(run, () => recordHeartbeat(run));
}

async function countReviews(run: SweepState): Promise<void> {
  const { store, now } = run.services;
  const inReview = await store.due('needs-review', now(), maxCounted);
  run.counts.needsReview = inReview.length;
  // The index returns the oldest first.
  for (const receipt of await Promise.all(inReview.slice(0, maxMeasured).map(id => store.read(id)))) {
    if (receipt?.state === 'needs-review') recordAge(receipt, run);
  }
}

async function countUnsigned({ services, counts }: SweepState): Promise<void> {
  const { store, now, log } = services;
  const unsigned = await store.due('sign', now() - maxUnsignedMs, maxCounted);
  counts.unsigned = unsigned.length;
  const [oldest] = unsigned;
  if (oldest !== undefined) log({ event: 'alarm', alarm: 'evidence-unsigned', receipt: oldest });
}

/** Measures the oldest receipts that a pause stops: nothing else in the sweep reads them. */
async function measurePaused(run: SweepState): Promise<void> {
  const { services, counts, paused } = run;
  if (paused !== undefined) counts.paused = paused.size;
  if (paused?.size === 0) return;
  const stopped = await services.store.due('erase', services.now(), maxCounted, partition =>
    isPausedPart(partition, run),
  );
  counts.unclaimed += stopped.length;
  const measure = async (id: string) => {
    const receipt = await services.store.read(id);
    if (receipt?.state === 'open') recordAge(receipt, run);
  };
  await Promise.all(stopped.map(id => runPart(run, () => measure(id))));
}

async function recordHeartbeat(run: SweepState): Promise<void> {
  const { store, control, now } = run.services;
  const id = (await readHeartbeat(control))?.mostUrgent;
  const wasRead = await runPart(run, async () => {
    const mostUrgent = id === undefined ? undefined : await store.read(id);
    // A legal hold is no delay, even if it lasts long.
    const isWaiting = mostUrgent !== undefined && !isFinal(mostUrgent.state) && !isHeld(mostUrgent);
    if (isWaiting) recordAge(mostUrgent, run);
  });
  // A receipt that cannot be read now is checked again by the next sweep.
  await writeHeartbeat(control, { at: now(), mostUrgent: run.mostUrgent?.id ?? (wasRead ? undefined : id) });
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
