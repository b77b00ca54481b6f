import { createPublicKey, verify } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { parseJson } from '../../../lambda/io/json.ts';
import { type Evidence, evidenceFrom, evidenceOf } from '../../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { keySet, type PublicKey } from '../../../lambda/receipts/signer.ts';

/** What is read out of a signed receipt. */
export interface SignedEvidence {
  /** As it was signed. */
  readonly evidence: Evidence;
  readonly keyId: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Parts of the evidence that the row no longer says in the same way; there must be none. */
  readonly disagreeing: readonly string[];
}

/** How the signature was found: whether it was made over these words by the key in use. */
export type SignatureVerdict = 'good' | 'bad' | 'another-key' | 'unchecked';

/** Reads the signed form of a receipt; `undefined` when it is of no form that this code knows. */
export function parseSignedEvidence(receipt: Receipt, jws: string): SignedEvidence | undefined {
  const [header = '', payload = ''] = jws.split('.');
  const signed = evidenceFrom(decoded(payload));
  const heading = v.safeParse(headerSchema, decoded(header));
  if (signed === undefined || !heading.success) return undefined;
  const { iat, ...evidence } = signed;
  return { evidence, keyId: heading.output.kid, at: iat * 1000, disagreeing: differences(evidence, receipt) };
}

/** Checks the signature (ES256; RFC 7515, section 5.2). `unchecked` where the key's keeper cannot be asked. */
export async function verifySignature(
  jws: string,
  keyId: string,
  publicKey: () => Promise<PublicKey>,
): Promise<SignatureVerdict> {
  const key = await publicKey().catch(() => undefined);
  if (key === undefined) return 'unchecked';
  if (keySet(key).keys[0]?.kid !== keyId) return 'another-key';
  const end = jws.lastIndexOf('.');
  const signature = Buffer.from(jws.slice(end + 1), 'base64url');
  const asKey = { key: createPublicKey({ key: { ...key }, format: 'jwk' }), dsaEncoding: 'ieee-p1363' } as const;
  return verify('sha256', Buffer.from(jws.slice(0, end)), asKey, signature) ? 'good' : 'bad';
}

const headerSchema = v.looseObject({ alg: v.literal('ES256'), kid: v.string() });

function decoded(part: string): unknown {
  return parseJson(Buffer.from(part, 'base64url').toString())?.value;
}

function differences(signed: Evidence, receipt: Receipt): readonly string[] {
  const now = new Map<string, unknown>(Object.entries(evidenceOf(receipt)));
  const then = new Map<string, unknown>(Object.entries(signed));
  return [...new Set([...now.keys(), ...then.keys()])].filter(
    name => !isDeepStrictEqual(now.get(name), then.get(name)),
  );
}
