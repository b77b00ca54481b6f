import { createHash, createPublicKey } from 'node:crypto';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { type PublicKey, publicKeyOf, type Signer } from '../receipts/evidence.ts';
import { awsTimeouts, callDeadline, lambdaClientOptions } from './clients.ts';
import { parseEnvironment, type Variables } from './environment.ts';

/**
 * Returns a signer that uses a KMS key (ECC_NIST_P256, sign and verify); `key` is its ARN or an alias. The public key is
 * read once per process. Throws the SDK's own errors.
 */
export function kmsSigner(client: KMSClient, key: string, callMs = awsTimeouts.callMs): Signer {
  let cached: Promise<PublicKey> | undefined;
  return {
    publicKey: () => {
      cached ??= publicKey(client, key, callMs).catch((error: unknown) => {
        cached = undefined;
        throw error;
      });
      return cached;
    },
    sign: async bytes => {
      const input = { ...messageInput(bytes), KeyId: key, SigningAlgorithm: 'ECDSA_SHA_256' } as const;
      const { Signature } = await client.send(new SignCommand(input), callDeadline(callMs));
      return fromDer(Signature ?? new Uint8Array());
    },
  };
}

/** Returns the signer of a deployed function. Throws if the environment does not name its key. */
export function lambdaSigner(variables: Variables): Signer {
  const { EVIDENCE_KEY } = parseEnvironment(variables);
  if (EVIDENCE_KEY === undefined) throw new Error('environment: EVIDENCE_KEY missing or unreadable');
  return kmsSigner(new KMSClient(lambdaClientOptions(variables)), EVIDENCE_KEY);
}

async function publicKey(client: KMSClient, key: string, callMs: number): Promise<PublicKey> {
  const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: key }), callDeadline(callMs));
  return publicKeyOf(createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' }));
}

/** Longest message that KMS hashes itself, in bytes (KMS API Reference, Sign: `Message`). Longer ones need a digest. */
const maxRawBytes = 4096;

/** Both forms are valid. Emulators support only the raw one, and the evidence of one customer fits into it. */
function messageInput(bytes: Uint8Array) {
  if (bytes.length <= maxRawBytes) return { Message: bytes, MessageType: 'RAW' } as const;
  return { Message: createHash('sha256').update(bytes).digest(), MessageType: 'DIGEST' } as const;
}

/**
 * Converts a signature from DER, the format of KMS (KMS API Reference, Sign): a sequence of two signed integers without
 * leading zeros. JWS requires 32 bytes each (RFC 7518, section 3.4). Both are short, so every length is one byte.
 */
function fromDer(der: Uint8Array): Uint8Array {
  const [r, afterR] = readInteger(der, 2);
  const [s, end] = readInteger(der, afterR);
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || end !== der.length) throw new Error('not a signature in DER');
  return Buffer.concat([r, s]);
}

function readInteger(der: Uint8Array, at: number): readonly [Uint8Array, number] {
  const length = der[at + 1] ?? 0;
  const end = at + 2 + length;
  const digits = Buffer.from(der.subarray(at + 2, end));
  const last32 = digits.subarray(Math.max(0, digits.length - 32));
  if (der[at] !== 0x02 || digits.length !== length || length > 33) throw new Error('not a signature in DER');
  return [Buffer.concat([Buffer.alloc(32 - last32.length), last32]), end];
}
