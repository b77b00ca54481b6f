import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  matchSignature,
  matchSignedMessage,
  parseSigningKeys,
  signedHeaders,
  textAsKeys,
} from '../../lambda/authentication/signed-body.ts';
import { holds } from '../support/fuzz.ts';

const sha1Hex = { hash: 'sha1', encoding: 'hex' } as const;
const sha256Base64 = { hash: 'sha256', encoding: 'base64' } as const;
const secrets = { current: 'current-secret-of-the-tests', previous: 'previous-secret-of-the-tests' };

describe('a signature over a body', () => {
  test('is HMAC-SHA1 in hex as RFC 2202 has it, section 3, case 2', () => {
    const given = 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79';
    expect(matchSignature(given, 'what do ya want for nothing?', { current: 'Jefe' }, sha1Hex)).toBe('current');
  });

  test('is HMAC-SHA256 in base64 as RFC 4231 has it, section 4.3', () => {
    const digest = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
    const given = Buffer.from(digest, 'hex').toString('base64');
    expect(matchSignature(given, 'what do ya want for nothing?', { current: 'Jefe' }, sha256Base64)).toBe('current');
  });

  test.each(['current', 'previous'] as const)('tells that the %s secret made it', label => {
    const body = Buffer.from([0, 0xff, 0xfe, 0x7b]);
    const given = createHmac('sha256', secrets[label]).update(body).digest('base64');
    expect(matchSignature(given, body, secrets, sha256Base64)).toBe(label);
    expect(matchSignature(given, body, { current: secrets.current }, sha256Base64)).toBe(
      label === 'current' ? 'current' : undefined,
    );
  });

  test('has one spelling: neither upper case, nor spare bits, nor white space', () => {
    const body = 'body';
    const hex = createHmac('sha1', secrets.current).update(body).digest('hex');
    const base64 = createHmac('sha256', secrets.current).update(body).digest('base64');
    const spare = `${base64.slice(0, 42)}${String.fromCharCode(base64.charCodeAt(42) + 1)}=`;
    expect(Buffer.from(spare, 'base64')).toEqual(Buffer.from(base64, 'base64'));
    for (const given of [hex.toUpperCase(), ` ${hex}`, `${hex} `, `${hex},${hex}`, '', hex.slice(1)]) {
      expect(matchSignature(given, body, secrets, sha1Hex)).toBeUndefined();
    }
    for (const given of [spare, base64.replace('=', ''), `${base64}\n`, '']) {
      expect(matchSignature(given, body, secrets, sha256Base64)).toBeUndefined();
    }
  });

  test('holds for no other bytes', () => {
    const flipped = fc
      .uint8Array({ minLength: 1, maxLength: 200 })
      .chain(body => fc.record({ body: fc.constant(body), bit: fc.nat(body.length * 8 - 1) }));
    holds(
      fc.property(flipped, ({ body, bit }) => {
        const given = createHmac('sha1', secrets.current).update(body).digest('hex');
        expect(matchSignature(given, flip(body, bit), secrets, sha1Hex)).toBeUndefined();
      }),
    );
  });
});

/** The message and signature that the vendor's tests hold (standard-webhooks, libraries/javascript, "sign function"). */
const published = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  body: Buffer.from('{"test": 2432232314}'),
};
const publishedSecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const publishedKeys = keysOf(publishedSecret);
const then = 1_614_265_330_000;

describe('a message of Standard Webhooks', () => {
  test('is proved by the published signature, with and without the prefix of the secret', () => {
    expect(matchSignedMessage(published, publishedKeys, then)).toBe('current');
    expect(matchSignedMessage(published, keysOf(publishedSecret.slice(6)), then)).toBe('current');
  });

  test('is signed as it is published', () => {
    expect(signedHeaders(published.id, published.body.toString(), publishedKeys, then + 999)).toEqual({
      'webhook-id': published.id,
      'webhook-timestamp': published.timestamp,
      'webhook-signature': published.signature,
    });
  });

  test('may carry several signatures, in any order, of which one must fit', () => {
    const other = 'v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=';
    const signature = `${other} v2,${other.slice(3)} x  ${published.signature} ${other}`;
    expect(matchSignedMessage({ ...published, signature }, publishedKeys, then)).toBe('current');
    expect(matchSignedMessage({ ...published, signature: `${other} ${other}` }, publishedKeys, then)).toBeUndefined();
  });

  test('may carry ten signatures and no more', () => {
    const others = Array.from({ length: 9 }, (_, at) => `v1,${Buffer.alloc(32, at).toString('base64')}`).join(' ');
    const ten = `${others} ${published.signature}`;
    expect(matchSignedMessage({ ...published, signature: ten }, publishedKeys, then)).toBe('current');
    expect(matchSignedMessage({ ...published, signature: `${ten} v1,x` }, publishedKeys, then)).toBeUndefined();
  });

  test.each([
    ['of another version', published.signature.replace('v1', 'v9')],
    ['of no version', published.signature.slice(3)],
    ['cut short', published.signature.slice(0, 8)],
    ['empty', ''],
    ['empty behind its version', 'v1,'],
    ['joined by a comma', `${published.signature},${published.signature}`],
    ['folded, as two headers are', `${published.signature}, ${published.signature}`],
    ['beside one whose version is there twice', `v1,${published.signature} ${published.signature}`],
    ['with spare bits set', published.signature.replace('1OE=', '1OF=')],
  ])('is not proved by a signature that is %s', (_, signature) => {
    expect(matchSignedMessage({ ...published, signature }, publishedKeys, then)).toBeUndefined();
  });

  test.each([-300_000, 0, 300_000])('is timely %i ms off', off => {
    expect(matchSignedMessage(published, publishedKeys, then + off)).toBe('current');
  });

  test.each([-300_001, 300_001, 31_536_000_000])('is not timely %i ms off', off => {
    expect(matchSignedMessage(published, publishedKeys, then + off)).toBeUndefined();
  });

  const oddTimes = ['1614265330junk', ' 1614265330', '+1614265330', '01614265330', '1614265330.0', '1.61426533e9', ''];

  test.each(oddTimes)('has a timestamp of digits alone: not %o, even when it is signed so', timestamp => {
    const mac = createHmac('sha256', publishedKeys.current).update(`${published.id}.${timestamp}.`);
    const signature = `v1,${mac.update(published.body).digest('base64')}`;
    expect(matchSignedMessage({ ...published, timestamp, signature }, publishedKeys, then)).toBeUndefined();
  });

  test.each(['', ' ', 'a b', 'ä', 'a\n', 'x'.repeat(257)])('has an id that a header can hold: not %o', id => {
    const signature = signedHeaders(id, published.body.toString(), publishedKeys, then)['webhook-signature']!;
    expect(matchSignedMessage({ ...published, id, signature }, publishedKeys, then)).toBeUndefined();
  });

  test('tells two bodies apart that are no UTF-8', () => {
    const body = Buffer.from([0xff]);
    const mac = createHmac('sha256', publishedKeys.current).update('id.1614265330.').update(body);
    const message = { id: 'id', timestamp: '1614265330', signature: `v1,${mac.digest('base64')}`, body };
    expect(matchSignedMessage(message, publishedKeys, then)).toBe('current');
    expect(matchSignedMessage({ ...message, body: Buffer.from([0xfe]) }, publishedKeys, then)).toBeUndefined();
  });

  test('is proved by either of two keys, and signed with both', () => {
    const old = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
    const both = keysOf(publishedSecret, old);
    const signed = (keys: typeof both) => signedHeaders('id', 'body', keys, then)['webhook-signature']!;
    const message = { id: 'id', timestamp: published.timestamp, body: Buffer.from('body') };
    expect(matchSignedMessage({ ...message, signature: signed(keysOf(old)) }, both, then)).toBe('previous');
    expect(signed(both)).toBe(`${signed(keysOf(publishedSecret))} ${signed(keysOf(old))}`);
    const oldLast = `v1,${Buffer.alloc(32).toString('base64')} ${signed(keysOf(old))}`;
    expect(matchSignedMessage({ ...message, signature: oldLast }, both, then)).toBe('previous');
    const oldFirst = signed(both).split(' ').toReversed().join(' ');
    expect(matchSignedMessage({ ...message, signature: oldFirst }, both, then)).toBe('current');
  });

  test('is proved by no signature of a message that differs in one bit', () => {
    const fields = fc.constantFrom('id' as const, 'timestamp' as const, 'signature' as const, 'body' as const);
    holds(
      fc.property(fields, fc.nat(), (field, at) => {
        const bytes = Buffer.from(published[field]);
        const changed = flip(bytes, at % (bytes.length * 8));
        const message = { ...published, [field]: field === 'body' ? changed : Buffer.from(changed).toString('latin1') };
        expect(matchSignedMessage(message, publishedKeys, then)).toBeUndefined();
      }),
    );
  });
});

describe('a signing key', () => {
  test.each([
    ['an empty text', ''],
    ['a prefix alone', 'whsec_'],
    ['one byte', 'whsec_AA=='],
    ['23 bytes', `whsec_${Buffer.alloc(23, 7).toString('base64')}`],
    ['a placeholder', 'REPLACE_ME'],
    ['no base64', 'whsec_not/base64/at/all/but/long/enough!'],
    ['the other alphabet of base64', `whsec_${Buffer.alloc(32, 0xfb).toString('base64url')}`],
    ['base64 with white space', `whsec_${Buffer.alloc(32, 7).toString('base64')}\n`],
    ['a prefix inside the key', `MfKQ9r8GKYqrTwjUwhsec_${publishedSecret.slice(22)}`],
    ['a private key of the asymmetric scheme', `whsk_${Buffer.alloc(32, 7).toString('base64')}`],
  ])('is refused when it is %s', (_, current) => {
    const unusable = expect.objectContaining({ code: 'unavailable', alarm: 'secret-unusable' });
    expect(() => keysOf(current)).toThrow(unusable);
    expect(() => keysOf(publishedSecret, current)).toThrow(unusable);
  });

  test('can be the text of a secret that is no base64', () => {
    const mac = createHmac('sha256', secrets.current).update('id.1614265330.body').digest('base64');
    const signed = signedHeaders('id', 'body', textAsKeys({ current: secrets.current }), then);
    expect(signed['webhook-signature']).toBe(`v1,${mac}`);
    expect(textAsKeys(secrets).previous).toEqual(Buffer.from(secrets.previous));
  });
});

function keysOf(current: string, previous?: string) {
  return parseSigningKeys(JSON.stringify({ current, previous }));
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
}
