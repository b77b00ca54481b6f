import { failureOf } from './failure.ts';
import { beat, lastBeat } from './heartbeat.ts';
import { logged } from './io/log.ts';
import type { Parts } from './parts.ts';
import { pausedScopes } from './pause.ts';
import { deadlineUsed } from './receipts/deadline.ts';
import { isFinal, type Receipt } from './receipts/receipt.ts';

/** Receipts that wait for a person: as many are counted, and of the oldest of them it is noted how old they are. */
const mostCounted = 100;
const mostLookedAt = 10;

/** How long a receipt may wait for its signature before somebody is told, in milliseconds: a backlog comes first. */
const signedWithinMs = 3_600_000;

/** What a sweep did and saw; alarms are on it. */
export interface Swept {
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
  readonly needsHuman: number;
  /** Scopes that are paused. */
  readonly paused: number;
  /** Age of the oldest receipt that was looked at and is still open. */
  readonly oldestOpenMs: number;
  /** How much of its time the worst of them has used, in whole percent. */
  readonly deadlineUsed: number;
}

const nothing: Swept = {
  ...{ claimed: 0, closed: 0, delivered: 0, held: 0, failed: 0, signed: 0, unsigned: 0 },
  ...{ needsHuman: 0, paused: 0, oldestOpenMs: 0, deadlineUsed: 0 },
};

/** A sweep's counts while it runs. */
export interface Noting {
  readonly parts: Parts;
  readonly counts: { -readonly [name in keyof Swept]: Swept[name] };
  /** The open receipt that has used most of its time, as far as this sweep knows. */
  worst: { readonly id: string; readonly used: number } | undefined;
}

/** Nothing was done and nobody was seen yet. */
export function noting(parts: Parts): Noting {
  return { parts, counts: { ...nothing }, worst: undefined };
}

/** What stands and nobody works on. Throws `unavailable` when the index cannot be read. */
export async function lookAround(run: Noting): Promise<void> {
  const { store, now } = run.parts;
  const [waiting, unsigned] = await Promise.all([
    store.due('needs-human', now(), mostCounted),
    store.due('sign', now() - signedWithinMs, mostCounted),
  ]);
  run.counts.needsHuman = waiting.length;
  run.counts.unsigned = Math.max(run.counts.unsigned, unsigned.length);
  // They are in the order of their age.
  for (const receipt of await Promise.all(waiting.slice(0, mostLookedAt).map(id => store.read(id)))) {
    if (receipt?.state === 'needs-human') noteAge(receipt, run);
  }
}

/**
 * Ends a sweep: what is paused, the worst that the last sweep knew and this one may not have come by, and the schedule's
 * sign of life. Whoever cannot be asked for them does not undo the sweep.
 */
export async function endRun(run: Noting): Promise<void> {
  const { parts, counts } = run;
  const { store, control, settings, now, log } = parts;
  try {
    const [paused, last] = await Promise.all([pausedScopes(settings, control), lastBeat(control)]);
    counts.paused = paused.size;
    const known = last?.worst === undefined ? undefined : await store.read(last.worst);
    if (known !== undefined && !isFinal(known.state)) noteAge(known, run);
    await beat(control, { at: now(), worst: run.worst?.id });
  } catch (error) {
    counts.failed += 1;
    log({ event: 'alarm', ...logged(failureOf(error)) });
  }
}

/** How old an open receipt is that this sweep came by. */
export function noteAge(receipt: Receipt, run: Noting): void {
  const { parts, counts, worst } = run;
  const now = parts.now();
  const used = deadlineUsed(receipt, now);
  if (worst === undefined || used > worst.used) run.worst = { id: receipt.id, used };
  counts.oldestOpenMs = Math.max(counts.oldestOpenMs, now - receipt.receivedAt);
  counts.deadlineUsed = Math.max(counts.deadlineUsed, Math.floor(used));
}
