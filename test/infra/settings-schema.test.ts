import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import example from '../../infra/settings.json' with { type: 'json' };
import schema from '../../infra/settings.schema.json' with { type: 'json' };
import { parseSettings } from '../../lambda/io/settings.ts';
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

/** What only code can tell: the schema lets it pass, and `cdk synth` does not. */
const beyondSchema = [
  /: name a project that is not in projects$/,
  /: must be the PEM text of a P-384 public key$/,
  /: must be the zone that the domain lies in$/,
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

test('describes each setting', () => {
  for (const { path, said } of places) {
    if (path.length > 0 && !inMap(path)) expect([path, said['description']]).toEqual([path, expect.any(String)]);
  }
});

describe('the schema and the parser agree', () => {
  test('on the settings of this repository, on all there are and on the fewest', () => {
    const least = { projects: { main: { baseUrl: 'https://api.voucherify.io' } }, platforms: {} };
    for (const settings of [example, everySetting, least]) {
      expect(fits(settings, root)).toBe(true);
      expect(problemsOf(JSON.stringify(settings))).toEqual([]);
    }
  });

  test('on loopback, in a local run', () => {
    const settings = changed(['projects', 'main', 'baseUrl'], 'http://127.0.0.1:3000');
    expect(fits(settings, root)).toBe(true);
    expect(problemsOf(JSON.stringify(settings), 'local')).toEqual([]);
  });

  test('on what may be left out', () => {
    for (const { path } of places) expectAgreement(changed(path, undefined), [path]);
  });

  test('on what may not be there', () => {
    const objects = places.filter(({ value }) => isObject(value));
    for (const { path } of objects) expectAgreement(changed([...path, 'another'], 'x'), [path]);
  });

  test('on what each setting may be', () => {
    for (const place of places) {
      for (const probe of probes(place)) expectAgreement(changed(place.path, probe), [place.path, probe]);
    }
  });

  test('on what a setting is when it is not there', () => {
    const withDefault = places.filter(({ said }) => 'default' in said);
    expect(withDefault.length).toBeGreaterThan(20);
    for (const { path, said } of withDefault) {
      const parsed: unknown = parseSettings(JSON.stringify(changed(path, undefined)), 'deployed');
      const found = path.reduce((inner, name) => (isObject(inner) ? inner[name] : undefined), parsed);
      expect([path, found]).toEqual([path, said['default']]);
    }
  });
});

test('the example settings point to it, if they point anywhere', () => {
  const { $schema = './settings.schema.json' } = parseSettings(JSON.stringify(example), 'deployed');
  expect(existsSync(join(import.meta.dirname, '../../infra', $schema))).toBe(true);
});
