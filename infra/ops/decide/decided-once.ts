import { Failure } from '../../../lambda/failure.ts';
import { updateReceipt } from '../../../lambda/receipts/advance.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import type { OpsContext } from '../desk.ts';

/** What became of one decision on one receipt; `nothing` where it stands so already. */
export interface DecisionResult {
  readonly result: 'changed' | 'nothing' | 'not-possible' | 'not-found' | 'failed';
  readonly said: string;
}

/** A decision on a receipt, and the words for what comes of it. */
export interface ReceiptDecision {
  readonly change: (standing: Receipt) => Receipt | undefined;
  readonly changed: (next: Receipt) => string;
  readonly unchanged: (standing: Receipt) => DecisionResult;
}

/** Writes one decision into one receipt, over whatever others write meanwhile and only as the rules allow. */
export async function applyDecision(
  id: string,
  { store }: Pick<OpsContext, 'store'>,
  deciding: ReceiptDecision,
): Promise<DecisionResult> {
  try {
    const found = await store.read(id);
    if (found === undefined) return { result: 'not-found', said: 'no such receipt' };
    const { receipt, done } = await updateReceipt(store, found, deciding.change);
    return done ? { result: 'changed', said: deciding.changed(receipt) } : deciding.unchanged(receipt);
  } catch (error) {
    if (error instanceof Failure) return { result: 'failed', said: `nothing was changed: ${error.message}` };
    throw error;
  }
}
