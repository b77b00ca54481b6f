import { expect, it } from 'vitest';
import { embeddedSecrets } from '../../infra/local/secrets.ts';

const read = embeddedSecrets({ 'erasure/pepper': 'pepper' });

it('gives the text that goes with a name', async () => {
  expect(await read('erasure/pepper')).toBe('pepper');
  expect(await read('erasure/pepper', { fresh: true })).toBe('pepper');
});

it.each(['erasure/platform/ketch', 'constructor'])('has nothing for %s', async name => {
  await expect(read(name)).rejects.toMatchObject({
    code: 'unavailable',
    alarm: 'secret-unusable',
    message: `the secret ${name} is not usable`,
  });
});
