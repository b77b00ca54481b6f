import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { BenchWorld } from './bench-world.ts';
import { markdown } from './statistics.ts';

/** Bytes of each bundle as it is uploaded, and compressed. */
export function bundleBytes({ assembly, subjects }: BenchWorld): string {
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
