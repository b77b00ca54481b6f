import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { parseJson } from '../../../lambda/io/json.ts';
import {
  addendumType,
  type Evidence,
  evidenceDigest,
  evidenceFrom,
  evidenceOf,
  type PublicKey,
} from '../../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import type { OpsContext } from '../context.ts';
import { isoSeconds, oneLine, toned } from '../terminal.ts';
import { isSignedBy, thumbprint } from '../verify-evidence.ts';

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
  if (thumbprint(key) !== keyId) return 'another-key';
  return isSignedBy(jws, key) ? 'good' : 'bad';
}

/** Verifies the signature of an addendum. It is `bad` too if it names other evidence than its receipt has. */
async function verifyAddendum(
  jws: string,
  evidence: string,
  publicKey: () => Promise<PublicKey>,
): Promise<SignatureVerdict> {
  const [header = '', payload = ''] = jws.split('.');
  const heading = v.safeParse(v.looseObject({ typ: v.literal(addendumType), kid: v.string() }), decodePart(header));
  const bound = v.safeParse(
    v.looseObject({ evidenceSha256: v.literal(evidenceDigest(evidence)) }),
    decodePart(payload),
  );
  return heading.success && bound.success ? verifySignature(jws, heading.output.kid, publicKey) : 'bad';
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

/** An event about a customer with an identifier of an erased person. */
export interface Reappearance {
  readonly at: string;
  readonly project: string;
  readonly type: string;
  readonly matched: readonly string[];
  readonly channel?: string;
  readonly verdict: SignatureVerdict | 'unsigned';
  /** The signed addendum, a compact JWS. */
  readonly jws?: string;
}

/** Returns the reappearances of the person of a receipt, oldest first, with the result of verifying their signatures. */
export async function readReappearances(
  { id, evidence = '' }: Receipt,
  store: OpsContext['store'],
  publicKey: () => Promise<PublicKey>,
): Promise<readonly Reappearance[]> {
  const addenda = (await store.addendaOf(id)).toSorted((a, b) => a.occurredAt - b.occurredAt);
  return Promise.all(
    addenda.map(async ({ occurredAt, project, type, matched, channel, jws }) => ({
      ...{ at: isoSeconds(occurredAt), project, type, matched },
      ...(channel === undefined ? {} : { channel }),
      verdict: jws === undefined ? ('unsigned' as const) : await verifyAddendum(jws, evidence, publicKey),
      ...(jws === undefined ? {} : { jws }),
    })),
  );
}

/** The question that {@link reappearanceLines} answers. */
export const reappearanceHeading = 'Did the person come back?';

/** Returns one line for each reappearance. */
export function reappearanceLines(all: readonly Reappearance[]): readonly string[] {
  if (all.length === 0) return ['no event about a customer with these identifiers was received'];
  return all.map(({ at, project, type, matched, channel, verdict }) => {
    const source = channel === undefined ? '' : `, channel ${channel}`;
    const line = `${at}  ${type} in project ${project}, same ${matched.join(' and ')}${source}; ${verdicts[verdict]}`;
    return verdict === 'bad' ? toned('bad', oneLine(line)) : oneLine(line);
  });
}

const verdicts: Readonly<Record<Reappearance['verdict'], string>> = {
  good: 'the signature is valid',
  bad: 'THE SIGNATURE IS INVALID',
  'another-key': 'signed with another key',
  unchecked: 'the signature was not verified',
  unsigned: 'not signed yet',
};
