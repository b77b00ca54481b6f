import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/failure.ts';
import { parseStrictJson } from '../../lambda/io/json.ts';
import { refusalOf } from '../support/failures.ts';
import { holds } from '../support/fuzz.ts';

const strict = (text: string) => parseStrictJson(Buffer.from(text, 'utf8'));
const refusal = (text: string) => refusalOf(() => strict(text)).message;

describe('a key that stands twice', () => {
  test.each([
    '{"id":1,"id":1}',
    '{"id":1,"x":{"id":2},"id":3}',
    '{"x":{"y":[{"id":1},{"a":1,"a":2}]}}',
    '{"id":1,"\\u0069d":2}',
    '{"\\u0069\\u0064":1,"id":2}',
    '{"a/b":1,"a\\/b":2}',
    '{"\\ud83d\\ude42":1,"🙂":2}',
    '{"é":1,"\\u00E9":2}',
    '{"__proto__":1,"__proto__":2}',
    '{"":1,"":2}',
    '{"a" :1,"a"\n:\t2}',
    '{"a":"b","c":{},"a":[]}',
    '{"\\\\":1,"\\u005c":2}',
  ])('is refused: %s', text => {
    expect(refusal(text)).toBe('body: holds a key twice');
  });

  test.each([
    ['in two objects', '[{"id":1},{"id":2}]'],
    ['at two depths', '{"id":{"id":{"id":1}}}'],
    ['as a value', '{"a":"a","b":"a"}'],
    ['as text in a value', '{"a":"\\"a\\":1,\\"a\\":2"}'],
    ['in another letter case', '{"a":1,"A":2}'],
    ['in another normal form', '{"é":1,"e\u0301":2}'],
    ['in an array of strings', '{"a":["b","b"],"b":1}'],
  ])('but not a name that comes again %s', (_, text) => {
    expect(strict(text)).toEqual(JSON.parse(text));
  });
});

/** The same key, each character as itself or escaped. */
const spelled = (key: string, escapes: readonly boolean[]) =>
  `"${[...key].map((char, index) => (escapes[index] ? escaped(char) : JSON.stringify(char).slice(1, -1))).join('')}"`;
const escaped = (char: string) =>
  Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');

const wrapped = (text: string, path: readonly (string | number)[]) =>
  path.reduce<string>(
    (inner, step) => (typeof step === 'number' ? `[${step},${inner}]` : `{"${step}":${inner}}`),
    text,
  );

describe('over all JSON', () => {
  const shallow = fc.jsonValue({ maxDepth: 6 });

  test('it agrees with JSON.parse where no key stands twice', () => {
    holds(
      fc.property(shallow, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(strict(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('a key that stands twice is found at any depth and in any spelling', () => {
    const twice = fc.tuple(
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
      shallow,
      fc.array(fc.oneof(fc.nat(9), fc.constantFrom('p', 'q')), { maxLength: 10 }),
    );
    holds(
      fc.property(twice, ([key, escapes, value, path]) => {
        fc.pre(key !== 'other');
        const members = [spelled(key, []), JSON.stringify(value), spelled(key, escapes)];
        const text = wrapped(`{${members[0]}:${members[1]},"other":1,${members[2]}:2}`, path);
        expect(JSON.parse(text)).toBeDefined();
        expect(refusal(text)).toBe('body: holds a key twice');
      }),
    );
  });

  test('whatever the bytes are, only a Failure comes out', () => {
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: 'binary' }).map(text => Buffer.from(text)),
      fc.tuple(fc.json(), fc.nat(), fc.integer({ min: 0, max: 255 })).map(([text, at, byte]) => {
        const raw = Buffer.from(text);
        raw[at % raw.length] = byte;
        return raw;
      }),
    );
    holds(
      fc.property(bodies, raw => {
        try {
          parseStrictJson(raw);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Failure);
        }
      }),
    );
  });
});
