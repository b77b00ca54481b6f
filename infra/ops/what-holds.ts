import { readActiveHolds } from '../../lambda/control/legal-holds.ts';
import { type PauseScope, readPauses, scopesOf } from '../../lambda/control/pauses.ts';
import { readRateLimit } from '../../lambda/quota/rate-limiter.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { isDelayed } from '../../lambda/receipts/transitions.ts';
import type { OpsContext } from './context.ts';
import { isoSeconds } from './terminal.ts';

/** What keeps an unfinished receipt from an attempt now. */
export interface Holding {
  readonly pauses: readonly PauseScope[];
  /** The ids of the legal holds that are in effect. */
  readonly legalHolds: readonly string[];
  /** One sentence for each cause. */
  readonly facts: readonly string[];
}

/** Reads what keeps a receipt from an attempt. Throws `unavailable` if the store cannot be reached. */
export async function readHolding(
  receipt: Receipt,
  { control, now }: Pick<OpsContext, 'control' | 'now'>,
): Promise<Holding> {
  const open = Object.keys(receipt.projects).filter(name => receipt.projects[name]?.state === 'open');
  const known = (receipt.legalHolds ?? []).filter(({ to }) => to === undefined).map(({ hold }) => hold);
  const [{ paused }, legalHolds, blocked] = await Promise.all([
    readPauses(scopesOf(receipt.platform, Object.keys(receipt.projects)), control),
    readActiveHolds(known, control, now()),
    Promise.all(open.map(async project => blockedText(project, await readRateLimit(project, control), now()))),
  ]);
  const pauses = [...paused];
  const facts = [
    ...(pauses.length === 0
      ? []
      : [`stopped by the pause of ${pauses.join(', ')}: nothing is deleted until it is resumed`]),
    ...(legalHolds.length === 0
      ? []
      : [`held by the legal hold ${legalHolds.join(', ')}: it continues by itself when the hold ends or is released`]),
    ...(isDelayed(receipt, now()) ? [`delayed by delaySeconds until ${isoSeconds(receipt.delayedUntil ?? 0)}`] : []),
    ...blocked.filter(text => text !== undefined),
  ];
  return { pauses, legalHolds, facts };
}

function blockedText(
  project: string,
  state: Awaited<ReturnType<typeof readRateLimit>>,
  now: number,
): string | undefined {
  const { breaker, reservedForShopUntil = 0 } = state ?? {};
  if (breaker !== undefined && breaker.openUntil > now)
    return `project ${project}: calls are blocked until ${isoSeconds(breaker.openUntil)} (${breaker.code})`;
  if (reservedForShopUntil <= now) return undefined;
  return `project ${project}: calls are reserved for the shop until ${isoSeconds(reservedForShopUntil)}`;
}
