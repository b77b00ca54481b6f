import * as v from 'valibot';
import { OpsUsageError } from '../args.ts';
import { readSchema } from '../packaged-files.ts';

/** A setting of a platform that only its owner knows. */
export interface PlatformField {
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
export function readPlatformFields(): ReadonlyMap<string, readonly PlatformField[]> {
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
export function parseField({ kind }: PlatformField, text: string): unknown {
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
export function splitList(text: string): readonly string[] {
  return text
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '');
}
