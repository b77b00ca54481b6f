import { createHash, type KeyObject } from 'node:crypto';
import * as v from 'valibot';

/** The public half of a signing key, as a JSON Web Key (RFC 7517; P-256 of RFC 7518, section 6.2.1). */
export interface PublicKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

/** Signs evidence with a key that never leaves its key store. Both methods throw if the key store is unavailable. */
export interface Signer {
  publicKey(): Promise<PublicKey>;
  /** Returns the ES256 signature of the bytes: `r` and `s`, 32 bytes each (RFC 7518, section 3.4). */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** Returns evidence or an addendum as a compact JWS (RFC 7515, section 3.1), issued at `now` (epoch milliseconds). */
export async function signStatement(
  typ: typeof evidenceType | typeof addendumType,
  statement: object,
  signer: Signer,
  now: number,
): Promise<string> {
  const header = { alg: 'ES256', typ, kid: keyId(await signer.publicKey()) };
  const payload = `${encode(header)}.${encode({ ...statement, iat: Math.floor(now / 1000) })}`;
  const signature = await signer.sign(Buffer.from(payload));
  return `${payload}.${Buffer.from(signature).toString('base64url')}`;
}

/** The explicit type, so that no other token is accepted as evidence (RFC 8725, section 3.11). */
export const evidenceType = 'erasure-evidence+jwt';
/** The type of an addendum, so that neither is accepted as the other. */
export const addendumType = 'erasure-addendum+jwt';

/** Returns the JSON Web Key Set for verifiers (RFC 7517, section 5). */
export function keySet(key: PublicKey) {
  return { keys: [{ ...key, kid: keyId(key), use: 'sig', alg: 'ES256' }] };
}

const publicKey = v.object({ kty: v.literal('EC'), crv: v.literal('P-256'), x: v.string(), y: v.string() });

/** Returns a public key as a JSON Web Key. Throws for a curve other than P-256, the only one of ES256. */
export function publicKeyOf(key: KeyObject): PublicKey {
  return v.parse(publicKey, key.export({ format: 'jwk' }));
}

/** Returns the thumbprint of the key (RFC 7638, section 3): exactly these members in this order. */
function keyId({ crv, kty, x, y }: PublicKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
