import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as v from 'valibot';
import { parseJson } from '../../lambda/io/json.ts';
import { UsageError } from './options.ts';

/** Where the operator's tool sends requests by hand to a local run, in place of an invocation of the function. */
export const manualRoutePath = '/local/manual';

const schema = v.object({
  url: v.string(),
  /** Absent if an emulator replaces the embedded services. */
  sandboxUrl: v.exactOptional(v.string()),
  /** Path of the settings file. */
  settings: v.exactOptional(v.string()),
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** ISO 8601. */
  startedAt: v.string(),
});

/** URLs of a local run. The port of the sandbox, and possibly its own, is chosen at start. */
export type RunFile = v.InferOutput<typeof schema>;

/**
 * Writes the run file to the data folder, for the operator's tool. Returns a function that removes it. Ignores write
 * errors: the run itself does not need the file.
 */
export function writeRunFile(folder: string, run: Pick<RunFile, 'url' | 'sandboxUrl' | 'settings'>): () => void {
  if (folder === ':memory:') return () => undefined;
  const running: RunFile = { ...run, pid: process.pid, startedAt: new Date().toISOString() };
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(pathOf(folder), JSON.stringify(running));
  } catch {
    return () => undefined;
  }
  return () => {
    // Another run may have started in the same folder since.
    if (parseRunFile(folder)?.url === running.url) rmSync(pathOf(folder), { force: true });
  };
}

/** Returns the active run of a folder; `undefined` if there is none, or if its process has ended without cleanup. */
export function readRunFile(folder: string): RunFile | undefined {
  const running = parseRunFile(folder);
  return running !== undefined && isAlive(running.pid) ? running : undefined;
}

function parseRunFile(folder: string): RunFile | undefined {
  try {
    const parsed = v.safeParse(schema, parseJson(readFileSync(pathOf(folder), 'utf8'))?.value);
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

function pathOf(folder: string): string {
  return join(folder, 'run.json');
}

/** Signal 0 only checks existence; EPERM means that the process exists and belongs to another user. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

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
