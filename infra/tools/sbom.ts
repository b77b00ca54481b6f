import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import * as v from 'valibot';
import { bundlingOf, entryOf, type FunctionName, functionNames, root } from '../stack/bundled-function.ts';
import { runTool } from './run-tool.ts';

const help = `Writes a software bill of materials (CycloneDX 1.5, JSON). "required" packages are in the functions' bundles,
"excluded" ones only build, test and deploy them. Reads the installed packages; needs no network.

  npm run --silent sbom > sbom.cdx.json
  npm run sbom -- --out sbom.cdx.json

  --out FILE   write to this file instead of the standard output
`;

function writeText(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Error(`--out: the file cannot be written (${code})`);
  }
}

const named = v.object({ name: v.string(), value: v.string() });
const reference = v.looseObject({ type: v.string(), url: v.string() });
const licence = v.union([
  v.object({ license: v.union([v.looseObject({ id: v.string() }), v.looseObject({ name: v.string() })]) }),
  v.looseObject({ expression: v.string() }),
]);
const component = v.looseObject({
  'bom-ref': v.string(),
  name: v.string(),
  version: v.string(),
  scope: v.optional(v.string()),
  licenses: v.optional(v.array(licence), []),
  properties: v.optional(v.array(named), []),
  externalReferences: v.optional(v.array(reference), []),
});
const dependency = v.looseObject({ ref: v.string(), dependsOn: v.optional(v.array(v.string()), []) });

/** The part of CycloneDX 1.5 that is read here; all other fields are kept unchanged. */
const billOfMaterials = v.looseObject({
  bomFormat: v.literal('CycloneDX'),
  specVersion: v.string(),
  metadata: v.looseObject({ component }),
  components: v.array(component),
  dependencies: v.array(dependency),
});

export type Component = v.InferOutput<typeof component>;
export type Bill = v.InferOutput<typeof billOfMaterials>;

/**
 * Returns the software bill of materials. Packages in the functions' bundles are `required`; packages that only build,
 * test and deploy them are `excluded` (CycloneDX 1.5, component scope). Throws an `Error` with one line if the installed
 * packages do not match the lock file.
 */
export async function bill(): Promise<Bill> {
  const [listed, shipped] = await Promise.all([installedPackages(), shippedPackages()]);
  return billOf(listed, shipped);
}

/** Sets the scope of each component in npm's list, and removes what is specific to this machine. */
export function billOf(listed: Bill, shipped: ReadonlySet<string>): Bill {
  const project = listed.metadata.component;
  const locked = listed.components.filter(isLocked).map(one => withScope(one, shipped));
  const components = uniqueBy(locked, one => one['bom-ref']);
  const refs = new Set([project, ...components].map(one => one['bom-ref']));
  const missing = [...shipped].filter(name => !refs.has(name));
  if (missing.length > 0) throw new Error(`in a bundle but not in the lock file: ${missing.join(', ')}`);
  return {
    ...listed,
    // npm uses the folder's name as the project's name; the reference is `name@version`.
    metadata: { ...listed.metadata, component: { ...project, name: project['bom-ref'].replace(/@[^@]*$/, '') } },
    components,
    dependencies: uniqueBy(listed.dependencies, ({ ref }) => ref)
      .filter(({ ref }) => refs.has(ref))
      .map(one => ({ ...one, dependsOn: one.dependsOn.filter(ref => refs.has(ref)) })),
  };
}

/** npm 10 lists a package once for each folder that contains it; a reference must be unique (CycloneDX 1.5, bom-ref). */
function uniqueBy<T>(values: readonly T[], keyOf: (one: T) => string): T[] {
  return [...new Map(values.map(one => [keyOf(one), one])).values()];
}

/** Returns the components that are in a bundle. */
export function shippedIn({ components }: Bill): readonly Component[] {
  return components.filter(({ scope }) => scope === 'required');
}

/** npm reads only the installed packages, without network access. */
async function installedPackages(): Promise<Bill> {
  const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--offline', '--no-update-notifier'];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: root, maxBuffer: 2 ** 26 }).catch(() => {
    throw new Error('npm cannot list the installed packages: run npm ci with npm 10 or newer');
  });
  return v.parse(billOfMaterials, JSON.parse(stdout));
}

/** An install script may add packages that are not in the lock file; they differ between machines. */
function isLocked({ properties }: Component): boolean {
  return !properties.some(({ name }) => name === 'cdx:npm:package:extraneous');
}

function withScope(one: Component, shipped: ReadonlySet<string>): Component {
  return { ...withoutLocations(one), scope: shipped.has(one['bom-ref']) ? 'required' : 'excluded' };
}

/** Removes download URLs and paths: they depend on this machine, not on the package. */
function withoutLocations(one: Component): Component {
  return {
    ...one,
    properties: one.properties.filter(({ name }) => name !== 'cdx:npm:package:path'),
    externalReferences: one.externalReferences.filter(
      ({ type, url }) => type !== 'distribution' && !url.startsWith('file:'),
    ),
  };
}

/** Builds the bundles in memory as a deployment does, with esbuild's metadata. Throws if a build fails. */
export function bundles() {
  return Promise.all(functionNames.map(buildInMemory));
}

async function buildInMemory(name: FunctionName) {
  const { outputFiles, metafile } = await build({
    ...bundlingOf(name),
    absWorkingDir: root,
    entryPoints: [entryOf(name)],
    bundle: true,
    format: 'esm',
    platform: 'node',
    metafile: true,
    write: false,
    outdir: 'bundles',
    logLevel: 'silent',
  });
  return { name, text: outputFiles.map(({ text }) => text).join(''), outputs: Object.values(metafile.outputs) };
}

/** Returns `name@version` of every package with at least one byte in a bundle. */
async function shippedPackages(): Promise<ReadonlySet<string>> {
  const outputs = (await bundles()).flatMap(bundle => bundle.outputs);
  const inputs = outputs.flatMap(output => Object.entries(output.inputs));
  const folders = inputs.flatMap(
    ([path, { bytesInOutput }]) => (bytesInOutput > 0 ? packageFolder.exec(path) : null) ?? [],
  );
  return new Set([...new Set(folders)].map(readNameAndVersion));
}

/** Matches up to the name after the last `node_modules`, including a scope. */
const packageFolder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/;

const manifest = v.object({ name: v.string(), version: v.string() });

function readNameAndVersion(folder: string): string {
  const { name, version } = v.parse(manifest, JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')));
  return `${name}@${version}`;
}

if (import.meta.main)
  await runTool(help, { out: { type: 'string' } }, async ({ out }) => {
    const text = `${JSON.stringify(await bill(), undefined, 2)}\n`;
    if (typeof out === 'string') writeText(out, text);
    else process.stdout.write(text);
    return 0;
  });
