import { evidenceOf } from '../receipts/evidence.ts';
import { type Signer, signedEvidence } from '../receipts/signer.ts';
import { updateReceipt } from '../receipts/store.ts';
import { isSignatureDue, postponeSignature, storeEvidence } from '../receipts/transitions.ts';
import type { Services } from '../services.ts';

/** Delay before a failed signature is retried, in milliseconds. */
const retryMs = 300_000;

/**
 * Signs one closed receipt, if that is due, and stores the signature in it. If two sweeps sign, the first signature is
 * stored. Throws `unavailable` if the store fails.
 */
export async function signReceipt(
  id: string,
  signer: Signer,
  services: Services,
): Promise<'nothing' | 'signed' | 'failed'> {
  const receipt = await services.store.read(id);
  if (receipt === undefined || !isSignatureDue(receipt, services.now())) return 'nothing';
  const evidence = await signedEvidence(evidenceOf(receipt), signer, services.now()).catch(() => undefined);
  const until = services.now() + retryMs;
  const { done } = await updateReceipt(services.store, receipt, current => {
    if (evidence === undefined) return postponeSignature(current, until);
    // The signature covers the revision that was read. If the receipt has changed since, it must be signed again.
    return current.revision === receipt.revision ? storeEvidence(current, evidence) : undefined;
  });
  if (evidence !== undefined) return done ? 'signed' : 'nothing';
  services.log({ event: 'alarm', alarm: 'evidence-unsigned', platform: receipt.platform, receipt: id });
  return 'failed';
}
