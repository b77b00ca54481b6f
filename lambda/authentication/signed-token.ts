import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import * as v from 'valibot';
import { parseStrictJsonText } from '../io/json.ts';

/** The values that a token must have. All times are in epoch milliseconds. */
export interface Expected {
  readonly audience: string;
  readonly now: number;
  /** Maximum age of a token, and how far its time of issue may be in the future. */
  readonly oldestMs: number;
  readonly aheadMs: number;
}

/** Returns the P-384 public key in a PEM text; `undefined` for any other key or text, also for private keys and certificates. */
export function es384Key(pem: string): KeyObject | undefined {
  if (!/^\s*-----BEGIN PUBLIC KEY-----\s/.test(pem)) return undefined;
  const key = keyOrUndefined(pem);
  return key?.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? key : undefined;
}

/**
 * Returns the payload of a compact JWS that this key signed with ES384; `undefined` for any other text. A token cannot
 * choose another algorithm (RFC 8725, section 3.1), and critical extensions are refused (RFC 7515, section 4.1.11).
 */
export function es384Payload(token: string, key: KeyObject): unknown {
  const parts = compact.exec(token);
  if (parts === null) return undefined;
  const [, head = '', payload = '', signature = ''] = parts;
  if (!v.is(es384Header, parsed(head))) return undefined;
  return isEs384Signature(`${head}.${payload}`, bytesOf(signature), key) ? parsed(payload) : undefined;
}

/**
 * Returns whether these are the 96 bytes that ES384 signs a text with (RFC 7518, section 3.4); Node.js refuses any
 * other length.
 */
export function isEs384Signature(text: string, signature: Uint8Array, key: KeyObject): boolean {
  return verify('sha384', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** Returns whether a payload was issued recently for this audience, and is valid now (RFC 7519, sections 4.1.3 to 4.1.6). */
export function isTokenValidNow(payload: unknown, { audience, now, oldestMs, aheadMs }: Expected): boolean {
  if (!v.is(claims, payload)) return false;
  const { aud, iat, exp, nbf } = payload;
  const issued = iat * 1000;
  const isFresh = issued >= now - oldestMs && issued <= now + aheadMs;
  const holds = (exp === undefined || exp * 1000 > now) && (nbf === undefined || nbf * 1000 <= now + aheadMs);
  return isFresh && holds && (typeof aud === 'string' ? aud === audience : aud.includes(audience));
}

/** 96 bytes are 128 characters, so a signature has one spelling only. */
const compact = /^([A-Za-z0-9_-]{1,1024})\.([A-Za-z0-9_-]{1,8192})\.([A-Za-z0-9_-]{128})$/;

const es384Header = v.object({
  alg: v.literal('ES384'),
  typ: v.exactOptional(v.pipe(v.string(), v.regex(/^JWT$/i))),
  crit: v.exactOptional(v.never()),
});

const claims = v.object({
  aud: v.union([v.string(), v.array(v.string())]),
  iat: v.number(),
  exp: v.exactOptional(v.number()),
  nbf: v.exactOptional(v.number()),
});

function parsed(part: string): unknown {
  return parseStrictJsonText(bytesOf(part).toString('utf8'));
}

function bytesOf(part: string): Buffer {
  return Buffer.from(part, 'base64url');
}

function keyOrUndefined(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}
