import * as v from 'valibot';
import { ketch } from './ketch/index.ts';
import { ketchSettings } from './ketch/request.ts';
import type { Platform } from './platform.ts';

/** The table: one line a platform. The name is the last part of its route and of its secret. */
const table = {
  ketch: entry(ketchSettings, ketch),
};

/** The `platforms` part of the settings: a section turns its platform on. */
export const platformsSchema = v.strictObject(
  Object.fromEntries(Object.entries(table).map(([name, { schema }]) => [name, v.optional(schema)])),
);

/** The platforms that settings turn on, by name. Throws a valibot error for settings that were not checked before. */
export function openPlatforms(sections: Readonly<Record<string, unknown>>): ReadonlyMap<string, Platform> {
  const opened = Object.entries(table).flatMap(([name, { open }]): [string, Platform][] =>
    sections[name] === undefined ? [] : [[name, open(sections[name])]],
  );
  return new Map(opened);
}

function entry<S extends v.GenericSchema>(schema: S, open: (settings: v.InferOutput<S>) => Platform) {
  return { schema, open: (section: unknown) => open(v.parse(schema, section)) };
}
