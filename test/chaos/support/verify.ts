import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import type { TestRequest } from './requests.ts';
import type { Simulation } from './simulation.ts';
import type { Truth } from './truth.ts';
import { uidOf } from './watched-store.ts';

/**
 * Verifies a finished simulation against the sandbox's own log, the stored rows, and the replies and callbacks that the
 * platform received. Adds its violations to those found during the run.
 */
export async function verify(sim: Simulation): Promise<void> {
  const byUid = new Map([...sim.watch.receipts.values()].map(receipt => [uidOf(receipt), receipt] as const));
  const needsReview = new Set(await sim.stores.store.due('needs-review', Number.MAX_SAFE_INTEGER, 1_000_000));
  verifyDeletions(sim);
  for (const request of sim.truth.requests.values()) {
    const receipt = byUid.get(request.uid);
    if (receipt === undefined) verifyUnknown(request, sim);
    else {
      verifyEnd(request, receipt, needsReview, sim);
      await verifyPersonalData(request, receipt, sim);
      verifyReplies(request, receipt, sim);
    }
  }
}

/** Returns whether the injected faults can cause this review; any other review is a bug. */
function isExpectedReview(
  { customers, identities }: TestRequest,
  { reason }: Receipt,
  { voucherify }: Simulation,
): boolean {
  const ids = customers.map(({ id }) => id);
  switch (reason) {
    case 'pin-shadowed':
      return voucherify.sandbox.customers().some(({ source_id }) => source_id !== null && ids.includes(source_id));
    case 'unseen-unproven':
      return identities.some(({ identitySpace }) => identitySpace === 'customer');
    default:
      return [...usualReviews, ...refusedLookUps].includes(reason ?? '');
  }
}

const usualReviews = ['claims-without-result', 'unproven-responses', 'unreadable-customer'];
const refusedLookUps = ['voucherify-400', 'voucherify-422', 'response-too-large'];

/** Checks that the evidence of a refused request lists every customer that was, or may have been, deleted for it. */
function verifyRefusal({ uid, customers }: TestRequest, { projects }: Receipt, truth: Truth): void {
  for (const [project, { deletions, mayHaveExecuted }] of Object.entries(projects)) {
    const gone = customers.filter(
      ({ id, project: of }) =>
        of === project && truth.isGone(id) && !truth.wasRemovedByOthers(id) && truth.requestsFor(id).length === 1,
    );
    if (gone.length > deletions.length && !mayHaveExecuted)
      truth.violated('deleted and refused, but the evidence does not list the deletion', uid);
  }
}

/** Checks that nothing was accepted or deleted without a receipt. */
function verifyUnknown({ uid }: TestRequest, { sender, truth }: Simulation): void {
  if (sender.exchanges.get(uid)?.accepted) truth.violated('lost: accepted without a receipt', uid);
}

function verifyEnd(request: TestRequest, receipt: Receipt, needsReview: ReadonlySet<string>, sim: Simulation): void {
  const { truth } = sim;
  const { uid } = request;
  if (isFinal(receipt.state)) {
    if (receipt.evidence === undefined) truth.violated('closed but never signed', uid);
    if (receipt.state === 'refused') verifyRefusal(request, receipt, truth);
    verifyVerification(request, receipt, sim);
    return;
  }
  if (receipt.state === 'open') truth.violated('lost: never closed', uid);
  else if (!isExpectedReview(request, receipt, sim)) truth.violated(`unexpected review: ${receipt.reason}`, uid);
  // The sweep counts receipts that need review until they are decided: that keeps the alarm on.
  else if (!needsReview.has(receipt.id)) truth.violated('silent: needs review but is not in the queue', uid);
}

/** Checks that every deletion was looked at again, and that no customer is called absent without a 404 on a look-up. */
function verifyVerification({ uid, customers }: TestRequest, receipt: Receipt, { truth }: Simulation): void {
  const isDeleted = Object.values(receipt.projects).some(({ deletions }) => deletions.length > 0);
  const { result, absent = [] } = receipt.verification ?? {};
  if (isDeleted !== (result !== undefined)) truth.violated(`deletions: ${isDeleted}, verification: ${result}`, uid);
  const seen = customers.filter(({ id }) => truth.wasNotFound(id)).length;
  if (absent.length > seen) truth.violated('called absent without a 404 on a look-up', uid);
}

async function verifyPersonalData(
  { uid }: TestRequest,
  receipt: Receipt,
  { stores, truth }: Simulation,
): Promise<void> {
  const personalData = await stores.store.readPersonalData(receipt.id);
  const isOver = isFinal(receipt.state) && receipt.queue !== 'callback';
  if (isOver && personalData !== undefined) truth.violated('identifiers are kept after the receipt is done', uid);
  if (isFinal(receipt.state) && (personalData?.identifiers.length ?? 0) > 0)
    truth.violated('identifiers are kept for callbacks', uid);
  if (!isOver && personalData === undefined) truth.violated('identifiers are missing too early', uid);
  const isKept = !isFinal(receipt.state) || receipt.verification?.result === 'stillPresent';
  const pins = Object.keys(await stores.store.readPins(receipt.id));
  if (!isKept && isOver && receipt.evidence !== undefined && pins.length > 0)
    truth.violated('pins are kept after the verification', uid);
}

const replyTexts = new Map<string, string>([
  ['erased', 'completed/executed'],
  ['no-match', 'completed/no_match'],
  ['created-later', 'completed/no_match'],
  ['not-identifiable', 'completed/insufficient_identification'],
  ['refused', 'completed/unknown'],
]);

/** Checks that every final reply equals the receipt, and that every "in progress" is followed by the outcome. */
function verifyReplies(
  { uid, callbacks }: TestRequest,
  receipt: Receipt,
  { sender, receiver, truth }: Simulation,
): void {
  const expected = replyTexts.get(receipt.state) ?? '';
  const exchange = sender.exchanges.get(uid);
  for (const final of exchange?.finals ?? []) {
    if (final !== expected) truth.violated(`replied ${final} for ${receipt.state}`, uid);
  }
  const tried = (receipt.callbackState?.endedAt ?? 0) - (receipt.closedAt ?? 0);
  for (let index = 0; index < callbacks; index += 1) {
    const { texts, times } = receiver.received(uid, index);
    for (const text of texts) if (text !== expected) truth.violated(`callback ${text} for ${receipt.state}`, uid);
    const isExpected = exchange?.gotInProgress === true && isFinal(receipt.state);
    if (isExpected && times === 0 && tried < minRetryMs) truth.violated('no callback was sent', uid);
    if (isExpected && receipt.queue === 'callback') truth.violated('callbacks never ended', uid);
  }
}

/** Callbacks to an unreachable platform are retried for a week. */
const minRetryMs = 7 * 86_400_000;

/** Checks that only requested customers that existed before the request were deleted, each at most once. */
function verifyDeletions({ voucherify, truth }: Simulation): void {
  const deletions = voucherify.sandbox.deletions().filter(({ customerId }) => !truth.wasRemovedByOthers(customerId));
  for (const { customerId } of deletions) {
    if (truth.requestsFor(customerId).length === 0) truth.violated(`wrong: ${customerId} was not requested`);
  }
  const left = new Set(voucherify.sandbox.customers().map(({ id }) => id));
  for (const { customers, uid } of truth.requests.values()) {
    for (const { id } of customers) {
      if (truth.isGone(id) === left.has(id)) truth.violated(`the harness's record of ${id} is wrong`, uid);
    }
  }
}
