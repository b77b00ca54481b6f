import { text as readAll } from 'node:stream/consumers';
import * as v from 'valibot';
import { minSecretLength } from '../../../lambda/authentication/shared-secret.ts';
import { platformSecrets } from '../../../lambda/domain/names.ts';
import { parseStrictJsonText } from '../../../lambda/io/json.ts';
import { placeholder } from '../../../lambda/io/secret-cache.ts';
import { embeddedSecretTexts } from '../../local/index.ts';
import { OpsUsageError } from '../args.ts';
import type { OpsContext } from '../context.ts';
import { type Ask, openHiddenPrompt } from '../prompt.ts';

type Tree = { readonly [key: string]: Tree | string };

/** A secret to set. `rotation` keeps or removes the previous value of a platform's secret. */
export interface SecretRequest {
  readonly name: string;
  readonly rotation: 'begin' | 'end' | undefined;
}

/**
 * Returns the new text of a secret, from the terminal or standard input. Throws {@link OpsUsageError} for input that does
 * not fit, and what reading the stored secret throws.
 */
export async function readNewSecret({ name, rotation }: SecretRequest, context: OpsContext): Promise<string> {
  const fields = fieldsOf(name, context);
  if (rotation === undefined) return JSON.stringify(await readValues(fields));
  if (!name.startsWith(platformSecrets)) throw new OpsUsageError('only the secret of a platform has a previous value');
  const { previous: _, ...stored } = parseTree(await context.readSecret(name, { fresh: true }));
  if (rotation === 'end') return JSON.stringify(stored);
  if (String(stored['current'] ?? placeholder).startsWith(placeholder))
    throw new OpsUsageError('the secret was never filled in, so there is nothing to keep: omit --rotate');
  const { current } = await readValues([['current']]);
  if (current === stored['current']) throw new OpsUsageError('the new value is the stored one: not changed');
  return JSON.stringify({ ...stored, current, previous: stored['current'] });
}

/** The places of a secret's values: those of the secret with the same name in a local run. */
function fieldsOf(name: string, { settings }: OpsContext): readonly (readonly string[])[] {
  return leavesOf(parseTree(embeddedSecretTexts(settings)[name] ?? ''));
}

function leavesOf(tree: Tree | string): readonly (readonly string[])[] {
  if (typeof tree === 'string') return [[]];
  return Object.entries(tree).flatMap(([key, inner]) => leavesOf(inner).map(path => [key, ...path]));
}

const tree: v.GenericSchema<Tree> = v.record(v.string(), v.union([v.string(), v.lazy(() => tree)]));

/** Throws {@link OpsUsageError} without the text. */
function parseTree(text: string): Tree {
  const parsed = v.safeParse(tree, parseStrictJsonText(text));
  if (parsed.success) return parsed.output;
  throw new OpsUsageError('the secret is not a JSON object of texts, or has a key twice');
}

async function readValues(fields: readonly (readonly string[])[]): Promise<Tree> {
  const prompt = openHiddenPrompt();
  if (prompt !== undefined) return askValues(fields, prompt.ask).finally(prompt.close);
  const text = (await readAll(process.stdin)).replace(/\r?\n$/, '');
  if (text.trimStart().startsWith('{')) return parseTree(text);
  const [field, ...others] = fields;
  if (field !== undefined && others.length === 0) return treeOf(field, checked(field, text));
  const names = fields.map(path => path.join('.')).join(', ');
  throw new OpsUsageError(`standard input must be the secret as a JSON object with ${names}`);
}

/** Asks for each value until it fits. An empty answer leaves an optional value out. */
async function askValues(fields: readonly (readonly string[])[], ask: Ask): Promise<Tree> {
  let values: Tree = {};
  for (const field of fields) {
    const value = await askValue(field, ask);
    if (value !== '') values = merge(values, treeOf(field, value));
  }
  return values;
}

async function askValue(field: readonly string[], ask: Ask): Promise<string> {
  for (;;) {
    const value = await ask(`${field.join('.')} (not shown): `);
    try {
      return value === '' ? value : checked(field, value);
    } catch (error) {
      if (!(error instanceof OpsUsageError)) throw error;
      console.error(error.message);
    }
  }
}

/** Shows how long the value is, so that a wrong paste is noticed. Throws for the usual errors, which need a clear message. */
function checked(field: readonly string[], value: string): string {
  const name = field.join('.');
  if (value !== value.trim()) throw new OpsUsageError(`${name}: begins or ends with white space`);
  if (name === 'current' && value.length < minSecretLength)
    throw new OpsUsageError(`${name}: has ${value.length} characters, at least ${minSecretLength} are needed`);
  console.error(`${name}: ${value.length} characters read`);
  return value;
}

function treeOf([key, ...rest]: readonly string[], value: string): Tree {
  return key === undefined ? {} : { [key]: rest.length === 0 ? value : treeOf(rest, value) };
}

function merge(a: Tree, b: Tree): Tree {
  const entries = Object.entries(b).map(([key, value]) => {
    const before = a[key];
    return [key, typeof value === 'object' && typeof before === 'object' ? merge(before, value) : value] as const;
  });
  return { ...a, ...Object.fromEntries(entries) };
}
