import { callBack } from './call-back.ts';
import { eraseDue } from './erase-due.ts';
import { failureOf } from './failure.ts';
import { logged } from './io/log.ts';
import type { Parts } from './parts.ts';
import type { Queue } from './receipts/receipt.ts';

/** Receipts that are worked on at once, and that are read from the index at once. */
const atOnce = 5;
const batch = 50;
const mostCounted = 100;

export interface Swept {
  readonly claimed: number;
  readonly closed: number;
  /** Callbacks that every target has taken by now. */
  readonly delivered: number;
  /** Put off without a claim, by a pause or by the pace. */
  readonly held: number;
  readonly failed: number;
  /** Receipts that wait for a person, up to a hundred. */
  readonly needsHuman: number;
  /** Age of the oldest receipt that was looked at and is still open; each is looked at at least once an hour. */
  readonly oldestOpenMs: number;
}

/**
 * The sweep: due receipts, claim, attempt, close or put off, and beside them the callbacks that are due, until nothing
 * is due or the time is over (epoch ms). Throws `unavailable` when the index cannot be read.
 */
export async function sweep(parts: Parts, until: number): Promise<Swept> {
  const counts = { claimed: 0, closed: 0, held: 0, delivered: 0, failed: 0, needsHuman: 0, oldestOpenMs: 0 };
  const run: Run = { parts, until, counts, stopped: false };
  await Promise.all([
    eachDue('erase', run, id => sweepOne(id, run)),
    eachDue('call-back', run, id => callBackOne(id, run)),
  ]);
  // What this sweep closed is told by this sweep.
  await eachDue('call-back', run, id => callBackOne(id, run));
  counts.needsHuman = (await parts.store.due('needs-human', parts.now(), mostCounted)).length;
  parts.log({ event: 'sweep', ...counts });
  return counts;
}

/** Every receipt of a queue that is due, each once, as long as there is time. */
async function eachDue(queue: Queue, run: Run, work: (id: string) => Promise<void>): Promise<void> {
  const { store, now } = run.parts;
  const seen = new Set<string>();
  const isOver = () => now() >= run.until || (queue === 'erase' && run.stopped);
  while (!isOver()) {
    // Those that stay due although they were seen must not hide the others behind them.
    const ids = await store.due(queue, now(), seen.size + batch);
    const fresh = ids.filter(id => !seen.has(id));
    if (fresh.length === 0) return;
    for (const id of fresh) seen.add(id);
    await inParallel(fresh, async id => {
      if (!isOver()) await guarded(id, run, work);
    });
  }
}

/** A receipt that fails is logged and left to its claim; the others go on. */
async function guarded(id: string, { parts, counts }: Run, work: (id: string) => Promise<void>): Promise<void> {
  try {
    await work(id);
  } catch (error) {
    counts.failed += 1;
    parts.log({ event: 'attempt', receipt: id, ...logged(failureOf(error)) });
  }
}

/** A fixed number of workers that share one list. */
async function inParallel(ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
  const left = [...ids];
  const worker = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) await work(id);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

interface Run {
  readonly parts: Parts;
  readonly until: number;
  /** Every project is held: whatever else is due could not be done either. */
  stopped: boolean;
  readonly counts: { -readonly [name in keyof Swept]: Swept[name] };
}

async function sweepOne(id: string, run: Run): Promise<void> {
  const { parts, until, counts } = run;
  const { kind, openMs, allHeld } = await eraseDue(id, parts, until);
  if (kind === 'held') counts.held += 1;
  if (kind === 'attempted' || kind === 'closed') counts.claimed += 1;
  if (kind === 'closed') counts.closed += 1;
  counts.oldestOpenMs = Math.max(counts.oldestOpenMs, openMs);
  run.stopped ||= allHeld ?? false;
}

async function callBackOne(id: string, { parts, counts }: Run): Promise<void> {
  if (await callBack(id, parts)) counts.delivered += 1;
}
