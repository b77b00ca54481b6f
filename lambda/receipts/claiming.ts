import { isRefusalDecided, nextRevision, type Receipt, requestReview } from './receipt.ts';

/** Claims without a result after which a person must look. */
export const maxUnrecordedClaims = 5;

/**
 * A worker takes a due receipt until `until`; after too many claims without a result it asks for a person instead. What
 * is to be refused is taken by nobody.
 */
export function claimReceipt(receipt: Receipt, now: number, until: number): Receipt | undefined {
  if (!isDue(receipt, now) || isRefusalDecided(receipt)) return undefined;
  const standing = receipt.unrecordedClaims > 0 ? markMayHaveExecuted(receipt) : receipt;
  if (receipt.unrecordedClaims >= maxUnrecordedClaims) return requestReview(standing, 'claims-without-result');
  return nextRevision(standing, {
    nextAttemptAt: until,
    claims: receipt.claims + 1,
    unrecordedClaims: receipt.unrecordedClaims + 1,
  });
}

/** A claim left no result: what it posted to the pins that were there by then may have had its effect. */
export function markMayHaveExecuted(receipt: Receipt): Receipt {
  const projects = Object.entries(receipt.projects).map(([project, progress]) => {
    const posted = progress.state === 'open' && progress.pins > 0;
    return [project, posted ? { ...progress, mayHaveExecuted: true } : progress] as const;
  });
  return { ...receipt, projects: Object.fromEntries(projects) };
}

/** Put off without a claim, because everybody is held: nobody has tried anything. */
export function postponeReceipt(receipt: Receipt, now: number, until: number): Receipt | undefined {
  return isDue(receipt, now) ? nextRevision(receipt, { nextAttemptAt: until }) : undefined;
}

/**
 * Pins are written once, by the worker with the last claim, and not when an operator has refused meanwhile. The look-ups
 * that they come from are discarded then.
 */
export function recordPins(receipt: Receipt, generation: number, project: string, pins: number): Receipt | undefined {
  const progress = receipt.projects[project];
  if (progress?.state !== 'open' || progress.pins > 0) return undefined;
  const free = receipt.state === 'open' && receipt.claims === generation && !isRefusalDecided(receipt);
  if (!free) return undefined;
  const lookedUp = progress.lookedUp === undefined ? {} : { lookedUp: 0 };
  return nextRevision(receipt, { projects: { ...receipt.projects, [project]: { ...progress, ...lookedUp, pins } } });
}

export function isDue({ state, nextAttemptAt }: Receipt, now: number): boolean {
  return state === 'open' && nextAttemptAt !== undefined && nextAttemptAt <= now;
}
