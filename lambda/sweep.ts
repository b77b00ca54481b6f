import { callBack } from './call-back.ts';
import { eachDue } from './each-due.ts';
import { eraseDue } from './erase-due.ts';
import { failureOf } from './failure.ts';
import { beat } from './heartbeat.ts';
import { logged } from './io/log.ts';
import type { Parts } from './parts.ts';
import { pausedScopes } from './pause.ts';
import { deadlineUsed } from './receipts/deadline.ts';
import type { Queue, Receipt } from './receipts/receipt.ts';
import { signReceipt } from './sign.ts';

/** Receipts that wait for a person: as many are counted, and of the oldest of them it is noted how old they are. */
const mostCounted = 100;
const mostLookedAt = 10;

export interface Swept {
  readonly claimed: number;
  readonly closed: number;
  /** Callbacks that every target has taken by now. */
  readonly delivered: number;
  /** Put off without a claim, by a pause or by the pace. */
  readonly held: number;
  readonly failed: number;
  readonly signed: number;
  /** Whether signing failed: then the others were left for a later sweep. */
  readonly unsigned: number;
  /** Receipts that wait for a person, up to a hundred. */
  readonly needsHuman: number;
  /** Scopes that are paused. */
  readonly paused: number;
  /** Age of the oldest receipt that was looked at and is still open; each is looked at at least once an hour. */
  readonly oldestOpenMs: number;
  /** How much of its time the worst of them has used, in whole percent. */
  readonly deadlineUsed: number;
}

/**
 * The sweep: due receipts, claim, attempt, close or put off, and beside them the callbacks that are due, until nothing
 * is due or the time is over (epoch ms); then what is closed and told is signed. Throws `unavailable` when the index
 * cannot be read.
 */
export async function sweep(parts: Parts, until: number): Promise<Swept> {
  const run: Run = { parts, until, counts: { ...nothing }, stopped: false };
  const all: All = (queue, work, isOver = () => false) =>
    eachDue(queue, parts, { work: id => work(id, run), isOver: () => parts.now() >= until || isOver() });
  const [erasing, calling] = await Promise.all([
    all('erase', sweepOne, () => run.stopped),
    all('call-back', callBackOne),
  ]);
  // What this sweep closed is told by this sweep, and what it told is signed by it.
  const calledNow = await all('call-back', callBackOne);
  const signing = await signAll(run, all);
  run.counts.failed = erasing + calling + calledNow + signing;
  await lookAround(run);
  await endRun(run);
  parts.log({ event: 'sweep', ...run.counts });
  return run.counts;
}

const nothing: Swept = {
  ...{ claimed: 0, closed: 0, delivered: 0, held: 0, failed: 0, signed: 0, unsigned: 0 },
  ...{ needsHuman: 0, paused: 0, oldestOpenMs: 0, deadlineUsed: 0 },
};

type Work = (id: string, run: Run) => Promise<void>;
/** Works through a queue and gives how many failed. */
type All = (queue: Queue, work: Work, isOver?: () => boolean) => Promise<number>;

interface Run {
  readonly parts: Parts;
  readonly until: number;
  /** Every project is held: whatever else is due could not be done either. */
  stopped: boolean;
  readonly counts: { -readonly [name in keyof Swept]: Swept[name] };
}

async function sweepOne(id: string, run: Run): Promise<void> {
  const { parts, until, counts } = run;
  const { kind, open, allHeld } = await eraseDue(id, parts, until);
  if (kind === 'held') counts.held += 1;
  if (kind === 'attempted' || kind === 'closed') counts.claimed += 1;
  if (kind === 'closed') counts.closed += 1;
  if (open !== undefined) noteAge(open, run);
  run.stopped ||= allHeld ?? false;
}

async function callBackOne(id: string, { parts, counts }: Run): Promise<void> {
  if (await callBack(id, parts)) counts.delivered += 1;
}

/** Until it fails once: the others are left for a later sweep. */
async function signAll({ parts, counts }: Run, all: All): Promise<number> {
  const { signer } = parts;
  if (signer === undefined) return 0;
  const signOne = async (id: string) => {
    const done = await signReceipt(id, signer, parts);
    if (done === 'signed') counts.signed += 1;
    if (done === 'failed') counts.unsigned = 1;
  };
  return all('sign', signOne, () => counts.unsigned > 0);
}

/** What stands and nobody works on: alarms are for it. */
async function lookAround(run: Run): Promise<void> {
  const { store, now } = run.parts;
  const waiting = await store.due('needs-human', now(), mostCounted);
  run.counts.needsHuman = waiting.length;
  // They are in the order of their age.
  for (const receipt of await Promise.all(waiting.slice(0, mostLookedAt).map(id => store.read(id)))) {
    if (receipt?.state === 'needs-human') noteAge(receipt, run);
  }
}

/** The schedule's sign of life, and what is paused. Whoever cannot be asked for them does not undo the sweep. */
async function endRun({ parts, counts }: Run): Promise<void> {
  const { control, settings, now, log } = parts;
  try {
    const [paused] = await Promise.all([pausedScopes(settings, control), beat(control, now())]);
    counts.paused = paused.size;
  } catch (error) {
    counts.failed += 1;
    log({ event: 'alarm', ...logged(failureOf(error)) });
  }
}

function noteAge(receipt: Receipt, { parts, counts }: Run): void {
  const now = parts.now();
  counts.oldestOpenMs = Math.max(counts.oldestOpenMs, now - receipt.receivedAt);
  counts.deadlineUsed = Math.max(counts.deadlineUsed, Math.floor(deadlineUsed(receipt, now)));
}
