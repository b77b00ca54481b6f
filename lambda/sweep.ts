import { attempt } from './attempt.ts';
import { failureOf } from './failure.ts';
import { logged } from './io/log.ts';
import type { Parts } from './parts.ts';
import { advance } from './receipts/advance.ts';
import { asksHuman, claimed, type Receipt } from './receipts/receipt.ts';

/** Receipts that are worked on at once, and that are read from the index at once. */
const atOnce = 5;
const batch = 50;
const mostCounted = 100;

/** Longest that one attempt takes, and longest that it outlasts the sweep, in milliseconds: shorter than its claim. */
const attemptMs = 25_000;
const outlastMs = 5000;

export interface Swept {
  readonly claimed: number;
  readonly closed: number;
  readonly failed: number;
  /** Receipts that wait for a person, up to a hundred. */
  readonly needsHuman: number;
  /** Age of the oldest receipt that was worked on and is still open; each is worked on at least once an hour. */
  readonly oldestOpenMs: number;
}

/**
 * The sweep: due receipts, claim, attempt, close or put off, until nothing is due or the time is over (epoch ms). A
 * receipt that fails is logged and left to its claim; the others go on. Throws `unavailable` when the index cannot be
 * read.
 */
export async function sweep(parts: Parts, until: number): Promise<Swept> {
  const counts = { claimed: 0, closed: 0, failed: 0, needsHuman: 0, oldestOpenMs: 0 };
  const seen = new Set<string>();
  while (parts.now() < until) {
    const ids = await parts.store.due('erase', parts.now(), batch);
    const fresh = ids.filter(id => !seen.has(id));
    if (fresh.length === 0) break;
    for (const id of fresh) seen.add(id);
    await inParallel(fresh, id => sweepOne(id, parts, until, counts));
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

type Counts = { -readonly [name in keyof Swept]: Swept[name] };

async function sweepOne(id: string, parts: Parts, until: number, counts: Counts): Promise<void> {
  if (parts.now() >= until) return;
  try {
    const receipt = await claim(id, parts);
    if (receipt === undefined) return;
    counts.claimed += 1;
    if (await finish(receipt, parts, until)) counts.closed += 1;
    else counts.oldestOpenMs = Math.max(counts.oldestOpenMs, parts.now() - receipt.receivedAt);
  } catch (error) {
    counts.failed += 1;
    parts.log({ event: 'attempt', receipt: id, ...logged(failureOf(error)) });
  }
}

/** The index may lag: whether a receipt is due is decided on the receipt itself. */
async function claim(id: string, parts: Parts): Promise<Receipt | undefined> {
  const receipt = await parts.store.read(id);
  if (receipt === undefined) return undefined;
  const now = parts.now();
  const taken = await advance(parts.store, receipt, standing => claimed(standing, now, now + parts.times.claimMs));
  if (!taken.done) return undefined;
  if (taken.receipt.state === 'open') return taken.receipt;
  tellHuman(taken.receipt, parts);
  return undefined;
}

async function finish(receipt: Receipt, parts: Parts, sweepEnds: number): Promise<boolean> {
  const kept = await parts.store.kept(receipt.id);
  if (kept === undefined) {
    const asked = await advance(parts.store, receipt, standing =>
      standing.state === 'open' ? asksHuman(standing, 'identifiers-missing') : undefined,
    );
    if (asked.done) tellHuman(asked.receipt, parts);
    return false;
  }
  const until = Math.min(parts.now() + attemptMs, sweepEnds + outlastMs);
  const { outcome } = await attempt({ receipt, kept, until, answersNow: false }, parts);
  return 'deletions' in outcome;
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
