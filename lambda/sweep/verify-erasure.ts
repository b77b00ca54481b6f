import { lookAtPin } from '../erasure/delete-customers.ts';
import { attemptMs } from '../quota/rate-limit.ts';
import {
  isVerificationDue,
  pinsKeptUntil,
  recordLook,
  uncountedProjects,
  unverifiedPins,
  type VerificationLook,
} from '../receipts/closing.ts';
import type { Signer } from '../receipts/evidence.ts';
import { acceptedAppIdHmac, createReceipt, type Decision, nextRevision, type Receipt } from '../receipts/receipt.ts';
import type { ResidueCounts } from '../receipts/row-schemas.ts';
import {
  type PersonalDataWithPins,
  type Pin,
  type PinsLeft,
  type SideWrites,
  updateReceipt,
} from '../receipts/store.ts';
import { addResidue, endEraseAgain } from '../receipts/transitions.ts';
import { countAndAdmit, delaySecondsOf, readStopsFor } from '../request/accept.ts';
import type { Services } from '../services.ts';
import { isPassing, notCounted } from '../voucherify/counts.ts';
import { signAndStore } from './sign-evidence.ts';

type Pins = PersonalDataWithPins['pins'];

/** When the looks and the counts of a sweep end, in epoch milliseconds. */
interface VerificationEnds {
  readonly until: number;
  readonly countUntil: number;
}

/**
 * Verifies one closed receipt, if that is due: looks up the deleted customers again, and stores what it has seen. A
 * result is stored in one write that deletes the pins, but for customers still present, and adds the signed evidence if no
 * callback is open. A crash before it repeats only reads. Throws `unavailable` if the store fails.
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
  // A later sweep counts. What is absent is stored now, so that it is not looked up again.
  if (counts === undefined) return look.absent.length === 0 ? 'nothing' : storeLook(withLookOnly(verified, receipt));
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

/** Returns a receipt with what a look has found, without the result of the verification and due as before. */
function withLookOnly(looked: Receipt, { queue, nextAttemptAt }: Receipt): Receipt {
  const { tries = 0, absent = [] } = looked.verification ?? {};
  return {
    ...looked,
    verification: { tries, absent },
    ...(queue && { queue }),
    ...(nextAttemptAt && { nextAttemptAt }),
  };
}

/** Looks at the customers one after the other. Only a response about the pinned customer itself counts. */
async function lookAtAll(receipt: Receipt, pins: Pins, until: number, services: Services): Promise<VerificationLook> {
  const { appId: appIdHmac } = await services.pseudonymizer();
  const absent: { project: string; pin: number }[] = [];
  const others: { code: string; notBefore?: number }[] = [];
  const add = (code: string) => others.push({ code });
  for (const [project, indexes] of unverifiedPins(receipt)) {
    const voucherify = services.projects.get(project)?.client(receipt, false);
    voucherify?.expectCalls({ calls: indexes.length });
    for (const index of indexes) {
      const pin = pins[project]?.[index];
      if (pin === undefined) add('pin-missing');
      else if (voucherify === undefined) add('not-in-settings');
      if (pin === undefined || voucherify === undefined) continue;
      const task = { voucherify, appIdHmac, acceptedAppIdHmac: acceptedAppIdHmac(receipt, project), until };
      const look = await lookAtPin(pin, task);
      if (look === 'absent') absent.push({ project, pin: index });
      else if (typeof look === 'object') others.push(look);
      else add(look);
      if (typeof look === 'object' && look.stop) break;
    }
  }
  return { absent, others };
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

/** How long the signature waits for counts that Voucherify or the quota does not allow now, in milliseconds. */
const patienceMs = 1_800_000;

/** When counting must end, and since when the counts are due, in epoch milliseconds. */
interface CountTimes {
  readonly until: number;
  readonly dueAt: number;
}

/**
 * Counts what Voucherify lists for the deleted customers of a closed receipt, by project; nothing if there is nothing to
 * count. Returns `undefined` if a later sweep must count.
 */
async function countAfter(
  receipt: Receipt,
  pins: PersonalDataWithPins['pins'],
  services: Services,
  { until, dueAt }: CountTimes,
): Promise<Readonly<Record<string, ResidueCounts>> | undefined> {
  const counts: Record<string, ResidueCounts> = {};
  for (const project of uncountedProjects(receipt)) {
    counts[project] = await countInProject(receipt, project, pins[project] ?? [], services, until);
  }
  const codes = Object.values(counts).flatMap(count => Object.values(count).filter(one => typeof one === 'string'));
  const isWaiting = services.now() < dueAt + patienceMs;
  return isWaiting && codes.some(isPassing) ? undefined : counts;
}

async function countInProject(
  receipt: Receipt,
  project: string,
  pins: readonly Pin[],
  services: Services,
  until: number,
): Promise<ResidueCounts> {
  const client = services.projects.get(project)?.client(receipt, false);
  if (client?.countResidue === undefined) return notCounted('not-in-settings');
  if (pins.length === 0) return notCounted('pins-missing');
  return client.countResidue(
    pins.map(pin => pin.customerId),
    until,
  );
}

/**
 * Creates a receipt for the customers that are still present, as an operator has decided for a closed receipt, and moves their
 * pins to it. It is counted against the hourly limit, delayed and paused as a new request is; the next sweep deletes. A crash
 * between the writes repeats them: the new receipt has the same id. Throws `unavailable` if the store fails.
 */
async function eraseAgain(receipt: Receipt, decision: Decision, services: Services): Promise<void> {
  const { store, log } = services;
  const pins = await store.readPins(receipt.id);
  if (Object.keys(pins).length > 0) {
    const next = await receiptFor(receipt, decision, pins, services);
    const nothing = { reference: '', scope: '', identifiers: [], callbacks: [] };
    const { stored } = await store.accept(next, nothing, pins);
    log({ event: 'accepted', platform: next.platform, receipt: next.id, code: stored ? 'stored' : 'repeated' });
    if (stored) await countAndAdmit(next, await readStopsFor(next, services), services);
  }
  await updateReceipt(
    store,
    receipt,
    current => endEraseAgain(current, services.now()),
    () => ({ pinsLeft: { pins: {}, expiresAt: 0 } }),
  );
}

async function receiptFor(
  receipt: Receipt,
  decision: Decision,
  pins: PersonalDataWithPins['pins'],
  services: Services,
): Promise<Receipt> {
  const { platform, payloadHmac, subjectHmacs, authentication, id } = receipt;
  const now = services.now();
  const attemptAt = now + delaySecondsOf(services.platforms.get(platform), services) * 1000;
  const facts = {
    ...{ platform, payloadHmac, subjectHmacs, authentication, lookUpCalls: 0, hasCallbacks: false },
    id: (await services.pseudonymizer()).receipt(platform, 'erase-again', id),
    receivedAt: decision.at,
    submittedAt: decision.at,
    decisions: [decision],
    erasesAgain: id,
    ...(attemptAt > now && { delayedUntil: attemptAt }),
  };
  const next = createReceipt(facts, Object.keys(pins), { attemptAt, attemptFollows: false });
  const projects = Object.entries(next.projects).map(([project, progress]) => {
    return [project, { ...progress, pins: pins[project]?.length ?? 0 }] as const;
  });
  return { ...next, projects: Object.fromEntries(projects) };
}
