import { lookAt } from '../erasure/delete-customers.ts';
import { attemptMs } from '../quota/rate-limit.ts';
import { acceptedAppIdHmac, nextRevision, type Receipt } from '../receipts/receipt.ts';
import type { Signer } from '../receipts/signer.ts';
import { type PersonalDataWithPins, type PinsLeft, updateReceipt } from '../receipts/store.ts';
import {
  isVerificationDue,
  pinsKeptUntil,
  recordLook,
  unverifiedPins,
  type VerificationLook,
} from '../receipts/verification.ts';
import type { Services } from '../services.ts';
import { eraseAgain } from './erase-again.ts';
import { signAndStore } from './sign-evidence.ts';

type Pins = PersonalDataWithPins['pins'];

/**
 * Verifies one closed receipt, if that is due: looks up the deleted customers once more, and stores what it has seen. With a
 * result, the same write stores the signed evidence and deletes the pins. A crash before it repeats only reads. The looks end
 * at `until` (epoch ms). Throws `unavailable` if the store fails.
 */
export async function verifyReceipt(
  id: string,
  signer: Signer,
  services: Services,
  until: number,
): Promise<'nothing' | 'signed' | 'failed'> {
  const { store, now, random, log } = services;
  const receipt = await store.read(id);
  if (receipt === undefined || !isVerificationDue(receipt, now())) return 'nothing';
  if (receipt.eraseAgain !== undefined) {
    await eraseAgain(receipt, receipt.eraseAgain, services);
    return 'nothing';
  }
  const pins = await store.readPins(id);
  const look = await lookAtAll(receipt, pins, Math.min(until, now() + attemptMs), services);
  const verified = recordLook(receipt, look, now(), random());
  const result = verified.verification?.result;
  if (result === undefined) {
    await updateReceipt(store, receipt, current =>
      current.revision === receipt.revision ? nextRevision(verified, {}) : undefined,
    );
    return 'nothing';
  }
  const { platform } = receipt;
  log({ event: 'verification', platform, receipt: id, code: result });
  // Before the write, so that no crash can lose it.
  if (result === 'stillPresent') log({ event: 'alarm', alarm: 'erased-person-still-present', platform, receipt: id });
  return signAndStore(verified, signer, services, { pinsLeft: pinsLeftAfter(verified, pins) });
}

/** Looks at the customers one after the other. Only an answer about the pinned customer itself counts. */
async function lookAtAll(receipt: Receipt, pins: Pins, until: number, services: Services): Promise<VerificationLook> {
  const { appId: appIdHmac } = await services.pseudonymizer();
  const absent: { project: string; pin: number }[] = [];
  let isShown = false;
  let isLost = false;
  for (const [project, indexes] of unverifiedPins(receipt)) {
    const voucherify = services.projects.get(project)?.client(receipt, false);
    voucherify?.expectCalls({ calls: indexes.length });
    for (const index of indexes) {
      const pin = pins[project]?.[index];
      isLost ||= pin === undefined;
      if (pin === undefined || voucherify === undefined) continue;
      const task = { voucherify, appIdHmac, acceptedAppIdHmac: acceptedAppIdHmac(receipt, project), until };
      const look = await lookAt(pin, task);
      if (look === 'absent') absent.push({ project, pin: index });
      isShown ||= look === 'shown';
      if (typeof look === 'object' && look.stop) break;
    }
  }
  return { absent, isShown, isLost };
}

/** Returns the pins of customers that are still present, so that an operator can have them deleted again. */
function pinsLeftAfter(receipt: Receipt, pins: Pins): PinsLeft {
  const until = pinsKeptUntil(receipt);
  if (until === undefined) return { pins: {}, expiresAt: 0 };
  const left = [...unverifiedPins(receipt)].map(([project, indexes]) => {
    const kept = indexes.flatMap(index => pins[project]?.[index] ?? []);
    return [project, kept] as const;
  });
  return { pins: Object.fromEntries(left.filter(([, kept]) => kept.length > 0)), expiresAt: Math.ceil(until / 1000) };
}
