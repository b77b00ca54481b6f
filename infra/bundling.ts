import { join } from 'node:path';

/** The project's folder. */
export const root = join(import.meta.dirname, '..');

/** The source that a function's bundle begins with. */
export function entryOf(name: FunctionName): string {
  return join(root, 'lambda', `${name}.ts`);
}

export type FunctionName = (typeof functionNames)[number];

export const functionNames = ['webhook', 'sweeper'] as const;

/**
 * How each function is bundled, in words that esbuild and the CDK share. The SDK goes into the bundle, so that what was
 * tested is what runs. Without `module` first its CommonJS build is taken, which fails at start inside an ES module.
 */
export const bundling = { target: 'node24', mainFields: ['module', 'main'], minify: true };
