import { admit, attempt, openProjects, waysOf } from './attempt.ts';
import { closeRefused } from './close-refused.ts';
import type { WayTo } from './erase-in-project.ts';
import type { Parts } from './parts.ts';
import { pausesOf, scopesOf } from './pause.ts';
import { advance } from './receipts/advance.ts';
import { claimed, isDue, postponed } from './receipts/claiming.ts';
import { asksHuman, isRefusalDecided, type ProjectProgress, type Receipt } from './receipts/receipt.ts';
import { attemptMs, type ExpectedCalls } from './voucherify/gate.ts';

/** Longest that an attempt outlasts the sweep, in milliseconds: its claim is longer. */
const outlastMs = 5000;

/** How soon the sweep looks again at a receipt that is held by a pause, in milliseconds. */
const pausedMs = 300_000;

export interface EraseDue {
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
export async function eraseDue(id: string, parts: Parts, sweepEnds: number): Promise<EraseDue> {
  const receipt = await parts.store.read(id);
  // The index may lag: whether a receipt is due is decided on the receipt itself.
  if (receipt === undefined || !isDue(receipt, parts.now())) return { kind: 'nothing' };
  if (isRefusalDecided(receipt)) return (await closeRefused(receipt, parts)) ? { kind: 'closed' } : { kind: 'nothing' };
  if (await isPaused(receipt, parts)) {
    await postpone(receipt, parts.now() + pausedMs, parts);
    return { kind: 'held', open: receipt };
  }
  const until = Math.min(parts.now() + attemptMs, sweepEnds + outlastMs);
  const wayTo = waysOf(receipt, false, parts);
  const { admitted, heldUntil } = await admit(receipt, wayTo, progress => likelyCalls(receipt, progress), until);
  if (!admitted) {
    await postpone(receipt, heldUntil, parts);
    return { kind: 'held', open: receipt, allHeld: openProjects(receipt).length === parts.projects.size };
  }
  const taken = await claim(receipt, parts);
  if (taken === undefined) return { kind: 'taken-by-another', open: receipt };
  const closed = await attemptClaimed(taken, wayTo, until, parts);
  return closed ? { kind: 'closed' } : { kind: 'attempted', open: taken };
}

/** Whether it was closed. What is kept apart is read under the claim, so that no pin is overlooked. */
async function attemptClaimed(receipt: Receipt, wayTo: WayTo, until: number, parts: Parts): Promise<boolean> {
  const kept = await parts.store.kept(receipt.id);
  if (kept === undefined) return withoutIdentifiers(receipt, parts);
  const { outcome } = await attempt({ receipt, kept, wayTo, until, answersNow: false }, parts);
  return 'deletions' in outcome;
}

async function isPaused(receipt: Receipt, { control }: Parts): Promise<boolean> {
  const { paused } = await pausesOf(scopesOf(receipt.platform, Object.keys(receipt.projects)), control);
  return paused.size > 0;
}

/**
 * What is left of a project, as far as the receipt can tell: look-ups and one deletion without pins, else a look and a
 * deletion for each pin. Reserved together, so that a sweep that ends does not part a look-up from its deletion.
 */
function likelyCalls({ subjectMacs }: Receipt, progress?: ProjectProgress): ExpectedCalls {
  const { pins = 0, deletions = [], lookedUp = 0 } = progress ?? {};
  if (pins > 0) return { calls: 2 * (pins - deletions.length), inPairs: true };
  return { calls: Math.max(1, subjectMacs.length - lookedUp) + 1 };
}

async function postpone(receipt: Receipt, until: number, { store, now }: Parts): Promise<void> {
  const at = now();
  await advance(store, receipt, standing => postponed(standing, at, until));
}

async function claim(receipt: Receipt, parts: Parts): Promise<Receipt | undefined> {
  const now = parts.now();
  const taken = await advance(parts.store, receipt, standing => claimed(standing, now, now + parts.times.claimMs));
  if (!taken.done) return undefined;
  if (taken.receipt.state === 'open') return taken.receipt;
  tellHuman(taken.receipt, parts);
  return undefined;
}

async function withoutIdentifiers(receipt: Receipt, parts: Parts): Promise<false> {
  const ask = (standing: Receipt) =>
    standing.state === 'open' ? asksHuman(standing, 'identifiers-missing') : undefined;
  const { receipt: standing, done } = await advance(parts.store, receipt, ask);
  if (done) tellHuman(standing, parts);
  return false;
}

function tellHuman({ platform, id, reason }: Receipt, { log }: Parts): void {
  log({
    event: 'alarm',
    alarm: 'needs-human',
    platform,
    receipt: id,
    ...(reason === undefined ? {} : { code: reason }),
  });
}
