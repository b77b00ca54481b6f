import { createHash, timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import { Failure } from '../domain/failure.ts';
import { parseStrictJsonText } from '../io/json.ts';

/** The two values that are accepted, so that a secret can be changed without an interruption. */
export interface SharedSecret {
  readonly current: string;
  readonly previous?: string;
}

/** Shortest inbound secret that is accepted, in characters. A shorter one could be guessed. */
export const minSecretLength = 24;

/** A value with which callers authenticate. */
export const inboundSecret = v.pipe(
  v.string(),
  v.minLength(minSecretLength),
  v.regex(/^(?!REPLACE_ME)/),
  // White space at the ends comes from pasting: no header carries white space at its ends (RFC 9110, section 5.5), so
  // no caller would ever match.
  v.regex(/^\S.*\S$/su),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  v.regex(/^[^\u0000-\u001f\u007f]*$/u),
);

/** A key for calls to another service, which decides on its length. */
export const outboundKey = v.pipe(v.string(), v.nonEmpty(), v.regex(/^(?!REPLACE_ME)/));

/** `{"current": "…", "previous": "…"?}`, and further keys of a platform. */
export const sharedSecret = v.object({ current: inboundSecret, previous: v.exactOptional(inboundSecret) });

/** Parses `{"current": "…", "previous": "…"?}`. Throws what {@link parseSecret} throws. */
export function parseSharedSecret(text: string): SharedSecret {
  return parseSecret(sharedSecret, text);
}

/**
 * Parses a secret's text. Throws {@link unusableSecret} for anything that is missing, malformed, a placeholder or short: a
 * caller that cannot be verified is never accepted.
 */
export function parseSecret<S extends v.GenericSchema>(schema: S, text: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, parseStrictJsonText(text));
  if (parsed.success) return parsed.output;
  throw unusableSecret();
}

/** `unavailable` with the alarm `secret-unusable`. */
export function unusableSecret(): Failure {
  return new Failure('unavailable', 'the secret of this platform is not usable', { alarm: 'secret-unusable' });
}

/** Applies a function to each of the two values. */
export function bothOf<K, T>(secret: { readonly current: K; readonly previous?: K }, of: (value: K) => T) {
  const current = of(secret.current);
  return secret.previous === undefined ? { current } : { current, previous: of(secret.previous) };
}

/** Returns which of the two values was given, compared in constant time; `undefined` if it is another one. */
export function matchSecret(given: string, secret: SharedSecret): 'current' | 'previous' | undefined {
  const isCurrent = equal(given, secret.current);
  const isPrevious = equal(given, secret.previous ?? secret.current) && secret.previous !== undefined;
  if (isCurrent) return 'current';
  return isPrevious ? 'previous' : undefined;
}

/** More values in one request are not compared. A sender signs with its current secrets only, which are two or three. */
const maxGiven = 10;

/** Returns which secret any of several given values matches, as {@link matchSecret}; `undefined` also for more than ten. */
export function matchAnySecret(given: readonly string[], secret: SharedSecret): 'current' | 'previous' | undefined {
  if (given.length > maxGiven) return undefined;
  const matched = given.map(one => matchSecret(one, secret));
  return matched.find(label => label === 'current') ?? matched.find(label => label !== undefined);
}

/** All digests have the same length, so the duration says nothing about the secret. */
function equal(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
