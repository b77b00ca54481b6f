import { asksHuman, changed, isRefusalDecided, type Receipt } from './receipt.ts';

/** Claims without a result after which a person must look. */
export const mostUnrecordedClaims = 5;

/**
 * A worker takes a due receipt until `until`; after too many claims without a result it asks for a person instead. What
 * is to be refused is taken by nobody.
 */
export function claimed(receipt: Receipt, now: number, until: number): Receipt | undefined {
  if (!isDue(receipt, now) || isRefusalDecided(receipt)) return undefined;
  const standing = receipt.unrecordedClaims > 0 ? afterCrash(receipt) : receipt;
  if (receipt.unrecordedClaims >= mostUnrecordedClaims) return asksHuman(standing, 'claims-without-result');
  return changed(standing, {
    nextAttemptAt: until,
    claims: receipt.claims + 1,
    unrecordedClaims: receipt.unrecordedClaims + 1,
  });
}

/** A claim left no result: what it posted to the pins that were there by then may have had its effect. */
export function afterCrash(receipt: Receipt): Receipt {
  const projects = Object.entries(receipt.projects).map(([project, progress]) => {
    const posted = progress.state === 'open' && progress.pins > 0;
    return [project, posted ? { ...progress, tried: true } : progress] as const;
  });
  return { ...receipt, projects: Object.fromEntries(projects) };
}

/** Put off without a claim, because everybody is held: nobody has tried anything. */
export function postponed(receipt: Receipt, now: number, until: number): Receipt | undefined {
  return isDue(receipt, now) ? changed(receipt, { nextAttemptAt: until }) : undefined;
}

/**
 * Pins are written once, by the worker with the last claim, and not when an operator has refused meanwhile. The look-ups
 * that they come from are discarded then.
 */
export function pinned(receipt: Receipt, generation: number, project: string, pins: number): Receipt | undefined {
  const progress = receipt.projects[project];
  if (progress?.state !== 'open' || progress.pins > 0) return undefined;
  const free = receipt.state === 'open' && receipt.claims === generation && !isRefusalDecided(receipt);
  if (!free) return undefined;
  const lookedUp = progress.lookedUp === undefined ? {} : { lookedUp: 0 };
  return changed(receipt, { projects: { ...receipt.projects, [project]: { ...progress, ...lookedUp, pins } } });
}

export function isDue({ state, nextAttemptAt }: Receipt, now: number): boolean {
  return state === 'open' && nextAttemptAt !== undefined && nextAttemptAt <= now;
}
