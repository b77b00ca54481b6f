import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import { valueAt } from '../../lambda/platforms/generic/places.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { holds } from '../support/fuzz.ts';
import { requestOf } from '../support/requests.ts';
import { spoiled } from '../support/settings.ts';

describe('a JSON pointer', () => {
  /** The document and the values of RFC 6901, section 5. */
  const document = {
    foo: ['bar', 'baz'],
    '': 0,
    'a/b': 1,
    'c%d': 2,
    'e^f': 3,
    'g|h': 4,
    'i\\j': 5,
    'k"l': 6,
    ' ': 7,
    'm~n': 8,
  };

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
  ])('finds what RFC 6901 says it does: %o', (pointer, value) => {
    expect(valueAt(document, pointer)).toEqual(value);
  });

  test.each([
    '/foo/2',
    '/foo/-',
    '/foo/01',
    '/foo/length',
    '/foo/0/0',
    '/bar',
    '/a',
    '/toString',
    '/__proto__',
    '/foo/map',
  ])('finds nothing that is not there: %o', pointer => {
    expect(valueAt(document, pointer)).toBeUndefined();
  });

  test('escapes in the right order', () => {
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

describe('a mapped body', () => {
  test('is read from where settings say', () => {
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
  ])('is refused when %s does not fit: %j', (pointer, change) => {
    const refused = { code: 'invalid', message: expect.stringMatching(new RegExp(`^${pointer}: `)) };
    expect(() => readBy(section, { ...body, ...change })).toThrow(expect.objectContaining(refused));
  });

  test('may hold nobody, which is for the answer to say', () => {
    expect(readBy(section, { ...body, person: {} })).toMatchObject({ erase: [{ identifiers: [], identities: [] }] });
  });

  test('may match anything, and be a trial where settings say so', () => {
    expect(
      readBy({ ...section, rules: [{ when: {}, do: 'erase' }] }, { ...body, event: 'else', dry_run: true }),
    ).toMatchObject({ test: true });
  });

  test('without an id of its own has one that is made of several values and shows none', () => {
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

  test('may carry a list of identifiers elsewhere', () => {
    const identifiers = [{ type: 'email', value: 'ada@example.com' }];
    expect(
      readBy(
        { ...section, identifiers: { list: '/person/ids', type: '/type', value: '/value', kinds: { email: 'email' } } },
        { ...body, person: { ids: identifiers } },
      ),
    ).toMatchObject({
      erase: [{ identifiers: [{ kind: 'email', value: 'ada@example.com' }] }],
    });
  });

  test('is refused with nothing but a Failure, whatever it holds', () => {
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

describe('settings of a generic sender', () => {
  const problems = (name: string, change: object) =>
    spoiled(settings =>
      Object.assign(settings['platforms'], {
        [name]: { type: 'generic', authentication: { kind: 'basic' }, ...change },
      }),
    );
  const noPlace = 'must be a JSON pointer such as /person/email, or header:Name';

  test('may stand under any name, and the plain one needs no type', () => {
    expect(problems('in-house-form', section)).toEqual([]);
    expect(problems('generic', {})).toEqual([]);
    expect(problems('ketch', section)).toEqual([]);
    expect(
      spoiled(settings => Object.assign(settings['platforms'], { generic: { authentication: { kind: 'basic' } } })),
    ).toEqual([]);
  });

  test.each([
    [
      'acme',
      'platforms.acme: is not a supported platform, and a generic one needs "type": "generic"',
      { type: undefined },
    ],
    ['acme', 'platforms.acme.authentication: is missing', { authentication: undefined }],
    ['acme', 'platforms.acme.authentication: must hold at least one authentication', { authentication: [] }],
    [
      'acme',
      'platforms.acme.authentication.kind: must be hmac, standard-webhooks, header, basic or jwt',
      { authentication: { kind: 'none' } },
    ],
    ['acme', `platforms.acme.reference: ${noPlace}`, { reference: 'request_id' }],
    ['acme', `platforms.acme.test: ${noPlace}`, { test: '/a~2' }],
    ['acme', 'platforms.acme.reference: must hold at least one place', { reference: [] }],
    ['acme', 'platforms.acme.identifiers: must map at least one place', { identifiers: {} }],
    [
      'acme',
      'platforms.acme.identifiers./a: must be customer_id, source_id, email or phone',
      { identifiers: { '/a': 'id' } },
    ],
    [
      'acme',
      'platforms.acme.rules.0.when./a: must be a string, a number, true, false or null',
      { rules: [{ when: { '/a': {} }, do: 'erase' }] },
    ],
    [
      'acme',
      'platforms.acme.rules.0.do: must be erase, ignore, test or withdraw',
      { rules: [{ when: {}, do: 'delete' }] },
    ],
    ['acme', 'platforms.acme.rules: must hold at least one rule', { rules: [] }],
    [
      'acme',
      'platforms.acme.answers.erased.status: must be 200, 201, 202 or 204',
      { answers: { erased: { status: 404 } } },
    ],
    [
      'acme',
      'platforms.acme.answers.refused.status: must be 200, 201, 202, 204 or from 400 to 499',
      { answers: { refused: { status: 500 } } },
    ],
    [
      'acme',
      'platforms.acme.answers.in_progress.status: must be 200, 201, 202, 204 or 503',
      { answers: { in_progress: { status: 500 } } },
    ],
    ['acme', 'platforms.acme.matches: is not a setting', { matches: {} }],
    ['Acme', 'platforms.Acme: must be a short lower-case name', {}],
    ['__a', 'platforms.__a: must be a short lower-case name', {}],
  ])('under %o are refused: %s', (name, problem, change) => {
    expect(problems(name, change)).toEqual([problem]);
  });

  test('that were not checked open nothing', () => {
    expect(() => openPlatforms({ acme: {} })).toThrow('is not a supported platform');
    expect(openPlatforms({ generic: undefined }).size).toBe(0);
  });

  test('may not name a project that is not there', () => {
    expect(problems('acme', { projects: ['elsewhere'] })).toEqual(['platforms.acme.projects.0: is not in projects']);
  });
});

function readBy(settings: object, sent: unknown) {
  const platform = openPlatforms({ sender: settings }).get('sender')!;
  return platform.parse(requestOf(sent));
}
