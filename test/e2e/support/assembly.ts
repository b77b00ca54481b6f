import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import * as v from 'valibot';

/** The project's folder. */
export const root = join(import.meta.dirname, '..', '..', '..');

const out = join(root, 'cdk.out');

const resource = v.looseObject({ Type: v.string(), Properties: v.optional(v.record(v.string(), v.unknown()), {}) });
const template = v.looseObject({ Resources: v.record(v.string(), resource) });
const functionProperties = v.looseObject({
  FunctionName: v.string(),
  Handler: v.string(),
  Runtime: v.string(),
  Timeout: v.number(),
  MemorySize: v.number(),
  Code: v.looseObject({ S3Key: v.string() }),
  Environment: v.looseObject({ Variables: v.record(v.string(), v.unknown()) }),
  LoggingConfig: v.looseObject({ LogFormat: v.string() }),
});
const manifest = v.looseObject({ artifacts: v.record(v.string(), v.looseObject({ type: v.string() })) });
const stack = v.looseObject({
  type: v.literal('aws:cloudformation:stack'),
  properties: v.looseObject({ templateFile: v.string() }),
});
const assets = v.looseObject({
  files: v.record(v.string(), v.looseObject({ source: v.looseObject({ path: v.string() }) })),
});

export type Resource = v.InferOutput<typeof resource>;

/** One function of the template, and the folder with its bundle. */
export interface AssembledFunction {
  readonly properties: v.InferOutput<typeof functionProperties>;
  readonly bundle: string;
}

/** The output of `cdk synth` for one stack. */
export interface Assembly {
  readonly templateFile: string;
  readonly resources: Readonly<Record<string, Resource>>;
  readonly webhook: AssembledFunction;
  readonly sweeper: AssembledFunction;
}

/** Returns whether `cdk.out` is missing or older than its sources. */
export function isStale(): boolean {
  const made = join(out, 'manifest.json');
  if (!existsSync(made)) return true;
  const sources = [...filesIn('lambda'), ...filesIn('infra'), 'cdk.json', 'package-lock.json'];
  return Math.max(...sources.map(file => statSync(join(root, file)).mtimeMs)) > statSync(made).mtimeMs;
}

function filesIn(folder: string): readonly string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true, recursive: true });
  const ours = entries.filter(entry => entry.isFile() && !entry.parentPath.includes(join('infra', 'local')));
  return ours.map(entry => join(entry.parentPath, entry.name).slice(root.length));
}

/** Runs `cdk synth` on this Node version. Throws an error with its output if it fails. */
export function synthesise(): void {
  const cdk = createRequire(import.meta.url).resolve('aws-cdk/bin/cdk');
  const env = { ...process.env, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) };
  const { status, stderr, stdout } = spawnSync(process.execPath, [cdk, 'synth', '--quiet'], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`cdk synth failed:\n${stdout}${stderr}`);
}

/** Reads `cdk.out`. Throws if it is not exactly one stack with the two functions. */
export function readAssembly(): Assembly {
  const artifacts = Object.entries(v.parse(manifest, read('manifest.json')).artifacts);
  const stacks = artifacts.filter(([, { type }]) => type === 'aws:cloudformation:stack');
  const [id, artifact] = stacks[0] ?? [];
  if (id === undefined || stacks.length !== 1)
    throw new Error(`cdk.out contains ${stacks.length} stacks instead of one`);
  const { templateFile } = v.parse(stack, artifact).properties;
  const resources = v.parse(template, read(templateFile)).Resources;
  const { files } = v.parse(assets, read(`${id}.assets.json`));
  const named = (name: string) => functionNamed(name, resources, files);
  return { templateFile: join(out, templateFile), resources, webhook: named('webhook'), sweeper: named('sweeper') };
}

function functionNamed(
  name: string,
  resources: Assembly['resources'],
  files: v.InferOutput<typeof assets>['files'],
): AssembledFunction {
  const functions = Object.values(resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');
  const all = functions.map(({ Properties }) => v.parse(functionProperties, Properties));
  const properties = all.find(({ FunctionName }) => FunctionName.endsWith(`-${name}`));
  if (properties === undefined) throw new Error(`the template has no function ${name}`);
  const path = files[properties.Code.S3Key.replace(/\.zip$/, '')]?.source.path;
  if (path === undefined) throw new Error(`cdk.out has no bundle of ${name}`);
  return { properties, bundle: join(out, path) };
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(join(out, file), 'utf8'));
}
