import * as v from 'valibot';
import { Failure } from '../domain/failure.ts';
import { isName, manualPlatform } from '../domain/names.ts';
import { generic } from './generic/index.ts';
import { genericSettings } from './generic/settings.ts';
import { ketch, ketchSettings } from './ketch.ts';
import { acknowledgingPlatform, type Platform } from './platform.ts';
import { segment, segmentSettings } from './segment.ts';
import { shopify, shopifySettings } from './shopify.ts';
import { transcend, transcendSettings } from './transcend.ts';

/** The settings of a platform, and how to create it from them. */
interface Entry {
  readonly schema: v.GenericSchema;
  readonly open: (section: unknown) => Platform;
}

const genericEntry = entry(genericSettings, generic);

/** One line for each platform. The name is the last part of its route and of its secret's name. */
const table: Readonly<Record<string, Entry>> = {
  ketch: entry(ketchSettings, ketch),
  generic: genericEntry,
  transcend: entry(transcendSettings, transcend),
  segment: entry(segmentSettings, segment),
  shopify: entry(shopifySettings, shopify),
};

const known = Object.fromEntries(Object.keys(table).map(name => [name, v.optional(schemaOf(name))]));

/** The `platforms` part of the settings: a section enables its platform. A generic platform may have any name. */
export const platformsSchema = v.pipe(
  v.objectWithRest(known, schemaOf('')),
  v.rawCheck(({ dataset, addIssue }) => {
    const input = v.is(v.record(v.string(), v.unknown()), dataset.value) ? dataset.value : {};
    for (const key of Object.keys(input)) {
      const path = { type: 'object', origin: 'key', input, key, value: input[key] } as const;
      if (!isName(key)) addIssue({ message: 'must be a short lower-case name', path: [path] });
      if (key === manualPlatform) addIssue({ message: reserved, path: [path] });
    }
  }),
  // A transformation, which valibot skips after a problem: no platform is created from an invalid section.
  v.readonly(),
);

const reserved = 'is reserved for requests that operators make by hand';

/** Creates the platforms that settings enable, by name. Throws a valibot error for settings that were not validated. */
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
  if (isGeneric(section)) return genericEntry;
  return (Object.hasOwn(table, name) ? table[name] : undefined) ?? unknownEntry;
}

function entry<S extends v.GenericSchema>(schema: S, open: (settings: v.InferOutput<S>) => Platform): Entry {
  return { schema, open: section => ({ ...open(v.parse(schema, section)), ...delayOf(section) }) };
}

const withDelay = v.object({ delaySeconds: v.number() });

/** A delay is not part of a platform's protocol, so it is added here for all platforms. */
function delayOf(section: unknown): Pick<Platform, 'delaySeconds'> {
  return v.is(withDelay, section) ? { delaySeconds: section.delaySeconds } : {};
}

const noPlatform = v.custom<never>(
  () => false,
  'is not a supported platform, and a generic one needs "type": "generic"',
);
const unknownEntry: Entry = { schema: noPlatform, open: section => v.parse(noPlatform, section) };

/** Returns whether a section of the settings configures a generic platform. */
export function isGeneric(section: unknown): boolean {
  return v.is(v.object({ type: v.literal('generic') }), section);
}

const noRoute = new Failure('not-found', 'path: no such platform');

/**
 * The platform of the requests that operators make by hand. They invoke the function itself (request/receive-manual.ts), so
 * it has no route, no secret and no settings, and no platform is informed of an outcome that the sweep reaches.
 */
export const manual: Platform = {
  ...acknowledgingPlatform({
    projects: undefined,
    checkSecret: () => undefined,
    verify: () => Promise.reject(noRoute),
    parse: () => {
      throw noRoute;
    },
  }),
  isPullOnly: true,
};
