import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync, linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { publicKeyOf, type Signer } from '../../lambda/receipts/signer.ts';

/** The stand-in for KMS: signs with a key in a file that only its owner may read, or in memory; made when missing. */
export function localSigner(file: string): Signer {
  const key = file === ':memory:' ? newKey() : keyIn(file);
  return {
    publicKey: async () => publicKeyOf(createPublicKey(key)),
    sign: async bytes => sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }),
  };
}

/** Two processes that start at once agree on the key of the faster one: a link is made whole, or not at all. */
function keyIn(file: string): KeyObject {
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, newKey().export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
    linkUnlessThere(draft, file);
    unlinkSync(draft);
  }
  return createPrivateKey(readFileSync(file));
}

function linkUnlessThere(draft: string, file: string): void {
  try {
    linkSync(draft, file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}
