import { readActiveHolds } from '../control/legal-holds.ts';
import { updateReceipt } from '../receipts/store.ts';
import { isHoldCheckDue, recordHoldCheck } from '../receipts/transitions.ts';
import type { Services } from '../services.ts';

/**
 * Checks whether the legal holds of a receipt have ended, by their date or by an operator: then the erasure continues.
 * Throws `unavailable` if the store fails: the receipt stays in review and is checked by the next sweep.
 */
export async function checkHold(id: string, { store, control, now, log }: Services): Promise<void> {
  const receipt = await store.read(id);
  if (receipt === undefined || !isHoldCheckDue(receipt, now())) return;
  const holds = (receipt.legalHolds ?? []).filter(({ to }) => to === undefined).map(({ hold }) => hold);
  const active = await readActiveHolds(holds, control, now());
  const { receipt: checked, done } = await updateReceipt(store, receipt, current =>
    recordHoldCheck(current, active, now()),
  );
  if (done && checked.state === 'open') {
    log({ event: 'attempt', platform: checked.platform, receipt: id, code: 'legal-hold-ended' });
  }
}
