import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { parseJson } from '../../lambda/io/json.ts';

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
