import { addendumStatement, storeAddendumSignature } from '../receipts/addendum.ts';
import { addendumType, type Signer, signStatement } from '../receipts/signer.ts';
import type { Services } from '../services.ts';

/**
 * Reports one reappearance of an erased person, signs its addendum and stores the signature in it. The alarm is raised
 * before, so no crash can lose it. It waits until the evidence of its receipt is signed, which it is bound to. Throws
 * `unavailable` if the store fails.
 */
export async function signAddendum(
  id: string,
  signer: Signer,
  { store, now, log, control }: Services,
): Promise<'nothing' | 'signed' | 'failed'> {
  const addendum = await store.readAddendum(id);
  if (addendum === undefined || addendum.jws !== undefined) return 'nothing';
  const { receipt: receiptId, project } = addendum;
  log({ event: 'alarm', alarm: 'erased-person-reappeared', receipt: receiptId, project });
  const receipt = await store.read(receiptId);
  if (receipt?.evidence === undefined) return 'nothing';
  const statement = addendumStatement(addendum, receipt.evidence);
  const jws = await signStatement(addendumType, statement, signer, now()).catch(() => undefined);
  if (jws === undefined) {
    log({ event: 'attempt', platform: receipt.platform, receipt: receiptId, code: 'signing-failed' });
    return 'failed';
  }
  const signed = storeAddendumSignature(addendum, jws);
  if (signed === undefined || !(await store.replaceAddendum(signed))) return 'nothing';
  await control.count(reappearedKey(receipt.platform, addendum.receivedAt), addendum.expiresAt).catch(() => undefined);
  return 'signed';
}

/** Returns the key of the counter of reappearances on the day of a time (epoch ms, UTC). `ops report` shows the sum. */
export function reappearedKey(platform: string, at: number): string {
  return `reappeared-count#${platform}#${new Date(at).toISOString().slice(0, 10)}`;
}
