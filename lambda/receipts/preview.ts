import { isClosingDecided, nextRevision, type Receipt } from './receipt.ts';

/** By project, the number of customers that would be deleted now, or a code that says why it is not known. */
export type PreviewedProjects = NonNullable<NonNullable<Receipt['preview']>['projects']>;

/** Returns whether `holdSeconds` delays the first attempt of a receipt. */
export function isDelayed({ state, heldUntil = 0, claims }: Receipt, now: number): boolean {
  return state === 'open' && claims === 0 && heldUntil > now;
}

/**
 * Asks the next sweep what would be deleted for a receipt. Only while `holdSeconds` delays it, and without a decision
 * of an operator.
 */
export function askPreview(receipt: Receipt, now: number): Receipt | undefined {
  if (!isDelayed(receipt, now) || isClosingDecided(receipt)) return undefined;
  return nextRevision(receipt, { nextAttemptAt: now, preview: { askedAt: now } });
}

/** Returns whether an operator waits for the preview of a delayed receipt. */
export function isPreviewAsked(receipt: Receipt, now: number): boolean {
  return isDelayed(receipt, now) && receipt.preview !== undefined && receipt.preview.at === undefined;
}

/** Stores a preview and lets the receipt continue to wait. Returns `undefined` if it no longer waits for this preview. */
export function storePreview(receipt: Receipt, projects: PreviewedProjects, now: number): Receipt | undefined {
  const { preview, heldUntil = now } = receipt;
  if (!isPreviewAsked(receipt, now) || isClosingDecided(receipt)) return undefined;
  return nextRevision(receipt, { nextAttemptAt: heldUntil, preview: { askedAt: now, ...preview, at: now, projects } });
}
