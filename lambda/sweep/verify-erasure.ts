import { lookAt } from '../erasure/delete-customers.ts';
import { attemptMs } from '../quota/rate-limit.ts';
import { acceptedAppIdHmac, nextRevision, type Receipt } from '../receipts/receipt.ts';
import type { Signer } from '../receipts/signer.ts';
import { type PersonalDataWithPins, type PinsLeft, type SideWrites, updateReceipt } from '../receipts/store.ts';
import { addResidue } from '../receipts/transitions.ts';
import {
  isVerificationDue,
  pinsKeptUntil,
  recordLook,
  unverifiedPins,
  type VerificationLook,
} from '../receipts/verification.ts';
import type { Services } from '../services.ts';
import { countAfter } from './count-after.ts';
import { eraseAgain } from './erase-again.ts';
import { signAndStore } from './sign-evidence.ts';

type Pins = PersonalDataWithPins['pins'];

/** When the looks and the counts of a sweep end, in epoch milliseconds. */
interface VerificationEnds {
  readonly until: number;
  readonly countUntil: number;
}

/**
 * Verifies one closed receipt, if that is due: looks up the deleted customers once more, and stores what it has seen. With a
 * result, the same write deletes the pins and, unless callbacks are still to be sent, stores the signed evidence. A
 * crash before it repeats only reads. Throws `unavailable` if the store fails.
 */
export async function verifyReceipt(
  id: string,
  signer: Signer,
  services: Services,
  { until, countUntil }: VerificationEnds,
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
  const storeLook = async (looked: Receipt, sideWrites: SideWrites = {}) => {
    const change = (current: Receipt) => (current.revision === receipt.revision ? nextRevision(looked, {}) : undefined);
    await updateReceipt(store, receipt, change, () => sideWrites);
    return 'nothing' as const;
  };
  if (result === undefined) return storeLook(verified);
  // A customer that is still present, or cannot be looked up, is reported without waiting for spare calls.
  const dueAt = result === 'absent' ? (receipt.nextAttemptAt ?? now()) : 0;
  const counts = await countAfter(verified, pins, services, { until: countUntil, dueAt });
  // Later, with what is absent already: the customers are not looked up again while the counts wait for spare calls.
  if (counts === undefined) return look.absent.length === 0 ? 'nothing' : storeLook(withoutResult(verified, receipt));
  const { platform } = receipt;
  log({ event: 'verification', platform, receipt: id, code: result });
  // Before the write, so that no crash can lose it.
  if (result === 'stillPresent') log({ event: 'alarm', alarm: 'erased-person-still-present', platform, receipt: id });
  const counted = addResidue(verified, counts, now());
  const sideWrites = { pinsLeft: pinsLeftAfter(verified, pins) };
  // It is signed when its callbacks have ended.
  return counted.queue === 'callback'
    ? storeLook(counted, sideWrites)
    : signAndStore(counted, signer, services, sideWrites);
}

/** Returns a receipt with the result of a look, without a change of when it is due. */
function withoutResult(looked: Receipt, { queue, nextAttemptAt }: Receipt): Receipt {
  const { tries = 0, absent = [] } = looked.verification ?? {};
  return {
    ...looked,
    verification: { tries, absent },
    ...(queue && { queue }),
    ...(nextAttemptAt && { nextAttemptAt }),
  };
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
