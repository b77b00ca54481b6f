import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync, linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { publicKeyOf, type Signer } from '../../lambda/receipts/evidence.ts';

/** Returns a signer that replaces KMS. Its key is in a file that only its owner may read, or in memory; created if missing. */
export function localSigner(file: string): Signer {
  const key = file === ':memory:' ? generateKey() : readKey(file);
  return {
    publicKey: async () => publicKeyOf(createPublicKey(key)),
    sign: async bytes => sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }),
  };
}

/** Two processes that start at the same time use the key of the faster one: creating a link is atomic. */
function readKey(file: string): KeyObject {
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, generateKey().export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
    linkUnlessExists(draft, file);
    unlinkSync(draft);
  }
  return createPrivateKey(readFileSync(file));
}

function linkUnlessExists(draft: string, file: string): void {
  try {
    linkSync(draft, file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function generateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}
