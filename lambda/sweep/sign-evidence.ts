import { evidenceOf } from '../receipts/evidence.ts';
import { evidenceType, type Signer, signStatement } from '../receipts/signer.ts';
import { updateReceipt } from '../receipts/store.ts';
import { addResidue, isSignatureDue, storeEvidence } from '../receipts/transitions.ts';
import type { Services } from '../services.ts';
import { countAfter } from './count-after.ts';

/**
 * Signs one closed receipt, if that is due, and stores the signature in it. If two sweeps sign, the first signature is
 * stored. Before, it is counted what Voucherify still lists, if the settings ask for it; `countUntil` is when counting must end. A
 * receipt that cannot be signed stays due, so that the index shows since when it has waited. Throws `unavailable` if the store
 * fails.
 */
export async function signReceipt(
  id: string,
  signer: Signer,
  services: Services,
  countUntil: number = services.now(),
): Promise<'nothing' | 'signed' | 'failed'> {
  const receipt = await services.store.read(id);
  if (receipt === undefined || !isSignatureDue(receipt, services.now())) return 'nothing';
  const counts = await countAfter(receipt, services, countUntil);
  if (counts === undefined) return 'nothing';
  const counted = addResidue(receipt, counts, services.now());
  const evidence = await signStatement(evidenceType, evidenceOf(counted), signer, services.now()).catch(
    () => undefined,
  );
  if (evidence === undefined) {
    services.log({ event: 'attempt', platform: receipt.platform, receipt: id, code: 'signing-failed' });
    return 'failed';
  }
  // The signature covers the revision that was read. If the receipt has changed since, it must be signed again.
  const { done } = await updateReceipt(
    services.store,
    receipt,
    current => (current.revision === receipt.revision ? storeEvidence(counted, evidence) : undefined),
    () => (Object.keys(counts).length > 0 ? { deletePersonalData: true } : {}),
  );
  return done ? 'signed' : 'nothing';
}
