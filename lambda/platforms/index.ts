import * as v from 'valibot';
import { isName } from '../domain/names.ts';
import { generic } from './generic/index.ts';
import { genericSettings } from './generic/settings.ts';
import { ketch } from './ketch/index.ts';
import { ketchSettings } from './ketch/request.ts';
import type { Platform } from './platform.ts';
import { segment, segmentSettings } from './segment.ts';
import { shopify, shopifySettings } from './shopify.ts';
import { transcend } from './transcend/index.ts';
import { transcendSettings } from './transcend/request.ts';

/** A platform's settings, and how it is opened with them. */
interface Entry {
  readonly schema: v.GenericSchema;
  readonly open: (section: unknown) => Platform;
}

const sender = entry(genericSettings, generic);

/** The table: one line a platform. The name is the last part of its route and of its secret. */
const table: Readonly<Record<string, Entry>> = {
  ketch: entry(ketchSettings, ketch),
  generic: sender,
  transcend: entry(transcendSettings, transcend),
  segment: entry(segmentSettings, segment),
  shopify: entry(shopifySettings, shopify),
};

const known = Object.fromEntries(Object.keys(table).map(name => [name, v.optional(schemaOf(name))]));

/** The `platforms` part of the settings: a section turns its platform on; any name may be a generic sender's. */
export const platformsSchema = v.pipe(
  v.objectWithRest(known, schemaOf('')),
  v.check(sections => Object.keys(sections).every(isName), 'names must be short and lower-case, such as in-house-form'),
  // A transformation, which valibot leaves out after a problem: nobody opens a platform whose section has one.
  v.readonly(),
);

/** The platforms that settings turn on, by name. Throws a valibot error for settings that were not checked before. */
export function openPlatforms(sections: Readonly<Record<string, unknown>>): ReadonlyMap<string, Platform> {
  const opened = Object.entries(sections).flatMap(([name, section]): [string, Platform][] =>
    section === undefined ? [] : [[name, entryOf(name, section).open(section)]],
  );
  return new Map(opened);
}

function schemaOf(name: string): v.GenericSchema {
  return v.lazy(section => entryOf(name, section).schema);
}

function entryOf(name: string, section: unknown): Entry {
  if (isGeneric(section)) return sender;
  return (Object.hasOwn(table, name) ? table[name] : undefined) ?? nobody;
}

function entry<S extends v.GenericSchema>(schema: S, open: (settings: v.InferOutput<S>) => Platform): Entry {
  return { schema, open: section => open(v.parse(schema, section)) };
}

const noPlatform = v.custom<never>(
  () => false,
  'is not a supported platform, and a generic sender needs "type": "generic"',
);
const nobody: Entry = { schema: noPlatform, open: section => v.parse(noPlatform, section) };

/** Returns whether a section of the settings configures a generic platform. */
export function isGeneric(section: unknown): boolean {
  return v.is(v.object({ type: v.literal('generic') }), section);
}
