import { callBack } from './call-back.ts';
import { eachDue } from './each-due.ts';
import { eraseDue } from './erase-due.ts';
import { endRun, lookAround, type Noting, noteAge, noting, type Swept } from './look-around.ts';
import type { Parts } from './parts.ts';
import type { Queue } from './receipts/receipt.ts';
import { signReceipt } from './sign.ts';

/**
 * The sweep: due receipts, claim, attempt, close or put off, and beside them the callbacks and the signatures that are
 * due, until nothing is or the time is over (epoch ms). Throws `unavailable` when the index cannot be read.
 */
export async function sweep(parts: Parts, until: number): Promise<Swept> {
  const run: Run = { ...noting(parts), until, stopped: false };
  const all: All = (queue, work, isOver = () => false) =>
    eachDue(queue, parts, { work: id => work(id, run), isOver: () => parts.now() >= until || isOver() });
  const failed = await Promise.all([
    all('erase', sweepOne, () => run.stopped),
    all('call-back', callBackOne),
    signAll(run, all),
  ]);
  // What this sweep closed is told by this sweep, and what it told is signed by it, if there is time left.
  const calledNow = await all('call-back', callBackOne);
  const signedNow = await signAll(run, all);
  run.counts.failed = [...failed, calledNow, signedNow].reduce((sum, count) => sum + count);
  await lookAround(run);
  await endRun(run);
  parts.log({ event: 'sweep', ...run.counts });
  return run.counts;
}

type Work = (id: string, run: Run) => Promise<void>;
/** Works through a queue and gives how many failed. */
type All = (queue: Queue, work: Work, isOver?: () => boolean) => Promise<number>;

interface Run extends Noting {
  readonly until: number;
  /** Every project is held: whatever else is due could not be done either. */
  stopped: boolean;
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

async function callBackOne(id: string, { parts, until, counts }: Run): Promise<void> {
  if (await callBack(id, parts, until)) counts.delivered += 1;
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
