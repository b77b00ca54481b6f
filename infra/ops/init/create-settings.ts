import { dirname, relative } from 'node:path';
import * as v from 'valibot';
import { didYouMean } from '../../../lambda/domain/names.ts';
import { parseSettings } from '../../../lambda/settings.ts';
import { OpsUsageError, type ParsedArgs } from '../args.ts';
import { listRecipes, readRecipe, schemaFile } from '../packaged-files.ts';
import type { Ask } from '../prompt.ts';
import { type PlatformField, parseField, readPlatformFields } from './platform-fields.ts';
import {
  alarmQuestion,
  answerTo,
  clusterQuestion,
  platformsQuestion,
  problemsOf,
  projectsQuestion,
  type Question,
} from './questions.ts';

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
