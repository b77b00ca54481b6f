import {
  addendumStatement,
  addendumType,
  evidenceOf,
  evidenceType,
  type Signer,
  signStatement,
  storeAddendumSignature,
} from '../receipts/evidence.ts';
import { nextRevision, type Receipt } from '../receipts/receipt.ts';
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
 * Signs this receipt, and stores it with the signature if the stored revision is still the same. With `sideWrites` the
 * receipt has changed, so it is stored even if signing fails. Throws `unavailable` if the store fails.
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
