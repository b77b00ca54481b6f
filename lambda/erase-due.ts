import { attempt, clientsFor, openProjects, reserveFirstCalls } from './attempt.ts';
import { closeRefusedReceipt } from './close-refused.ts';
import type { ClientFor } from './erase-in-project.ts';
import type { Services } from './parts.ts';
import { readPauses, scopesOf } from './pause.ts';
import { updateReceipt } from './receipts/advance.ts';
import { claimReceipt, isDue, postponeReceipt } from './receipts/claiming.ts';
import { isRefusalDecided, type ProjectProgress, type Receipt, requestReview } from './receipts/receipt.ts';
import { attemptMs, type ExpectedCalls } from './voucherify/gate.ts';

/** Longest that an attempt outlasts the sweep, in milliseconds: its claim is longer. */
const outlastMs = 5000;

/** How soon the sweep looks again at a receipt that is held by a pause, in milliseconds. */
const pausedMs = 300_000;

export interface ProcessedReceipt {
  readonly kind: 'nothing' | 'held' | 'taken-by-another' | 'attempted' | 'closed';
  /** The receipt, if it was looked at and is still open. */
  readonly open?: Receipt;
  /** Every project is held: whatever else is due could not be done either. */
  readonly allHeld?: boolean;
}

/**
 * One due receipt of the sweep: claim, attempt, close or put off. What is held by a pause or by the pace is put off
 * without a claim. Throws `unavailable` when the store fails; the claim then runs out and the sweep comes back.
 */
export async function processReceipt(id: string, services: Services, sweepEnds: number): Promise<ProcessedReceipt> {
  const receipt = await services.store.read(id);
  // The index may lag: whether a receipt is due is decided on the receipt itself.
  if (receipt === undefined || !isDue(receipt, services.now())) return { kind: 'nothing' };
  if (isRefusalDecided(receipt))
    return (await closeRefusedReceipt(receipt, services)) ? { kind: 'closed' } : { kind: 'nothing' };
  if (await isPaused(receipt, services)) {
    await postpone(receipt, services.now() + pausedMs, services);
    return { kind: 'held', open: receipt };
  }
  const until = Math.min(services.now() + attemptMs, sweepEnds + outlastMs);
  const clientFor = clientsFor(receipt, false, services);
  const { isReserved, heldUntil } = await reserveFirstCalls(
    receipt,
    clientFor,
    progress => likelyCalls(receipt, progress),
    until,
  );
  if (!isReserved) {
    await postpone(receipt, heldUntil, services);
    return { kind: 'held', open: receipt, allHeld: openProjects(receipt).length === services.projects.size };
  }
  const taken = await claim(receipt, services);
  if (taken === undefined) return { kind: 'taken-by-another', open: receipt };
  const closed = await attemptClaimed(taken, clientFor, until, services);
  return closed ? { kind: 'closed' } : { kind: 'attempted', open: taken };
}

/** Whether it was closed. What is kept apart is read under the claim, so that no pin is overlooked. */
async function attemptClaimed(
  receipt: Receipt,
  clientFor: ClientFor,
  until: number,
  services: Services,
): Promise<boolean> {
  const kept = await services.store.readPersonalData(receipt.id);
  if (kept === undefined) return withoutIdentifiers(receipt, services);
  const { outcome } = await attempt({ receipt, personalData: kept, clientFor, until, repliesNow: false }, services);
  return 'deletions' in outcome;
}

async function isPaused(receipt: Receipt, { control }: Services): Promise<boolean> {
  const { paused } = await readPauses(scopesOf(receipt.platform, Object.keys(receipt.projects)), control);
  return paused.size > 0;
}

/**
 * What is left of a project, as far as the receipt can tell: look-ups and one deletion without pins, else a look and a
 * deletion for each pin. Reserved together, so that a sweep that ends does not part a look-up from its deletion.
 */
function likelyCalls({ subjectHmacs }: Receipt, progress?: ProjectProgress): ExpectedCalls {
  const { pins = 0, deletions = [], lookedUp = 0 } = progress ?? {};
  if (pins > 0) return { calls: 2 * (pins - deletions.length), inPairs: true };
  return { calls: Math.max(1, subjectHmacs.length - lookedUp) + 1 };
}

async function postpone(receipt: Receipt, until: number, { store, now }: Services): Promise<void> {
  const at = now();
  await updateReceipt(store, receipt, standing => postponeReceipt(standing, at, until));
}

async function claim(receipt: Receipt, services: Services): Promise<Receipt | undefined> {
  const now = services.now();
  const taken = await updateReceipt(services.store, receipt, standing =>
    claimReceipt(standing, now, now + services.times.claimMs),
  );
  if (!taken.done) return undefined;
  if (taken.receipt.state === 'open') return taken.receipt;
  logReview(taken.receipt, services);
  return undefined;
}

async function withoutIdentifiers(receipt: Receipt, services: Services): Promise<false> {
  const ask = (standing: Receipt) =>
    standing.state === 'open' ? requestReview(standing, 'identifiers-missing') : undefined;
  const { receipt: standing, done } = await updateReceipt(services.store, receipt, ask);
  if (done) logReview(standing, services);
  return false;
}

function logReview({ platform, id, reason }: Receipt, { log }: Services): void {
  log({
    event: 'alarm',
    alarm: 'needs-review',
    platform,
    receipt: id,
    ...(reason === undefined ? {} : { code: reason }),
  });
}
