import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import * as v from 'valibot';
import { bundling, entryOf, functionNames, root } from '../bundling.ts';

/** Both bundles as a deployment makes them, in memory, and what esbuild put into them. Throws where they cannot be made. */
export function bundles() {
  return build({
    ...bundling,
    absWorkingDir: root,
    entryPoints: functionNames.map(entryOf),
    bundle: true,
    format: 'esm',
    platform: 'node',
    metafile: true,
    write: false,
    outdir: 'bundles',
    logLevel: 'silent',
  });
}

/** `name@version` of every package of which a bundle holds at least a byte. */
export async function shippedPackages(): Promise<ReadonlySet<string>> {
  const { metafile } = await bundles();
  const inputs = Object.values(metafile.outputs).flatMap(output => Object.entries(output.inputs));
  const folders = inputs.flatMap(
    ([path, { bytesInOutput }]) => (bytesInOutput > 0 ? packageFolder.exec(path) : null) ?? [],
  );
  return new Set([...new Set(folders)].map(installed));
}

/** Up to the name after the last `node_modules`, a scope included. */
const packageFolder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;

const manifest = v.object({ name: v.string(), version: v.string() });

function installed(folder: string): string {
  const { name, version } = v.parse(manifest, JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')));
  return `${name}@${version}`;
}
