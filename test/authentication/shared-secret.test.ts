import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchSecret, minSecretLength, parseSharedSecret } from '../../lambda/authentication/shared-secret.ts';
import { failureOf as thrownBy } from '../support/failures.ts';
import { holds } from '../support/fuzz.ts';
import { unusableSecrets } from '../support/unusable-secrets.ts';

const current = 'Bearer current-secret-0001';
const previous = 'Bearer previous-secret-001';

const refusalOf = (text: string) => thrownBy(() => parseSharedSecret(text));

describe('the text of a secret', () => {
  test('holds the current value and perhaps the previous one; more fields are no matter', () => {
    expect(parseSharedSecret(JSON.stringify({ current }))).toEqual({ current });
    expect(parseSharedSecret(JSON.stringify({ current, previous, apiKey: 'x' }))).toEqual({ current, previous });
  });

  test.each(unusableSecrets)('that is $why is not usable', ({ text }) => {
    const failure = refusalOf(text);
    expect(failure).toMatchObject({ code: 'unavailable', alarm: 'secret-unusable', headers: { 'Retry-After': '60' } });
    expect(failure.message).toBe('the secret of this platform is not usable');
  });

  test('of exactly the shortest length is usable, and one character less is not', () => {
    const shortest = 'x'.repeat(minSecretLength);
    expect(parseSharedSecret(JSON.stringify({ current: shortest }))).toEqual({ current: shortest });
    expect(refusalOf(JSON.stringify({ current: shortest.slice(1) })).code).toBe('unavailable');
    expect(minSecretLength).toBe(24);
  });

  test('of digits stays text and a number is not one', () => {
    const digits = '123456789012345678901234';
    expect(parseSharedSecret(`{"current":"${digits}"}`)).toEqual({ current: digits });
    expect(refusalOf(`{"current":${digits}}`).code).toBe('unavailable');
  });

  test('is refused and nothing else happens, whatever it is', () => {
    holds(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), text => {
        expect(refusalOf(text).alarm).toBe('secret-unusable');
      }),
    );
  });
});

describe('what a caller sends', () => {
  test('is told apart by the value that it matches', () => {
    expect(matchSecret(current, { current, previous })).toBe('current');
    expect(matchSecret(previous, { current, previous })).toBe('previous');
    expect(matchSecret(current, { current })).toBe('current');
    expect(matchSecret(current, { current, previous: current })).toBe('current');
  });

  test.each([
    ['nothing', ''],
    ['a longer value', `${current}x`],
    ['a shorter value', current.slice(0, -1)],
    ['a value of the same length', current.replace('1', '2')],
    ['another letter case', current.toUpperCase()],
    ['a space before', ` ${current}`],
    ['a line break after', `${current}\n`],
    ['both values', `${current}, ${previous}`],
    ['the word undefined', 'undefined'],
    ['another normal form', current.replace('e', 'e\u0301')],
  ])('matches nothing when it is %s', (_, given) => {
    expect(matchSecret(given, { current, previous })).toBeUndefined();
    expect(matchSecret(given, { current })).toBeUndefined();
  });

  test('no longer matches a value that was rotated out', () => {
    expect(matchSecret(previous, { current })).toBeUndefined();
  });

  test('matches only what is equal', () => {
    const value = fc.string({ unit: 'binary', minLength: 1 }).map(text => text.toWellFormed());
    holds(
      fc.property(value, value, value, (given, one, other) => {
        const expected = given === one ? 'current' : given === other ? 'previous' : undefined;
        expect(matchSecret(given, { current: one, previous: other })).toBe(expected);
        expect(matchSecret(other, { current: one, previous: other })).toBe(one === other ? 'current' : 'previous');
      }),
    );
  });
});
