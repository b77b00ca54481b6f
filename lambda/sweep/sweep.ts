import { failureOf } from '../domain/failure.ts';
import { failureFields } from '../io/log.ts';
import type { ReceiptQueue } from '../receipts/receipt.ts';
import type { Services } from '../services.ts';
import { finishSweep, measureBacklog, newSweepState, recordAge, type SweepResult, type SweepState } from './backlog.ts';
import { deliverCallbacks } from './deliver-callbacks.ts';
import { processReceipt } from './process-receipt.ts';
import { signReceipt } from './sign-evidence.ts';

/**
 * Processes due receipts, callbacks and signatures in parallel, until nothing is due or the time is over (epoch ms).
 * Throws `unavailable` if the index cannot be read.
 */
export async function sweep(services: Services, until: number): Promise<SweepResult> {
  const run: Run = { ...newSweepState(services), until, stopped: false };
  const processAll: ProcessAll = (queue, work, isOver = () => false) =>
    processQueue(queue, services, { work: id => work(id, run), isOver: () => services.now() >= until || isOver() });
  const failed = await Promise.all([
    processAll('erase', eraseOne, () => run.stopped),
    processAll('callback', notifyOne),
    signAll(run, processAll),
  ]);
  // If there is time left, the same sweep delivers the callbacks of what it closed, and then signs it.
  const callbackFailures = await processAll('callback', notifyOne);
  const signFailures = await signAll(run, processAll);
  run.counts.failed = [...failed, callbackFailures, signFailures].reduce((sum, count) => sum + count);
  await measureBacklog(run);
  await finishSweep(run);
  services.log({ event: 'sweep', ...run.counts });
  return run.counts;
}

type Work = (id: string, run: Run) => Promise<void>;
/** Processes a queue and returns how many receipts failed. */
type ProcessAll = (queue: ReceiptQueue, work: Work, isOver?: () => boolean) => Promise<number>;

interface Run extends SweepState {
  readonly until: number;
  /** Set once every project is rate-limited: no other receipt could be attempted either. */
  stopped: boolean;
}

async function eraseOne(id: string, run: Run): Promise<void> {
  const { services, until, counts } = run;
  const { kind, open, allRateLimited } = await processReceipt(id, services, until);
  if (kind === 'postponed') counts.held += 1;
  if (kind === 'attempted' || kind === 'closed') counts.claimed += 1;
  if (kind === 'closed') counts.closed += 1;
  if (open !== undefined) recordAge(open, run);
  run.stopped ||= allRateLimited ?? false;
}

async function notifyOne(id: string, { services, until, counts }: Run): Promise<void> {
  if (await deliverCallbacks(id, services, until)) counts.delivered += 1;
}

/** Signs until the first failure; a later sweep signs the rest. */
async function signAll({ services, counts }: Run, processAll: ProcessAll): Promise<number> {
  const { signer } = services;
  if (signer === undefined) return 0;
  const signOne = async (id: string) => {
    const done = await signReceipt(id, signer, services);
    if (done === 'signed') counts.signed += 1;
    if (done === 'failed') counts.unsigned = 1;
  };
  return processAll('sign', signOne, () => counts.unsigned > 0);
}

/** How many receipts are processed in parallel, and how many ids one read of the index returns. */
const parallel = 5;
const batchSize = 50;

interface Working {
  readonly work: (id: string) => Promise<void>;
  /** Returns whether no further receipt may be started. */
  readonly isOver: () => boolean;
}

/**
 * Processes every due receipt of a queue once and returns how many failed. Failures are logged, and the receipt is due
 * again when its claim expires. Throws `unavailable` if the index cannot be read.
 */
async function processQueue(queue: ReceiptQueue, services: Services, { work, isOver }: Working): Promise<number> {
  const seen = new Set<string>();
  let failed = 0;
  while (!isOver()) {
    // Receipts that stay due after they were processed must not hide the ones behind them.
    const ids = await services.store.due(queue, services.now(), seen.size + batchSize);
    const fresh = ids.filter(id => !seen.has(id));
    if (fresh.length === 0) break;
    for (const id of fresh) seen.add(id);
    await inParallel(fresh, async id => {
      if (!isOver() && !(await succeeds(id, services, work))) failed += 1;
    });
  }
  return failed;
}

async function succeeds(id: string, { log }: Services, work: Working['work']): Promise<boolean> {
  try {
    await work(id);
    return true;
  } catch (error) {
    log({ event: 'attempt', receipt: id, ...failureFields(failureOf(error)) });
    return false;
  }
}

/** Runs a fixed number of workers over one shared list. */
async function inParallel(ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
  const left = [...ids];
  const worker = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) await work(id);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}
