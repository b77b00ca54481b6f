import { readActiveHolds } from '../../lambda/control/legal-holds.ts';
import { type PauseScope, readPauses, scopesOf } from '../../lambda/control/pauses.ts';
import { readRateLimit } from '../../lambda/quota/rate-limiter.ts';
import {
  deadlineUsedPercent,
  isPartialAccepted,
  isRefusalDecided,
  type Receipt,
} from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { isDelayed } from '../../lambda/receipts/transitions.ts';
import { pickId } from './args.ts';
import type { OpsContext } from './context.ts';
import { isoSeconds, type Output } from './terminal.ts';

/** An id is an HMAC-SHA-256 in base64url: 43 characters. */
const beginning = /^[\w-]{1,42}$/;

/** Longest name of a platform with which a row fits 80 columns. */
const longestName = 16;

/** Returns a platform's name as a table on a terminal shows it: cut if it is long. */
export function shortName(platform: string): string {
  return platform.length > longestName ? `${platform.slice(0, longestName - 1)}…` : platform;
}

const queues = ['needs-review', 'held', 'erase', 'callback', 'verify', 'sign'] as const;

/** Ids read from each queue. */
const maxIds = 1000;

/**
 * Returns the receipt with this id, or with the only id that begins like this; it searches the finished receipts, which
 * reads the whole table, after the others. Returns `undefined` if there is none. Throws as {@link pickId} does.
 */
export async function readReceiptLike(
  text: string,
  { store, all }: Pick<OpsContext, 'store' | 'all'>,
  output: Pick<Output, 'progress'>,
): Promise<Receipt | undefined> {
  const exact = await store.read(text);
  if (exact !== undefined || !beginning.test(text)) return exact;
  const queued = await Promise.all(queues.map(queue => store.due(queue, Number.MAX_SAFE_INTEGER, maxIds)));
  const unfinished = pickId(text, queued.flat(), 'receipts');
  if (unfinished !== undefined) return store.read(unfinished);
  const found: string[] = [];
  output.progress('searching the finished receipts …');
  for await (const { id } of all(() => undefined)) if (id.startsWith(text)) found.push(id);
  output.progress('');
  const finished = pickId(text, found, 'receipts');
  return finished === undefined ? undefined : store.read(finished);
}

/** Number of receipts read in parallel, which is also how many are in memory. */
const atOnce = 25;

/** Reads receipts by id, in the given order, skips expired ones, and shows the progress. Throws as the store does. */
export async function* readReceipts(
  ids: readonly string[],
  store: Pick<ReceiptStore, 'read'>,
  output: Pick<Output, 'progress'>,
): AsyncIterable<Receipt> {
  for (let from = 0; from < ids.length; from += atOnce) {
    const found = await Promise.all(ids.slice(from, from + atOnce).map(id => store.read(id)));
    output.progress(`${from + found.length} of ${ids.length} receipts read`);
    yield* found.filter(receipt => receipt !== undefined);
  }
  output.progress('');
}

/** Returns why a receipt is not finished: the reason for its review, or the result of its last attempt. */
export function reasonOf(receipt: Receipt): string {
  if (isPartialAccepted(receipt)) return 'to-be-closed-as-partial';
  return isRefusalDecided(receipt) ? 'to-be-refused' : (receipt.reason ?? receipt.lastResult ?? 'not-tried-yet');
}

/** Returns the used part of the legal time, in whole percent. It stops growing when the receipt is closed. */
export function usedPercent(receipt: Receipt, now: number): number {
  return Math.floor(deadlineUsedPercent(receipt, receipt.closedAt ?? now));
}

/** What keeps an unfinished receipt from an attempt now. */
export interface Stopping {
  readonly pauses: readonly PauseScope[];
  /** The ids of the legal holds that are in effect. */
  readonly legalHolds: readonly string[];
  /** One sentence for each cause. */
  readonly facts: readonly string[];
}

/** Reads what keeps a receipt from an attempt. Throws `unavailable` if the store cannot be reached. */
export async function readStopping(
  receipt: Receipt,
  { control, now }: Pick<OpsContext, 'control' | 'now'>,
): Promise<Stopping> {
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
