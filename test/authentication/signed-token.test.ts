import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { es384Key, es384Payload, isEs384Signature, isTokenValidNow } from '../../lambda/authentication/signed-token.ts';
import { holds } from '../support/fuzz.ts';

const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const payload = { value: 'crm-10042', scope: 'coreIdentifier', iat: 1_768_478_380, aud: 'acme' };

describe('a signature of ES384', () => {
  /** The key of RFC 6979, appendix A.2.6, and its signatures with SHA-384. */
  const key = keyAt(
    'EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13',
    '8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720',
  );
  const signatures = {
    sample:
      '94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46' +
      '99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8',
    test:
      '8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB0542A7F0812998DA8F1DD3CA3CF023DB' +
      'DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E06A739F040649A667BF3B828246BAA5A5',
  };

  test.each(Object.entries(signatures))('is that of RFC 6979 over "%s", and over nothing else', (text, hex) => {
    expect(isEs384Signature(text, Buffer.from(hex, 'hex'), key)).toBe(true);
    expect(isEs384Signature(`${text} `, Buffer.from(hex, 'hex'), key)).toBe(false);
    expect(isEs384Signature(text, Buffer.from(hex, 'hex'), pair.publicKey)).toBe(false);
  });

  test.each([
    ['zero r and s', Buffer.alloc(96)],
    ['r and s of one', Buffer.from(`${'00'.repeat(47)}01`.repeat(2), 'hex')],
    ['no byte', Buffer.alloc(0)],
    ['a byte too few', Buffer.from(signatures.sample, 'hex').subarray(1)],
    ['a byte too many', Buffer.concat([Buffer.alloc(1), Buffer.from(signatures.sample, 'hex')])],
    ['r and s swapped', Buffer.from(signatures.sample.slice(96) + signatures.sample.slice(0, 96), 'hex')],
  ])('is not %s', (_, signature) => {
    expect(isEs384Signature('sample', signature, key)).toBe(false);
  });

  test('is not written in DER', () => {
    const der = sign('sha384', Buffer.from('sample'), { key: pair.privateKey, dsaEncoding: 'der' });
    expect(isEs384Signature('sample', der, pair.publicKey)).toBe(false);
  });
});

describe('a token', () => {
  test('is opened by the key that signed it, and by no other', () => {
    expect(es384Payload(tokenOf(payload), pair.publicKey)).toEqual(payload);
    const other = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    expect(es384Payload(tokenOf(payload), other.publicKey)).toBeUndefined();
  });

  test.each([
    ['none', 'none'],
    ['HMAC', 'HS384'],
    ['ES256', 'ES256'],
    ['ES512', 'ES512'],
    ['RS384', 'RS384'],
    ['another case', 'es384'],
    ['a list', ['ES384']],
    ['nothing', undefined],
  ])('that names %s as its algorithm is not opened', (_, alg) => {
    expect(es384Payload(tokenOf(payload, { alg, typ: 'JWT' }), pair.publicKey)).toBeUndefined();
  });

  test('whose signature is an HMAC with the public key is not opened, whatever it names', () => {
    for (const alg of ['HS384', 'ES384']) {
      const text = `${encoded({ alg })}.${encoded(payload)}`;
      const pem = String(pair.publicKey.export({ type: 'spki', format: 'pem' }));
      const mac = createHmac('sha384', pem).update(text).digest('base64url');
      expect(es384Payload(`${text}.${mac}`, pair.publicKey)).toBeUndefined();
      expect(es384Payload(`${text}.${mac}${mac}`, pair.publicKey)).toBeUndefined();
    }
  });

  test.each([
    ['a critical extension', { alg: 'ES384', crit: ['b64'], b64: false }],
    ['an empty list of them', { alg: 'ES384', crit: [] }],
    ['another type', { alg: 'ES384', typ: 'at+jwt' }],
  ])('with %s is not opened', (_, header) => {
    expect(es384Payload(tokenOf(payload, header), pair.publicKey)).toBeUndefined();
  });

  test.each([{ alg: 'ES384' }, { alg: 'ES384', typ: 'jwt', kid: '1' }])('may say less or more: %j', header => {
    expect(es384Payload(tokenOf(payload, header), pair.publicKey)).toEqual(payload);
  });

  /** RFC 7515, appendix A.3: ES256. Appendix A.5: no signature at all. */
  const joe = 'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';
  test.each([
    `eyJhbGciOiJFUzI1NiJ9.${joe}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`,
    `eyJhbGciOiJub25lIn0.${joe}.`,
  ])('of RFC 7515 with another algorithm is not opened: %s', token => {
    expect(es384Payload(token, pair.publicKey)).toBeUndefined();
  });

  test('has one spelling', () => {
    const token = tokenOf(payload);
    const [head, body, signature] = token.split('.');
    const others = [
      '',
      '..',
      `${token}.`,
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
      `${head}.${body}`,
      `Bearer ${token}`,
    ];
    for (const other of [...others, `${head}..${signature}`, `.${body}.${signature}`, token.replaceAll('.', ',')]) {
      expect(es384Payload(other, pair.publicKey)).toBeUndefined();
    }
  });

  test('whose signed payload is no JSON, or has a duplicate key, gives nothing', () => {
    for (const json of ['{', '{"value":"crm-1","value":"crm-2"}']) {
      const text = `${encoded({ alg: 'ES384' })}.${Buffer.from(json).toString('base64url')}`;
      expect(es384Payload(`${text}.${signatureOf(text)}`, pair.publicKey)).toBeUndefined();
    }
  });

  test('that differs in one bit is not opened', () => {
    const token = tokenOf(payload);
    holds(
      fc.property(fc.nat(token.length * 8 - 1), bit => {
        const bytes = Buffer.from(token).map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        expect(es384Payload(Buffer.from(bytes).toString('latin1'), pair.publicKey)).toBeUndefined();
      }),
    );
  });

  test('that is any text is not opened, and nothing is thrown', () => {
    const part = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.=') }), fc.base64String());
    const text = fc.oneof(
      part,
      fc.array(part).map(services => services.join('.')),
    );
    holds(
      fc.property(text, other => {
        expect(es384Payload(other, pair.publicKey)).toBeUndefined();
      }),
    );
  });
});

describe('what a token says', () => {
  const now = 1_768_478_400_000;
  const expected = { audience: 'acme', now, oldestMs: 86_400_000, aheadMs: 300_000 };
  const at = (offMs: number) => (now + offMs) / 1000;

  test.each([
    ['just now', { iat: at(0) }],
    ['as long ago as may be', { iat: at(-86_400_000) }],
    ['as far ahead as may be', { iat: at(300_000) }],
    ['for several', { aud: ['other', 'acme'] }],
    ['for as long as it says', { exp: at(1) }],
    ['from now on', { nbf: at(300_000) }],
  ])('holds when it was issued %s', (_, change) => {
    expect(isTokenValidNow({ ...payload, ...change }, expected)).toBe(true);
  });

  test.each([
    ['too long ago', { iat: at(-86_400_001) }],
    ['too far ahead', { iat: at(300_001) }],
    ['at no time', { iat: undefined }],
    ['at a time in words', { iat: '1768478380' }],
    ['at no number', { iat: Number.MAX_VALUE }],
    ['to somebody else', { aud: 'acm' }],
    ['to somebody whose name contains it', { aud: 'acme-2' }],
    ['to others', { aud: ['other'] }],
    ['to nobody', { aud: undefined }],
    ['for a time that is over', { exp: at(0) }],
    ['for a time that has not come', { nbf: at(300_001) }],
    ['until a time in words', { exp: 'tomorrow' }],
  ])('does not hold when it was issued %s', (_, change) => {
    expect(isTokenValidNow({ ...payload, ...change }, expected)).toBe(false);
  });

  test.each([undefined, null, 'acme', 7, []])('does not hold when it is %j', other => {
    expect(isTokenValidNow(other, expected)).toBe(false);
  });
});

describe('a public key', () => {
  const spki = { type: 'spki', format: 'pem' } as const;

  test('is a P-384 key in PEM', () => {
    const pem = String(pair.publicKey.export(spki));
    expect(es384Key(pem)?.equals(pair.publicKey)).toBe(true);
    expect(es384Key(`\n${pem}`)?.equals(pair.publicKey)).toBe(true);
  });

  test.each([
    ['a private key', String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))],
    ['a P-256 key', String(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export(spki))],
    ['an RSA key', String(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export(spki))],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'],
    ['a broken one', '-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE\n-----END PUBLIC KEY-----\n'],
    ['a page', '<html>-----BEGIN PUBLIC KEY-----</html>'],
    ['a key after other text', `Public key of the shop:\n${String(pair.publicKey.export(spki))}`],
    ['nothing', ''],
  ])('is not %s', (_, pem) => {
    expect(es384Key(pem)).toBeUndefined();
  });
});

function keyAt(x: string, y: string): KeyObject {
  const coordinate = (hex: string) => Buffer.from(hex, 'hex').toString('base64url');
  return createPublicKey({ key: { kty: 'EC', crv: 'P-384', x: coordinate(x), y: coordinate(y) }, format: 'jwk' });
}

function tokenOf(claims: object, header: object = { alg: 'ES384', typ: 'JWT' }): string {
  const text = `${encoded(header)}.${encoded(claims)}`;
  return `${text}.${signatureOf(text)}`;
}

function signatureOf(text: string): string {
  return sign('sha384', Buffer.from(text), { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
