import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Answer, Wire } from './event.ts';
import { jsonOrUndefined } from './event.ts';

/** One message of a platform and what it must be answered; the format is described in the folder of the fixtures. */
export interface Fixture {
  readonly fixture: string;
  readonly clock: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly request: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly rawBody: string;
  };
  readonly parsed: {
    readonly intent: string;
    readonly identifiers?: readonly { readonly kind: string; readonly value: string }[];
    readonly dueAt?: string;
  };
  readonly responses: Readonly<Record<string, Expected>>;
  readonly callbacks?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface Expected {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly mustNot?: string;
}

const own = new URL('../fixtures/', import.meta.url);

/** Returns the fixtures of a platform that follow its published contract. */
export function publishedFixtures(platform: string): readonly Fixture[] {
  return fixturesIn(new URL(`published/${platform}/`, own));
}

export function ownFixtures(platform: string): readonly Fixture[] {
  return fixturesIn(new URL(`${platform}/`, own));
}

function fixturesIn(folder: URL): readonly Fixture[] {
  const names = readdirSync(folder).filter(name => name.endsWith('.json') && name !== 'keys.json');
  return names.toSorted().flatMap(name => {
    const read: unknown = JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
    return 'cases' in (read as object) ? (read as { cases: Fixture[] }).cases : [read as Fixture];
  });
}

/** The message of a fixture, sent to a path of ours. */
export function wireOf({ request }: Fixture, path: string): Wire {
  return { method: request.method, path, headers: request.headers, body: request.rawBody };
}

/** Asserts the answer that a fixture expects; `<…>` is any text, and times may be a little later if allowed. */
export function expectAnswer(answer: Answer, expected: Expected, late = 0): void {
  expect(answer.status).toBe(expected.status);
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    expect(answer.headers).toHaveProperty(name.toLowerCase(), value);
  }
  if (expected.body !== undefined) expect(jsonOrUndefined(answer.text)).toEqual(matching(expected.body, late));
}

/** The same shape with free texts as matchers. */
export function matching(value: unknown, late = 0): unknown {
  if (typeof value === 'string') return /^<.*>$/.test(value) ? expect.stringMatching(/./) : value;
  if (Array.isArray(value)) return value.map(one => matching(one, late));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, matching(inner, late)]));
  }
  return typeof value === 'number' && value > 1e9 && late > 0 ? expect.toSatisfy(soon(value, late)) : value;
}

const soon = (value: number, late: number) => (given: unknown) =>
  typeof given === 'number' && given >= value && given <= value + late;
