import type { Parts } from './parts.ts';
import { advance } from './receipts/advance.ts';
import { evidenceOf } from './receipts/evidence.ts';
import { type Signer, signedEvidence } from './receipts/signer.ts';
import { isUnsigned, signed, unsignedUntil } from './receipts/signing.ts';

/** How soon it is tried again when it cannot be signed, in milliseconds. */
const retryMs = 300_000;

/**
 * Signs one closed receipt, if that is due, and keeps the signature with it; nothing waits after that. Two sweeps may
 * both sign: the first one's signature stands. Throws `unavailable` when the store fails.
 */
export async function signReceipt(id: string, signer: Signer, parts: Parts): Promise<'nothing' | 'signed' | 'failed'> {
  const receipt = await parts.store.read(id);
  if (receipt === undefined || !isUnsigned(receipt, parts.now())) return 'nothing';
  const evidence = await signedEvidence(evidenceOf(receipt), signer, parts.now()).catch(() => undefined);
  const until = parts.now() + retryMs;
  const { done } = await advance(parts.store, receipt, standing => {
    if (evidence === undefined) return unsignedUntil(standing, until);
    // What was signed is what was read: somebody who changed it since has it signed anew.
    return standing.revision === receipt.revision ? signed(standing, evidence) : undefined;
  });
  if (evidence !== undefined) return done ? 'signed' : 'nothing';
  parts.log({ event: 'alarm', alarm: 'evidence-unsigned', platform: receipt.platform, receipt: id });
  return 'failed';
}
