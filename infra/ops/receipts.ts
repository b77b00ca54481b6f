import {
  deadlineUsedPercent,
  isPartialAccepted,
  isRefusalDecided,
  type Receipt,
} from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { OpsUsageError } from './args.ts';
import type { OpsContext } from './context.ts';
import type { Output } from './terminal.ts';

/** Fewest characters of a shortened id. Eight are 48 bits: two of a million receipts hardly ever begin alike. */
const shortestId = 8;

/** An id is an HMAC-SHA-256 in base64url: 43 characters. */
const shortened = /^[\w-]{6,42}$/;

/** Returns the shortest beginning of an id that no other of the given ids has. Whole, where it would look like an option. */
export function shortId(id: string, ids: readonly string[]): string {
  if (id.startsWith('--')) return id;
  const others = ids.filter(other => other !== id);
  for (let length = shortestId; length < id.length; length += 1)
    if (others.every(other => !other.startsWith(id.slice(0, length)))) return id.slice(0, length);
  return id;
}

/** Longest name of a platform with which a row fits 80 columns. */
const longestName = 16;

/** Returns a platform's name as a table on a terminal shows it: cut if it is long. */
export function shortName(platform: string): string {
  return platform.length > longestName ? `${platform.slice(0, longestName - 1)}…` : platform;
}

const queues = ['needs-review', 'held', 'erase', 'callback', 'verify', 'sign'] as const;

/** Ids read from each queue. */
const maxIds = 1000;

interface SearchScope {
  /** Whether to search the finished receipts too, which reads the whole table. */
  readonly finished: boolean;
}

/**
 * Returns the receipt with this id, or with the only id that begins like this. Returns `undefined` if there is none, and
 * throws {@link OpsUsageError} if there are several.
 */
export async function readReceiptLike(
  text: string,
  { store, all }: Pick<OpsContext, 'store' | 'all'>,
  output: Pick<Output, 'progress'>,
  { finished }: SearchScope,
): Promise<Receipt | undefined> {
  const exact = await store.read(text);
  if (exact !== undefined || !shortened.test(text)) return exact;
  const queued = await Promise.all(queues.map(queue => store.due(queue, Number.MAX_SAFE_INTEGER, maxIds)));
  const found = new Set(queued.flat().filter(id => id.startsWith(text)));
  if (found.size === 0 && finished) {
    output.progress('searching the finished receipts …');
    for await (const { id } of all(() => undefined)) if (id.startsWith(text)) found.add(id);
    output.progress('');
  }
  if (found.size > 1) throw new OpsUsageError(`${found.size} receipts begin like this: give more characters of the id`);
  const [id] = found;
  return id === undefined ? undefined : store.read(id);
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
