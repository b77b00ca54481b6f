import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { parseJson } from '../../lambda/io/json.ts';

const schema = v.object({
  url: v.string(),
  /** Absent where an emulator stands in for everything. */
  sandboxUrl: v.exactOptional(v.string()),
  /** The settings file that it uses. */
  settings: v.exactOptional(v.string()),
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** ISO 8601. */
  startedAt: v.string(),
});

/** Where a local run listens: it takes a free port for the sandbox, and perhaps one for itself. */
export type RunFile = v.InferOutput<typeof schema>;

/**
 * Leaves word of a run in its folder, for the operator's tool; gives what takes it away again. A folder that nothing can
 * be written to is left as it is: the run needs no such word.
 */
export function writeRunFile(folder: string, told: Pick<RunFile, 'url' | 'sandboxUrl' | 'settings'>): () => void {
  if (folder === ':memory:') return () => undefined;
  const running: RunFile = { ...told, pid: process.pid, startedAt: new Date().toISOString() };
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(fileIn(folder), JSON.stringify(running));
  } catch {
    return () => undefined;
  }
  return () => {
    // Another run may have begun in the same folder since.
    if (wordIn(folder)?.url === running.url) rmSync(fileIn(folder), { force: true });
  };
}

/** The run that is under way in a folder; `undefined` when there is none, or when it died and could not say so. */
export function readRunFile(folder: string): RunFile | undefined {
  const running = wordIn(folder);
  return running !== undefined && isAlive(running.pid) ? running : undefined;
}

function wordIn(folder: string): RunFile | undefined {
  try {
    const parsed = v.safeParse(schema, parseJson(readFileSync(fileIn(folder), 'utf8'))?.value);
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

function fileIn(folder: string): string {
  return join(folder, 'run.json');
}

/** Signal 0 only asks; somebody else's process answers that we may not. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
