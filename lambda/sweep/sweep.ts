import { failureOf } from '../domain/failure.ts';
import { failureFields } from '../io/log.ts';
import type { ReceiptQueue } from '../receipts/receipt.ts';
import type { SelectPartition } from '../receipts/rows.ts';
import type { Services } from '../services.ts';
import {
  finishSweep,
  isPausedPart,
  newSweepState,
  readSweepPauses,
  recordAge,
  runPart,
  type SweepResult,
  type SweepState,
} from './backlog.ts';
import { deliverCallbacks } from './deliver-callbacks.ts';
import { checkHold, processReceipt, type Turn } from './process-receipt.ts';
import { pullOrders } from './pull-orders.ts';
import { signAddendum, signReceipt } from './sign-evidence.ts';
import { verifyReceipt } from './verify-erasure.ts';

/**
 * Pulls orders and processes due receipts, callbacks and signatures in parallel, until nothing is due or the time is
 * over (epoch ms). If the index of one queue cannot be read, the other queues are still processed, and the counts and
 * the heartbeat are written.
 */
export async function sweep(services: Services, until: number): Promise<SweepResult> {
  const countUntil = Math.min(until, services.now() + countMs);
  const run: Run = {
    ...newSweepState(services),
    until,
    stopped: false,
    cannotSign: false,
    countUntil,
    between: new Set(),
  };
  await Promise.all([pullOrders(run, until), checkHolds(run), eraseAll(run), notifyAll(run), signAll(run)]);
  // If there is time left, the same sweep delivers the callbacks of what it closed, and then signs it.
  await notifyAll(run);
  // Verifications use the quota too. They begin only when no erasure is waiting for it.
  if (!run.stopped) await verifyAll(run);
  await signAll(run);
  await finishSweep(run);
  services.log({ event: 'sweep', ...run.counts });
  return run.counts;
}

/** How long one sweep may wait for calls that count what is left, in milliseconds: callbacks are sent after it. */
const countMs = 15_000;

interface Run extends SweepState {
  readonly until: number;
  /** When a sweep must stop to count what is left. */
  readonly countUntil: number;
  /** Set once every project is rate-limited: no other receipt could be attempted either. */
  stopped: boolean;
  /** Receipts whose verification is due between two rounds of callbacks. */
  readonly between: Set<string>;
  /** Set by the first failed signature; a later sweep signs the rest. */
  cannotSign: boolean;
}

async function eraseAll(run: Run): Promise<void> {
  await readSweepPauses(run);
  await processQueue('erase', run, {
    work: (id, turn) => eraseOne(id, run, turn),
    isOver: () => run.stopped,
    select: partition => !isPausedPart(partition, run),
  });
}

function checkHolds(run: Run): Promise<void> {
  return processQueue('held', run, { work: id => checkHold(id, run.services) });
}

function notifyAll(run: Run): Promise<void> {
  const { services, until, counts } = run;
  const work = async (id: string) => {
    const done = await deliverCallbacks(id, services, until);
    if (done === 'delivered') counts.delivered += 1;
    if (done === 'verify') run.between.add(id);
  };
  return processQueue('callback', run, { work });
}

async function signAll(run: Run): Promise<void> {
  const { services, counts } = run;
  const { signer } = services;
  if (signer === undefined) return;
  const workWith = (sign: typeof signReceipt) => async (id: string) => {
    const done = await sign(id, signer, services);
    if (done === 'signed') counts.signed += 1;
    run.cannotSign ||= done === 'failed';
  };
  await processQueue('sign', run, { work: workWith(signReceipt), isOver: () => run.cannotSign });
  if (services.settings.reappearance === undefined) return;
  // Each of them raises its alarm, even if it cannot be signed.
  await processQueue('addendum', run, { work: workWith(signAddendum) });
}

async function verifyAll(run: Run): Promise<void> {
  const { services, counts, until } = run;
  const { signer } = services;
  if (signer === undefined) return;
  const work = async (id: string) => {
    const ends = { until, countUntil: run.countUntil };
    if ((await verifyReceipt(id, signer, services, ends)) === 'signed') counts.signed += 1;
  };
  await processQueue('verify', run, { work });
  for (const id of run.between) {
    if (services.now() < until && !(await succeeds(id, services, () => work(id)))) counts.failed += 1;
  }
}

async function eraseOne(id: string, run: Run, turn: Omit<Turn, 'until'>): Promise<void> {
  const { services, until, counts } = run;
  const { kind, open, pauses = [], allRateLimited } = await processReceipt(id, { until, ...turn }, services);
  if (kind === 'postponed') counts.unclaimed += 1;
  // A pause that was set during the sweep: what it stops is not asked for again.
  for (const scope of pauses) run.paused?.add(scope);
  if (kind === 'attempted' || kind === 'closed') counts.claimed += 1;
  if (kind === 'closed') counts.closed += 1;
  if (open !== undefined) recordAge(open, run);
  run.stopped ||= allRateLimited ?? false;
}

/** How many receipts wait for their start at once, and how many callbacks or signatures are processed at once. */
const parallel = 5;
/** How many receipts are processed at once: with slow responses, more are needed to use the share of the quota. */
const maxRunning = 64;
/** How many ids one read of the index returns. */
const batchSize = 50;
interface Working {
  /** Resolves when the receipt is done; the next one may be started before. */
  readonly work: (id: string, turn: Omit<Turn, 'until'>) => Promise<void>;
  /** Returns whether no further receipt may be started, although there is time. */
  readonly isOver?: () => boolean;
  /** Which parts of the queue `erase` are processed. */
  readonly select?: SelectPartition;
}

/**
 * Processes every due receipt of a queue once. A failure is counted and logged, and the receipt is due again when its claim
 * expires.
 */
async function processQueue(queue: ReceiptQueue | 'addendum', run: Run, working: Working): Promise<void> {
  const { services, counts, until } = run;
  const { work, isOver = () => false, select } = working;
  const isDone = () => services.now() >= until || isOver();
  const seen = new Set<string>();
  const running = new Set<Promise<void>>();
  const start: Working['work'] = async (id, turn) => {
    if (!isDone() && !(await succeeds(id, services, () => work(id, turn)))) counts.failed += 1;
  };
  await runPart(run, async () => {
    let again = 0;
    while (!isDone()) {
      // Receipts that stay due after they were processed must not hide the ones behind them.
      const limit = again + batchSize;
      const ids = await services.store.due(queue, services.now(), limit, select);
      const fresh = ids.filter(id => !seen.has(id));
      if (fresh.length === 0 && ids.length < limit) break;
      again = ids.length - fresh.length;
      for (const id of fresh) seen.add(id);
      await startAll({ ids: fresh, isAll: ids.length < limit }, running, start);
    }
  });
  await Promise.all(running);
}

async function succeeds(id: string, { log }: Services, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    log({ event: 'attempt', receipt: id, ...failureFields(failureOf(error)) });
    return false;
  }
}

interface DuePage {
  readonly ids: readonly string[];
  /** Whether no other receipt is due. */
  readonly isAll: boolean;
}

/** Starts the work on all ids. What is started may still be running in the end. */
async function startAll({ ids, isAll }: DuePage, running: Set<Promise<void>>, start: Working['work']): Promise<void> {
  const left = [...ids];
  const othersWait = () => !isAll || left.length > 0;
  const starter = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      await untilStarted(running, started => start(id, { started, othersWait }));
      while (running.size >= maxRunning) await Promise.race(running);
    }
  };
  await Promise.all(Array.from({ length: parallel }, starter));
}

/** Starts some work; resolves when the next one may be started. */
function untilStarted(running: Set<Promise<void>>, start: (started: () => void) => Promise<void>): Promise<void> {
  return new Promise(started => {
    const done = start(started).finally(() => {
      running.delete(done);
      started();
    });
    running.add(done);
  });
}
