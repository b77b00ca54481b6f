import { evidenceOf } from '../receipts/evidence.ts';
import { nextRevision, type Receipt } from '../receipts/receipt.ts';
import { evidenceType, type Signer, signStatement } from '../receipts/signer.ts';
import { type SideWrites, updateReceipt } from '../receipts/store.ts';
import { isSignatureDue, storeEvidence } from '../receipts/transitions.ts';
import type { Services } from '../services.ts';

/**
 * Signs one closed receipt, if that is due, and stores the signature in it. If two sweeps sign, the first signature is
 * stored. A receipt that cannot be signed stays due, so that the index shows since when it has waited. Throws `unavailable` if
 * the store fails.
 */
export async function signReceipt(
  id: string,
  signer: Signer,
  services: Services,
): Promise<'nothing' | 'signed' | 'failed'> {
  const receipt = await services.store.read(id);
  if (receipt === undefined || !isSignatureDue(receipt, services.now())) return 'nothing';
  return signAndStore(receipt, signer, services);
}

/**
 * Signs a receipt as it is given, and stores both over the revision that it was made from. With `sideWrites` it differs from
 * the stored receipt, so it is stored even if it cannot be signed. Throws `unavailable` if the store fails.
 */
export async function signAndStore(
  receipt: Receipt,
  signer: Signer,
  { store, now, log }: Services,
  sideWrites?: SideWrites,
): Promise<'nothing' | 'signed' | 'failed'> {
  const evidence = await signStatement(evidenceType, evidenceOf(receipt), signer, now()).catch(() => undefined);
  if (evidence === undefined)
    log({ event: 'attempt', platform: receipt.platform, receipt: receipt.id, code: 'signing-failed' });
  if (evidence === undefined && sideWrites === undefined) return 'failed';
  const next = evidence === undefined ? nextRevision(receipt, {}) : storeEvidence(receipt, evidence);
  // The signature covers the revision that was read. If the receipt has changed since, it must be signed again.
  const { done } = await updateReceipt(
    store,
    receipt,
    current => (current.revision === receipt.revision ? next : undefined),
    () => sideWrites ?? {},
  );
  if (evidence === undefined) return 'failed';
  return done ? 'signed' : 'nothing';
}
