import { deliverCallbacks } from './call-back.ts';
import { processQueue } from './each-due.ts';
import { processReceipt } from './erase-due.ts';
import {
  finishSweep,
  measureBacklog,
  newSweepState,
  recordAge,
  type SweepResult,
  type SweepState,
} from './look-around.ts';
import type { Services } from './parts.ts';
import type { ReceiptQueue } from './receipts/receipt.ts';
import { signReceipt } from './sign.ts';

/**
 * The sweep: due receipts, claim, attempt, close or put off, and beside them the callbacks and the signatures that are
 * due, until nothing is or the time is over (epoch ms). Throws `unavailable` when the index cannot be read.
 */
export async function sweep(services: Services, until: number): Promise<SweepResult> {
  const run: Run = { ...newSweepState(services), until, stopped: false };
  const all: All = (queue, work, isOver = () => false) =>
    processQueue(queue, services, { work: id => work(id, run), isOver: () => services.now() >= until || isOver() });
  const failed = await Promise.all([
    all('erase', sweepOne, () => run.stopped),
    all('callback', callBackOne),
    signAll(run, all),
  ]);
  // What this sweep closed is told by this sweep, and what it told is signed by it, if there is time left.
  const calledNow = await all('callback', callBackOne);
  const signedNow = await signAll(run, all);
  run.counts.failed = [...failed, calledNow, signedNow].reduce((sum, count) => sum + count);
  await measureBacklog(run);
  await finishSweep(run);
  services.log({ event: 'sweep', ...run.counts });
  return run.counts;
}

type Work = (id: string, run: Run) => Promise<void>;
/** Works through a queue and gives how many failed. */
type All = (queue: ReceiptQueue, work: Work, isOver?: () => boolean) => Promise<number>;

interface Run extends SweepState {
  readonly until: number;
  /** Every project is held: whatever else is due could not be done either. */
  stopped: boolean;
}

async function sweepOne(id: string, run: Run): Promise<void> {
  const { services, until, counts } = run;
  const { kind, open, allHeld } = await processReceipt(id, services, until);
  if (kind === 'held') counts.held += 1;
  if (kind === 'attempted' || kind === 'closed') counts.claimed += 1;
  if (kind === 'closed') counts.closed += 1;
  if (open !== undefined) recordAge(open, run);
  run.stopped ||= allHeld ?? false;
}

async function callBackOne(id: string, { services, until, counts }: Run): Promise<void> {
  if (await deliverCallbacks(id, services, until)) counts.delivered += 1;
}

/** Until it fails once: the others are left for a later sweep. */
async function signAll({ services, counts }: Run, all: All): Promise<number> {
  const { signer } = services;
  if (signer === undefined) return 0;
  const signOne = async (id: string) => {
    const done = await signReceipt(id, signer, services);
    if (done === 'signed') counts.signed += 1;
    if (done === 'failed') counts.unsigned = 1;
  };
  return all('sign', signOne, () => counts.unsigned > 0);
}
