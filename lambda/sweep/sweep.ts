import { failureOf } from '../domain/failure.ts';
import { failureFields } from '../io/log.ts';
import type { ReceiptQueue } from '../receipts/receipt.ts';
import type { Services } from '../services.ts';
import { finishSweep, newSweepState, recordAge, runPart, type SweepResult, type SweepState } from './backlog.ts';
import { deliverCallbacks } from './deliver-callbacks.ts';
import { processReceipt } from './process-receipt.ts';
import { pullOrders } from './pull-orders.ts';
import { signReceipt } from './sign-evidence.ts';

/**
 * Pulls orders and processes due receipts, callbacks and signatures in parallel, until nothing is due or the time is over (epoch ms). If the
 * index of one queue cannot be read, the other queues are still processed, and the counts and the heartbeat are written.
 */
export async function sweep(services: Services, until: number): Promise<SweepResult> {
  const run: Run = { ...newSweepState(services), until, stopped: false, cannotSign: false };
  await Promise.all([pullOrders(run, until), eraseAll(run), notifyAll(run), signAll(run)]);
  // If there is time left, the same sweep delivers the callbacks of what it closed, and then signs it.
  await notifyAll(run);
  await signAll(run);
  await finishSweep(run);
  services.log({ event: 'sweep', ...run.counts });
  return run.counts;
}

interface Run extends SweepState {
  readonly until: number;
  /** Set once every project is rate-limited: no other receipt could be attempted either. */
  stopped: boolean;
  /** Set by the first failed signature; a later sweep signs the rest. */
  cannotSign: boolean;
}

function eraseAll(run: Run): Promise<void> {
  return processQueue('erase', run, { work: id => eraseOne(id, run), isOver: () => run.stopped });
}

function notifyAll(run: Run): Promise<void> {
  const { services, until, counts } = run;
  const work = async (id: string) => {
    if (await deliverCallbacks(id, services, until)) counts.delivered += 1;
  };
  return processQueue('callback', run, { work });
}

async function signAll(run: Run): Promise<void> {
  const { services, counts } = run;
  const { signer } = services;
  if (signer === undefined) return;
  const work = async (id: string) => {
    const done = await signReceipt(id, signer, services);
    if (done === 'signed') counts.signed += 1;
    run.cannotSign ||= done === 'failed';
  };
  await processQueue('sign', run, { work, isOver: () => run.cannotSign });
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

/** How many receipts are processed in parallel, and how many ids one read of the index returns. */
const parallel = 5;
const batchSize = 50;

interface Working {
  readonly work: (id: string) => Promise<void>;
  /** Returns whether no further receipt may be started, although there is time. */
  readonly isOver?: () => boolean;
}

/**
 * Processes every due receipt of a queue once. A failure is counted and logged, and the receipt is due again when its claim
 * expires.
 */
async function processQueue(queue: ReceiptQueue, run: Run, { work, isOver = () => false }: Working): Promise<void> {
  const { services, counts, until } = run;
  const isDone = () => services.now() >= until || isOver();
  const seen = new Set<string>();
  await runPart(run, async () => {
    while (!isDone()) {
      // Receipts that stay due after they were processed must not hide the ones behind them.
      const ids = await services.store.due(queue, services.now(), seen.size + batchSize);
      const fresh = ids.filter(id => !seen.has(id));
      if (fresh.length === 0) break;
      for (const id of fresh) seen.add(id);
      await inParallel(fresh, async id => {
        if (!isDone() && !(await succeeds(id, services, work))) counts.failed += 1;
      });
    }
  });
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
