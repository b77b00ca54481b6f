import { failureOf } from './failure.ts';
import { failureFields } from './io/log.ts';
import type { Services } from './parts.ts';
import type { ReceiptQueue } from './receipts/receipt.ts';

/** Receipts that are worked on at once, and that are read from the index at once. */
const atOnce = 5;
const batch = 50;

interface Working {
  readonly work: (id: string) => Promise<void>;
  /** Whether no more is to be begun. */
  readonly isOver: () => boolean;
}

/**
 * Works on every receipt of a queue that is due, each once, and gives how many failed: those are logged and left to
 * their claims. Throws `unavailable` when the index cannot be read.
 */
export async function processQueue(
  queue: ReceiptQueue,
  services: Services,
  { work, isOver }: Working,
): Promise<number> {
  const seen = new Set<string>();
  let failed = 0;
  while (!isOver()) {
    // Those that stay due although they were seen must not hide the others behind them.
    const ids = await services.store.due(queue, services.now(), seen.size + batch);
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

/** A fixed number of workers that share one list. */
async function inParallel(ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
  const left = [...ids];
  const worker = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) await work(id);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
