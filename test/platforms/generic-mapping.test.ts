import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import { valueAt } from '../../lambda/platforms/generic/places.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { holds } from '../support/fuzz.ts';
import { requestOf } from '../support/requests.ts';
import { spoiled } from '../support/settings.ts';

describe('JSON pointer', () => {
  /** The document and the values of RFC 6901, section 5. */
  const numbers = { '': 0, 'a/b': 1, 'c%d': 2, 'e^f': 3, 'g|h': 4, 'i\\j': 5, 'k"l': 6, ' ': 7, 'm~n': 8 };
  const document = { foo: ['bar', 'baz'], ...numbers };

  test.each([
    ['', document],
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/i\\j', 5],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
  ])('%o: finds what RFC 6901 says', (pointer, value) => {
    expect(valueAt(document, pointer)).toEqual(value);
  });

  const inList = ['2', '-', '01', 'length', '0/0', 'map'].map(part => `/foo/${part}`);
  test.each([...inList, '/bar', '/a', '/toString', '/__proto__'])('%o: finds nothing', pointer => {
    expect(valueAt(document, pointer)).toBeUndefined();
  });

  test('escapes: are decoded in the right order', () => {
    expect(valueAt({ '~1': 'tilde one' }, '/~01')).toBe('tilde one');
    expect(valueAt(JSON.parse('{"__proto__":{"a":1}}'), '/__proto__/a')).toBe(1);
  });
});

const section = {
  type: 'generic',
  authentication: { kind: 'header' },
  rules: [{ when: { '/event': 'forget', '/version': 2, '/confirmed': true }, do: 'erase' }],
  reference: '/ticket/id',
  identifiers: { '/person/number': 'source_id', '/person/mail': 'email', '/person/voucherify': 'customer_id' },
  submittedAt: '/ticket/at',
  test: '/dry_run',
};
const body = {
  event: 'forget',
  version: 2,
  confirmed: true,
  ticket: { id: 'T-1', at: '2026-01-15T11:30:00Z' },
  person: { number: 10_042, mail: 'ada@example.com', voucherify: null },
};

describe('mapped body', () => {
  test('all fields: are read from the places of the settings', () => {
    expect(readBy(section, body)).toMatchObject({
      erase: [
        {
          reference: 'T-1',
          scope: '',
          identities: [
            { space: '/person/number', format: 'raw', value: '10042' },
            { space: '/person/mail', format: 'raw', value: 'ada@example.com' },
          ],
          identifiers: [
            { kind: 'source_id', value: '10042' },
            { kind: 'email', value: 'ada@example.com' },
          ],
          callbacks: [],
          submittedAt: Date.parse('2026-01-15T11:30:00Z'),
        },
      ],
    });
  });

  test.each([
    ['/event', { event: 'Forget' }],
    ['/version', { version: '2' }],
    ['/confirmed', { confirmed: 1 }],
    ['/confirmed', { confirmed: undefined }],
    ['/ticket/id', { ticket: { id: true } }],
    ['/ticket/id', { ticket: 'T-1' }],
    ['/person/number', { person: { number: 1.5 } }],
    ['/person/mail', { person: { mail: ['ada@example.com'] } }],
  ])('%s does not fit: %j is refused', (pointer, change) => {
    const refused = { code: 'invalid', message: expect.stringMatching(new RegExp(`^${pointer}: `)) };
    expect(() => readBy(section, { ...body, ...change })).toThrow(expect.objectContaining(refused));
  });

  test('no identifier: is read, and the reply says so', () => {
    expect(readBy(section, { ...body, person: {} })).toMatchObject({ erase: [{ identifiers: [], identities: [] }] });
  });

  test('rule without conditions: matches any message, also a test', () => {
    const any = { ...section, rules: [{ when: {}, do: 'erase' }] };
    expect(readBy(any, { ...body, event: 'else', dry_run: true })).toMatchObject({ test: true });
  });

  test('reference of several places: is a digest that shows none of their values', () => {
    const places = { ...section, reference: ['/event', '/person/mail'] };
    const referenceOf = (change: object) => {
      const reading = readBy(places, { ...body, ...change });
      return 'erase' in reading ? reading.erase[0]!.reference : undefined;
    };
    const reference = referenceOf({});
    expect(reference).toMatch(/^[0-9a-f]{64}$/);
    expect(referenceOf({ person: { mail: 'ada@example.com' } })).toBe(reference);
    expect(referenceOf({ person: { mail: 'ben@example.com' } })).not.toBe(reference);
    expect(() => referenceOf({ person: {} })).toThrow(expect.objectContaining({ message: '/person/mail: is missing' }));
  });

  test('list of identifiers: is read from its place', () => {
    const identifiers = { list: '/person/ids', type: '/type', value: '/value', kinds: { email: 'email' } };
    const sent = { ...body, person: { ids: [{ type: 'email', value: 'ada@example.com' }] } };
    const erase = [{ identifiers: [{ kind: 'email', value: 'ada@example.com' }] }];
    expect(readBy({ ...section, identifiers }, sent)).toMatchObject({ erase });
  });

  test('any message: is read, or refused with a Failure', () => {
    const odd = fc.oneof(
      fc.json(),
      fc.string(),
      fc.jsonValue().map(value => JSON.stringify({ ...body, person: value })),
    );
    holds(
      fc.property(odd, text => {
        try {
          readBy(section, text);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Failure);
        }
      }),
    );
  });
});

describe('settings of a generic platform', () => {
  const problems = (name: string, change: object) => {
    const section = { type: 'generic', authentication: { kind: 'basic' }, ...change };
    return spoiled(settings => Object.assign(settings['platforms'], { [name]: section }));
  };
  const noPlace = 'must be a JSON pointer such as /person/email, or header:Name';

  test('name: may be any, and generic needs no type', () => {
    for (const name of ['in-house-form', 'ketch']) expect(problems(name, section)).toEqual([]);
    for (const type of ['generic', undefined]) expect(problems('generic', { type })).toEqual([]);
  });

  test.each([
    [': is not a supported platform, and a generic one needs "type": "generic"', { type: undefined }],
    ['.authentication: is missing', { authentication: undefined }],
    ['.authentication: must hold at least one authentication', { authentication: [] }],
    [
      '.authentication.kind: must be hmac, standard-webhooks, header, basic or jwt',
      { authentication: { kind: 'none' } },
    ],
    [`.reference: ${noPlace}`, { reference: 'request_id' }],
    [`.test: ${noPlace}`, { test: '/a~2' }],
    ['.reference: must hold at least one place', { reference: [] }],
    ['.identifiers: must map at least one place', { identifiers: {} }],
    ['.identifiers./a: must be customer_id, source_id, email or phone', { identifiers: { '/a': 'id' } }],
    [
      '.rules.0.when./a: must be a string, a number, true, false or null',
      { rules: [{ when: { '/a': {} }, do: 'erase' }] },
    ],
    ['.rules.0.do: must be erase, ignore, test or withdraw', { rules: [{ when: {}, do: 'delete' }] }],
    ['.rules: must hold at least one rule', { rules: [] }],
    ['.answers.erased.status: must be 200, 201, 202 or 204', { answers: { erased: { status: 404 } } }],
    [
      '.answers.refused.status: must be 200, 201, 202, 204 or from 400 to 499',
      { answers: { refused: { status: 500 } } },
    ],
    ['.answers.in_progress.status: must be 200, 201, 202, 204 or 503', { answers: { in_progress: { status: 500 } } }],
    ['.matches: is not a setting', { matches: {} }],
    ['.projects.0: is not in projects', { projects: ['elsewhere'] }],
  ])('refused: platforms.acme%s', (problem, change) => {
    expect(problems('acme', change)).toEqual([`platforms.acme${problem}`]);
  });

  test.each(['Acme', '__a'])('name %s: is refused', name => {
    expect(problems(name, {})).toEqual([`platforms.${name}: must be a short lower-case name`]);
  });

  test('settings that were not checked: open no platform', () => {
    expect(() => openPlatforms({ acme: {} })).toThrow('is not a supported platform');
    expect(openPlatforms({ generic: undefined }).size).toBe(0);
  });
});

function readBy(settings: object, sent: unknown) {
  const platform = openPlatforms({ sender: settings }).get('sender')!;
  return platform.parse(requestOf(sent));
}
