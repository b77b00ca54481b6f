import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import { decodeUtf8, maxJsonDepth, parseJson, parseStrictJson } from '../../lambda/io/json.ts';
import { failureOf } from '../support/failures.ts';
import { holds } from '../support/fuzz.ts';

const bytes = (text: string) => Buffer.from(text, 'utf8');
const strict = (text: string) => parseStrictJson(bytes(text));

/** How a body is refused; throws if it is accepted or anything but a Failure is thrown. */
function refusal(run: () => unknown): string {
  const { code, message } = failureOf(run);
  return `${code}: ${message}`;
}

describe('UTF-8', () => {
  test.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a code point beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a truncated character', [0x22, 0xe2, 0x82, 0x22]],
    ['UTF-16, little endian', [...Buffer.from('\uFEFF{}', 'utf16le')]],
  ])('%s: is refused', (_, raw) => {
    expect(refusal(() => decodeUtf8(Uint8Array.from(raw)))).toBe('invalid: body: is not UTF-8');
    expect(refusal(() => parseStrictJson(Uint8Array.from(raw)))).toBe('invalid: body: is not UTF-8');
  });

  test('byte order mark: is refused at the start and an ordinary character elsewhere', () => {
    expect(refusal(() => decodeUtf8(bytes('\uFEFF{}')))).toBe('invalid: body: starts with a byte order mark');
    expect(strict('"\uFEFF"')).toBe('\uFEFF');
  });

  test('well-formed text: is decoded unchanged', () => {
    const any = fc.string({ unit: 'binary' });
    holds(fc.property(any, text => text.startsWith('\uFEFF') || decodeUtf8(bytes(text)) === text));
  });
});

describe('strict JSON', () => {
  test.each([
    ...['', ' ', '{', '{"a":1,}', "{'a':1}", 'undefined', 'NaN', '01', '{"a":1}{"b":2}', '"\n"', '[1]//', '\u00a0{}'],
  ])('%j: is not JSON', text => {
    expect(refusal(() => strict(text))).toBe('invalid: body: is not JSON');
    expect(parseJson(text)).toBeUndefined();
  });

  test('null: is JSON', () => {
    expect(parseJson('null')).toEqual({ value: null });
    expect(strict('null')).toBeNull();
  });

  const nested = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;
  test.each([
    ['[', ']'],
    ['[ ', ' ]'],
    ['{"a":', '}'],
  ])('nesting of %s: up to 64 levels', (open, close) => {
    expect(maxJsonDepth).toBe(64);
    expect(strict(nested(open, close, 64))).toBeDefined();
    expect(refusal(() => strict(nested(open, close, 65)))).toBe('invalid: body: is nested too deeply');
  });

  test('nesting: brackets in strings and objects side by side do not count', () => {
    expect(strict(`["${'[{'.repeat(50)}"]`)).toEqual(['[{'.repeat(50)]);
    expect(strict(`[${Array(50).fill('{"a":[]}').join()}]`)).toHaveLength(50);
  });

  test('nesting of 64 KiB: is refused without a crash', () => {
    expect(refusal(() => strict(nested('[', ']', 32_768)))).toBe('invalid: body: is nested too deeply');
    expect(refusal(() => strict('{"a":'.repeat(13_000)))).toBe('invalid: body: is not JSON');
    expect(refusal(() => strict(`"${'\\"'.repeat(32_000)}`))).toBe('invalid: body: is not JSON');
    expect(strict(`"${'\\"'.repeat(32_000)}"`)).toHaveLength(32_000);
  });

  test('any bytes: parse or throw a Failure', () => {
    const damaged = fc.tuple(fc.json(), fc.nat(), fc.integer({ min: 0, max: 255 })).map(([text, at, byte]) => {
      const raw = bytes(text);
      raw[at % raw.length] = byte;
      return raw;
    });
    const texts = fc.string({ unit: 'binary' }).map(bytes);
    holds(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), texts, damaged), raw => {
        try {
          parseStrictJson(raw);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Failure);
        }
      }),
    );
  });
});

describe('duplicate keys', () => {
  const twice = 'invalid: body: contains a duplicate key';

  test.each([
    ...['{"id":1,"x":{"id":2},"id":3}', '{"x":{"y":[{"id":1},{"a":1,"a":2}]}}', '{"id":1,"\\u0069d":2}'],
    ...['{"a/b":1,"a\\/b":2}', '{"\\ud83d\\ude42":1,"🙂":2}', '{"é":1,"\\u00E9":2}', '{"__proto__":1,"__proto__":2}'],
    ...['{"":1,"":2}', '{"a" :1,"a"\n:\t2}', '{"a":"b","c":{},"a":[]}', '{"\\\\":1,"\\u005c":2}'],
  ])('%s: is refused', text => {
    expect(refusal(() => strict(text))).toBe(twice);
  });

  test.each([
    ['in two objects', '[{"id":1},{"id":2}]'],
    ['at two depths', '{"id":{"id":{"id":1}}}'],
    ['as a value', '{"a":"a","b":"a"}'],
    ['as text in a value', '{"a":"\\"a\\":1,\\"a\\":2"}'],
    ['in another letter case', '{"a":1,"A":2}'],
    ['in another normal form', '{"é":1,"e\u0301":2}'],
    ['in an array of strings', '{"a":["b","b"],"b":1}'],
  ])('the same name %s: is accepted', (_, text) => {
    expect(strict(text)).toEqual(JSON.parse(text));
  });

  const shallow = fc.jsonValue({ maxDepth: 6 });

  test.each([
    ['9007199254740993', 9007199254740993n],
    ['-90071992547409930', -90071992547409930n],
    ['9007199254740991', 9007199254740991],
    ['12345678901234567.5', Number('12345678901234567.5')],
    ['1e30', 1e30],
    ['"9007199254740993"', '9007199254740993'],
  ])('integer %s: keeps its digits', (text, value) => {
    expect(strict(`{"id":[${text}]}`)).toEqual({ id: [value] });
  });

  test('JSON without them: is parsed as by JSON.parse', () => {
    holds(
      fc.property(shallow, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        if (!/\d{16}/.test(text)) expect(strict(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  const escaped = (char: string) =>
    Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
  /** The same key, each character as itself or escaped. */
  const spelled = (key: string, escapes: readonly boolean[]) =>
    `"${[...key].map((char, index) => (escapes[index] ? escaped(char) : JSON.stringify(char).slice(1, -1))).join('')}"`;

  test('at any depth and in any spelling: are refused', () => {
    const key = fc.string({ unit: 'binary', minLength: 1 });
    const escapes = fc.array(fc.boolean(), { minLength: 20, maxLength: 20 });
    const path = fc.array(fc.oneof(fc.nat(9), fc.constantFrom('p', 'q')), { maxLength: 10 });
    holds(
      fc.property(key, escapes, shallow, path, (name, how, value, steps) => {
        fc.pre(name !== 'other');
        const object = `{${spelled(name, [])}:${JSON.stringify(value)},"other":1,${spelled(name, how)}:2}`;
        const wrap = (inner: string, step: string | number) =>
          typeof step === 'number' ? `[${step},${inner}]` : `{"${step}":${inner}}`;
        const text = steps.reduce(wrap, object);
        expect(JSON.parse(text)).toBeDefined();
        expect(refusal(() => strict(text))).toBe(twice);
      }),
    );
  });
});
