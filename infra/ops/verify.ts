import { opendir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { parseJson } from '../../lambda/io/json.ts';
import { addendumType, evidenceDigest, issuer, keySet } from '../../lambda/receipts/evidence.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import type { Command, OfflineCommand } from './context.ts';
import { isPartialResult } from './show/audit-report.ts';
import { isoSeconds, type Output, oneLine, toned } from './terminal.ts';
import {
  type EvidenceKeys,
  type EvidenceVerdict,
  parseKeySet,
  unknownFormat,
  verifyEvidence,
  verifyJws,
} from './verify-evidence.ts';

export const verifyCommand: OfflineCommand = {
  summary: 'verify files of signed evidence, offline, with a public key',
  options: { jwks: { type: 'string' } },
  help: `npm run ops -- verify FILE|FOLDER [...] --jwks JWKS.JSON

Says of each file YES or NO: whether it is evidence of this service, signed with
a key of the key set and not changed since. It needs no network, no account and
no deployment. Of a folder, such as one of export, it verifies every .jws file.
An addendum (a person came back) is also compared with its evidence, which must
be in RECEIPT.jws in the same folder.
The exit code is 0 if every file is valid, otherwise 1.

The answer is as good as the key set: get it from the operator in another way
than the evidence, or compare the id of the key that is shown.

  --jwks FILE     the public keys: what the command jwks prints

  npm run ops -- verify evidence.jws --jwks jwks.json
  npm run ops -- verify evidence-2026 --jwks jwks.json

docs/verify.html does the same in a browser, without this tool.
`,
  runOffline: verifyFiles,
};

async function verifyFiles(args: ParsedArgs, output: Output): Promise<number> {
  if (args.positionals.length === 0) throw new OpsUsageError('verify: give one or more files or folders');
  const keys = await readKeys(args.text('jwks'));
  const counts = { valid: 0, invalid: 0 };
  const rows: object[] = [];
  for (const given of args.positionals) {
    for await (const file of filesIn(given)) {
      const verdict = await verifyFile(file, keys);
      counts[verdict.valid ? 'valid' : 'invalid'] += 1;
      // Of a folder with a million files, only what is wrong is kept in memory.
      if (!output.json) print(file, verdict, output);
      else if (file === given || !verdict.valid) rows.push(buildRow(file, verdict));
    }
  }
  const all = counts.valid + counts.invalid;
  if (all === 0) throw new OpsUsageError('verify: the folder contains no .jws file');
  if (output.json) output.printJson({ ...counts, files: rows });
  else if (all > 1) output.print(`${counts.valid} of ${all} files are valid`);
  return counts.invalid === 0 ? 0 : 1;
}

async function readKeys(file: string | undefined): Promise<EvidenceKeys> {
  if (file === undefined) throw new OpsUsageError('--jwks: must be the file with the public keys');
  const text = await readFile(file, 'utf8').catch(() => {
    throw new OpsUsageError('--jwks: the file cannot be read');
  });
  const keys = parseKeySet(text);
  if (keys === undefined || keys.size === 0)
    throw new OpsUsageError('--jwks: is not a key set with a public key for ES256 (see npm run ops -- jwks)');
  return keys;
}

/** Returns a file itself, and of a folder, the files that are named like evidence. */
async function* filesIn(given: string): AsyncIterable<string> {
  const isFolder = await stat(given).then(
    found => found.isDirectory(),
    () => false,
  );
  if (!isFolder) yield given;
  else for await (const { name } of await opendir(given)) if (name.endsWith('.jws')) yield join(given, name);
}

/** Evidence is smaller: a receipt with its evidence fits an item of DynamoDB, 400 KB. */
const longestFile = 1_000_000;

async function verifyFile(file: string, keys: EvidenceKeys): Promise<EvidenceVerdict | AddendumVerdict> {
  try {
    if ((await stat(file)).size > longestFile) return { valid: false, reason: 'it is too large to be evidence' };
    const text = await readFile(file, 'utf8');
    return isAddendum(text) ? await verifyAddendumFile(file, text, keys) : verifyEvidence(text, keys);
  } catch {
    return { valid: false, reason: 'it cannot be read' };
  }
}

const indent = 5;

type ValidFile = Extract<EvidenceVerdict | AddendumVerdict, { valid: true }>;

function print(file: string, verdict: EvidenceVerdict | AddendumVerdict, output: Output): void {
  const name = oneLine(file);
  if (!verdict.valid) output.print(`${toned('bad', 'NO')}   ${name}: ${verdict.reason}`, indent);
  else {
    const signed = `signed at ${isoSeconds(verdict.at)} with the key ${verdict.keyId}`;
    output.print(`${toned('good', 'YES')}  ${name}: ${oneLine(describe(verdict))}, ${signed}`, indent);
  }
}

function describe(verdict: ValidFile): string {
  if ('evidence' in verdict) {
    const { evidence } = verdict;
    const partial = isPartialResult(evidence) ? ' (an operator accepted a partial result)' : '';
    return `${evidence.outcome}${partial}; receipt ${evidence.receipt}`;
  }
  const { occurredAt, project, matched, receipt } = verdict.addendum;
  const target = verdict.hasEvidence
    ? `the evidence in ${receipt}.jws`
    : `receipt ${receipt}, whose evidence is not in the same folder`;
  const at = isoSeconds(Date.parse(occurredAt));
  return `reappearance at ${at} in project ${project}, same ${matched.join(' and ')}; addendum to ${target}`;
}

function buildRow(file: string, verdict: EvidenceVerdict | AddendumVerdict): object {
  if (!verdict.valid) return { file, ...verdict };
  if ('addendum' in verdict) {
    const { addendum, keyId, at, hasEvidence } = verdict;
    const { receipt, occurredAt, what } = addendum;
    return { file, valid: true, receipt, what, occurredAt, hasEvidence, signedAt: isoSeconds(at), keyId };
  }
  const { evidence, keyId, at } = verdict;
  const { receipt, outcome } = evidence;
  return { file, valid: true, receipt, outcome, partial: isPartialResult(evidence), signedAt: isoSeconds(at), keyId };
}

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
type AddendumVerdict =
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
function isAddendum(jws: string): boolean {
  const header = parseJson(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString())?.value;
  return v.is(v.looseObject({ typ: v.literal(addendumType) }), header);
}

/** Verifies the text of an addendum in this file, also against the evidence in the same folder, if that is there. */
async function verifyAddendumFile(file: string, text: string, keys: EvidenceKeys): Promise<AddendumVerdict> {
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

export const jwksCommand: Command = {
  summary: 'print the public key that verifies evidence',
  options: {},
  help: `npm run ops -- jwks

Prints the JSON Web Key Set (RFC 7517) of the key that signs evidence. Publish
it, or give it to anyone who verifies evidence without access to your account.
Any JOSE library can read it. It contains no secret.

  npm run -s ops -- jwks > jwks.json
  npm run -s ops -- show RECEIPT --jws > evidence.jws
`,
  run: async ({ positionals }, context, output) => {
    if (positionals.length > 0) throw new OpsUsageError('jwks: takes no arguments');
    output.printJson(keySet(await context.signer.publicKey()));
    return 0;
  },
};
