import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isFinal, type Receipt } from '../../lambda/receipts/receipt.ts';
import { keySet } from '../../lambda/receipts/signer.ts';
import { dayOf, OpsUsageError, type ParsedArgs } from './args.ts';
import type { Command } from './command.ts';
import type { OpsContext } from './context.ts';
import type { ScanReceipts } from './report/scan-receipts.ts';
import type { Output } from './terminal.ts';

export const exportCommand: Command = {
  summary: 'copy signed evidence to files, outside the table',
  options: { since: { type: 'string' }, to: { type: 'string' } },
  help: `npm run ops -- export --since DATE --to FOLDER

Writes the signed evidence of every receipt that was closed on or after this day
(YYYY-MM-DD in UTC): one file RECEIPT.jws each, the public key as jwks.json, and
SHA256SUMS with the digest of every file of this export. The files contain no
identifier of a person. Keep them where the deployment cannot delete them, such
as a bucket with object lock.

An interrupted export continues when you run it again: existing files with the
same content are kept. A file with other content is never replaced, and the exit
code is 1. SHA256SUMS gets its name last, so a folder without it is incomplete.

  npm run ops -- export --since 2026-01-01 --to evidence-2026
  (cd evidence-2026 && sha256sum --check SHA256SUMS)
`,
  run: exportEvidence,
};

/** Receipts between two progress messages. */
const progressStep = 500;

interface ExportCounts {
  written: number;
  kept: number;
  conflicting: number;
  unsigned: number;
  unreadable: number;
}

async function exportEvidence(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  if (args.positionals.length > 0) throw new OpsUsageError('export: takes options only, no arguments');
  const since = dayOf('--since', args.text('since'));
  const folder = args.text('to') ?? '';
  if (folder === '') throw new OpsUsageError('--to: must be a folder');
  const key = `${JSON.stringify(keySet(await context.signer.publicKey()), undefined, 2)}\n`;
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => {
    throw new OpsUsageError('--to: the folder cannot be created');
  });
  const counts: ExportCounts = { written: 0, kept: 0, conflicting: 0, unsigned: 0, unreadable: 0 };
  const manifest = await openManifest(folder);
  const write = async (name: string, text: string) => {
    counts[await writeOnce(join(folder, name), text)] += 1;
    await manifest.add(name, text);
  };
  await exportReceipts(context.all, since, { counts, write, output });
  const receipts = counts.written + counts.kept + counts.conflicting;
  await write('jwks.json', key);
  const complete = counts.conflicting === 0 && counts.unreadable === 0;
  await manifest.close(complete);
  print({ ...counts, receipts, complete }, output);
  return complete ? 0 : 1;
}

interface ExportSteps {
  readonly counts: ExportCounts;
  readonly write: (name: string, text: string) => Promise<void>;
  readonly output: Output;
}

async function exportReceipts(all: ScanReceipts, since: number, { counts, write, output }: ExportSteps): Promise<void> {
  const countUnreadable = () => {
    counts.unreadable += 1;
  };
  let read = 0;
  for await (const receipt of all(countUnreadable)) {
    read += 1;
    const exported = counts.written + counts.kept + counts.conflicting;
    if (read % progressStep === 0) output.progress(`${read} receipts read, ${exported} exported`);
    if (!isFinal(receipt.state) || (receipt.closedAt ?? 0) < since) continue;
    await exportOne(receipt, counts, write);
  }
  output.progress('');
}

async function exportOne(
  { id, evidence }: Receipt,
  counts: ExportCounts,
  write: (name: string, text: string) => Promise<void>,
): Promise<void> {
  if (evidence === undefined) counts.unsigned += 1;
  // An id becomes a file name, so it must not name another folder.
  else if (!/^[\w-]+$/.test(id)) counts.unreadable += 1;
  else await write(`${id}.jws`, `${evidence}\n`);
}

/** Writes a new file; leaves an existing one as it is. A file that was cut off by a crash has another name. */
async function writeOnce(file: string, text: string): Promise<'written' | 'kept' | 'conflicting'> {
  const existing = await readFile(file, 'utf8').catch(() => undefined);
  if (existing !== undefined) return existing === text ? 'kept' : 'conflicting';
  await replaceFile(file, text);
  return 'written';
}

async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.partial`, text, { mode: 0o600, flush: true });
  await rename(`${file}.partial`, file);
}

/**
 * Opens the manifest: the lines that `sha256sum --check` reads, in the order in which the receipts are read. They go to a
 * file at once, because an export may have millions of them. It gets its name when the export is complete.
 */
async function openManifest(folder: string) {
  const name = join(folder, 'SHA256SUMS');
  const file = await open(`${name}.partial`, 'w', 0o600);
  return {
    add: (of: string, text: string) => file.appendFile(`${createHash('sha256').update(text).digest('hex')}  ${of}\n`),
    close: async (complete: boolean) => {
      await file.sync();
      await file.close();
      if (complete) await rename(`${name}.partial`, name);
      else await rm(`${name}.partial`);
    },
  };
}

function print(result: ExportCounts & { readonly receipts: number; readonly complete: boolean }, output: Output): void {
  if (output.json) output.printJson(result);
  else {
    output.print(`${result.receipts} receipts exported: ${result.written} files written, ${result.kept} already there`);
    const notes = [
      [result.unsigned, 'closed receipts are not signed yet: export them later'],
      [result.conflicting, 'files have other content and were not replaced: use another folder'],
      [result.unreadable, 'receipts were written by an unknown version and are missing: use the newest tool'],
    ] as const;
    for (const [count, note] of notes) if (count > 0) output.print(`${count} ${note}`);
    if (!result.complete) output.print('incomplete: SHA256SUMS was not written');
  }
}
