import { Failure } from '../failure.ts';
import type { Receipt } from './receipt.ts';
import type { ReceiptStore, SideWrites } from './store.ts';

/** Writers of one receipt that may get in each other's way before this gives up. */
const mostTries = 8;

export interface UpdatedReceipt {
  /** The receipt as it stands now. */
  readonly receipt: Receipt;
  /** Whether the change was made; false when the rules forbid it. */
  readonly done: boolean;
}

/**
 * Makes one change by the rules, over whatever others wrote in the meantime. Throws `unavailable` when the store cannot
 * be reached, when the receipt is gone, or when too many others write it.
 */
export async function updateReceipt(
  store: Pick<ReceiptStore, 'read' | 'replace'>,
  receipt: Receipt,
  change: (standing: Receipt) => Receipt | undefined,
  also: (next: Receipt) => SideWrites = () => ({}),
): Promise<UpdatedReceipt> {
  let standing: Receipt | undefined = receipt;
  for (let tries = 0; tries < mostTries && standing !== undefined; tries += 1) {
    const next = change(standing);
    if (next === undefined) return { receipt: standing, done: false };
    if (await store.replace(next, also(next))) return { receipt: next, done: true };
    standing = await store.read(receipt.id);
  }
  throw new Failure('unavailable', 'the receipt cannot be written', { alarm: 'store-unavailable' });
}
