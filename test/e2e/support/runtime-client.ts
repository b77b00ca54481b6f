import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

/** The client that gets events from the Runtime API and calls the handler. */
export interface RuntimeClient {
  readonly name: string;
  /** The file that Node runs. */
  readonly entry: string;
  /** An explanation of the choice. */
  readonly remark: string;
}

const official = 'aws-lambda-ric';
const version = '4.0.2';

/**
 * Returns the official client from its cache folder. Builds it there if it is missing, which takes a minute and needs a C++
 * compiler, make, cmake, autoconf, automake and libtool. If that fails, or with `own`, returns this repository's own loop.
 */
export function runtimeClient(
  folder: string,
  choice: 'official' | 'own',
  progress: (line: string) => void,
): RuntimeClient {
  if (choice === 'own') return ownClient(folder, 'requested');
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'voucherify-erasure-webhook');
  const home = join(cache, `${official}-${version}`);
  const built = join(home, 'node_modules', official);
  const isBuilt = () => existsSync(join(built, 'rapid-client.node'));
  if (!isBuilt()) {
    progress(`building ${official} ${version} in ${home}, about a minute`);
    const problem = build(home);
    if (!isBuilt()) return ownClient(folder, `${official} ${version} could not be built: ${problem}`);
  }
  return { name: `${official} ${version}`, entry: join(built, 'index.mjs'), remark: 'the official client' };
}

function build(home: string): string {
  mkdirSync(home, { recursive: true });
  const wanted = { private: true, dependencies: { [official]: version }, allowScripts: { [official]: true } };
  writeFileSync(join(home, 'package.json'), JSON.stringify(wanted));
  const env = { ...process.env, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) };
  const ran = spawnSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: home, env, encoding: 'utf8' });
  const said = `${ran.error?.message ?? ''}${ran.stderr ?? ''}`;
  return said.split('\n').findLast(line => /not found|error/i.test(line)) ?? 'npm install failed';
}

function ownClient(folder: string, why: string): RuntimeClient {
  const entry = plainModule(import.meta.resolve('./own-client.ts'), folder);
  return { name: 'our own loop', entry, remark: `NOT the official client: ${why}` };
}

/** Compiles a module to JavaScript, so that the function's process loads no TypeScript, as on Lambda. */
export function plainModule(url: string, folder: string): string {
  const source = fileURLToPath(url);
  const outfile = join(folder, `${source.replace(/^.*[/\\]|\.ts$/g, '')}.mjs`);
  buildSync({ entryPoints: [source], outfile, format: 'esm', platform: 'node', target: 'node24', logLevel: 'error' });
  return outfile;
}
