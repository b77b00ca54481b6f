import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { parseSettings } from '../../lambda/settings.ts';
import manifest from '../../package.json' with { type: 'json' };
import { synthesised } from '../infra/synthesised.ts';
import { allRecipeNames } from '../support/recipes.ts';

const root = join(import.meta.dirname, '../..');
const builtin = new Set(builtinModules);
const modules = join(root, 'node_modules');
const work = mkdtempSync(join(tmpdir(), 'erasure-package-'));
const app = join(work, 'app');
const installed = join(app, 'node_modules', manifest.name);
afterAll(() => rmSync(work, { recursive: true }));

/** No home with a cache or credentials, and every connection to the network ends at a closed port. */
const env = {
  PATH: process.env['PATH'],
  HOME: work,
  NO_COLOR: '1',
  CDK_VALIDATION: 'false',
  npm_config_proxy: 'http://127.0.0.1:9',
  npm_config_https_proxy: 'http://127.0.0.1:9',
  npm_config_update_notifier: 'false',
};

async function run(file: string, args: readonly string[], cwd = app): Promise<string> {
  return (await promisify(execFile)(file, [...args], { cwd, env })).stdout;
}

/** Packs a folder into `work` and returns the file's path and what it contains. */
async function pack(
  folder: string,
): Promise<{ readonly file: string; readonly size: number; readonly paths: string[] }> {
  const printed = await run('npm', ['pack', '--json', '--pack-destination', work], folder);
  const [packed] = JSON.parse(printed) as [{ filename: string; size: number; files: { path: string }[] }];
  return { file: join(work, packed.filename), size: packed.size, paths: packed.files.map(({ path }) => path).sort() };
}

/** A CommonJS application, as `cdk init` creates it. */
const source = `
import { App, Stack } from 'aws-cdk-lib';
import { readFileSync } from 'node:fs';
import { ErasureWebhook, parseSettings, SettingsError, type ErasureWebhookProps } from '${manifest.name}';

const settings = parseSettings(readFileSync(require.resolve('${manifest.name}/settings.json'), 'utf8'), 'deployed');
const share: number | undefined = settings.projects['main']?.quotaShare;
const props: ErasureWebhookProps = { settings };
// @ts-expect-error: the settings are typed.
const wrong: ErasureWebhookProps = { settings: { ...settings, platforms: 1 } };

const app = new App({ outdir: 'out', context: ${JSON.stringify(cdkJson.context)} });
const stack = new Stack(app, 'Test');
const erasure: string = new ErasureWebhook(stack, 'Erasure', props).webhookUrl;
app.synth();
export { erasure, share, SettingsError, wrong };
`;

const compilerOptions = {
  module: 'nodenext',
  target: 'es2023',
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  types: ['node'],
};

let packed: Awaited<ReturnType<typeof pack>>;
beforeAll(async () => {
  packed = await pack(root);
  const valibot = await pack(join(modules, 'valibot'));
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'shop', private: true }));
  await run('npm', ['install', '--offline', '--legacy-peer-deps', '--no-audit', valibot.file, packed.file]);
  mkdirSync(join(app, 'node_modules/@types'));
  for (const name of ['aws-cdk-lib', 'constructs', '@types/node']) {
    symlinkSync(join(modules, name), join(app, 'node_modules', name));
  }
  writeFileSync(join(app, 'app.ts'), source);
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }));
});

describe('npm package', () => {
  test('files: only what an application needs', () => {
    const declarations = packed.paths.filter(path => path.endsWith('.d.ts'));
    expect(packed.paths.filter(path => !path.endsWith('.d.ts'))).toEqual([
      'LICENSE',
      'README.md',
      'dist/functions/deployment-check/index.mjs',
      'dist/functions/events/index.mjs',
      'dist/functions/sweeper/index.mjs',
      'dist/functions/webhook/index.mjs',
      'dist/index.js',
      'dist/ops.js',
      ...allRecipeNames.map(name => `dist/recipes/${name}.json`).sort(),
      'dist/settings.json',
      'dist/settings.schema.json',
      'package.json',
    ]);
    expect(declarations.length).toBeLessThan(20);
    expect(packed.size).toBeLessThan(1_000_000);
  });

  test('dependencies: the CDK is a peer, and every imported package is declared', () => {
    expect(Object.keys(manifest.peerDependencies)).toEqual(['aws-cdk-lib', 'constructs']);
    expect(Object.keys(manifest.dependencies)).toEqual(['valibot']);
    const declared = [...Object.keys(manifest.peerDependencies), ...Object.keys(manifest.dependencies)];
    for (const path of packed.paths.filter(one => /\.(d\.ts|js|mjs)$/.test(one))) {
      const text = readFileSync(join(installed, path), 'utf8');
      const imported = [...text.matchAll(/^(?:import|export|\})[^'"\n]*\bfrom ?["']([^"']+)["']/gm)].map(
        ([, name = '']) => name,
      );
      const packages = imported.filter(name => !/^(\.|node:)/.test(name)).map(name => name.split('/')[0]);
      expect(
        packages.filter(name => !declared.includes(name ?? '')).filter(name => !builtin.has(name ?? '')),
        path,
      ).toEqual([]);
      expect(text, path).not.toContain(root);
    }
  });

  test('types: a TypeScript application compiles', async () => {
    expect(await run(process.execPath, [join(modules, 'typescript/bin/tsc')])).toBe('');
  });

  test('construct: an application synthesises the same resources as this repository', async () => {
    await run(process.execPath, ['app.js']);
    const template = JSON.parse(readFileSync(join(app, 'out/Test.template.json'), 'utf8')) as { Resources: unknown };
    const { Resources } = synthesised().template.toJSON();
    expect(withoutAssets(template.Resources)).toEqual(withoutAssets(Resources));
  });

  test('construct: the functions are the prebuilt bundles', () => {
    const bundles = readdirSync(join(app, 'out')).filter(name => name.startsWith('asset.'));
    const texts = bundles.map(name => readFileSync(join(app, 'out', name, 'index.mjs'), 'utf8'));
    const prebuilt = ['deployment-check', 'sweeper', 'webhook'].map(name =>
      join(installed, 'dist/functions', name, 'index.mjs'),
    );
    expect(texts.sort()).toEqual(prebuilt.map(path => readFileSync(path, 'utf8')).sort());
  });

  test("operator's tool: is installed as a command", async () => {
    const command = join(app, 'node_modules/.bin/voucherify-erasure-ops');
    expect(existsSync(command)).toBe(true);
    expect(await run(command, ['--help'])).toContain('doctor');
  });

  test("operator's tool: writes settings that the construct reads, with recipes", async () => {
    const command = join(app, 'node_modules/.bin/voucherify-erasure-ops');
    const printed = await run(command, ['init', '--platforms', 'onetrust,segment']);
    expect(printed).toContain('voucherify-erasure-ops secret set platform/onetrust');
    expect(printed).not.toContain('npm run');
    const text = readFileSync(join(app, 'erasure-settings.json'), 'utf8');
    expect(Object.keys(parseSettings(text, 'deployed').platforms).sort()).toEqual(['onetrust', 'segment']);
    const { $schema } = JSON.parse(text) as { $schema: string };
    expect(existsSync(join(app, $schema))).toBe(true);
  });
});

/** The bundles of the tests are not built, so their hashes, and those of their versions, differ. */
function withoutAssets(resources: unknown): unknown {
  return JSON.parse(
    JSON.stringify(resources).replaceAll(/[0-9a-f]{64}|(?<=Version[0-9A-F]{8})[0-9a-f]{32}/g, 'hash'),
    (key, value) => (key === 'Metadata' ? undefined : value),
  );
}
