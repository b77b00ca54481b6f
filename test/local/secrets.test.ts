import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, test } from 'vitest';
import { embeddedSecrets, localSigner } from '../../infra/local/embedded-secrets.ts';
import { temporaryFolder } from '../support/local-process.ts';

describe('embedded secrets', () => {
  const read = embeddedSecrets({ 'erasure/pepper': 'pepper' });

  test.each(['erasure/platform/ketch', 'constructor'])('read: %s is unavailable', async name => {
    const failure = { code: 'unavailable', alarm: 'secret-unusable', message: `the secret ${name} is not usable` };
    await expect(read(name)).rejects.toMatchObject(failure);
  });
});

describe('local signer', () => {
  let file: string;
  beforeEach(() => {
    file = join(temporaryFolder(), 'evidence-key.pem');
  });

  test('key: parallel processes agree on one key, which is kept and readable by its owner only', async () => {
    const script = `import { localSigner } from './infra/local/embedded-secrets.ts';
      console.log(JSON.stringify(await localSigner(process.argv[1]).publicKey()));`;
    const one = () => promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script, file]);
    const printed = await Promise.all([one(), one(), one(), one()]);
    const keys = new Set(printed.map(({ stdout }) => stdout));
    expect([...keys].map(key => JSON.parse(key))).toEqual([await localSigner(file).publicKey()]);
    expect(readdirSync(dirname(file))).toEqual(['evidence-key.pem']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('key in memory: each run has its own', async () => {
    expect(await localSigner(':memory:').publicKey()).not.toEqual(await localSigner(':memory:').publicKey());
  });

  test('file without a key: is an error and is not overwritten', () => {
    writeFileSync(file, 'something of the user');
    expect(() => localSigner(file)).toThrow();
    expect(readFileSync(file, 'utf8')).toBe('something of the user');
  });
});
