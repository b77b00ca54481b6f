import { dirname, relative } from 'node:path';
import * as v from 'valibot';
import { didYouMean, isName } from '../../lambda/domain/names.ts';
import { parseSettings, SettingsError } from '../../lambda/settings.ts';
import { sharedClusters } from '../../lambda/voucherify/project-settings.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import { listRecipes, readRecipe, readSchema, schemaFile } from './packaged-files.ts';
import { type Ask, wrapLine } from './terminal.ts';

/** Returns settings from the options and, on a terminal, from answers. Throws {@link OpsUsageError}. */
export async function createSettings(args: ParsedArgs, file: string, ask: Ask | undefined): Promise<string> {
  const answer = <T>(question: Question<T>) => answerTo(question, args.text(question.option), ask);
  const fields = readPlatformFields();
  const platforms = await answer(platformsQuestion([...fields.keys()], listRecipes()));
  const projects = await answer(projectsQuestion);
  const baseUrl = await answer(clusterQuestion);
  const draft = {
    $schema: `./${relative(dirname(file), schemaFile)}`.replaceAll('\\', '/').replace(/^\.\/\.\./, '..'),
    projects: Object.fromEntries(projects.map(name => [name, { baseUrl }])),
  };
  const given = givenFields(args.texts('set'), platforms, fields);
  const sections: Record<string, object> = {};
  for (const name of platforms) {
    const own = fields.get(name);
    sections[name] = own === undefined ? recipeSection(name) : await askFields({ name, given, ask, draft }, own);
  }
  const alarmEmail = await answer(alarmQuestion(draft));
  const operations = alarmEmail === '' ? {} : { operations: { alarmEmail } };
  return formatSettings({ ...draft, platforms: sections, ...operations });
}

/** Returns the given values of fields by `PLATFORM.FIELD`. Throws {@link OpsUsageError} for one that is not needed. */
function givenFields(
  texts: readonly string[],
  platforms: readonly string[],
  fields: ReadonlyMap<string, readonly PlatformField[]>,
): ReadonlyMap<string, string> {
  const asked = platforms.flatMap(name => (fields.get(name) ?? []).map(field => `${name}.${field.name}`));
  return new Map(
    texts.map(text => {
      const [place = '', ...value] = text.split('=');
      if (asked.includes(place)) return [place, value.join('=')];
      const hint = didYouMean(place, asked) || `; must be ${asked.join(', ') || 'left out for these platforms'}`;
      throw new OpsUsageError(`--set ${place}: is not asked for${hint}`);
    }),
  );
}

interface FieldInput {
  readonly name: string;
  readonly given: ReadonlyMap<string, string>;
  readonly ask: Ask | undefined;
  readonly draft: object;
}

async function askFields(
  { name, given, ask, draft }: FieldInput,
  fields: readonly PlatformField[],
): Promise<Readonly<Record<string, unknown>>> {
  const values: Record<string, unknown> = {};
  for (const field of fields.toSorted((a, b) => Number(b.isRequired) - Number(a.isRequired))) {
    const place = `${name}.${field.name}`;
    const parse = (text: string) => checkedField(field, text, value => ({ ...draft, platforms: { [name]: value } }));
    const question = { option: `set ${place}=…`, text: fieldText(name, field), parse };
    const value = await answerTo(field.isRequired ? question : { ...question, fallback: '' }, given.get(place), ask);
    if (value !== undefined) values[field.name] = value;
  }
  return values;
}

function fieldText(platform: string, { name, description, kind, isRequired }: PlatformField): string {
  const example = kind === 'map' ? 'pairs separated by commas, such as account_id=source_id,email=email' : '';
  const form = kind === 'list' ? 'separated by commas' : example;
  const notes = [form, isRequired ? '' : 'may be empty'].filter(Boolean).join('; ');
  return `${platform} ${name}: ${description.replace(/\.$/, '')}${notes === '' ? '' : ` (${notes})`}`;
}

/** Returns the value of a field, or `undefined` for an optional one without value. */
function checkedField(field: PlatformField, text: string, draftWith: (section: object) => object): unknown {
  if (text === '' && !field.isRequired) return undefined;
  const value = parseField(field, text);
  const isOfField = (problem: string) => new RegExp(`^/platforms/[^/]+/${field.name}\\b`).test(problem);
  const [problem] = problemsOf(draftWith({ [field.name]: value })).filter(isOfField);
  if (problem !== undefined) throw new OpsUsageError(problem.replace(/^[^:]*: /, ''));
  return value;
}

const recipe = v.object({ platforms: v.record(v.string(), v.looseObject({})) });

/** A recipe is a complete settings file with one platform of its own name. */
function recipeSection(name: string): object {
  return v.parse(recipe, JSON.parse(readRecipe(name))).platforms[name] ?? {};
}

/** Formats settings with short lists on one line. Throws `SettingsError` if they are not valid after all. */
function formatSettings(settings: object): string {
  const text = `${JSON.stringify(settings, undefined, 2).replaceAll(/\[\s+("[^[\]{}]*?")\s+\]/g, shortList)}\n`;
  parseSettings(text, 'deployed');
  return text;
}

function shortList(list: string): string {
  const short = list
    .replaceAll(/\s*\n\s*/g, ' ')
    .replace('[ ', '[')
    .replace(' ]', ']');
  return short.length <= 80 ? short : list;
}

/** A question of `init`, and the option that answers it. */
interface Question<T> {
  readonly option: string;
  readonly text: string;
  readonly fallback?: string;
  /** Throws {@link OpsUsageError} for an invalid answer. */
  readonly parse: (text: string) => T;
}

/** Returns the answer to a question: the option's, the operator's, or the default. Asks again after an invalid one. */
async function answerTo<T>(
  { option, text, fallback, parse }: Question<T>,
  given: string | undefined,
  ask: Ask | undefined,
): Promise<T> {
  if (given !== undefined) return named(option, () => parse(given));
  if (ask === undefined) {
    if (fallback === undefined) throw new OpsUsageError(`--${option}: is missing: ${text}`);
    return parse(fallback);
  }
  for (const line of wrapLine(`${text[0]?.toUpperCase()}${text.slice(1)}`, 2)) console.error(line);
  for (;;) {
    const typed = (await ask(fallback ? `[${fallback}] > ` : '> ')).trim();
    try {
      return parse(typed === '' ? (fallback ?? '') : typed);
    } catch (error) {
      if (!(error instanceof OpsUsageError)) throw error;
      console.error(error.message);
    }
  }
}

function named<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof OpsUsageError ? new OpsUsageError(`--${option}: ${error.message}`) : error;
  }
}

/** Asks for platforms, of which some have code of their own and the others a recipe. */
function platformsQuestion(native: readonly string[], recipes: readonly string[]): Question<readonly string[]> {
  const known = [...native, ...recipes];
  return {
    option: 'platforms',
    text: `platforms, separated by commas: ${native.join(', ')}, or recipes: ${recipes.join(', ')}`,
    parse: text => {
      const names = [...new Set(splitList(text))];
      if (names.length === 0) throw new OpsUsageError('name at least one platform');
      const unknown = names.find(name => !known.includes(name));
      if (unknown === undefined) return names;
      throw new OpsUsageError(`${unknown} is unknown${didYouMean(unknown, known) || `; must be ${known.join(', ')}`}`);
    },
  };
}

/** Asks for the names of the projects. */
const projectsQuestion: Question<readonly string[]> = {
  option: 'projects',
  text: 'names of your choice for your Voucherify projects',
  fallback: 'main',
  parse: text => {
    const names = [...new Set(splitList(text))];
    if (names.length > 0 && names.every(isName)) return names;
    throw new OpsUsageError('must be short lower-case names such as main or shop-2');
  },
};

/** Asks for the Voucherify cluster. The answer is its base URL. */
const clusterQuestion: Question<string> = {
  option: 'cluster',
  text: `Voucherify cluster, ${Object.keys(sharedClusters).join(', ')}, or the API endpoint from Project settings`,
  fallback: 'eu1',
  parse: text => {
    const url = Object.hasOwn(sharedClusters, text) ? sharedClusters[text] : text;
    if (problemsOf({ projects: { main: { baseUrl: url } }, platforms: {} }).length === 0) return url ?? '';
    throw new OpsUsageError('must be eu1, us1, as1 or the https API endpoint of a dedicated cluster');
  },
};

/** Asks for the address that receives the alarms. The answer may be empty. */
function alarmQuestion(draft: object): Question<string> {
  return {
    option: 'alarm-email',
    text: 'e-mail address that receives the alarms (empty: none yet)',
    fallback: '',
    parse: text => {
      if (text === '') console.error('without an address, alarms notify no one until you subscribe one');
      else if (problemsOf({ ...draft, platforms: {}, operations: { alarmEmail: text } }).length > 0)
        throw new OpsUsageError('must be an e-mail address');
      return text;
    },
  };
}

/** Returns what is wrong with settings; nothing if they are valid. */
function problemsOf(settings: object): readonly string[] {
  try {
    parseSettings(JSON.stringify(settings), 'deployed');
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
}

/** A setting of a platform that only its owner knows. */
interface PlatformField {
  readonly name: string;
  readonly description: string;
  /** One value, values separated by commas, or pairs separated by commas. */
  readonly kind: 'text' | 'list' | 'map';
  readonly isRequired: boolean;
}

const property = v.object({
  description: v.optional(v.string(), ''),
  type: v.optional(v.string()),
  $ref: v.optional(v.string()),
  allOf: v.optional(v.array(v.object({ $ref: v.string() }))),
});
const section = v.object({ required: v.optional(v.array(v.string()), []), properties: v.record(v.string(), property) });
const schema = v.object({
  properties: v.object({ platforms: v.object({ properties: v.record(v.string(), v.unknown()) }) }),
  definitions: v.record(v.string(), v.unknown()),
});

/** Asked for although the settings are valid without it: where the result of a late erasure is sent. */
const alsoAsked = 'callbackOrigins';

/** Returns the fields to ask for, for each platform that has code, from the settings schema. */
function readPlatformFields(): ReadonlyMap<string, readonly PlatformField[]> {
  const { properties, definitions } = v.parse(schema, JSON.parse(readSchema()));
  const names = Object.keys(properties.platforms.properties).filter(name => name !== 'generic');
  return new Map(names.map(name => [name, fieldsOf(v.parse(section, definitions[name]), definitions)]));
}

function fieldsOf(
  { required, properties }: v.InferOutput<typeof section>,
  definitions: Readonly<Record<string, unknown>>,
): readonly PlatformField[] {
  const resolve = (one: v.InferOutput<typeof property>) => {
    const reference = one.$ref ?? one.allOf?.[0]?.$ref;
    const definition = reference === undefined ? {} : definitions[reference.replace('#/definitions/', '')];
    return { ...v.parse(property, definition), ...(one.type === undefined ? {} : { type: one.type }) };
  };
  return Object.entries(properties).flatMap(([name, one]) => {
    if (!required.includes(name) && name !== alsoAsked) return [];
    const { type, description } = resolve(one);
    const kind = type === 'array' ? 'list' : type === 'object' ? 'map' : 'text';
    return [{ name, description: one.description || description, kind, isRequired: required.includes(name) } as const];
  });
}

/** Returns the value of a field as the settings hold it. Throws {@link OpsUsageError} for a pair without `=`. */
function parseField({ kind }: PlatformField, text: string): unknown {
  if (kind === 'text') return text;
  const parts = splitList(text);
  if (kind === 'list') return parts;
  return Object.fromEntries(parts.map(parsePair));
}

function parsePair(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new OpsUsageError('must be pairs such as account_id=source_id,email=email');
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** Splits a text at its commas; white space and empty parts do not count. */
function splitList(text: string): readonly string[] {
  return text
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '');
}
