import { expect, test } from 'vitest';
import { openPlatforms } from '../../lambda/platforms/index.ts';

const current = 'a-secret-with-25-letters-';
const transcend = { audience: 'acme', sombraUrl: 'https://sombra.example.com', identities: {} };

test.each([
  ['transcend', transcend, { current }],
  ['transcend', transcend, { current, apiKey: '' }],
  ['transcend', transcend, { current, apiKey: 'REPLACE_ME' }],
  ['transcend', transcend, { current, apiKey: 'key', sombraApiKey: '' }],
  ['segment', {}, { current, header: 'short' }],
  ['generic', { scheme: 'basic' }, { current }],
  ['generic', { scheme: 'basic' }, { current: `user:${current}`, previous: current }],
  ['generic', { scheme: 'standard-webhooks' }, { current }],
])('the check knows what else the secret of %s with %j must hold: %j', (name, section, secret) => {
  const platform = openPlatforms({ [name]: section }).get(name)!;
  expect(() => platform.checkSecret(JSON.stringify(secret))).toThrow('the secret of this platform is not usable');
});
