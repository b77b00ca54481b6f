import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { bundlingOf, entryOf, functionNames, prebuiltFolder, root } from '../stack/bundled-function.ts';

/** Builds `dist/`, the content of the npm package; `npm pack` runs it. The folder is replaced as a whole. */
const dist = join(root, 'dist');
const emitted = join(dist, 'emitted');
/** `tsc` keeps the extension `.ts` in declarations; a package's declarations need `.js`. */
const relativeImport = /'(\.{1,2}\/[^']+)\.ts'/g;
/** Without `module` first, esbuild selects CommonJS builds, which fail at start inside an ES module. */
const nodeModule = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  mainFields: ['module', 'main'] as string[],
} as const;

rmSync(dist, { recursive: true, force: true });
await Promise.all([bundleFunctions(), bundleConstruct(), bundleOps()]);
emitTypes();
for (const name of ['settings.json', 'settings.schema.json']) copyFileSync(join(root, 'infra', name), join(dist, name));
cpSync(join(root, 'docs/platforms/recipes'), join(dist, 'recipes'), { recursive: true });

/** The same bundles that synthesis makes in this repository. */
async function bundleFunctions(): Promise<void> {
  const common = { bundle: true, format: 'esm', platform: 'node' } as const;
  await Promise.all(
    functionNames.map(name => {
      const outfile = join(dist, prebuiltFolder, name, 'index.mjs');
      return build({ ...common, ...bundlingOf(name), entryPoints: [entryOf(name)], outfile });
    }),
  );
}

/** The CDK is the application's own: two copies of it would not recognise each other's constructs. */
async function bundleConstruct(): Promise<void> {
  const external = ['aws-cdk-lib', 'constructs', 'valibot'];
  await build({
    ...nodeModule,
    external,
    entryPoints: [join(root, 'infra/index.ts')],
    outfile: join(dist, 'index.js'),
  });
}

async function bundleOps(): Promise<void> {
  const outfile = join(dist, 'ops.js');
  const minify = { minifySyntax: true, minifyWhitespace: true };
  await build({ ...nodeModule, ...minify, entryPoints: [join(root, 'infra/ops/ops.ts')], outfile });
  chmodSync(outfile, 0o755);
}

/** Writes the declarations that the entry point needs, directly or indirectly. */
function emitTypes(): void {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '--project', join(root, 'tsconfig.package.json'), '--outDir', emitted], {
    stdio: 'inherit',
  });
  const pending = ['infra/index.d.ts'];
  for (const file of pending) {
    const text = readFileSync(join(emitted, file), 'utf8');
    const imported = [...text.matchAll(relativeImport)].map(([, path = '']) => join(dirname(file), `${path}.d.ts`));
    pending.push(...imported.filter(path => !pending.includes(path)));
    const target = join(dist, 'types', file);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text.replaceAll(relativeImport, "'$1.js'"));
  }
  rmSync(emitted, { recursive: true });
}
