import { describe, expect, test } from 'vitest';
import { untouchedStore } from '../support/forbidden-adapters.ts';
import {
  apiKey,
  claims,
  headerSecret,
  issuedAt,
  job,
  tokenOf,
  transcendHarness,
  transcendWire,
} from './transcend-messages.ts';

describe("Transcend's proof", () => {
  test.each([
    ['a wrong secret header', { 'x-webhook-secret': `${headerSecret} ` }],
    ['the API key in the secret header', { 'x-webhook-secret': apiKey }],
    ['no token but a text', { 'x-sombra-token': 'Bearer' }],
    ['a token for another scope', { 'x-sombra-token': tokenOf({ ...claims, scope: 'other' }) }],
    ['a token for no scope', { 'x-sombra-token': tokenOf({ ...claims, scope: undefined }) }],
    ['a token for another audience', { 'x-sombra-token': tokenOf({ ...claims, aud: 'other' }) }],
    ['a token of tomorrow', { 'x-sombra-token': tokenOf({ ...claims, iat: issuedAt + 86_400 }) }],
    ['a token of the day before', { 'x-sombra-token': tokenOf({ ...claims, iat: issuedAt - 86_400 }) }],
    ['a token for somebody else', { 'x-sombra-token': tokenOf({ ...claims, value: 'crm-10043' }) }],
    ['a token whose value is a number', { 'x-sombra-token': tokenOf({ ...claims, value: 10_042 }) }],
    ['a token that is over', { 'x-sombra-token': tokenOf({ ...claims, exp: issuedAt }) }],
  ])('is refused with %s: 401, and nothing is stored', async (_, headers) => {
    const harness = transcendHarness(untouchedStore());
    const answer = await harness.send(transcendWire(job(), headers));
    expect(answer).toMatchObject({ status: 401, json: { error: { code: 'unauthorized' } } });
    expect(answer.text + harness.logText.join()).not.toMatch(/crm-1004|acme|ada@/);
  });

  test.each([
    ['x-webhook-secret: does not match', job(), { 'x-webhook-secret': [] }],
    ['x-sombra-token: is not valid for this request', job(), { 'x-sombra-token': [] }],
    [
      'coreIdentifier.value: is not the one of the token',
      job(),
      { 'x-sombra-token': tokenOf({ ...claims, value: 'crm-10043' }) },
    ],
    [
      'coreIdentifier: is missing or does not match new-privacy-request-job',
      job(undefined, { coreIdentifier: undefined }),
      {},
    ],
    ['Content-Encoding: must be identity', 'compressed', { 'Content-Encoding': 'gzip' }],
  ])('that fails: the reply says why (%s)', async (message, body, headers) => {
    const { json } = await transcendHarness().send(transcendWire(body, headers));
    expect(json).toMatchObject({ error: { message } });
  });

  test('is recorded with its scheme', async () => {
    const harness = transcendHarness();
    await harness.send(transcendWire());
    const authentication = { scheme: 'es384-token+shared-secret', secret: 'current' };
    expect(await harness.receipts()).toMatchObject([{ authentication }]);
  });

  test('still holds when a retry carries it hours later, and not a day later', async () => {
    const harness = transcendHarness();
    await harness.send(transcendWire());
    harness.clock.now = issuedAt * 1000 + 86_400_000;
    expect((await harness.send(transcendWire())).status).toBe(200);
    harness.clock.now += 1;
    expect((await harness.send(transcendWire())).status).toBe(401);
    expect(harness.sandbox.deletions()).toHaveLength(1);
  });

  test.each([
    ['without an API key', { apiKey: undefined }],
    ['with an empty API key', { apiKey: '' }],
    ['with a placeholder of an API key', { apiKey: 'REPLACE_ME' }],
    ["with an empty key of one's own Sombra", { sombraApiKey: '' }],
  ])('cannot be given when the secret is %s: 503 and an alarm', async (_, secret) => {
    const harness = transcendHarness({ secret });
    expect(await harness.send(transcendWire())).toMatchObject({ status: 503 });
    expect(harness.alarms()).toEqual(['secret-unusable']);
  });
});
