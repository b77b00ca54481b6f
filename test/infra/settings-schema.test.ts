import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import example from '../../infra/settings.json' with { type: 'json' };
import schema from '../../infra/settings.schema.json' with { type: 'json' };
import { genericSettings } from '../../lambda/platforms/generic/settings.ts';
import { platformsSchema } from '../../lambda/platforms/index.ts';
import { ketchSettings } from '../../lambda/platforms/ketch.ts';
import { segmentSettings } from '../../lambda/platforms/segment.ts';
import { shopifySettings } from '../../lambda/platforms/shopify.ts';
import { transcendSettings } from '../../lambda/platforms/transcend.ts';
import { parseSettings, type Settings } from '../../lambda/settings.ts';
import type { ProjectSettings } from '../../lambda/voucherify/project-settings.ts';
import { problemsOf } from '../support/settings.ts';
import { everySetting } from './every-setting.ts';
import { fits, isObject, ofEntry, type Schema } from './json-schema.ts';

interface Place {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly said: Schema;
}

const root: Schema = schema;
const places = placesIn({ path: [], value: everySetting, said: root });

/** Every spot of settings, with what the schema says of it. */
function placesIn(place: Place): Place[] {
  const { path, value, said } = place;
  if (typeof value !== 'object' || value === null) return [place];
  const inner = Object.entries(value).flatMap(([name, one]) =>
    placesIn({ path: [...path, name], value: one, said: ofEntry(name, one, said, root) }),
  );
  return [place, ...inner];
}

/** Names that are the operator's own, and entries of lists. */
function inMap(path: readonly string[]): boolean {
  return !places.some(({ path: above, said }) => {
    const properties = said['properties'];
    return above.join('/') === path.slice(0, -1).join('/') && isObject(properties) && (path.at(-1) ?? '') in properties;
  });
}

/** Settings with another value at one spot; `undefined` takes the spot away. */
function changed(path: readonly string[], to: unknown, within: unknown = everySetting): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return to;
  if (Array.isArray(within)) return within.map((one, at) => (String(at) === name ? changed(rest, to, one) : one));
  return isObject(within) ? { ...within, [name]: changed(rest, to, within[name]) } : within;
}

/** What only code can check: the schema accepts it, and `cdk synth` rejects it. */
const beyondSchema = [
  /: is not in projects$/,
  /: must be the PEM text of a P-384 public key$/,
  /: must be the zone of the domain$/,
  // The rules of generic platforms that concern more than one value, or a text that is a template.
  /: (must contain (\{signature\} once|the time of)|signs must contain|may contain only|zone must be|needs (signs|the method POST))/,
  /: must (be an address without variables|begin with an origin|have (either|no body|variables|a url as well as pull))/,
  /: must not (be a header|be the place of|name an identifier|hold a secret|be a secret|withdraw)/,
  /: (may hold a secret|has no effect without|\{token\} needs oauth)/,
];

/** Both must say the same of settings. */
function expectAgreement(settings: unknown, what: readonly unknown[]): void {
  const text = JSON.stringify(settings) ?? 'null';
  const problems = problemsOf(text).filter(problem => !beyondSchema.some(one => one.test(problem)));
  expect([...what, fits(JSON.parse(text), root)]).toEqual([...what, problems.length === 0]);
}

/** An empty list where an object belongs is left out: valibot takes it for an object without entries. */
function probes({ value, said }: Place): unknown[] {
  const { minimum, maximum, exclusiveMinimum } = said;
  const bounds = [minimum, maximum, exclusiveMinimum].filter(bound => typeof bound === 'number');
  const named = Array.isArray(said['enum']) ? said['enum'] : [];
  const around = bounds.flatMap(bound => [bound - 1, bound, bound + 1, bound + 0.5]);
  return [...anything, ...(isObject(value) ? [] : [[]]), ...around, ...named, ...named.map(one => `${one}x`)];
}

const anything = [null, true, false, 0, -1, 0.5, 202, '', 'x', 'A b', '/x', 'https://x', [''], {}, { x: 1 }];

test('settings schema: describes each setting', () => {
  for (const { path, said } of places) {
    if (path.length > 0 && !inMap(path)) expect([path, said['description']]).toEqual([path, expect.any(String)]);
  }
});

/** Every part of the schema, with its pointer. */
function partsOf(node: unknown, pointer = ''): (readonly [string, Schema])[] {
  if (Array.isArray(node)) return node.flatMap((one, at) => partsOf(one, `${pointer}/${at}`));
  if (!isObject(node)) return [];
  return [
    [pointer, node],
    ...Object.entries(node).flatMap(([name, one]) => (name === 'examples' ? [] : partsOf(one, `${pointer}/${name}`))),
  ];
}

describe('settings schema in an editor', () => {
  test('pattern: has a message without it, so that no regular expression is shown', () => {
    const patterns = partsOf(root).filter(([, part]) => typeof part['pattern'] === 'string');
    expect(patterns.length).toBeGreaterThan(15);
    for (const [pointer, part] of patterns)
      expect([pointer, part['patternErrorMessage']]).toEqual([pointer, expect.stringMatching(/^must be [^\\^[\]]+$/)]);
  });

  test('examples: fit, and exist for the keys whose values cannot be guessed', () => {
    const all = partsOf(root).flatMap(([pointer, part]) =>
      Array.isArray(part['examples']) ? part['examples'].map(one => [pointer, one, part] as const) : [],
    );
    for (const [pointer, one, part] of all) expect([pointer, fits(one, part, root)]).toEqual([pointer, true]);
    const exampled = all.map(([pointer]) => pointer.split('/').at(-1));
    const needed = ['baseUrl', 'authentication', 'tenants', 'environments', 'identities', 'sombraUrl', 'shops'];
    expect(exampled).toEqual(expect.arrayContaining([...needed, 'rules', 'identifiers', 'reference', 'next', 'url']));
  });
});

describe('settings schema and parser agree', () => {
  test('valid: the settings of this repository, every setting and the fewest', () => {
    const least = { projects: { main: { baseUrl: 'https://api.voucherify.io' } }, platforms: {} };
    for (const settings of [example, everySetting, least]) {
      expect(fits(settings, root)).toBe(true);
      expect(problemsOf(JSON.stringify(settings))).toEqual([]);
    }
  });

  test('loopback: in a local run', () => {
    const settings = changed(['projects', 'main', 'baseUrl'], 'http://127.0.0.1:3000');
    expect(fits(settings, root)).toBe(true);
    expect(problemsOf(JSON.stringify(settings), 'local')).toEqual([]);
  });

  test('missing: each setting', () => {
    for (const { path } of places) expectAgreement(changed(path, undefined), [path]);
  });

  test('unknown: a key in each object', () => {
    const objects = places.filter(({ value }) => isObject(value));
    for (const { path } of objects) expectAgreement(changed([...path, 'another'], 'x'), [path]);
  });

  test('name of a platform: manual is reserved', () => {
    const { generic } = everySetting.platforms;
    expectAgreement(changed(['platforms', 'manual'], generic), ['manual']);
    expectAgreement(changed(['platforms', 'manually'], generic), ['manually']);
  });

  test('values: of each setting', () => {
    for (const place of places) {
      for (const probe of probes(place)) expectAgreement(changed(place.path, probe), [place.path, probe]);
    }
  });

  test('defaults: of each setting', () => {
    // The origin of a callback's URL must be listed, so it cannot be left out there.
    const isNeeded = (path: readonly string[]) =>
      /^platforms\.(in-house\.callbackOrigins|asked.*\.(callbackOrigins|pull\.method))$/.test(path.join('.'));
    const withDefault = places.filter(({ said, path }) => 'default' in said && !isNeeded(path));
    expect(withDefault.length).toBeGreaterThan(15);
    for (const { path, said } of withDefault) {
      const parsed: unknown = parseSettings(JSON.stringify(changed(path, undefined)), 'deployed');
      const found = path.reduce((inner, name) => (isObject(inner) ? inner[name] : undefined), parsed);
      expect([path, found]).toEqual([path, said['default']]);
    }
  });
});

test('settings schema: is where the example settings point', () => {
  const { $schema = './settings.schema.json' } = parseSettings(JSON.stringify(example), 'deployed');
  expect(existsSync(join(import.meta.dirname, '../../infra', $schema))).toBe(true);
});

type Domain = NonNullable<Settings['operations']['domain']>;
/** The compiler refuses a list that has one key too many or too few. */
type KeysOf<T> = Readonly<Record<keyof T, true>>;

const wantedKeys = {
  projects: { baseUrl: true, auth: true, quotaShare: true, callsPerMinute: true, quotaPeriod: true, residue: true },
  limits: { customersPerRequest: true, requestsPerHour: true, delaySeconds: true, answerBudgetMs: true },
  operations: { alarmEmail: true, runbookUrl: true, allowIps: true, waf: true, domain: true },
} as const satisfies {
  projects: KeysOf<ProjectSettings>;
  limits: KeysOf<Settings['limits']>;
  operations: KeysOf<Settings['operations']>;
};
const whole: KeysOf<Settings> = {
  ...{ $schema: true, projects: true, platforms: true, reappearance: true },
  ...{ limits: true, operations: true },
};
const reappearance: KeysOf<NonNullable<Settings['reappearance']>> = { projects: true, quietHours: true };
const domain: KeysOf<Domain> = { name: true, certificateArn: true, hostedZone: true };
const hostedZone: KeysOf<NonNullable<Domain['hostedZone']>> = { id: true, name: true };

const { definitions } = schema;

test.each([
  { what: 'the whole', has: schema.properties, wanted: whole },
  { what: 'a project', has: definitions.project.properties, wanted: wantedKeys.projects },
  { what: 'reappearance', has: definitions.reappearance.properties, wanted: reappearance },
  { what: 'the limits', has: definitions.limits.properties, wanted: wantedKeys.limits },
  { what: 'operations', has: definitions.operations.properties, wanted: wantedKeys.operations },
  { what: 'the domain', has: definitions.domain.properties, wanted: domain },
  { what: 'its zone', has: definitions.domain.properties.hostedZone.properties, wanted: hostedZone },
  { what: 'the platforms', has: schema.properties.platforms.properties, wanted: platformsSchema.entries },
  { what: 'ketch', has: definitions.ketch.properties, wanted: ketchSettings.entries },
  { what: 'generic', has: definitions.generic.properties, wanted: genericSettings.entries },
  { what: 'transcend', has: definitions.transcend.properties, wanted: transcendSettings.entries },
  { what: 'segment', has: definitions.segment.properties, wanted: segmentSettings.entries },
  { what: 'shopify', has: definitions.shopify.properties, wanted: shopifySettings.entries },
])('settings schema keys, $what: are those of the parser', ({ has, wanted }) => {
  expect(Object.keys(has).sort()).toEqual(Object.keys(wanted).sort());
});
