import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { localSigner } from '../../infra/local/local-signer.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signer-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the key is made once, is kept, and only its owner may read it', async () => {
  const file = join(folder, 'evidence-key.pem');
  const first = await localSigner(file).publicKey();
  expect(await localSigner(file).publicKey()).toEqual(first);
  expect(readdirSync(folder)).toEqual(['evidence-key.pem']);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('each run in memory has its own', async () => {
  expect(await localSigner(':memory:').publicKey()).not.toEqual(await localSigner(':memory:').publicKey());
});

test('a file that holds no key is not overwritten', () => {
  const file = join(folder, 'evidence-key.pem');
  writeFileSync(file, 'something of the user');
  expect(() => localSigner(file)).toThrow();
  expect(statSync(file).size).toBe('something of the user'.length);
});

test('processes that begin at once agree on one key', async () => {
  const file = join(folder, 'evidence-key.pem');
  const script = `import { localSigner } from './infra/local/local-signer.ts';
    console.log(JSON.stringify(await localSigner(process.argv[1]).publicKey()));`;
  const one = async () => {
    const ran = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script, file]);
    return ran.stdout;
  };
  const keys = await Promise.all([one(), one(), one(), one()]);
  expect(new Set(keys).size).toBe(1);
  expect(JSON.parse(keys[0])).toEqual(await localSigner(file).publicKey());
  expect(readdirSync(folder)).toEqual(['evidence-key.pem']);
});

test('there is none where nothing can be written', () => {
  expect(() => localSigner(join(folder, 'nowhere', 'evidence-key.pem'))).toThrow();
});
