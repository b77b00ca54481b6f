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
    ['arrays with space between', '[ ', ' ]'],
  ])('of %s goes down to the cap and no deeper', (_, open, close) => {
    expect(refusal(() => strict(nested(open, close, deepestJson)))).toBe('accepted');
    expect(refusal(() => strict(nested(open, close, deepestJson + 1)))).toBe('invalid: body: is nested too deeply');
  });

  test('of objects goes down to the cap and no deeper', () => {
    const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    expect(refusal(() => strict(objects(deepestJson)))).toBe('accepted');
    expect(refusal(() => strict(objects(deepestJson + 1)))).toBe('invalid: body: is nested too deeply');
    expect(deepestJson).toBe(20);
  });

  test('brackets in strings and objects side by side are no nesting', () => {
    expect(strict(`["${'[{'.repeat(50)}"]`)).toEqual(['[{'.repeat(50)]);
    expect(strict(`[${Array(50).fill('{"a":[]}').join()}]`)).toHaveLength(50);
  });

  test('as deep as 64 KiB allow is refused and not a crash', () => {
    expect(refusal(() => strict(nested('[', ']', 32_768)))).toBe('invalid: body: is nested too deeply');
    expect(refusal(() => strict('{"a":'.repeat(13_000)))).toBe('invalid: body: is not JSON');
    expect(refusal(() => strict(`"${'\\"'.repeat(32_000)}`))).toBe('invalid: body: is not JSON');
    expect(strict(`"${'\\"'.repeat(32_000)}"`)).toHaveLength(32_000);
  });
});
