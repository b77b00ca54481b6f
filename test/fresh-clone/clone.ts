import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';

const root = join(import.meta.dirname, '../..');
/** Files that a clone does not contain. */
const excluded = new Set(['.git', '.data', 'cdk.out', 'coverage', 'node_modules']);

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A copy of the repository in its own folder, with its packages installed. */
export interface Clone {
  readonly folder: string;
  /** Runs an npm script to its end, like `npm run <script> -- …`, without this machine's environment. */
  script(name: string, args?: readonly string[], how?: How): Promise<Ran>;
  /** Starts an npm script that keeps running. */
  start(name: string, how?: How): Started;
  remove(): void;
}

interface How {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

export interface Started {
  readonly lines: readonly string[];
  /** Resolves with the first matching line of either stream, past or future. */
  printed(what: RegExp): Promise<RegExpExecArray>;
  stop(): Promise<number | null>;
}

/** The commands of the npm scripts, started without npm, which takes a second each time. */
const scripts: Readonly<Record<string, string>> = {
  demo: 'infra/local/demo.ts',
  start: 'infra/local/start.ts',
  ops: 'infra/ops/ops.ts',
  synth: 'node_modules/aws-cdk/bin/cdk',
  'new-platform': 'infra/tools/new-platform.ts',
  biome: 'node_modules/@biomejs/biome/bin/biome',
  tsc: 'node_modules/typescript/bin/tsc',
  vitest: 'node_modules/vitest/vitest.mjs',
};

/** Copies the working tree as it is. */
export function cloneWorkingTree(): Clone {
  const folder = mkdtempSync(join(tmpdir(), 'fresh-clone-'));
  cpSync(root, folder, { recursive: true, filter: path => path === root || !excluded.has(basename(path)) });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const begin = (name: string, args: readonly string[], { env = {} }: How) =>
    spawn(process.execPath, [join(folder, scripts[name] ?? ''), ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, NO_COLOR: '1', ...env },
      stdio: 'pipe',
    });
  return {
    folder,
    script: async (name, args = [], how = {}) => {
      const child = begin(name, args, how);
      child.stdin.end(how.stdin ?? '');
      const exited = new Promise<number | null>(resolve => child.once('close', resolve));
      const [code, stdout, stderr] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
      return { code, stdout, stderr };
    },
    start: (name, how = {}) => follow(begin(name, [], how)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function follow(child: ReturnType<typeof spawn>): Started {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const pipe of [child.stdout, child.stderr]) {
    let rest = '';
    pipe?.setEncoding('utf8').on('data', (chunk: string) => {
      const whole = `${rest}${chunk}`.split('\n');
      rest = whole.pop() ?? '';
      lines.push(...whole);
      for (const look of waiting) look();
    });
  }
  const exited = new Promise<number | null>(resolve => child.once('close', resolve));
  const printed = (what: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const found = lines.map(line => what.exec(line)).find(match => match !== null);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
      void exited.then(() => reject(new Error(`the process ended without ${what}: ${lines.join('\n')}`)));
    });
  return {
    lines,
    printed,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}
