import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import * as v from 'valibot';
import { parseJson } from '../../lambda/io/json.ts';
import {
  type Evidence,
  evidenceFrom,
  evidenceType,
  issuer,
  keySet,
  type PublicKey,
  publicKeyOf,
} from '../../lambda/receipts/evidence.ts';

/** The public keys of a key set, by their thumbprint (RFC 7638), which is the `kid` of evidence. */
export type EvidenceKeys = ReadonlyMap<string, PublicKey>;

/** Whether a file is evidence that one of the keys signed; if not, why not. */
export type EvidenceVerdict =
  | {
      readonly valid: true;
      readonly evidence: Evidence;
      readonly keyId: string;
      /** When it was signed, in epoch milliseconds. */
      readonly at: number;
    }
  | { readonly valid: false; readonly reason: string };

/**
 * Reads a JSON Web Key Set (RFC 7517, section 5). Keys that are no P-256 public keys are left out. The names that a set
 * gives to its keys are not used: only the thumbprint says which key it is. Returns `undefined` for anything else.
 */
export function parseKeySet(text: string): EvidenceKeys | undefined {
  const set = v.safeParse(v.object({ keys: v.array(v.unknown()) }), parseJson(text)?.value);
  if (!set.success) return undefined;
  const keys = set.output.keys.flatMap(key => readPublicKey(key) ?? []);
  return new Map(keys.map(key => [thumbprint(key), key]));
}

const jwkSchema = v.object({ kty: v.literal('EC'), crv: v.literal('P-256'), x: v.string(), y: v.string() });

function readPublicKey(given: unknown): PublicKey | undefined {
  const key = v.safeParse(jwkSchema, given);
  if (!key.success) return undefined;
  try {
    return publicKeyOf(keyObject(key.output));
  } catch {
    return undefined;
  }
}

function keyObject(key: PublicKey): KeyObject {
  return createPublicKey({ key: { ...key }, format: 'jwk' });
}

/** Returns the id of a key: its thumbprint. */
export function thumbprint(key: PublicKey): string {
  return keySet(key)
    .keys.map(({ kid }) => kid)
    .join();
}

const headerSchema = v.object({
  alg: v.string(),
  typ: v.optional(v.string()),
  kid: v.optional(v.string()),
  crit: v.optional(v.unknown()),
});

/** Verifies signed evidence, a compact JWS (RFC 7515, section 5.2), with nothing but the given keys. */
export function verifyEvidence(text: string, keys: EvidenceKeys): EvidenceVerdict {
  const signed = verifyJws(text, keys, evidenceType);
  if ('reason' in signed) return no(signed.reason);
  const payload = evidenceFrom(signed.payload);
  if (payload === undefined || payload.iss !== issuer) return no(unknownFormat);
  const { iat, ...evidence } = payload;
  return { valid: true, evidence, keyId: signed.keyId, at: iat * 1000 };
}

/** Returns what a compact JWS of this type states and the id of the key that signed it, or why it is not valid. */
export function verifyJws(
  text: string,
  keys: EvidenceKeys,
  type: string,
): { readonly payload: unknown; readonly keyId: string } | { readonly reason: string } {
  const jws = text.trim();
  const parts = jws.split('.').map(decodeStrict);
  const [first, second, signature] = parts;
  const header = v.safeParse(headerSchema, parseBytes(first));
  if (parts.length !== 3 || second === undefined || signature === undefined || !header.success)
    return because(notEvidence);
  const { alg, typ, kid = '', crit } = header.output;
  if (alg !== 'ES256') return because('its header does not name the algorithm ES256, the only one that evidence has');
  if (typ !== type || crit !== undefined) return because('it is signed, but not as evidence of this service');
  const key = keys.get(kid);
  if (key === undefined) return because('it names a key that is not in the key set');
  if (!isSignedBy(jws, key)) return because('the signature is wrong: the file was changed, or another key signed it');
  return { payload: parseBytes(second), keyId: kid };
}

/** The reason for a payload that this version cannot read. */
export const unknownFormat = 'the signature is right, but this version does not know the format: use the newest one';

const notEvidence = 'it is not signed evidence (a JWS: three parts with dots between them)';

function because(reason: string): { readonly reason: string } {
  return { reason };
}

function no(reason: string): Extract<EvidenceVerdict, { valid: false }> {
  return { valid: false, reason };
}

/** Returns whether the key signed the first two parts (ES256). The parts must be written as base64url, without variants. */
export function isSignedBy(jws: string, key: PublicKey): boolean {
  const end = jws.lastIndexOf('.');
  const signature = decodeStrict(jws.slice(end + 1));
  if (signature === undefined) return false;
  return verify(
    'sha256',
    Buffer.from(jws.slice(0, end)),
    { key: keyObject(key), dsaEncoding: 'ieee-p1363' },
    signature,
  );
}

/** Node skips characters that are not base64url, and ignores unused bits: a changed file would still be valid. */
function decodeStrict(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}

function parseBytes(bytes: Buffer | undefined): unknown {
  return bytes === undefined ? undefined : parseJson(bytes.toString())?.value;
}
