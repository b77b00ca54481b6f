import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { everySetting } from '../infra/every-setting.ts';
import { holds } from '../support/fuzz.ts';
import { ends, type Loose, problemsOf, settingsText } from '../support/settings.ts';

/** Where a value may be planted: every leaf, and every object and list as a whole. */
function places(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, inner]) => places(inner, [...path, name]))];
}

describe('a value of settings', () => {
  const planted = fc.stringMatching(/^[g-z]{10}$/);
  const shapes = [
    (token: string) => token,
    (token: string) => [token],
    (token: string) => ({ inner: token }),
    (token: string) => `https://${token}.example/`,
    (token: string) => ` ${token}\n`,
  ];

  test.each([
    ['the ones of the other tests', settingsText()],
    ['all that there are', JSON.stringify(everySetting)],
  ])('never shows, wherever it stands; the field that it spoils is named: %s', (_, fitting) => {
    expect(problemsOf(fitting)).toEqual([]);
    const paths = places(JSON.parse(fitting)).filter(path => path.length > 0);
    const spots = fc.array(fc.tuple(fc.constantFrom(...paths), fc.constantFrom(...shapes)), {
      minLength: 1,
      maxLength: 4,
    });
    holds(
      fc.property(planted, spots, fc.constantFrom(...ends), (token, plan, where) => {
        const settings = JSON.parse(fitting) as Loose;
        for (const [path, shape] of plan) plant(settings, path, shape(token));
        const problems = problemsOf(JSON.stringify(settings), where);
        expect(problems.join('; ')).not.toContain(token);
        for (const problem of problems)
          expect(problem).toMatch(/^(\$schema|projects|platforms|limits|operations)\b.*: \S/);
      }),
    );
  });

  function plant(settings: Loose, path: readonly string[], value: unknown): void {
    const holder = path
      .slice(0, -1)
      .reduce((inner: unknown, step) => (isObject(inner) ? inner[step] : undefined), settings);
    if (isObject(holder)) holder[path.at(-1)!] = value;
  }

  function isObject(value: unknown): value is Record<string, unknown> {
    return typeof value === 'object' && value !== null;
  }
});
