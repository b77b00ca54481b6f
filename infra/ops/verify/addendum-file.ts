import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { parseJson } from '../../../lambda/io/json.ts';
import { addendumType, evidenceDigest, issuer } from '../../../lambda/receipts/evidence.ts';
import { type EvidenceKeys, unknownFormat, verifyJws } from './verify-evidence.ts';

const statement = v.looseObject({
  iss: v.literal(issuer),
  v: v.literal(1),
  receipt: v.pipe(v.string(), v.regex(/^[\w-]+$/)),
  evidenceSha256: v.string(),
  what: v.literal('reappearance'),
  project: v.string(),
  matched: v.array(v.string()),
  occurredAt: v.string(),
  iat: v.number(),
});

/** Whether a file is an addendum that one of the keys signed; if not, why not. */
export type AddendumVerdict =
  | {
      readonly valid: true;
      readonly addendum: v.InferOutput<typeof statement>;
      readonly keyId: string;
      /** When it was signed, in epoch milliseconds. */
      readonly at: number;
      /** Whether the evidence that it belongs to is in the file `RECEIPT.jws` in the same folder. */
      readonly hasEvidence: boolean;
    }
  | { readonly valid: false; readonly reason: string };

/** Returns whether a text calls itself an addendum. */
export function isAddendum(jws: string): boolean {
  const header = parseJson(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString())?.value;
  return v.is(v.looseObject({ typ: v.literal(addendumType) }), header);
}

/** Verifies the text of an addendum in this file, also against the evidence in the same folder, if that is there. */
export async function verifyAddendumFile(file: string, text: string, keys: EvidenceKeys): Promise<AddendumVerdict> {
  const signed = verifyJws(text, keys, addendumType);
  if ('reason' in signed) return { valid: false, reason: signed.reason };
  const parsed = v.safeParse(statement, signed.payload);
  if (!parsed.success) return { valid: false, reason: unknownFormat };
  const { output: addendum } = parsed;
  const evidence = await readFile(join(dirname(file), `${addendum.receipt}.jws`), 'utf8').catch(() => undefined);
  if (evidence !== undefined && evidenceDigest(evidence.trim()) !== addendum.evidenceSha256)
    return { valid: false, reason: 'it belongs to other evidence than the file in the same folder' };
  return { valid: true, addendum, keyId: signed.keyId, at: addendum.iat * 1000, hasEvidence: evidence !== undefined };
}
