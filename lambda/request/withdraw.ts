import type { ErasureRequest } from '../domain/erasure.ts';
import type { Receipt } from '../receipts/receipt.ts';
import { updateReceipt } from '../receipts/store.ts';
import { decideWithdrawal } from '../receipts/transitions.ts';
import type { Services } from '../services.ts';

/**
 * Withdraws an erasure of this platform, if no customer is stored for deletion yet: from then on none can be, and the sweep
 * closes the receipt as `refused`. Returns the receipt as it is afterwards, withdrawn or not; `undefined` if this
 * platform never sent the request. Throws `unavailable` if the store fails.
 */
export async function withdraw(
  { scope, reference }: Pick<ErasureRequest, 'scope' | 'reference'>,
  platform: string,
  services: Services,
): Promise<Receipt | undefined> {
  const { store, now, log } = services;
  const hmacs = await services.pseudonymizer();
  const found = await store.read(hmacs.receipt(platform, scope, reference));
  if (found === undefined) return undefined;
  const { receipt, done } = await updateReceipt(store, found, current => decideWithdrawal(current, now()));
  log({ event: 'accepted', platform, receipt: receipt.id, code: done ? 'withdrawn' : 'not-withdrawn' });
  return receipt;
}
