import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { publicKeyOf, type Signer } from '../../lambda/receipts/signer.ts';

/** Returns a signer that replaces KMS. Its key is in a file that only its owner may read, or in memory; created if missing. */
export function localSigner(file: string): Signer {
  const key = file === ':memory:' ? generateKey() : readKey(file);
  return {
    publicKey: async () => publicKeyOf(createPublicKey(key)),
    sign: async bytes => sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }),
  };
}

/** Only the process that has locked the folder creates a key. */
function readKey(file: string): KeyObject {
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, generateKey().export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
    renameSync(draft, file);
  }
  return createPrivateKey(readFileSync(file));
}

function generateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}
