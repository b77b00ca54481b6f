import { failureOf } from './failure.ts';
import { readHeartbeat, writeHeartbeat } from './heartbeat.ts';
import { failureFields } from './io/log.ts';
import type { Services } from './parts.ts';
import { readPausedScopes } from './pause.ts';
import { deadlineUsedPercent } from './receipts/deadline.ts';
import { isFinal, type Receipt } from './receipts/receipt.ts';

/** Receipts that wait for a person: as many are counted, and of the oldest of them it is noted how old they are. */
const mostCounted = 100;
const mostLookedAt = 10;

/** How long a receipt may wait for its signature before somebody is told, in milliseconds: a backlog comes first. */
const signedWithinMs = 3_600_000;

/** What a sweep did and saw; alarms are on it. */
export interface SweepResult {
  readonly claimed: number;
  readonly closed: number;
  /** Callbacks that every target has taken by now. */
  readonly delivered: number;
  /** Put off without a claim, by a pause or by the pace. */
  readonly held: number;
  readonly failed: number;
  readonly signed: number;
  /** Receipts that have waited for their signature for too long, up to a hundred; at least one when signing failed. */
  readonly unsigned: number;
  /** Receipts that wait for a person, up to a hundred. */
  readonly needsReview: number;
  /** Scopes that are paused. */
  readonly paused: number;
  /** Age of the oldest receipt that was looked at and is still open. */
  readonly oldestOpenMs: number;
  /** How much of its time the worst of them has used, in whole percent. */
  readonly deadlineUsedPercent: number;
}

const nothing: SweepResult = {
  ...{ claimed: 0, closed: 0, delivered: 0, held: 0, failed: 0, signed: 0, unsigned: 0 },
  ...{ needsReview: 0, paused: 0, oldestOpenMs: 0, deadlineUsedPercent: 0 },
};

/** A sweep's counts while it runs. */
export interface SweepState {
  readonly services: Services;
  readonly counts: { -readonly [name in keyof SweepResult]: SweepResult[name] };
  /** The open receipt that has used most of its time, as far as this sweep knows. */
  mostUrgent: { readonly id: string; readonly used: number } | undefined;
}

/** Nothing was done and nobody was seen yet. */
export function newSweepState(services: Services): SweepState {
  return { services, counts: { ...nothing }, mostUrgent: undefined };
}

/** What stands and nobody works on. Throws `unavailable` when the index cannot be read. */
export async function measureBacklog(run: SweepState): Promise<void> {
  const { store, now } = run.services;
  const [waiting, unsigned] = await Promise.all([
    store.due('needs-review', now(), mostCounted),
    store.due('sign', now() - signedWithinMs, mostCounted),
  ]);
  run.counts.needsReview = waiting.length;
  run.counts.unsigned = Math.max(run.counts.unsigned, unsigned.length);
  // They are in the order of their age.
  for (const receipt of await Promise.all(waiting.slice(0, mostLookedAt).map(id => store.read(id)))) {
    if (receipt?.state === 'needs-review') recordAge(receipt, run);
  }
}

/**
 * Ends a sweep: what is paused, the worst that the last sweep knew and this one may not have come by, and the schedule's
 * sign of life. Whoever cannot be asked for them does not undo the sweep.
 */
export async function finishSweep(run: SweepState): Promise<void> {
  const { services, counts } = run;
  const { store, control, settings, now, log } = services;
  try {
    const [paused, last] = await Promise.all([readPausedScopes(settings, control), readHeartbeat(control)]);
    counts.paused = paused.size;
    const known = last?.mostUrgent === undefined ? undefined : await store.read(last.mostUrgent);
    if (known !== undefined && !isFinal(known.state)) recordAge(known, run);
    await writeHeartbeat(control, { at: now(), mostUrgent: run.mostUrgent?.id });
  } catch (error) {
    counts.failed += 1;
    log({ event: 'alarm', ...failureFields(failureOf(error)) });
  }
}

/** How old an open receipt is that this sweep came by. */
export function recordAge(receipt: Receipt, run: SweepState): void {
  const { services, counts, mostUrgent } = run;
  const now = services.now();
  const used = deadlineUsedPercent(receipt, now);
  if (mostUrgent === undefined || used > mostUrgent.used) run.mostUrgent = { id: receipt.id, used };
  counts.oldestOpenMs = Math.max(counts.oldestOpenMs, now - receipt.receivedAt);
  counts.deadlineUsedPercent = Math.max(counts.deadlineUsedPercent, Math.floor(used));
}
