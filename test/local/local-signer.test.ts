import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

test('there is none where nothing can be written', () => {
  expect(() => localSigner(join(folder, 'nowhere', 'evidence-key.pem'))).toThrow();
});
