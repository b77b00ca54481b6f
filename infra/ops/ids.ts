import { OpsUsageError } from './args.ts';

/** Fewest characters of a shortened id. Eight are 48 bits: two of a million receipts hardly ever begin alike. */
const shortestId = 8;

/** Returns the shortest beginning of an id that no other of the given ids has. Whole, where it would look like an option. */
export function shortId(id: string, ids: readonly string[]): string {
  if (id.startsWith('--')) return id;
  const others = ids.filter(other => other !== id);
  for (let length = shortestId; length < id.length; length += 1)
    if (others.every(other => !other.startsWith(id.slice(0, length)))) return id.slice(0, length);
  return id;
}

/** Fewest characters of a beginning that a command takes. */
const shortestBeginning = 6;

/** Most candidates that are listed for an ambiguous beginning. */
const maxCandidates = 10;

/** Returns how a message names one of several arguments, which could be an identifier of a person: by its number. */
export function argumentNumber(at: number, count: number): string {
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
