import { describe, expect, test } from 'vitest';
import type { Desk } from '../../infra/ops/desk.ts';
import { tryCommand } from '../../infra/ops/try/try.ts';
import { type ScriptedAnswer, type ScriptedCall, scripted } from '../support/scripted-voucherify.ts';
import { patientWith } from './patient.ts';
import { recorded } from './recorded.ts';

const platforms = { shopify: { shops: ['acme.myshopify.com'] } };
const refusal = { status: 401, body: { error: { code: 'unauthorized', message: 'does not match' } } };

/** What `try` says of an endpoint that answers so, and every call that it got. */
async function trying(...answers: readonly ScriptedAnswer[]) {
  const calls: ScriptedCall[] = [];
  const url = await scripted(call => answers[calls.push(call) - 1] ?? { status: 599 });
  const { desk, planted } = await patientWith({ platforms });
  const asked = { positionals: ['shopify'], options: { url: `${url}/webhooks/` }, secrets: planted.tokens };
  const { code, lines } = await recorded(tryCommand, desk, asked);
  return { code, text: lines.join('\n'), calls };
}

describe('try at an endpoint that is not as it should be', () => {
  test.each<[string, ScriptedAnswer]>([
    ['it was let in! pause everything', { status: 200 }],
    ['it was let in! pause everything', { status: 202, body: { status: 'in_progress' } }],
    ['this is not the answer that it should be', { status: 200, body: '<html>' }],
    ['this is not the answer that it should be', { status: 401, body: { message: 'Unauthorized' } }],
    ['turned away before it reached the function', { status: 403, body: { message: 'Forbidden' } }],
    ['too many requests at the gateway', { status: 429, body: { message: 'Too Many Requests' } }],
    ['the function crashed', { status: 502, body: { message: 'Internal server error' } }],
    ['something it needs is missing: npm run ops -- doctor', { status: 503, body: { error: { code: 'unavailable' } } }],
    ['no answer (redirected)', { status: 301, headers: { Location: 'https://example.com' } }],
  ])('says "%s" and never shows it the secret', async (says, answer) => {
    const { code, text, calls } = await trying(answer);
    expect(text).toContain(`✗ ${says}`);
    expect(code).toBe(1);
    expect(calls).toHaveLength(1);
  });

  test.each<[string, ScriptedAnswer]>([
    ['the endpoint failed', { status: 500, body: { error: { code: 'internal' } } }],
    ['the endpoint reads it otherwise', { status: 400, body: { error: { code: 'invalid' } } }],
    ['the function took too long', { status: 504, body: { message: 'Endpoint request timed out' } }],
    ['no answer (cut-off)', { status: 200, body: 'x', cut: true }],
  ])('says "%s" of the answer to the genuine request', async (says, answer) => {
    const { code, text, calls } = await trying(refusal, answer);
    expect(text).toContain(`✗ ${says}`);
    expect(code).toBe(1);
    expect(calls).toHaveLength(2);
    expect(calls[0]!.body).toBe(calls[1]!.body);
  });

  test('shows nothing of an endpoint that repeats what it was sent', async () => {
    let calls = 0;
    const url = await scripted(({ headers }) => {
      calls += 1;
      return calls === 1 ? refusal : { status: 200, body: { echo: headers } };
    });
    const { desk } = await patientWith({ platforms });
    const asked = { positionals: ['shopify'], options: { url: `${url}/webhooks/` } };
    const { lines } = await recorded(tryCommand, desk, asked);
    expect(lines.join()).toContain('characters that are no answer of ours');
    expect(lines.join().toLowerCase()).not.toContain('x-shopify-hmac-sha256');
  });

  test('shows no page of somebody else', async () => {
    const { text } = await trying({ status: 200, body: '\u001b[2J<html>' });
    expect(text).toContain('(10 characters that are no answer of ours)');
    expect(text).not.toContain('\u001b[2J');
    expect((await trying({ status: 401, body: { error: { message: 'x'.repeat(2000) } } })).text).toContain(
      'characters that are no',
    );
  });
});

describe('try', () => {
  const asked = async (change: Partial<Desk>, positionals: readonly string[], options: Record<string, string> = {}) => {
    const { desk } = await patientWith({ platforms, change });
    return recorded(tryCommand, desk, { positionals, options });
  };

  test.each([
    [[], {}, 'PLATFORM: name one'],
    [['shopify', 'segment'], {}, 'PLATFORM: name one'],
    [['ketch'], {}, 'PLATFORM: must be one of the settings: shopify'],
    [['shopify'], {}, "--url: needed, the stack's output WebhookUrl (or --local)"],
    [['shopify'], { url: 'http://example.com/webhooks/' }, '--url: must be'],
    [['shopify'], { url: 'https://example.com/' }, '--url: must be'],
    [['shopify'], { url: 'https://example.com/webhooks/?a=b' }, '--url: must be'],
    [['shopify'], { url: 'https://user:password@example.com/webhooks/' }, '--url: must be'],
    [['shopify'], { url: 'nowhere' }, '--url: must be'],
  ])('with %j %j refuses: %s', async (positionals, options, message) => {
    await expect(asked({}, positionals, options)).rejects.toThrow(message);
  });

  test('says so of a platform that nobody has written a trial for', async () => {
    const { desk } = await patientWith({ platforms });
    const settings = { ...desk.settings, platforms: { acme: {} } };
    const options = { url: 'https://127.0.0.1:9/webhooks/' };
    const trying = recorded(tryCommand, { ...desk, settings }, { positionals: ['acme'], options });
    await expect(trying).rejects.toThrow('PLATFORM: nobody has written a trial for acme');
  });

  test('needs npm start for --local', async () => {
    await expect(asked({ local: { run: undefined } }, ['shopify'])).rejects.toThrow(
      '--local: npm start is not running',
    );
  });

  test('reaches a deployment that nobody answers for', async () => {
    const { code, lines } = await asked({}, ['shopify'], { url: 'https://127.0.0.1:9/v1/webhooks' });
    expect(lines[0]).toMatch(
      /^POST https:\/\/127\.0\.0\.1:9\/v1\/webhooks\/shopify with a wrong secret: not-connected in/,
    );
    expect(lines.at(-1)).toContain('✗ no answer (not-connected): is the URL right');
    expect(code).toBe(1);
  });
});
