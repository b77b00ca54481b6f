import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import * as v from 'valibot';
import { bundling, entryOf, functionNames, root } from '../stack/bundled-function.ts';

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

/** CycloneDX 1.5, as far as it is read here; the rest passes as npm wrote it. */
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
 * The software bill of materials. What the functions' bundles hold is `required`; what only builds, tests and deploys them
 * is `excluded` (CycloneDX 1.5, component scope). Throws `Error` with one line where the packages are not installed as the
 * lock file has them.
 */
export async function bill(): Promise<Bill> {
  const [known, shipped] = await Promise.all([installedPackages(), shippedPackages()]);
  return billOf(known, shipped);
}

/** What npm lists, with the scopes that the bundles give, and without what only this machine has. */
export function billOf(known: Bill, shipped: ReadonlySet<string>): Bill {
  const whole = known.metadata.component;
  const locked = known.components.filter(isLocked).map(one => described(one, shipped));
  const components = once(locked, one => one['bom-ref']);
  const refs = new Set([whole, ...components].map(one => one['bom-ref']));
  const lost = [...shipped].filter(name => !refs.has(name));
  if (lost.length > 0) throw new Error(`in a bundle and not in the lock file: ${lost.join(', ')}`);
  return {
    ...known,
    // npm calls the project by the folder that it lies in; its reference is `name@version`.
    metadata: { ...known.metadata, component: { ...whole, name: whole['bom-ref'].replace(/@[^@]*$/, '') } },
    components,
    dependencies: once(known.dependencies, ({ ref }) => ref)
      .filter(({ ref }) => refs.has(ref))
      .map(one => ({ ...one, dependsOn: one.dependsOn.filter(ref => refs.has(ref)) })),
  };
}

/** npm 10 lists a package once for each folder that it lies in; a reference may stand once (CycloneDX 1.5, bom-ref). */
function once<T>(listed: readonly T[], keyOf: (one: T) => string): T[] {
  return [...new Map(listed.map(one => [keyOf(one), one])).values()];
}

/** Components of which something is in a bundle. */
export function shippedIn({ components }: Bill): readonly Component[] {
  return components.filter(({ scope }) => scope === 'required');
}

/** npm reads only what is installed; the network is not asked. */
async function installedPackages(): Promise<Bill> {
  const asked = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--offline', '--no-update-notifier'];
  const { stdout } = await promisify(execFile)('npm', asked, { cwd: root, maxBuffer: 2 ** 26 }).catch(() => {
    throw new Error('npm cannot list what is installed: run npm ci, with npm 10 or newer');
  });
  return v.parse(billOfMaterials, JSON.parse(stdout));
}

/** An install script may lay down packages that no lock file names; they differ from machine to machine. */
function isLocked({ properties }: Component): boolean {
  return !properties.some(({ name }) => name === 'cdx:npm:package:extraneous');
}

function described(one: Component, shipped: ReadonlySet<string>): Component {
  return { ...withoutPlaces(one), scope: shipped.has(one['bom-ref']) ? 'required' : 'excluded' };
}

/** Where a package was downloaded from and where it lies says something of this machine, and nothing of the package. */
function withoutPlaces(one: Component): Component {
  return {
    ...one,
    properties: one.properties.filter(({ name }) => name !== 'cdx:npm:package:path'),
    externalReferences: one.externalReferences.filter(
      ({ type, url }) => type !== 'distribution' && !url.startsWith('file:'),
    ),
  };
}

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
async function shippedPackages(): Promise<ReadonlySet<string>> {
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
