import * as v from 'valibot';
import { didYouMean } from '../domain/names.ts';
import { type JsonPositions, locateJson, pointerTo, positionText } from './json.ts';

/** Returns the schema of a text of this form. */
export function textLike(form: RegExp, message: string) {
  return v.pipe(v.string(), v.regex(form, message));
}

/** Returns the schema of one of these values. Its message lists them. */
export function oneOf<const T extends readonly (string | number)[]>(values: T) {
  return v.picklist(values, `must be ${values.join(', ').replace(/, ([^,]*)$/, ' or $1')}`);
}

/** Returns the schema of a list that is not empty. */
export function listOf<S extends v.GenericSchema>(item: S, what: string) {
  return v.pipe(v.array(item), v.nonEmpty(`must hold at least one ${what}`));
}

/** Returns the schema of one value or a list of them. Its output is a list. */
export function oneOrList<S extends v.GenericSchema>(item: S, what: string) {
  const one = v.pipe(
    item,
    v.transform((value): v.InferOutput<S>[] => [value]),
  );
  const list = listOf(item, what);
  return v.lazy(value => (Array.isArray(value) ? list : one));
}

/** Returns the schema of a whole number in a range, both ends included. */
export function wholeNumber(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
}

/**
 * Describes what is wrong with a JSON text, without its values: for each problem the JSON pointer, the line and the column,
 * and what is allowed there. Messages of this service contain no value; those of valibot do.
 */
export function describeProblems(
  text: string,
  schema: v.GenericSchema,
  issues: readonly v.BaseIssue<unknown>[],
): readonly string[] {
  const { indexOf } = locateJson(text);
  return issues.map(issue => {
    const keys = (issue.path ?? []).map(({ key }) => key as string | number);
    return `${placeText(text, keys, indexOf)}${describeProblem(issue)}${hintFor(issue, keys, schema)}`;
  });
}

/** Describes the keys that a JSON text has twice in one object. */
export function describeDuplicates(text: string): readonly string[] {
  return locateJson(text).duplicates.map(
    ({ pointer, index }) => `${pointer} ${positionText(text, index)}: is there twice`,
  );
}

/** A missing value has no position: its object has one. */
function placeText(text: string, keys: readonly (string | number)[], indexOf: JsonPositions['indexOf']): string {
  const pointer = keys.reduce<string>(pointerTo, '');
  if (pointer === '') return '';
  const index = indexOf.get(pointer) ?? indexOf.get(keys.slice(0, -1).reduce<string>(pointerTo, ''));
  return `${pointer}${index === undefined ? '' : ` ${positionText(text, index)}`}: `;
}

function describeProblem(issue: v.BaseIssue<unknown>): string {
  if (issue.expected === 'never') return notASetting;
  if (issue.received === 'undefined') return 'is missing';
  return issue.message.startsWith('Invalid') ? `must be ${issue.expected ?? 'valid'}` : issue.message;
}

const notASetting = 'is not a setting';

/** For an unknown key: the key that was probably meant, or else all that are allowed. */
function hintFor(issue: v.BaseIssue<unknown>, keys: readonly (string | number)[], schema: v.GenericSchema): string {
  const isUnknownKey = issue.expected === 'never' || issue.message.startsWith('is not a supported');
  if (!isUnknownKey) return '';
  const allowed = keysAt(schema, issue.path ?? []);
  const hint = didYouMean(String(keys.at(-1)), allowed);
  return hint !== '' || allowed.length === 0 ? hint : `; allowed are ${allowed.join(', ')}`;
}

/** Returns the keys that the object with the last key of a path may have. */
function keysAt(schema: v.GenericSchema, path: readonly { readonly key: unknown; readonly input: unknown }[]) {
  let [current, input]: [unknown, unknown] = [schema, path[0]?.input];
  for (const { key, input: holder } of path.slice(0, -1)) {
    current = entryOf(unwrapped(current, holder), String(key));
    input = holder;
  }
  const { entries = {} } = unwrapped(current, path.at(-1)?.input ?? input);
  return Object.keys(entries).filter(key => !key.startsWith('$'));
}

/** The parts of valibot's schemas that lead to the schema of an entry. */
interface SchemaNode {
  readonly pipe?: readonly unknown[];
  readonly wrapped?: unknown;
  readonly getter?: (input: unknown) => unknown;
  readonly entries?: Readonly<Record<string, unknown>>;
  readonly rest?: unknown;
  readonly value?: unknown;
  readonly item?: unknown;
  readonly options?: readonly unknown[];
}

function unwrapped(schema: unknown, input: unknown): SchemaNode {
  const node = (schema ?? {}) as SchemaNode;
  if (node.wrapped !== undefined) return unwrapped(node.wrapped, input);
  if (node.getter !== undefined) return unwrapped(node.getter(input), input);
  const [first] = node.pipe ?? [];
  return first === undefined || first === node ? node : unwrapped(first, input);
}

function entryOf({ entries, rest, value, item }: SchemaNode, key: string): unknown {
  if (entries !== undefined && Object.hasOwn(entries, key)) return entries[key];
  return rest ?? value ?? item;
}
