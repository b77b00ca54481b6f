import { admit, attempt, openProjects, waysOf } from './attempt.ts';
import { failureOf } from './failure.ts';
import { logged } from './io/log.ts';
import type { Parts } from './parts.ts';
import { pausesOf, scopesOf } from './pause.ts';
import { advance } from './receipts/advance.ts';
import { asksHuman, claimed, isDue, postponed, type Receipt } from './receipts/receipt.ts';

/** Receipts that are worked on at once, and that are read from the index at once. */
const atOnce = 5;
const batch = 50;
const mostCounted = 100;

/** Longest that one attempt takes, and longest that it outlasts the sweep, in milliseconds: shorter than its claim. */
const attemptMs = 25_000;
const outlastMs = 5000;

/** How soon the sweep looks again at a receipt that is held by a pause, in milliseconds. */
const pausedMs = 300_000;

export interface Swept {
  readonly claimed: number;
  readonly closed: number;
  /** Put off without a claim, by a pause or by the pace. */
  readonly held: number;
  readonly failed: number;
  /** Receipts that wait for a person, up to a hundred. */
  readonly needsHuman: number;
  /** Age of the oldest receipt that was looked at and is still open; each is looked at at least once an hour. */
  readonly oldestOpenMs: number;
}

/**
 * The sweep: due receipts, claim, attempt, close or put off, until nothing is due or the time is over (epoch ms). A
 * receipt that fails is logged and left to its claim; the others go on. Throws `unavailable` when the index cannot be
 * read.
 */
export async function sweep(parts: Parts, until: number): Promise<Swept> {
  const counts = { claimed: 0, closed: 0, held: 0, failed: 0, needsHuman: 0, oldestOpenMs: 0 };
  const run: Run = { parts, until, counts, stopped: false };
  const seen = new Set<string>();
  while (!run.stopped && parts.now() < until) {
    const ids = await parts.store.due('erase', parts.now(), batch);
    const fresh = ids.filter(id => !seen.has(id));
    if (fresh.length === 0) break;
    for (const id of fresh) seen.add(id);
    await inParallel(fresh, id => sweepOne(id, run));
  }
  counts.needsHuman = (await parts.store.due('needs-human', parts.now(), mostCounted)).length;
  parts.log({ event: 'sweep', ...counts });
  return counts;
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
  const { parts, counts, until } = run;
  if (run.stopped || parts.now() >= until) return;
  try {
    const receipt = await parts.store.read(id);
    // The index may lag: whether a receipt is due is decided on the receipt itself.
    if (receipt === undefined || !isDue(receipt, parts.now())) return;
    const closed = await finish(receipt, run);
    if (closed) counts.closed += 1;
    else counts.oldestOpenMs = Math.max(counts.oldestOpenMs, parts.now() - receipt.receivedAt);
  } catch (error) {
    counts.failed += 1;
    parts.log({ event: 'attempt', receipt: id, ...logged(failureOf(error)) });
  }
}

/** Whether the receipt was closed. What is held by a pause or by the pace is put off and not claimed. */
async function finish(receipt: Receipt, run: Run): Promise<boolean> {
  const { parts, until, counts } = run;
  const scopes = scopesOf(receipt.platform, Object.keys(receipt.projects));
  const { paused } = await pausesOf(scopes, parts.control);
  if (paused.size > 0) return putOff(receipt, parts.now() + pausedMs, run);
  const wayTo = waysOf(receipt, false, parts);
  const attemptUntil = Math.min(parts.now() + attemptMs, until + outlastMs);
  const { admitted, heldUntil } = await admit(receipt, wayTo, likelyCalls(receipt), attemptUntil);
  if (!admitted) {
    run.stopped ||= openProjects(receipt).length === parts.projects.size;
    return putOff(receipt, heldUntil, run);
  }
  const taken = await claim(receipt, parts);
  if (taken === undefined) return false;
  counts.claimed += 1;
  const kept = await parts.store.kept(receipt.id);
  if (kept === undefined) return withoutIdentifiers(taken, parts);
  const { outcome } = await attempt({ receipt: taken, kept, wayTo, until: attemptUntil, answersNow: false }, parts);
  return 'deletions' in outcome;
}

/** Look-ups of a receipt without pins, else a look and a deletion for each pin, as far as the receipt can tell. */
function likelyCalls({ projects, subjectMacs }: Receipt): number {
  const pins = Math.max(0, ...Object.values(projects).map(progress => progress.pins - progress.deletions.length));
  return pins > 0 ? 2 * pins : Math.max(1, subjectMacs.length);
}

async function putOff(receipt: Receipt, until: number, { parts, counts }: Run): Promise<false> {
  counts.held += 1;
  const now = parts.now();
  await advance(parts.store, receipt, standing => postponed(standing, now, until));
  return false;
}

async function claim(receipt: Receipt, parts: Parts): Promise<Receipt | undefined> {
  const now = parts.now();
  const taken = await advance(parts.store, receipt, standing => claimed(standing, now, now + parts.times.claimMs));
  if (!taken.done) return undefined;
  if (taken.receipt.state === 'open') return taken.receipt;
  tellHuman(taken.receipt, parts);
  return undefined;
}

async function withoutIdentifiers(receipt: Receipt, parts: Parts): Promise<false> {
  const ask = (standing: Receipt) =>
    standing.state === 'open' ? asksHuman(standing, 'identifiers-missing') : undefined;
  const { receipt: standing, done } = await advance(parts.store, receipt, ask);
  if (done) tellHuman(standing, parts);
  return false;
}

function tellHuman({ platform, id, reason }: Receipt, { log }: Parts): void {
  log({
    event: 'alarm',
    alarm: 'needs-human',
    platform,
    receipt: id,
    ...(reason === undefined ? {} : { code: reason }),
  });
}
