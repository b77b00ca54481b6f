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
const beginning = /^[\w-]{1,42}$/;

/** Fewest characters of a beginning that a command takes. */
const shortestBeginning = 6;

/** Most candidates that are listed for an ambiguous beginning. */
const maxCandidates = 10;

/** Returns how a message names one of several arguments, which could be an identifier of a person: by its number. */
export function placeOf(at: number, count: number): string {
  return count === 1 ? '' : `number ${at + 1}: `;
}

/**
 * Returns the id that is this text, or else the only one that begins like this; `undefined` if there is none. Throws
 * {@link OpsUsageError} if the text is too short, or if several ids begin like this, and lists them.
 */
export function pickId(text: string, ids: readonly string[], what: 'receipts' | 'holds'): string | undefined {
  if (ids.includes(text)) return text;
  if (text.length < shortestBeginning)
    throw new OpsUsageError(`too short: type at least ${shortestBeginning} characters of the id`);
  const found = [...new Set(ids.filter(id => id.startsWith(text)))];
  if (found.length < 2) return found[0];
  const shown = found.slice(0, maxCandidates).map(id => shortId(id, found));
  const more = found.length > maxCandidates ? ` and ${found.length - maxCandidates} more` : '';
  throw new OpsUsageError(`${found.length} ${what} begin like this, give more characters: ${shown.join(', ')}${more}`);
}

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
