import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import { bundles } from '../../infra/tools/sbom.ts';
import type { Assembly } from '../e2e/support/assembly.ts';
import { markdown } from './statistics.ts';

/** A handler that is measured. */
export interface Subject {
  readonly name: string;
  /** The folder with `index.mjs`, as it would be uploaded. */
  readonly folder: string;
}

/** What else is measured: the bundle in the folder `before`, an asset of an earlier `cdk.out`, and the peers. */
export interface AlsoMeasured {
  readonly before: string | undefined;
  readonly peers: boolean;
}

const peerFolder = join(import.meta.dirname, 'peers');
const peerNames = {
  middy: 'middy + SDK',
  hono: 'hono',
  'voucherify-sdk': 'hono, @voucherify/sdk',
  powertools: 'Powertools + middy',
  noop: 'no-op',
};

/** Returns the bundle in `cdk.out`, the baselines and the peers bundled with the same options, and the earlier bundle. */
export function subjectsIn(folder: string, assembly: Assembly, { before, peers }: AlsoMeasured): readonly Subject[] {
  const webhook = join(folder, 'webhook');
  cpSync(assembly.webhook.bundle, webhook, { recursive: true });
  return [
    { name: 'webhook', folder: webhook },
    ...(before === undefined ? [] : [{ name: 'webhook before', folder: before } as const]),
    { name: 'bare, SDK', folder: bundled(import.meta.resolve('./bare-sdk.ts'), join(folder, 'sdk')) },
    { name: 'bare, plain', folder: bundled(import.meta.resolve('./bare-plain.ts'), join(folder, 'plain')) },
    ...(peers ? peersIn(folder) : []),
  ];
}

/** Installs the peers' packages into their own folder, without scripts, and bundles each peer. Throws if npm fails. */
function peersIn(folder: string): readonly Subject[] {
  const npm = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  if (!existsSync(join(peerFolder, 'node_modules'))) {
    const { status } = spawnSync('npm', npm, { cwd: peerFolder, stdio: ['ignore', 2, 2] });
    if (status !== 0) throw new Error('npm ci in test/bench/peers failed');
  }
  return Object.entries(peerNames).map(([file, name]) => ({
    name,
    folder: bundled(import.meta.resolve(`./peers/${file}.mjs`), join(folder, file), requireBanner),
  }));
}

/** For packages that are CommonJS inside an ES module. */
const requireBanner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** The options of `infra/stack/bundled-function.ts`. */
function bundled(url: string, folder: string, js = ''): string {
  mkdirSync(folder, { recursive: true });
  buildSync({
    entryPoints: [fileURLToPath(url)],
    outfile: join(folder, 'index.mjs'),
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    banner: { js },
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'error',
  });
  return folder;
}

/** Bundles a module with its imports into one JavaScript file, so that the measured process loads no TypeScript. */
export function bundledModule(url: string, folder: string): string {
  return join(bundled(url, folder), 'index.mjs');
}

/** Returns the size of each bundle in bytes, minified and compressed, and what of the webhook's comes from where. */
export async function bundleBytes(assembly: Assembly, subjects: readonly Subject[]): Promise<string> {
  const listed: readonly (readonly [string, string])[] = [
    ['webhook', assembly.webhook.bundle],
    ['sweeper', assembly.sweeper.bundle],
    ...subjects.slice(1).map(({ name, folder }) => [name, folder] as const),
  ];
  const rows = listed.map(([name, folder]) => {
    const bytes = readFileSync(join(folder, 'index.mjs'));
    return [name, bytes.length, gzipSync(bytes).length];
  });
  const webhook = (await bundles()).find(({ name }) => name === 'webhook');
  const parts = new Map<string, number>();
  for (const { inputs } of webhook?.outputs ?? []) {
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      parts.set(partOf(file), (parts.get(partOf(file)) ?? 0) + bytesInOutput);
    }
  }
  const sorted = [...parts].toSorted(([, a], [, b]) => b - a).slice(0, 16);
  const tables = [
    [['bundle', 'minified, bytes', 'gzip, bytes'], ...rows],
    [['largest parts of the webhook', 'minified, bytes'], ...sorted],
  ];
  return tables.map(markdown).join('\n\n');
}

/** Returns the package of a file, or its folder in `lambda/`. */
function partOf(file: string): string {
  const ofPackage = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1];
  return ofPackage ?? /lambda\/(?:platforms\/)?[^/]+/.exec(file)?.[0] ?? file;
}
