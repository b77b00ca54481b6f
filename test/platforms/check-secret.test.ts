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
  ['generic', { authentication: { kind: 'basic' } }, { current }],
  ['generic', { authentication: { kind: 'basic' } }, { current: `user:${current}`, previous: current }],
  ['generic', { authentication: { kind: 'standard-webhooks' } }, { current }],
])('the check knows what else the secret of %s with %j must hold: %j', (name, section, secret) => {
  const platform = openPlatforms({ [name]: section }).get(name)!;
  expect(() => platform.checkSecret(JSON.stringify(secret))).toThrow('the secret of this platform is not usable');
});

test.each([
  ['ketch', { tenants: ['axonic'], environments: ['production'], identities: {} }],
  ['generic', { authentication: { kind: 'header' } }],
  ['transcend', transcend],
  ['segment', {}],
  ['shopify', { shops: ['acme.myshopify.com'], customerId: 'source_id' }],
])('%s reads its secret to notify only where it says so', async (name, section) => {
  const platform = openPlatforms({ [name]: section }).get(name)!;
  let read = 0;
  const secret = async () => {
    read += 1;
    return JSON.stringify({ current, apiKey: 'key' });
  };
  const outcome = { kind: 'erased', at: 0, deletions: [] } as const;
  const callbacks = [{ url: 'https://example.com/callback', headers: {} }];
  const told = { reference: '1', scope: '', receivedAt: 0, receiptId: 'receipt', outcome, callbacks };
  await platform.buildCallbacks(told, { secret, now: () => 0 });
  expect(read > 0).toBe(platform.callbacksNeedSecret === true);
});
