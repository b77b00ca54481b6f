import type { Parts } from './parts.ts';
import { advance } from './receipts/advance.ts';
import { closedAsRefused } from './receipts/deciding.ts';
import { forgets, type Receipt } from './receipts/receipt.ts';

/**
 * Closes a due receipt that an operator has refused, paused or not: nobody is looked up or deleted. Gives whether it was
 * closed now. Throws `unavailable` when the store fails.
 */
export async function closeRefused(receipt: Receipt, { store, now, log }: Parts): Promise<boolean> {
  const { receipt: closed, done } = await advance(
    store,
    receipt,
    standing => closedAsRefused(standing, now()),
    next => ({ forget: forgets(next) }),
  );
  if (done) log({ event: 'closed', platform: closed.platform, receipt: closed.id, outcome: closed.state });
  return done;
}
