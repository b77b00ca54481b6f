import { Failure } from '../domain/failure.ts';
import type { Receipt } from './receipt.ts';
import type { ReceiptStore, SideWrites } from './store.ts';

/** How many conflicting writes are retried. */
const maxTries = 8;

export interface UpdatedReceipt {
  /** The receipt as it is stored now. */
  readonly receipt: Receipt;
  /** Whether the change was made; false if the rules forbid it. */
  readonly done: boolean;
}

/**
 * Applies one change, again on the newest revision if another writer was faster. Throws `unavailable` if the store cannot
 * be reached, if the receipt is missing, or after too many conflicts.
 */
export async function updateReceipt(
  store: Pick<ReceiptStore, 'read' | 'replace'>,
  receipt: Receipt,
  change: (current: Receipt) => Receipt | undefined,
  also: (next: Receipt) => SideWrites = () => ({}),
): Promise<UpdatedReceipt> {
  let current: Receipt | undefined = receipt;
  for (let tries = 0; tries < maxTries && current !== undefined; tries += 1) {
    const next = change(current);
    if (next === undefined) return { receipt: current, done: false };
    if (await store.replace(next, also(next))) return { receipt: next, done: true };
    current = await store.read(receipt.id);
  }
  throw new Failure('unavailable', 'the receipt cannot be written', { alarm: 'store-unavailable' });
}
