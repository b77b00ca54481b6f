import * as v from 'valibot';
import { generic } from './generic/index.ts';
import { genericSettings } from './generic/settings.ts';
import { ketch } from './ketch/index.ts';
import { ketchSettings } from './ketch/request.ts';
import type { Platform } from './platform.ts';
import { segment, segmentSettings } from './segment.ts';
import { shopify, shopifySettings } from './shopify.ts';
import { transcend } from './transcend/index.ts';
import { transcendSettings } from './transcend/request.ts';

/** The table: one line a platform. The name is the last part of its route and of its secret. */
const table = {
  ketch: entry(ketchSettings, ketch),
  generic: entry(genericSettings, generic),
  transcend: entry(transcendSettings, transcend),
  segment: entry(segmentSettings, segment),
  shopify: entry(shopifySettings, shopify),
};

/** The `platforms` part of the settings: a section turns its platform on. Any name may be a generic sender's. */
export const platformsSchema = v.pipe(
  v.record(v.string(), v.unknown()),
  v.rawTransform(({ dataset, addIssue, NEVER }) => NEVER),
);

/** The platforms that settings turn on, by name. Throws a valibot error for settings that were not checked before. */
export function openPlatforms(sections: Readonly<Record<string, unknown>>): ReadonlyMap<string, Platform> {
  return new Map();
}

function entry<S extends v.GenericSchema>(schema: S, open: (settings: v.InferOutput<S>) => Platform) {
  return { schema, open: (section: unknown) => open(v.parse(schema, section)) };
}
