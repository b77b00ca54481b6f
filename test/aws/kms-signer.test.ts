import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { KMSClient } from '@aws-sdk/client-kms';
import { describe, expect, test } from 'vitest';
import { localSigner } from '../../infra/local/embedded-secrets.ts';
import { createEvidenceKey } from '../../infra/local/emulator-services.ts';
import { patientTimeouts } from '../../lambda/aws/clients.ts';
import { kmsSigner, lambdaSigner } from '../../lambda/aws/kms-signer.ts';
import type { Signer } from '../../lambda/receipts/evidence.ts';
import { emulated, motoIsHere } from '../support/moto.ts';
import { motoForSuite } from '../support/moto-suite.ts';

const text = Buffer.from('what was signed');

async function isSignedBy(signer: Signer, bytes = text): Promise<boolean> {
  const key = createPublicKey({ key: { ...(await signer.publicKey()) }, format: 'jwk' });
  const signature = await signer.sign(bytes);
  expect(signature).toHaveLength(64);
  return verify('sha256', text, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

test('local signer: makes ES256 signatures', async () => {
  const signer = localSigner(':memory:');
  expect(await isSignedBy(signer)).toBe(true);
  expect(await isSignedBy(signer, Buffer.from('something else'))).toBe(false);
});

describe.runIf(motoIsHere())('KMS signer on moto', () => {
  const moto = motoForSuite();

  test('signatures: are ES256 with the key of the alias, which is created once', async () => {
    const client = new KMSClient(emulated(moto().endpoint));
    await createEvidenceKey(client, 'alias/erasure-evidence');
    const first = await kmsSigner(client, 'alias/erasure-evidence', patientTimeouts.callMs).publicKey();
    await createEvidenceKey(client, 'alias/erasure-evidence');
    const signer = kmsSigner(client, 'alias/erasure-evidence', patientTimeouts.callMs);
    expect(await signer.publicKey()).toEqual(first);
    for (let count = 0; count < 5; count += 1) expect(await isSignedBy(signer)).toBe(true);
    expect(await isSignedBy(signer, Buffer.from('something else'))).toBe(false);
  });

  test('missing key: is an error, and is looked up again the next time', async () => {
    const client = new KMSClient(emulated(moto().endpoint));
    const signer = kmsSigner(client, 'alias/later', patientTimeouts.callMs);
    await expect(signer.publicKey()).rejects.toThrow();
    await expect(signer.sign(text)).rejects.toThrow();
    await createEvidenceKey(client, 'alias/later');
    expect(await isSignedBy(signer)).toBe(true);
  });
});

/** A client that records every call and returns the same response. */
function answering(answer: object, asked: unknown[] = []): KMSClient {
  const handle = async ({ body }: { body: Uint8Array }) => {
    asked.push(JSON.parse(Buffer.from(body).toString()));
    return { response: { statusCode: 200, headers: {}, body: Buffer.from(JSON.stringify(answer)) } };
  };
  return new KMSClient({ ...emulated('http://127.0.0.1:1'), requestHandler: { handle } });
}

function signature(der: Uint8Array): Promise<Uint8Array> {
  const answer = { Signature: Buffer.from(der).toString('base64') };
  return kmsSigner(answering(answer), 'key').sign(text);
}

describe('KMS signature in DER', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const short = Buffer.from([0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x7f]);

  test('any signature: becomes the same two numbers', async () => {
    for (let count = 0; count < 50; count += 1) {
      const der = sign('sha256', text, { key: privateKey, dsaEncoding: 'der' });
      const joined = await signature(der);
      const key = createPublicKey(privateKey as KeyObject);
      expect(verify('sha256', text, { key, dsaEncoding: 'ieee-p1363' }, joined)).toBe(true);
    }
  });

  test('short numbers: are padded with zeros', async () => {
    const joined = Buffer.from(await signature(short));
    expect(joined.toString('hex')).toBe(`${'00'.repeat(31)}01${'00'.repeat(31)}7f`);
  });

  test.each([
    ['nothing', ''],
    ['no sequence', '3106020101020101'],
    ['a length that is not its own', '3007020101020101'],
    ['one number', '3003020101'],
    ['a number cut off', '300602010102057f'],
    ['a number too long', `3027020101022200${'01'.repeat(33)}`],
    ['something behind it', '30060201010201017f'],
    ['another kind of number', '3006030101020101'],
  ])('%s: is refused', async (_, hex) => {
    await expect(signature(Buffer.from(hex, 'hex'))).rejects.toThrow('not a signature in DER');
  });
});

test.each([
  [4096, 'RAW', (bytes: Buffer) => bytes],
  [4097, 'DIGEST', (bytes: Buffer) => createHash('sha256').update(bytes).digest()],
] as const)('KMS signer: %i bytes are sent as %s, because of the limit of KMS', async (length, MessageType, sent) => {
  const asked: unknown[] = [];
  const bytes = Buffer.alloc(length, 'x');
  const answer = { Signature: Buffer.from('3006020101020101', 'hex').toString('base64') };
  await kmsSigner(answering(answer, asked), 'key').sign(bytes);
  const Message = sent(bytes).toString('base64');
  expect(asked).toEqual([{ KeyId: 'key', Message, MessageType, SigningAlgorithm: 'ECDSA_SHA_256' }]);
});

test('KMS signer: a key on another curve is refused', async () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const signer = kmsSigner(answering({ PublicKey: spki.toString('base64') }), 'key');
  await expect(signer.publicKey()).rejects.toThrow();
});

test('KMS signer: needs the name of its key', () => {
  const variables = {
    SETTINGS_JSON: '{}',
    SECRET_ARNS: '{}',
    RECEIPTS_TABLE: 'receipts',
    IDENTIFIERS_TABLE: 'identifiers',
    METRICS_NAMESPACE: 'erasure',
  };
  expect(() => lambdaSigner(variables)).toThrow('environment: EVIDENCE_KEY missing or unreadable');
  expect(lambdaSigner({ ...variables, EVIDENCE_KEY: 'key' })).toHaveProperty('sign');
});
