import { type BinaryLike, createHmac } from 'node:crypto';
import {
  bothOf,
  matchAnySecret,
  matchSecret,
  minSecretLength,
  parseSharedSecret,
  type SharedSecret,
  unusableSecret,
} from './shared-secret.ts';

/** How a signature is written down. */
export interface SignatureForm {
  readonly hash: 'sha1' | 'sha256' | 'sha512';
  readonly encoding: 'hex' | 'base64' | 'base64url';
}

/**
 * Returns which of two secrets signed a body. Signatures are compared as text, in constant time: decoded, several
 * spellings of one signature would be accepted.
 */
export function matchSignature(
  given: string,
  body: BinaryLike,
  secret: SharedSecret,
  form: SignatureForm,
): 'current' | 'previous' | undefined {
  return matchSecret(
    given,
    bothOf(secret, key => bodySignature(key, body, form)),
  );
}

/** Returns the signature of a body in the encoding of its sender. */
export function bodySignature(key: BinaryLike, body: BinaryLike, { hash, encoding }: SignatureForm): string {
  return createHmac(hash, key).update(body).digest(encoding);
}

/** Keys for Standard Webhooks: the secret's bytes, not its text. */
export interface SigningKeys {
  readonly current: Uint8Array;
  readonly previous?: Uint8Array;
}

/** A message of Standard Webhooks, with the header values as received; empty if one is missing. */
export interface SignedMessage {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly body: Uint8Array;
}

/** Largest difference between a message's timestamp and the clock, in milliseconds. */
const toleranceMs = 300_000;

/**
 * Parses signing keys: base64, with or without the prefix `whsec_` (Standard Webhooks, "Signature scheme": keys are 24
 * bytes or more). Throws `unavailable` for keys that are not base64 or too short.
 */
export function parseSigningKeys(text: string): SigningKeys {
  return bothOf(parseSharedSecret(text), decodedKey);
}

/** Returns keys for a secret that is not base64: its text is the key. */
export function textAsKeys(secret: SharedSecret): SigningKeys {
  return bothOf(secret, key => Buffer.from(key));
}

/**
 * Returns which key signed a message whose time is close to now (Standard Webhooks, "Verifying webhook
 * authenticity"). The timestamp contains digits only, because it is signed as this text.
 */
export function matchSignedMessage(
  message: SignedMessage,
  keys: SigningKeys,
  now: number,
): 'current' | 'previous' | undefined {
  if (!/^[\x21-\x7e]{1,256}$/.test(message.id) || !isTimely(message.timestamp, now)) return undefined;
  // A sender may add signatures of other versions, which the libraries of Standard Webhooks skip.
  const signatures = message.signature.split(' ').filter(given => given.startsWith('v1,'));
  // A comma at the end shows that two headers were combined into one.
  if (!signatures.every(given => /^v1,[^,]+$/.test(given))) return undefined;
  return matchAnySecret(
    signatures,
    bothOf(keys, key => signature(message, key)),
  );
}

/** Returns the headers of a message that is signed now, with every key: a receiver may still use the older one. */
export function signedHeaders(id: string, body: string, keys: SigningKeys, now: number): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000));
  const message = { id, timestamp, body: Buffer.from(body) };
  const signatures = [keys.current, keys.previous].flatMap(key => (key === undefined ? [] : [signature(message, key)]));
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

function isTimely(timestamp: string, now: number): boolean {
  return /^[1-9]\d{0,11}$/.test(timestamp) && Math.abs(now - Number(timestamp) * 1000) <= toleranceMs;
}

function signature({ id, timestamp, body }: Omit<SignedMessage, 'signature'>, key: Uint8Array): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`;
}

/** A key that is not exactly its own base64 was copied incorrectly. */
function decodedKey(secret: string): Uint8Array {
  const text = secret.replace(/^whsec_/, '');
  const key = Buffer.from(text, 'base64');
  if (key.length < minSecretLength || key.toString('base64') !== text) throw unusableSecret();
  return key;
}
