import { opendir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OpsUsageError, type ParsedArgs } from '../args.ts';
import type { OfflineCommand } from '../command.ts';
import { isPartialResult } from '../show/audit-report.ts';
import { isoSeconds, type Output, oneLine, toned } from '../terminal.ts';
import { type AddendumVerdict, isAddendum, verifyAddendumFile } from './addendum-file.ts';
import { type EvidenceKeys, type EvidenceVerdict, parseKeySet, verifyEvidence } from './verify-evidence.ts';

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
