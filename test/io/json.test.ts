import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeUtf8, deepestJson, parseOrUndefined, parseStrictJson } from '../../lambda/io/json.ts';
import { refusalOf } from '../support/failures.ts';
import { holds } from '../support/fuzz.ts';

const bytes = (text: string) => Buffer.from(text, 'utf8');
const strict = (text: string) => parseStrictJson(bytes(text));
/** How a body is refused, or that it is not. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    const { code, message } = refusalOf(() => {
      throw thrown;
    });
    return `${code}: ${message}`;
  }
  return 'accepted';
}

describe('what is not text', () => {
  test.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a character cut off', [0x22, 0xe2, 0x82, 0x22]],
    ['latin-1', [0x22, 0xe9, 0x22]],
    ['UTF-16, little endian', [...Buffer.from('\uFEFF{}', 'utf16le')]],
  ])('%s is refused', (_, raw) => {
    expect(refusal(() => decodeUtf8(Uint8Array.from(raw)))).toBe('invalid: body: is not UTF-8');
    expect(refusal(() => parseStrictJson(Uint8Array.from(raw)))).toBe('invalid: body: is not UTF-8');
  });

  test('a byte order mark is refused, and one further on is a character like others', () => {
    expect(refusal(() => decodeUtf8(bytes('\uFEFF{}')))).toBe('invalid: body: starts with a byte order mark');
    expect(strict('"\uFEFF"')).toBe('\uFEFF');
  });

  test('every well-formed text is read as it stands', () => {
    holds(
      fc.property(fc.string({ unit: 'binary' }), text => text.startsWith('\uFEFF') || decodeUtf8(bytes(text)) === text),
    );
  });
});

describe('what is not JSON', () => {
  test.each([
    '',
    ' ',
    '{',
    '{"a":1,}',
    "{'a':1}",
    'undefined',
    'NaN',
    '01',
    '{"a":1}{"b":2}',
    '"\n"',
    '[1]//',
    '\u00a0{}',
  ])('%j is refused', text => {
    expect(refusal(() => strict(text))).toBe('invalid: body: is not JSON');
    expect(parseOrUndefined(text)).toBeUndefined();
  });

  test('null is JSON', () => {
    expect(parseOrUndefined('null')).toEqual({ value: null });
    expect(strict('null')).toBeNull();
  });
});

describe('nesting', () => {
  const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);

  test.each([
    ['arrays', '[', ']'],
    ['arrays in arrays with space', '[ ', ' ]'],
  ])('of %s goes down to the cap and no deeper', (_, open, close) => {
    expect(refusal(() => strict(nested(open, close, deepestJson)))).toBe('accepted');
    expect(refusal(() => strict(nested(open, close, deepestJson + 1)))).toBe('invalid: body: is nested too deeply');
  });

  test('of objects goes down to the cap and no deeper', () => {
    const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    expect(refusal(() => strict(objects(deepestJson)))).toBe('accepted');
    expect(refusal(() => strict(objects(deepestJson + 1)))).toBe('invalid: body: is nested too deeply');
  });

  test('brackets in strings and objects side by side are no nesting', () => {
    expect(strict(`["${'[{'.repeat(50)}"]`)).toEqual(['[{'.repeat(50)]);
    expect(strict(`[${Array(50).fill('{"a":[]}').join()}]`)).toHaveLength(50);
  });

  test('as deep as 64 KiB allow is refused and not a crash', () => {
    const started = performance.now();
    expect(refusal(() => strict(nested('[', ']', 32_768)))).toBe('invalid: body: is nested too deeply');
    expect(refusal(() => strict('{"a":'.repeat(13_000)))).toBe('invalid: body: is not JSON');
    expect(refusal(() => strict(`"${'\\"'.repeat(32_000)}`))).toBe('invalid: body: is not JSON');
    expect(strict(`"${'\\"'.repeat(32_000)}"`)).toHaveLength(32_000);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

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
    expect(refusal(() => strict(text))).toBe('invalid: body: holds a key twice');
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
        const plain = spelled(key, []);
        const text = wrapped(`{${plain}:${JSON.stringify(value)},"other":1,${spelled(key, escapes)}:2}`, path);
        expect(JSON.parse(text)).toBeDefined();
        fc.pre(key !== 'other');
        expect(refusal(() => strict(text))).toBe('invalid: body: holds a key twice');
      }),
    );
  });

  test('whatever the bytes are, only a Failure comes out', () => {
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: 'binary' }).map(bytes),
      fc.tuple(fc.json(), fc.nat(), fc.integer({ min: 0, max: 255 })).map(([text, at, byte]) => {
        const raw = bytes(text);
        raw[at % raw.length] = byte;
        return raw;
      }),
    );
    holds(fc.property(bodies, raw => void refusal(() => parseStrictJson(raw))));
  });
});
