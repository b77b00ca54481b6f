import { createHash, createPublicKey } from 'node:crypto';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { type PublicKey, publicKeyOf, type Signer } from '../receipts/signer.ts';
import { awsClientOptions, awsTimeouts, callDeadline } from './aws-clients.ts';
import { parseEnvironment, type Variables } from './environment.ts';

/**
 * Signs with a key of KMS (ECC_NIST_P256, sign and verify); `key` is its ARN or an alias. The public half is asked for
 * once a process. Throws the SDK's own errors.
 */
export function kmsSigner(client: KMSClient, key: string, callMs = awsTimeouts.callMs): Signer {
  let known: Promise<PublicKey> | undefined;
  return {
    publicKey: () => {
      known ??= publicKey(client, key, callMs).catch((error: unknown) => {
        known = undefined;
        throw error;
      });
      return known;
    },
    sign: async bytes => {
      const asked = { ...messageOf(bytes), KeyId: key, SigningAlgorithm: 'ECDSA_SHA_256' } as const;
      const { Signature } = await client.send(new SignCommand(asked), callDeadline(callMs));
      return fromDer(Signature ?? new Uint8Array());
    },
  };
}

/** The signer of a deployed function. Throws when the environment does not name its key. */
export function lambdaSigner(variables: Variables): Signer {
  const { EVIDENCE_KEY } = parseEnvironment(variables);
  if (EVIDENCE_KEY === undefined) throw new Error('environment: EVIDENCE_KEY missing or unreadable');
  return kmsSigner(new KMSClient(awsClientOptions()), EVIDENCE_KEY);
}

async function publicKey(client: KMSClient, key: string, callMs: number): Promise<PublicKey> {
  const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: key }), callDeadline(callMs));
  return publicKeyOf(createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' }));
}

/** Most bytes that KMS hashes itself (KMS API Reference, Sign: `Message`). Of more it takes the digest. */
const mostRaw = 4096;

/** Either gives the same signature. The first is what emulators know, and what the evidence of one customer fits into. */
function messageOf(bytes: Uint8Array) {
  if (bytes.length <= mostRaw) return { Message: bytes, MessageType: 'RAW' } as const;
  return { Message: createHash('sha256').update(bytes).digest(), MessageType: 'DIGEST' } as const;
}

/**
 * KMS answers in DER (KMS API Reference, Sign): a sequence of two integers, signed and without leading zeros; JWS wants
 * 32 bytes each (RFC 7518, section 3.4). Both are short, so every length is one byte.
 */
function fromDer(der: Uint8Array): Uint8Array {
  const [r, afterR] = integerAt(der, 2);
  const [s, end] = integerAt(der, afterR);
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || end !== der.length) throw new Error('not a signature in DER');
  return Buffer.concat([r, s]);
}

function integerAt(der: Uint8Array, at: number): readonly [Uint8Array, number] {
  const length = der[at + 1] ?? 0;
  const end = at + 2 + length;
  const digits = Buffer.from(der.subarray(at + 2, end));
  const most = digits.subarray(Math.max(0, digits.length - 32));
  if (der[at] !== 0x02 || digits.length !== length || length > 33) throw new Error('not a signature in DER');
  return [Buffer.concat([Buffer.alloc(32 - most.length), most]), end];
}
