import { createPublicKey, verify } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { parseJson } from '../../../lambda/io/json.ts';
import { type Evidence, evidenceOf } from '../../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { receiptSchema, receivedSchema } from '../../../lambda/receipts/row-schemas.ts';
import { keySet, type PublicKey } from '../../../lambda/receipts/signer.ts';

const { state, authentication } = receiptSchema.entries;

const deletionSchema = v.looseObject({
  proof: v.picklist(['deleted', 'gone']),
  at: v.string(),
  voucherify: v.exactOptional(receivedSchema),
});

const evidenceSchema = v.looseObject({
  iss: v.string(),
  v: v.literal(1),
  iat: v.number(),
  receipt: v.string(),
  platform: v.string(),
  reference: v.exactOptional(v.string()),
  authentication,
  request: v.looseObject({
    what: v.literal('permanent erasure'),
    payloadHmac: v.string(),
    subjectHmacs: v.array(v.string()),
    submittedAt: v.exactOptional(v.string()),
    receivedAt: v.string(),
    dueAt: v.exactOptional(v.string()),
  }),
  firstReply: v.looseObject({ as: v.picklist(['outcome', 'in-progress', 'accepted']), at: v.string() }),
  outcome: state,
  closedAt: v.exactOptional(v.string()),
  reason: v.exactOptional(v.string()),
  projects: v.record(
    v.string(),
    v.looseObject({
      outcome: v.picklist(['open', 'erased', 'no-match', 'not-identifiable']),
      customers: v.number(),
      unproven: v.boolean(),
      deletions: v.array(deletionSchema),
    }),
  ),
  callbacks: v.exactOptional(
    v.looseObject({ taken: v.number(), refused: v.number(), tries: v.number(), at: v.exactOptional(v.string()) }),
  ),
  decisions: v.array(
    v.looseObject({
      at: v.string(),
      actor: v.string(),
      action: v.picklist(['retry', 'refuse', 'new-request']),
      reason: v.string(),
      reviewReason: v.exactOptional(v.string()),
      maxCustomers: v.exactOptional(v.number()),
    }),
  ),
});

/** Parses signed evidence, with its signing time in epoch seconds. Returns `undefined` for an unknown format. */
function evidenceFrom(payload: unknown): (Evidence & { readonly iat: number }) | undefined {
  const parsed = v.safeParse(evidenceSchema, payload);
  return parsed.success ? parsed.output : undefined;
}

/** The signed evidence of a receipt. */
export interface SignedEvidence {
  /** As signed. */
  readonly evidence: Evidence;
  readonly keyId: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Fields of the evidence that differ from the receipt; there must be none. */
  readonly disagreeing: readonly string[];
}

/** The result of verifying the signature with the current key. */
export type SignatureVerdict = 'good' | 'bad' | 'another-key' | 'unchecked';

/** Parses the signed evidence of a receipt. Returns `undefined` for an unknown format. */
export function parseSignedEvidence(receipt: Receipt, jws: string): SignedEvidence | undefined {
  const [header = '', payload = ''] = jws.split('.');
  const signed = evidenceFrom(decodePart(payload));
  const heading = v.safeParse(headerSchema, decodePart(header));
  if (signed === undefined || !heading.success) return undefined;
  const { iat, ...evidence } = signed;
  return { evidence, keyId: heading.output.kid, at: iat * 1000, disagreeing: findDifferences(evidence, receipt) };
}

/** Verifies the signature (ES256; RFC 7515, section 5.2). Returns `unchecked` if the key is unavailable. */
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

function decodePart(part: string): unknown {
  return parseJson(Buffer.from(part, 'base64url').toString())?.value;
}

function findDifferences(signed: Evidence, receipt: Receipt): readonly string[] {
  const now = new Map<string, unknown>(Object.entries(evidenceOf(receipt)));
  const then = new Map<string, unknown>(Object.entries(signed));
  return [...new Set([...now.keys(), ...then.keys()])].filter(
    name => !isDeepStrictEqual(now.get(name), then.get(name)),
  );
}
