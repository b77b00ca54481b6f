import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LocalProcess {
  readonly url: string;
  readonly sandboxUrl: string;
  /** Asks it to stop, and waits until it has. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

/** A new folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'erasure-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a local run that is expected to end by itself. */
export function runToEnd(variables: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ended> {
  return ended(started(variables, args));
}

/** Starts a local run on a free port and waits until it is ready; kills it when the test is over. */
export async function startLocalProcess(
  variables: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<LocalProcess> {
  const child = started({ PORT: '0', ...variables }, args);
  const end = ended(child);
  const stdout = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk;
      if (/^ready \S+$/m.test(text)) resolve(text);
    });
    void end.then(({ code, stderr }) => reject(new Error(`it ended with ${code}: ${stderr}`)));
  });
  return {
    url: /^ready (\S+)$/m.exec(stdout)![1]!,
    sandboxUrl: /^sandbox Voucherify (\S+)$/m.exec(stdout)?.[1] ?? '',
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return end;
    },
  };
}

/** Nothing of this machine's environment gets in, so that no AWS variable can. */
function started(env: Readonly<Record<string, string>>, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ['infra/local/start.ts', ...args], { cwd: root, env, stdio: 'pipe' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

function ended(child: ChildProcess): Promise<Ended> {
  const printed = { stdout: '', stderr: '' };
  for (const pipe of ['stdout', 'stderr'] as const) {
    child[pipe]!.on('data', (chunk: Buffer) => {
      printed[pipe] += chunk;
    });
  }
  return new Promise(resolve => child.once('close', (code, signal) => resolve({ code, signal, ...printed })));
}
