import { createHash, hash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keySet } from '../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import {
  closedCells,
  closedColumns,
  closedFilterOf,
  closedHelp,
  closedOptions,
  closedReceipts,
  periodText,
} from './closed-receipts.ts';
import type { Command, OpsContext } from './context.ts';
import { csvRecord } from './csv.ts';
import { isoSeconds, type Output } from './terminal.ts';

export const exportCommand: Command = {
  summary: 'copy signed evidence to files, outside the table',
  options: { ...closedOptions, folder: { type: 'string' } },
  help: `npm run ops -- export --folder FOLDER [--from DATE] [--to DATE]

Writes the signed evidence of every receipt that was closed in the period: one
file RECEIPT.jws each, one more for each time that the person came back, the
public key as jwks.json, and two lists. manifest.csv names each file, its
SHA-256, the receipt, the platform, times and outcome, for a spreadsheet (a cell
that starts with = + - or @ gets an apostrophe before it). SHA256SUMS has the
digest of every other file of this export. The files contain no identifier of a
person. Keep them where the deployment cannot delete them, such as a bucket with
object lock.

${closedHelp}
  --folder FOLDER where the files are written

An interrupted export continues when you run it again: existing evidence with
the same content is kept. Evidence with other content is never replaced, and the
exit code is 1. The lists are those of the last export into the folder; they get
their names last, so a folder without them is incomplete.

  npm run ops -- export --year 2026 --folder evidence-2026
  (cd evidence-2026 && sha256sum --check SHA256SUMS)
  npm run ops -- verify evidence-2026 --jwks jwks.json
`,
  run: exportEvidence,
};

interface ExportCounts {
  receipts: number;
  reappearances: number;
  written: number;
  kept: number;
  conflicting: number;
  unsigned: number;
  unreadable: number;
}

async function exportEvidence(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  if (args.positionals.length > 0) throw new OpsUsageError('export: takes options only, no arguments');
  const filter = closedFilterOf(args);
  const folder = args.text('folder') ?? '';
  if (folder === '') throw new OpsUsageError('--folder: must be a folder');
  const key = `${JSON.stringify(keySet(await context.signer.publicKey()), undefined, 2)}\n`;
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => {
    throw new OpsUsageError('--folder: the folder cannot be created');
  });
  const counts: ExportCounts = {
    ...{ receipts: 0, reappearances: 0, written: 0, kept: 0, conflicting: 0, unsigned: 0, unreadable: 0 },
  };
  const lists = await openLists(folder);
  for await (const receipt of closedReceipts(context, filter, counts, output)) {
    const { id, evidence } = receipt;
    if (evidence === undefined) counts.unsigned += 1;
    // An id becomes a file name, so it must not name another folder.
    else if (!/^[\w-]+$/.test(id)) counts.unreadable += 1;
    else {
      counts[await writeOnce(join(folder, `${id}.jws`), `${evidence}\n`)] += 1;
      counts.receipts += 1;
      await lists.add(`${id}.jws`, `${evidence}\n`, closedCells(receipt));
      await exportAddenda(receipt, folder, { context, counts, lists });
    }
  }
  counts[await writeOnce(join(folder, 'jwks.json'), key)] += 1;
  const complete = counts.conflicting === 0 && counts.unreadable === 0;
  await lists.close(complete, key);
  print({ closed: periodText(filter.period), ...counts, complete }, output);
  return complete ? 0 : 1;
}

/** Writes the signed addenda of one receipt. */
async function exportAddenda(
  { id, platform }: Receipt,
  folder: string,
  {
    context,
    counts,
    lists,
  }: { context: OpsContext; counts: ExportCounts; lists: Awaited<ReturnType<typeof openLists>> },
): Promise<void> {
  const addenda = (await context.store.addendaOf(id)).toSorted((a, b) => a.receivedAt - b.receivedAt);
  for (const { event, jws, receivedAt } of addenda) {
    if (jws === undefined) counts.unsigned += 1;
    else if (!/^[\w-]+$/.test(event)) counts.unreadable += 1;
    else {
      const file = `${id}.addendum-${event}.jws`;
      counts[await writeOnce(join(folder, file), `${jws}\n`)] += 1;
      counts.reappearances += 1;
      const facts = [id, platform, isoSeconds(receivedAt), '', 'reappearance', '', '', '', 'yes'];
      await lists.add(file, `${jws}\n`, facts);
    }
  }
}

interface ExportResult extends ExportCounts {
  /** The period, in words. */
  readonly closed: string;
  readonly complete: boolean;
}

function print(result: ExportResult, output: Output): void {
  if (output.json) output.printJson(result);
  else {
    output.print(`closed ${result.closed}`);
    const cameBack = result.reappearances === 0 ? '' : ` and ${result.reappearances} reappearances`;
    const files = `${result.written} files written, ${result.kept} already there`;
    output.print(`${result.receipts} receipts${cameBack} exported: ${files}`);
    const notes = [
      [result.unsigned, 'closed receipts or reappearances are not signed yet: export them later'],
      [result.conflicting, 'files have other content and were not replaced: use another folder'],
      [result.unreadable, 'receipts were written by an unknown version and are missing: use the newest tool'],
    ] as const;
    for (const [count, note] of notes) if (count > 0) output.print(`${count} ${note}`);
    if (!result.complete) output.print('incomplete: manifest.csv and SHA256SUMS were not written');
  }
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
 * Opens the two lists of an export: the digests that `sha256sum --check` reads, and the receipts as CSV, in the order in which
 * the receipts are read. The lines go to files at once, because an export may have millions of them.
 */
async function openLists(folder: string) {
  const [manifest, sums] = [await openList(folder, 'manifest.csv'), await openList(folder, 'SHA256SUMS')];
  const addSum = (file: string, digest: string) => sums.add(`${digest}  ${file}\n`);
  await manifest.add(`${csvRecord(['file', 'sha256', ...closedColumns])}\n`);
  return {
    add: async (file: string, text: string, facts: readonly (string | number)[]) => {
      const digest = hash('sha256', text);
      await addSum(file, digest);
      await manifest.add(`${csvRecord([file, digest, ...facts])}\n`);
    },
    close: async (complete: boolean, key: string) => {
      await addSum('jwks.json', hash('sha256', key));
      await addSum('manifest.csv', await manifest.close(complete));
      await sums.close(complete);
    },
  };
}

/** Opens a list that gets its name when it is complete. `close` returns its digest. */
async function openList(folder: string, list: string) {
  const name = join(folder, list);
  const file = await open(`${name}.partial`, 'w', 0o600);
  const digest = createHash('sha256');
  return {
    add: async (line: string) => {
      digest.update(line);
      await file.appendFile(line);
    },
    close: async (complete: boolean) => {
      await file.sync();
      await file.close();
      if (complete) await rename(`${name}.partial`, name);
      else await rm(`${name}.partial`);
      return digest.digest('hex');
    },
  };
}
