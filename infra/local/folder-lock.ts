import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { UsageError } from './options.ts';
import { readRunFile } from './run-file.ts';

/** SQLite result code of a lock that another connection holds (sqlite.org/rescode.html). */
const busyCode = 5;

/**
 * Reserves the data folder for one local run: two of them would sweep the same receipts and serve two sandboxes from one
 * file. The lock is SQLite's own on an empty file, so the operating system releases it when the process dies. Returns a
 * function that releases it. Throws {@link UsageError} if another run has the folder.
 */
export function lockFolder(folder: string): () => void {
  if (folder === ':memory:') return () => undefined;
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    database = new DatabaseSync(join(folder, 'run.lock'), { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (isBusy(error)) throw new UsageError(runningText(folder));
    // A folder that cannot be written is reported when its files are opened.
    return () => undefined;
  }
  return () => database.close();
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === busyCode;
}

function runningText(folder: string): string {
  const url = readRunFile(folder)?.url;
  const where = url === undefined ? '' : ` at ${url}`;
  return `DATA_DIR: npm start is already running in ${folder}${where}: stop it, or set DATA_DIR to another folder`;
}
