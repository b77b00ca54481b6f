import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type IdentifierKind,
  isCustomerId,
  isPlainValue,
  isUsable,
  maxIdentifierLength,
} from '../../lambda/domain/identifiers.ts';

const kinds: readonly IdentifierKind[] = ['customer_id', 'source_id', 'email', 'phone'];

const unusable = {
  empty: '',
  'a space': ' ',
  'white space of all kinds': ' \t\u00a0\u2003\ufeff',
  'a dot': '.',
  'two dots': '..',
  'a NUL': 'a\0',
  'a tab': 'a\tb',
  'a line break': 'a\nb',
  'a delete': 'a\u007f',
  'a C1 control': 'a\u0085b',
  'half a surrogate pair': 'a\ud83d',
  'the other half': '\ude42a',
  'a pair the wrong way round': '\ude42\ud83d',
  'too much': 'x'.repeat(maxIdentifierLength + 1),
  'too much by surrogate pairs': '🙂'.repeat(maxIdentifierLength / 2 + 1),
};

describe('value', () => {
  test.each(Object.entries(unusable))('%s: is never looked up', (_, value) => {
    for (const kind of kinds) expect(isUsable({ kind, value })).toBe(false);
    expect(isPlainValue(value)).toBe(false);
    expect(isCustomerId(value)).toBe(false);
  });

  test.each([
    'a',
    '0',
    '...',
    'a/b',
    '../x',
    '%2e%2e',
    ' a ',
    'Zoë 🙂',
    'x'.repeat(maxIdentifierLength),
    '\u00e9',
    '{}',
    'null',
  ])('%j: is used verbatim', value => {
    expect(isPlainValue(value)).toBe(true);
    expect(isUsable({ kind: 'source_id', value })).toBe(true);
  });
});

describe('e-mail address', () => {
  test.each(['a@b', 'ada@example.com', ' ada@example.com\r\n', '\u200bada@example.com', 'Zoë🙂@x', '...@x'])(
    '%j: is usable',
    value => {
      expect(isUsable({ kind: 'email', value })).toBe(true);
    },
  );

  test.each([
    ...['unknown', '...', 'ada@', 'ada lovelace@example.com', 'ada@exa\u200bmple.com', 'ada@example.com\0', '\u200b'],
  ])('%j: is not usable', value => {
    expect(isUsable({ kind: 'email', value })).toBe(false);
  });
});

describe('customer id', () => {
  test.each(['cust_A', 'cust_0000000000000000000000A1', `cust_${'a'.repeat(maxIdentifierLength - 5)}`])(
    '%j: is valid',
    value => {
      expect(isCustomerId(value)).toBe(true);
      expect(isUsable({ kind: 'customer_id', value })).toBe(true);
    },
  );

  test.each([
    'cust_',
    'Cust_A',
    'CUST_A',
    'ucust_A',
    ' cust_A',
    'cust_A ',
    'cust_A\n',
    'cust_A/B',
    'cust_A-B',
    'cust_A_B',
    'cust_Ä',
    'cust_A?x',
    'crm-1',
    'cust-A',
    `cust_${'a'.repeat(maxIdentifierLength)}`,
  ])('%j: is invalid', value => {
    expect(isCustomerId(value)).toBe(false);
    expect(isUsable({ kind: 'customer_id', value })).toBe(false);
  });
});

test('phone: is never looked up', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), value => !isUsable({ kind: 'phone', value })),
    { seed: 20261124 },
  );
});
