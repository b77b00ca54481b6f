import { text as readAll } from 'node:stream/consumers';
import * as v from 'valibot';
import { minSecretLength } from '../../lambda/authentication/shared-secret.ts';
import { pepperName, platformSecrets } from '../../lambda/domain/names.ts';
import { parseStrictJsonText } from '../../lambda/io/json.ts';
import { placeholder } from '../../lambda/io/secret-cache.ts';
import { embeddedSecretTexts } from '../local/index.ts';
import { secretNames } from '../stack/names.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import type { Command, OpsContext } from './context.ts';
import { formatResult, sandboxFix } from './doctor/check.ts';
import { checkSecret, secretLabel } from './doctor/secret-checks.ts';
import { type Ask, type Output, openHiddenPrompt } from './terminal.ts';

export const secretCommand: Command = {
  summary: 'set a secret without a file, or check all of them',
  options: { rotate: { type: 'boolean' }, 'end-rotation': { type: 'boolean' } },
  help: `npm run ops -- secret set NAME [--rotate | --end-rotation]
npm run ops -- secret check [NAME ...]

set asks for the values of a secret on the terminal, which does not show them.
Otherwise it reads standard input: one value, or the whole secret as JSON. It
writes no file, prints no value, and stores nothing that the functions would
reject. A running function reads the new values within six minutes.
check says whether each secret is filled in and valid, and prints no value.
Exit code 1 if one is not.

NAME is a name of the settings: voucherify/PROJECT, platform/NAME or
events/PROJECT; only the last part, if one secret has it. The pepper cannot be
set: receipts can only be found with it.

  --rotate        keep the stored value as "previous", which is accepted too
                  until --end-rotation (RUNBOOK.md#rotating-a-platforms-secret)
  --end-rotation  accept only the current value from now on; asks nothing

  npm run ops -- secret set voucherify/main
  npm run ops -- secret set platform/ketch --rotate
  pass show ketch | npm run -s ops -- secret set platform/ketch
  npm run ops -- secret check
`,
  showsIdentity: true,
  run: (args, context, output) => {
    const [action, ...names] = args.positionals;
    if (action === 'check') return checkSecrets(names, context, output);
    const [name, ...others] = names;
    if (action !== 'set' || name === undefined || others.length > 0)
      throw new OpsUsageError('secret: must be followed by set NAME, or by check');
    return setSecret(resolveName(name, context), args, context, output);
  },
};

/** Returns the logical name of a secret that the settings require. Throws {@link OpsUsageError} for any other. */
function resolveName(text: string, { settings }: OpsContext): string {
  const names = secretNames(settings);
  const matching = names.filter(name => name === `erasure/${text}` || name === text || name.split('/').at(-1) === text);
  const [name] = matching;
  if (name !== undefined && matching.length === 1) return name;
  const known = names.filter(one => one !== pepperName).map(one => one.replace('erasure/', ''));
  throw new OpsUsageError(`secret: must be one of ${known.join(', ')}`);
}

async function setSecret(name: string, args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  if (name === pepperName)
    throw new OpsUsageError('secret: the pepper cannot be set: no receipt could be found with it');
  const { writeSecret, local } = context;
  if (writeSecret === undefined) {
    const fix = local && `. If Voucherify rejects the key: ${sandboxFix(local)}`;
    throw new OpsUsageError(`secret set: npm start has fixed secrets of its own${fix ?? ''}`);
  }
  const rotation = args.isSet('rotate') ? 'begin' : args.isSet('end-rotation') ? 'end' : undefined;
  const text = await readNewSecret({ name, rotation }, context);
  const problem = (await checkSecret(name, text, context)).find(({ grade }) => grade === 'bad');
  if (problem !== undefined) throw new OpsUsageError(`not stored: ${problem.message}`);
  await writeSecret(name, text);
  const label = secretLabel(name, context);
  if (output.json) output.printJson({ secret: label, stored: true });
  else output.print(`${label}: stored; a running function reads it within six minutes`);
  return 0;
}

async function checkSecrets(names: readonly string[], context: OpsContext, output: Output): Promise<number> {
  const all = names.length === 0 ? secretNames(context.settings) : names.map(name => resolveName(name, context));
  const found = (await Promise.all(all.map(name => checkSecret(name, undefined, context)))).flat();
  if (output.json) output.printJson(found);
  else for (const result of found) output.print(formatResult(result), 2);
  return found.some(({ grade }) => grade === 'bad') ? 1 : 0;
}

type Tree = { readonly [key: string]: Tree | string };

/** A secret to set. `rotation` keeps or removes the previous value of a platform's secret. */
interface SecretRequest {
  readonly name: string;
  readonly rotation: 'begin' | 'end' | undefined;
}

/**
 * Returns the new text of a secret, from the terminal or standard input. Throws {@link OpsUsageError} for input that does
 * not fit, and what reading the stored secret throws.
 */
async function readNewSecret({ name, rotation }: SecretRequest, context: OpsContext): Promise<string> {
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
