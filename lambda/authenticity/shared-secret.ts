import { createHash, timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import { Failure } from '../failure.ts';
import { parseOrUndefined } from '../io/json.ts';

/** Two values that are both accepted, so that a secret can be changed without a gap. */
export interface SharedSecret {
  readonly current: string;
  readonly previous?: string;
}

/** Shortest inbound secret that is accepted, in characters. A shorter one could be guessed. */
export const shortestSecret = 24;

const strong = v.pipe(v.string(), v.minLength(shortestSecret), v.regex(/^(?!REPLACE_ME)/));
const sharedSecret = v.object({ current: strong, previous: v.exactOptional(strong) });

/**
 * Reads `{"current": "…", "previous": "…"?}`. Throws `unavailable` with the alarm `secret-unusable` for anything that
 * is missing, malformed, a placeholder or short: a caller that cannot be verified is never accepted.
 */
export function parseSharedSecret(text: string): SharedSecret {
  const parsed = v.safeParse(sharedSecret, parseOrUndefined(text)?.value);
  if (parsed.success) return parsed.output;
  throw new Failure('unavailable', 'the secret of this platform is not usable', { alarm: 'secret-unusable' });
}

/** Which of the two values was given, compared in constant time; `undefined` for neither. */
export function matchedSecret(given: string, secret: SharedSecret): 'current' | 'previous' | undefined {
  const isCurrent = equal(given, secret.current);
  const isPrevious = equal(given, secret.previous ?? secret.current) && secret.previous !== undefined;
  if (isCurrent) return 'current';
  return isPrevious ? 'previous' : undefined;
}

/** Digests have one length, so the time taken says nothing about the secret. */
function equal(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
