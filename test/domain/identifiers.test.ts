import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalEmail,
  emailSpellings,
  type IdentifierKind,
  isCustomerId,
  isPlainValue,
  isSameEmail,
  isUsable,
  maxIdentifierLength,
} from '../../lambda/domain/identifiers.ts';
import { createPseudonymizer, minPepperLength } from '../../lambda/receipts/hmac.ts';

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

const seeded = { seed: 20261128, numRuns: 2000 };
const hmacs = createPseudonymizer('p'.repeat(minPepperLength));
const mac = (value: string) => hmacs.subject({ kind: 'email', value });

const canonical: Readonly<Record<string, readonly [string, string]>> = {
  'upper case': ['Ada@Example.COM', 'ada@example.com'],
  'a space at the end': ['ada@example.com ', 'ada@example.com'],
  'line breaks and tabs around it': ['\r\n\tada@example.com\u2028\n', 'ada@example.com'],
  'a no-break space before it': ['\u00a0ada@example.com', 'ada@example.com'],
  'Unicode spaces around it': ['\u3000\u2003ada@example.com\u202f', 'ada@example.com'],
  'zero-width characters around it': ['\u200b\ufeffada@example.com\u200d\u2060', 'ada@example.com'],
  'direction marks around it': ['\u202aada@example.com\u202c\u200e', 'ada@example.com'],
  'a decomposed letter': ['jose\u0301@example.com', 'jos\u00e9@example.com'],
  'a letter that is composed in lower case only': ['J\u030c@example.com', '\u01f0@example.com'],
  'a plus tag and dots': ['A.da+Shop@example.com', 'a.da+shop@example.com'],
  'an international domain': ['ada@MÜNCHEN.example', 'ada@xn--mnchen-3ya.example'],
  'a decomposed domain': ['ada@mu\u0308nchen.example', 'ada@xn--mnchen-3ya.example'],
  'Punycode in upper case': ['ada@XN--MNCHEN-3YA.example', 'ada@xn--mnchen-3ya.example'],
  'a full-width domain': ['ada@ｅｘａｍｐｌｅ.com', 'ada@example.com'],
  'a Turkish dotted I': ['\u0130da@example.com', 'i\u0307da@example.com'],
  'a dotless i': ['m\u0131ke@example.com', 'm\u0131ke@example.com'],
  'a ligature': ['\ufb01ne@example.com', '\ufb01ne@example.com'],
  'emoji in both parts': ['🙂Ada@🙂.Example', '🙂ada@xn--938h.example'],
  'ideographic and full-width dots': ['ada@例え\u3002例え\uff0eexample', 'ada@xn--r8jz45g.xn--r8jz45g.example'],
  'a middle dot': ['ada@Paral·lel.example', 'ada@xn--parallel-koa.example'],
  'a character that stands for other ASCII text': ['ada@a\uff0fb.example', 'ada@a\uff0fb.example'],
  'a quoted local part': ['"Ada@Home"@Example.com', '"ada@home"@example.com'],
  'fillers, variation selectors, tags and blank Braille around it': [
    '\u3164\ufe0fada@example.com\u115f\u{e0041}\u2800',
    'ada@example.com',
  ],
  'a sharp s': ['stra\u00dfe@stra\u00dfe.de', 'stra\u00dfe@xn--strae-oqa.de'],
  'a final sigma in the domain': ['a@βόλος.com', 'a@xn--nxasmm1c.com'],
  'right-to-left letters': ['אבג@אבג.example', 'אבג@xn--4dbcd.example'],
  'a domain of mixed direction, which cannot be converted': ['a@אA.example', 'a@אa.example'],
  'a domain that begins with a mark': ['a@\u0301A.example', 'a@\u0301a.example'],
  'a domain with a port': ['ada@Example.com:80', 'ada@example.com:80'],
  'a domain with an escape': ['ada@ex%41mple.com', 'ada@ex%41mple.com'],
  'an address in brackets': ['ada@[127.0.0.1]', 'ada@[127.0.0.1]'],
  'a hexadecimal host': ['ada@0X7F.1', 'ada@0x7f.1'],
  'a number as host': ['ada@1.2', 'ada@1.2'],
  'an impossible number as host': ['ada@256.256.256.256.256', 'ada@256.256.256.256.256'],
  'Punycode before a number': ['ada@MÜNCHEN.1', 'ada@xn--mnchen-3ya.1'],
  'a dot at the end': ['ada@example.com.', 'ada@example.com.'],
  'empty labels': ['ada@.A..b', 'ada@.a..b'],
  'an underscore': ['ada@A_b.example', 'ada@a_b.example'],
  'dots only before the @': ['...@x', '...@x'],
  'two @': ['A@B@Example.com', 'a@b@example.com'],
};

const unusableAddresses: Readonly<Record<string, string>> = {
  nothing: '',
  'white space': ' \t\u00a0\u200b',
  'no @': 'unknown',
  'three dots': '...',
  'a full-width @': 'ada\uff20example.com',
  'no local part': '@example.com',
  'no domain': ' ada@ ',
  'an invisible domain': 'ada@\ufe0f',
  'a filler inside': 'ada\u3164@example.com',
  'a dot': ' . ',
  'two dots': '..',
  'a space inside': 'ada @example.com',
  'a space in the domain': 'ada@exa mple.com',
  'a no-break space inside': 'ada\u00a0lovelace@example.com',
  'a line break inside': 'ada@\nexample.com',
  'a zero-width space inside': 'ada\u200b@example.com',
  'a joiner inside': 'a\u200dda@example.com',
  'a soft hyphen inside': 'ada@exam\u00adple.com',
  'a byte order mark inside': 'ada@\ufeffexample.com',
  'a change of direction inside': 'ada\u202e@example.com',
  'an isolate inside': '\u2066ada\u2069@example.com',
  'a control character at the end': 'ada@example.com\0',
  'half a surrogate pair': 'ada\ud83d@example.com',
  'too many characters': `${'a'.repeat(maxIdentifierLength)}@x`,
};

describe('canonical form of an e-mail address', () => {
  test.each(Object.entries(canonical))('address: with %s', (_, [address, form]) => {
    expect(canonicalEmail(address)).toBe(form);
    expect(canonicalEmail(form)).toBe(form);
    expect(isSameEmail(address, form)).toBe(true);
    expect(mac(address)).toBe(mac(form));
    expect(isUsable({ kind: 'email', value: address })).toBe(true);
  });

  test.each(Object.entries(unusableAddresses))('unusableAddresses address: with %s', (_, address) => {
    expect(canonicalEmail(address)).toBeUndefined();
    expect(emailSpellings(address)).toEqual([]);
    expect(isSameEmail(address, address)).toBe(false);
    expect(isUsable({ kind: 'email', value: address })).toBe(false);
  });
});

/** Two people each: no folding may ever join them. */
const strangers = [
  ['stra\u00dfe@example.com', 'strasse@example.com'],
  ['STRASSE@example.com', 'stra\u00dfe@example.com'],
  ['STRA\u1e9eE@example.com', 'stra\u00dfe@example.com'],
  ['\u212aate@example.com', 'kate@example.com'],
  ['\u212bke@example.com', '\u00e5ke@example.com'],
  ['\u2126@example.com', '\u03c9@example.com'],
  ['m\u0131ke@example.com', 'mike@example.com'],
  ['\u0130da@example.com', 'ida@example.com'],
  ['\u017fam@example.com', 'sam@example.com'],
  ['\ufb01ne@example.com', 'fine@example.com'],
  ['\uff41da@example.com', 'ada@example.com'],
  ['ada\uff20example.com', 'ada@example.com'],
  ['\u0430da@example.com', 'ada@example.com'],
  ['a.da@example.com', 'ada@example.com'],
  ['ada+shop@example.com', 'ada@example.com'],
  ['ada@stra\u00dfe.de', 'ada@strasse.de'],
  ['ada@βόλος.com', 'ada@βόλοσ.com'],
  ['ada@0x7f.1', 'ada@127.0.0.1'],
  ['ada@1.2', 'ada@1.0.0.2'],
  ['ada@example.com.', 'ada@example.com'],
  ['ada@ex%61mple.com', 'ada@example.com'],
  ['ada@a.example@b.example', 'ada@b.example'],
] as const;

describe('two e-mail addresses', () => {
  test.each(strangers)('%s and %s: are different', (one, other) => {
    expect(isSameEmail(one, other)).toBe(false);
    expect(isSameEmail(` ${other}`, one)).toBe(false);
  });

  test('characters that decompose to one other: stay different', () => {
    const characters = Array.from({ length: 0x30000 }, (_, code) => String.fromCodePoint(code));
    const singletons = characters.filter(one => one.normalize('NFC') !== one && [...one.normalize('NFC')].length === 1);
    expect(singletons.length).toBeGreaterThan(1000);
    for (const one of singletons) expect(isSameEmail(`a${one}b@x`, `a${one.normalize('NFC')}b@x`), one).toBe(false);
  });

  test('missing address: is equal to nothing', () => {
    for (const stored of [undefined, null, 1, {}, ['ada@example.com']]) {
      expect(isSameEmail(stored, 'ada@example.com')).toBe(false);
    }
  });
});

const letters = [
  ...['a', 'b', 'k', 'i', '\u0131', 's', '\u017f', '\u00df', 'e', '\u00e9', 'o', '\u00f6', '\u00e6', '\ufb01', '🙂'],
  ...['\u212a', '\u0430', '\u05d0', '\u0628', '\u03c9', '\uff41', '\u01f0', '\u0344', '1', '.', '+', '-', '_'],
];
const local = fc.array(fc.constantFrom(...letters), { minLength: 1, maxLength: 6 });
const domain = fc.constantFrom('example.com', 'münchen.example', 'xn--strae-oqa.de', 'אבג.example', '1.2', 'x_y.z');
const edge = fc.string({ unit: fc.constantFrom(' ', '\n', '\u00a0', '\u200b', '\u200f', '\ufeff'), maxLength: 3 });
const respelling = fc.record({
  before: edge,
  after: edge,
  upper: fc.nat(),
  decomposed: fc.boolean(),
  ascii: fc.boolean(),
});
type Respelling = typeof respelling extends fc.Arbitrary<infer T> ? T : never;

/** Another spelling of an address, which changes none of its letters. */
function respelled(person: readonly string[], host: string, how: Respelling): string {
  const { before, after, upper, decomposed, ascii } = how;
  const cased = person.map((one, index) => ((upper >> index) % 2 === 1 ? inUpperCase(one) : one));
  const name = cased.map(one => (decomposed && one !== '\u212a' ? one.normalize('NFD') : one)).join('');
  const asked = ascii ? new URL(`ws://${host}.x`).hostname.replace(/\.x$/, '') : host.replace('ü', 'U\u0308');
  return `${before}${name}@${asked}${after}`;
}

/** Only where lower case leads back: an upper-case sharp s is two letters. */
function inUpperCase(character: string): string {
  const upper = character.toUpperCase();
  return upper.toLowerCase().normalize('NFC') === character ? upper : character;
}

/** Spellings that a program may send. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom('@', '.', 'xn--', '\u0301', '\u0345', '\u202e', '\u200d', '\ud800', '\uff20', '\u0130', 'ß', '%'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 12,
});

describe('random e-mail addresses', () => {
  test('spellings of one address: are equal and share its HMAC', () => {
    fc.assert(
      fc.property(local, domain, respelling, respelling, (person, host, ...[how, otherwise]) => {
        const [one, other] = [respelled(person, host, how), respelled(person, host, otherwise)];
        expect(isSameEmail(one, other)).toBe(true);
        expect(mac(one)).toBe(mac(other));
        for (const spelling of emailSpellings(one)) expect(isSameEmail(spelling, other)).toBe(true);
      }),
      seeded,
    );
  });

  test('addresses that differ in a letter: are never equal', () => {
    fc.assert(
      fc.property(local, local, fc.nat(5), domain, respelling, (person, letters, at, host, how) => {
        const other = [...person.slice(0, at), letters[0]!, ...person.slice(at + 1)];
        fc.pre(other.join('') !== person.join(''));
        const [one, another] = [respelled(person, host, how), respelled(other, host, { ...how, upper: 0 })];
        expect(isSameEmail(one, another)).toBe(false);
      }),
      seeded,
    );
  });

  test('canonical form: is stable, and the HMAC is equal exactly if it is', () => {
    fc.assert(
      fc.property(hostile, hostile, fc.boolean(), (one, random, isCased) => {
        const other = isCased ? ` ${one.toUpperCase()}` : random;
        const [form, otherForm] = [canonicalEmail(one), canonicalEmail(other)];
        if (form !== undefined) expect(canonicalEmail(form)).toBe(form);
        for (const spelling of emailSpellings(one)) expect(canonicalEmail(spelling)).toBe(form);
        expect(isSameEmail(one, other)).toBe(isSameEmail(other, one));
        if (isSameEmail(one, other)) expect(form).toBe(otherForm);
        expect(mac(one) === mac(other)).toBe(form === undefined ? one === other : form === otherForm);
      }),
      seeded,
    );
  });
});

test.each([
  ['as it is, if there is no other spelling', 'ada@example.com', ['ada@example.com']],
  ['in lower case', 'Ada@Example.com', ['Ada@Example.com', 'ada@example.com']],
  ['without blanks around it', ' Ada@x.y\n', [' Ada@x.y\n', 'Ada@x.y', 'ada@x.y']],
  ['in both normal forms', 'zo\u00eb@x.y', ['zo\u00eb@x.y', 'zoe\u0308@x.y']],
  [
    'with its domain in ASCII, in Unicode and decomposed',
    'ada@xn--mnchen-3ya.example',
    ['ada@xn--mnchen-3ya.example', 'ada@m\u00fcnchen.example', 'ada@mu\u0308nchen.example'],
  ],
  [
    'under five spellings at most',
    ' Zoe\u0308@M\u00fcnchen.example',
    [
      ...[' Zoe\u0308@M\u00fcnchen.example', 'Zoe\u0308@M\u00fcnchen.example', 'zo\u00eb@xn--mnchen-3ya.example'],
      ...['zo\u00eb@m\u00fcnchen.example', 'zoe\u0308@mu\u0308nchen.example'],
    ],
  ],
  ['never with the Kelvin sign as a K', '\u212aate@x.y', ['\u212aate@x.y']],
])('spellings to look up, address: %s', (_, address, spellings) => {
  expect(emailSpellings(address)).toEqual(spellings);
});
