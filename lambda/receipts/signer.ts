import { createHash, type KeyObject } from 'node:crypto';
import * as v from 'valibot';
import type { Evidence } from './evidence.ts';

/** The public half of a signing key, as a JSON Web Key (RFC 7517; P-256 of RFC 7518, section 6.2.1). */
export interface PublicKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

/** Signs evidence with a key that never leaves its keeper. Both verbs throw when the keeper cannot be asked. */
export interface Signer {
  publicKey(): Promise<PublicKey>;
  /** ES256 over the bytes: `r` and `s`, 32 bytes each (RFC 7518, section 3.4). */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** A compact JWS over the evidence, issued now (epoch milliseconds); any JOSE library verifies it (RFC 7515, 3.1). */
export async function signedEvidence(evidence: Evidence, signer: Signer, now: number): Promise<string> {
  const header = { alg: 'ES256', typ: evidenceType, kid: keyId(await signer.publicKey()) };
  const signed = `${encoded(header)}.${encoded({ ...evidence, iat: Math.floor(now / 1000) })}`;
  const signature = await signer.sign(Buffer.from(signed));
  return `${signed}.${Buffer.from(signature).toString('base64url')}`;
}

/** Explicit, so that no other token can pass for evidence (RFC 8725, section 3.11). */
export const evidenceType = 'erasure-evidence+jwt';

/** What verifiers are given: a JSON Web Key Set (RFC 7517, section 5). */
export function keySet(key: PublicKey) {
  return { keys: [{ ...key, kid: keyId(key), use: 'sig', alg: 'ES256' }] };
}

const publicKey = v.object({ kty: v.literal('EC'), crv: v.literal('P-256'), x: v.string(), y: v.string() });

/** A public key as others see it. Throws for a key on another curve: ES256 knows one only. */
export function publicKeyOf(key: KeyObject): PublicKey {
  return v.parse(publicKey, key.export({ format: 'jwk' }));
}

/** The thumbprint of the key (RFC 7638, section 3): the members in this order and no others. */
function keyId({ crv, kty, x, y }: PublicKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
