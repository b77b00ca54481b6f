import { createHash } from 'node:crypto';
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closedColumns } from './closed-receipts.ts';
import { csvRecord } from './csv.ts';

/** Writes a new file; leaves an existing one as it is. A file that was cut off by a crash has another name. */
export async function writeOnce(file: string, text: string): Promise<'written' | 'kept' | 'conflicting'> {
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
export async function openLists(folder: string) {
  const [manifest, sums] = [await openList(folder, 'manifest.csv'), await openList(folder, 'SHA256SUMS')];
  const addSum = (file: string, digest: string) => sums.add(`${digest}  ${file}\n`);
  await manifest.add(`${csvRecord(['file', 'sha256', ...closedColumns])}\n`);
  return {
    add: async (file: string, text: string, facts: readonly (string | number)[]) => {
      const digest = sha256(text);
      await addSum(file, digest);
      await manifest.add(`${csvRecord([file, digest, ...facts])}\n`);
    },
    close: async (complete: boolean, key: string) => {
      await addSum('jwks.json', sha256(key));
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

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
