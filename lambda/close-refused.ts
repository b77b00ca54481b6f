import type { Services } from './parts.ts';
import { updateReceipt } from './receipts/advance.ts';
import { closeAsRefused } from './receipts/deciding.ts';
import { needsNoPersonalData, type Receipt } from './receipts/receipt.ts';

/**
 * Closes a due receipt that an operator has refused, paused or not: nobody is looked up or deleted. Gives whether it was
 * closed now. Throws `unavailable` when the store fails.
 */
export async function closeRefusedReceipt(receipt: Receipt, { store, now, log }: Services): Promise<boolean> {
  const { receipt: closed, done } = await updateReceipt(
    store,
    receipt,
    standing => closeAsRefused(standing, now()),
    next => ({ deletePersonalData: needsNoPersonalData(next) }),
  );
  if (done) log({ event: 'closed', platform: closed.platform, receipt: closed.id, outcome: closed.state });
  return done;
}
