import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import type { Assembly } from '../e2e/support/assembly.ts';

/** A handler that is measured. */
export interface Subject {
  readonly name: 'webhook' | 'bare, SDK' | 'bare, plain';
  /** A folder that holds `index.mjs`, as it would be uploaded. */
  readonly folder: string;
}

/** Our bundle as it lies in `cdk.out`, and the yardsticks bundled with the same options. */
export function subjectsIn(folder: string, assembly: Assembly): readonly Subject[] {
  const webhook = join(folder, 'webhook');
  cpSync(assembly.webhook.bundle, webhook, { recursive: true });
  return [
    { name: 'webhook', folder: webhook },
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

/** One of our own modules and what it imports as one plain file, so that no TypeScript is loaded where it runs. */
export function bundledModule(url: string, folder: string): string {
  return join(bundled(url, folder), 'index.mjs');
}
