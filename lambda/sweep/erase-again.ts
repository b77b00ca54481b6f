import { createReceipt, type Decision, type Receipt } from '../receipts/receipt.ts';
import { type PersonalDataWithPins, updateReceipt } from '../receipts/store.ts';
import { endEraseAgain } from '../receipts/transitions.ts';
import { holdSecondsOf, isWithinLimit, readPausesFor } from '../request/accept.ts';
import type { Services } from '../services.ts';

/**
 * Creates a receipt for the customers that are still present, as an operator has decided for a closed receipt, and moves their
 * pins to it. It is counted against the hourly limit, held and paused as a new request is; the next sweep deletes. A crash
 * between the writes repeats them: the new receipt has the same id. Throws `unavailable` if the store fails.
 */
export async function eraseAgain(receipt: Receipt, decision: Decision, services: Services): Promise<void> {
  const { store, log } = services;
  const pins = await store.readPins(receipt.id);
  if (Object.keys(pins).length > 0) {
    const next = await receiptFor(receipt, decision, pins, services);
    const nothing = { reference: '', scope: '', identifiers: [], callbacks: [] };
    const { stored } = await store.accept(next, nothing, pins);
    log({ event: 'accepted', platform: next.platform, receipt: next.id, code: stored ? 'stored' : 'repeated' });
    if (stored) await isWithinLimit(next, await readPausesFor(next, services), services);
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
  const attemptAt = now + holdSecondsOf(services.platforms.get(platform), services) * 1000;
  const facts = {
    ...{ platform, payloadHmac, subjectHmacs, authentication, lookUpCalls: 0, hasCallbacks: false },
    id: (await services.pseudonymizer()).receipt(platform, 'erase-again', id),
    receivedAt: decision.at,
    submittedAt: decision.at,
    decisions: [decision],
    erasesAgain: id,
    ...(attemptAt > now && { heldUntil: attemptAt }),
  };
  const next = createReceipt(facts, Object.keys(pins), { attemptAt, attemptFollows: false });
  const projects = Object.entries(next.projects).map(([project, progress]) => {
    return [project, { ...progress, pins: pins[project]?.length ?? 0 }] as const;
  });
  return { ...next, projects: Object.fromEntries(projects) };
}
