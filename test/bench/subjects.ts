import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import type { Assembly } from '../e2e/support/assembly.ts';
import { markdown } from './statistics.ts';

/** A handler that is measured. */
export interface Subject {
  readonly name: 'webhook' | 'webhook before' | 'bare, SDK' | 'bare, plain';
  /** The folder with `index.mjs`, as it would be uploaded. */
  readonly folder: string;
}

/**
 * Returns the bundle in `cdk.out`, the baselines bundled with the same options, and the bundle in the folder `before`, if
 * there is one: an asset of an earlier `cdk.out`.
 */
export function subjectsIn(folder: string, assembly: Assembly, before: string | undefined): readonly Subject[] {
  const webhook = join(folder, 'webhook');
  cpSync(assembly.webhook.bundle, webhook, { recursive: true });
  return [
    { name: 'webhook', folder: webhook },
    ...(before === undefined ? [] : [{ name: 'webhook before', folder: before } as const]),
    { name: 'bare, SDK', folder: bundled(import.meta.resolve('./bare-sdk.ts'), join(folder, 'sdk')) },
    { name: 'bare, plain', folder: bundled(import.meta.resolve('./bare-plain.ts'), join(folder, 'plain')) },
  ];
}

/** The options of `infra/stack/bundled-function.ts`. */
function bundled(url: string, folder: string): string {
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
    logLevel: 'error',
  });
  return folder;
}

/** Bundles a module with its imports into one JavaScript file, so that the measured process loads no TypeScript. */
export function bundledModule(url: string, folder: string): string {
  return join(bundled(url, folder), 'index.mjs');
}

/** Returns the size of each bundle in bytes, minified and compressed. */
export function bundleBytes(assembly: Assembly, subjects: readonly Subject[]): string {
  const bundles: readonly (readonly [string, string])[] = [
    ['webhook', assembly.webhook.bundle],
    ['sweeper', assembly.sweeper.bundle],
    ...subjects.slice(1).map(({ name, folder }) => [name, folder] as const),
  ];
  const rows = bundles.map(([name, folder]) => {
    const bytes = readFileSync(join(folder, 'index.mjs'));
    return [name, bytes.length, gzipSync(bytes).length];
  });
  return markdown([['bundle', 'minified, bytes', 'gzip, bytes'], ...rows]);
}
