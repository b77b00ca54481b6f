import type { Services } from './parts.ts';
import { updateReceipt } from './receipts/advance.ts';
import { evidenceOf } from './receipts/evidence.ts';
import { type Signer, signedEvidence } from './receipts/signer.ts';
import { isSignatureDue, postponeSignature, storeEvidence } from './receipts/signing.ts';

/** How soon it is tried again when it cannot be signed, in milliseconds. */
const retryMs = 300_000;

/**
 * Signs one closed receipt, if that is due, and keeps the signature with it; nothing waits after that. Two sweeps may
 * both sign: the first one's signature stands. Throws `unavailable` when the store fails.
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
  const { done } = await updateReceipt(services.store, receipt, standing => {
    if (evidence === undefined) return postponeSignature(standing, until);
    // What was signed is what was read: somebody who changed it since has it signed anew.
    return standing.revision === receipt.revision ? storeEvidence(standing, evidence) : undefined;
  });
  if (evidence !== undefined) return done ? 'signed' : 'nothing';
  services.log({ event: 'alarm', alarm: 'evidence-unsigned', platform: receipt.platform, receipt: id });
  return 'failed';
}
