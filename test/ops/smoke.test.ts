import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readLocalOptions } from '../../infra/local/options.ts';
import { startLocalRun } from '../../infra/local/run.ts';
import { localContext, type OpsContext } from '../../infra/ops/context.ts';
import { tryCommand } from '../../infra/ops/smoke/smoke-test.ts';
import { parseSharedSecret } from '../../lambda/authentication/shared-secret.ts';
import { pause } from '../../lambda/control/pauses.ts';
import { leaks } from '../support/canary.ts';
import { type ReceivedCall, type ServedReply, serveListing } from '../support/listing-platform.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { recipeNames, recipeText } from '../support/recipes.ts';
import { checkHarness, ketch } from './check-harness.ts';
import { type Ran, recordingOutput, run } from './ops-harness.ts';

const form = {
  type: 'generic',
  rules: [{ when: { '/kind': 'forget', '/a~1b/0': true }, do: 'erase' }],
  reference: ['/case/id', '/case/part'],
  identifiers: { '/person/mail': 'email', '/person/number': 'source_id' },
  test: '/case/trial',
};
const platforms = {
  ketch,
  generic: { authentication: { kind: 'standard-webhooks' } },
  form: { ...form, authentication: { kind: 'header', header: 'X-Form-Key' } },
  office: { ...form, authentication: { kind: 'basic' } },
  transcend: { audience: 'acme', sombraUrl: 'https://sombra.example.com', identities: { coreIdentifier: 'source_id' } },
  segment: {},
  shopify: { shops: ['acme.myshopify.com'] },
};

interface Running {
  readonly context: OpsContext;
  readonly url: string;
  deletions(): Promise<unknown>;
}

/** A local run in this process, and the context of an operator with the same folder. */
async function running(change: { platforms?: object; limits?: object } = {}): Promise<Running> {
  const folder = temporaryFolder();
  const DATA_DIR = join(folder, 'data');
  const SETTINGS = join(folder, 'settings.json');
  mkdirSync(DATA_DIR);
  const projects = { main: { baseUrl: 'https://api.voucherify.io' } };
  writeFileSync(SETTINGS, JSON.stringify({ projects, platforms, ...change }));
  const environment = { DATA_DIR, SETTINGS, PORT: '0', SWEEP_SECONDS: '3600' };
  const run = await startLocalRun({ ...readLocalOptions(environment), log: () => undefined });
  const context = localContext(environment);
  onTestFinished(async () => {
    context.close();
    await run.close();
  });
  return { context, url: run.url, deletions: async () => (await fetch(`${run.sandboxUrl}/sandbox/deletions`)).json() };
}

async function secretsOf({ settings, readSecret }: OpsContext): Promise<ReadonlyMap<string, string>> {
  const names = Object.keys(settings.platforms);
  const texts = await Promise.all(names.map(name => readSecret(`erasure/platform/${name}`)));
  return new Map(texts.map((text, at) => [names[at]!, parseSharedSecret(text).current]));
}

/** Runs the command, which must not show any secret of the platforms. */
async function tried(context: OpsContext, ...args: readonly string[]): Promise<Ran> {
  const ran = await run(context, 'try', ...args);
  expect(leaks(await secretsOf(context), { ran: JSON.stringify(ran) })).toEqual([]);
  return ran;
}

/** Asserts that the endpoint refuses a wrong secret, and that the command cannot sign a genuine request. */
async function expectOnlyRefusal(platform: string, context: OpsContext, why: RegExp): Promise<void> {
  const { output, lines } = recordingOutput();
  const typed = { positionals: [platform], text: () => undefined, texts: () => [], isSet: () => false };
  await expect(tryCommand.run(typed, context, output)).rejects.toThrow(why);
  expect(lines.at(-1)).toBe('  ✓ rejected, as expected');
}

describe('try on a local run', () => {
  const nothing = 'the secret is accepted; nothing was stored';
  test.each([
    ['ketch', 403, 'the secret is accepted, a receipt was stored, and Voucherify has no such customer'],
    ['generic', 401, nothing],
    ['form', 401, nothing],
    ['office', 401, nothing],
    ['segment', 401, nothing],
    ['shopify', 401, nothing],
  ])('%s: a wrong secret gets %i, the right one 200, and no customer is deleted', async (name, refused, says) => {
    const { context, url, deletions } = await running();
    const { status, lines } = await tried(context, name);
    const text = lines.join('\n');
    expect(text).toContain(`POST ${url}/webhooks/${name} with a wrong secret: ${refused} in `);
    expect(text).toContain('✓ rejected, as expected\nNow ');
    expect(text).toContain(`POST ${url}/webhooks/${name} with the platform's secret: 200 in `);
    expect(text).toContain(`✓ ${says}`);
    expect(status).toBe(0);
    expect(await deletions()).toEqual([]);
    expect(await context.store.due('erase', Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
  });

  test.each(recipeNames)(
    'recipe %s: a wrong secret gets 401, the right one is accepted, and no customer is deleted',
    async name => {
      const { platforms: recipe } = JSON.parse(recipeText(name)) as { platforms: Record<string, object> };
      const { context, deletions } = await running({ platforms: recipe });
      const { status, lines } = await tried(context, name);
      expect(lines.join('\n')).toContain('✓ rejected, as expected\nNow ');
      expect(lines.at(-1)).toMatch(/✓ the secret is accepted; (nothing|a receipt) was stored$/);
      expect(status).toBe(0);
      expect(await deletions()).toEqual([]);
    },
  );

  const hmac = { kind: 'hmac', header: 'X-Sig', encoding: 'hex' };
  const timed = {
    ...hmac,
    signs: '{method}{url}{header:X-At}{header:X-Topic}{body}',
    timestamp: { from: 'header:X-At', unit: 'ms', toleranceSeconds: 60 },
  };
  const typed = { list: '/ids', type: '/t', value: '/v', only: { '/f': ['raw'] }, kinds: { mail: 'email' } };
  test.each<[string, object]>([
    [
      'a signed list of orders with headers, times and a callback',
      {
        authentication: [{ ...timed, key: 'hex', secret: 'signature' }, { kind: 'standard-webhooks' }],
        each: '/batch/orders',
        rules: [{ when: { '/kind': 'erase', 'header:X-Topic': 'gone' }, do: 'erase' }],
        reference: ['message:/batch/id', '/id'],
        identifiers: [
          typed,
          { list: '/mails', value: '', kind: 'email' },
          { list: '/numbers', value: '/n', kind: 'source_id' },
        ],
        submittedAt: { at: '/at', unit: 'local', zone: 'UTC' },
        dueAt: { at: '/due', unit: 's' },
        test: undefined,
        callbackOrigins: ['https://a.example'],
        callback: {
          url: 'https://a.example/{/item}',
          headers: { 'x-token': 'Bearer {kept:header:X-Token}', 'x-key': '{secret:apiKey}' },
        },
      },
    ],
    [
      'a list of signatures with the time',
      {
        authentication: {
          ...{ ...hmac, value: 't={timestamp},v1={signature}', separator: ',', signs: '{timestamp}.{body}' },
          timestamp: { from: 'value', unit: 's', toleranceSeconds: 60 },
        },
      },
    ],
    [
      'a test rule under a key in base64',
      {
        authentication: {
          ...hmac,
          signs: '{header:X-At}{body}',
          key: 'base64',
          timestamp: { from: 'header:X-At', unit: 'rfc3339', toleranceSeconds: 60 },
        },
        rules: [
          { when: { '/ping': 'yes', '/none': null }, do: 'test' },
          { when: { '/kind': 'erase' }, do: 'erase' },
        ],
        test: undefined,
      },
    ],
    [
      'an ignore rule',
      { authentication: { kind: 'basic' }, rules: [{ when: { '/kind': 'view' }, do: 'ignore' }], test: undefined },
    ],
  ])('%s: the request is signed and accepted', async (_, change) => {
    const { test: flag, ...rest } = { ...form, ...change } as Record<string, unknown>;
    const section = { ...rest, ...(flag === undefined ? {} : { test: flag }) };
    const { context, deletions } = await running({ platforms: { form: section } });
    const { status, lines } = await run(context, 'try', 'form');
    expect(lines.at(-1)).toMatch(/✓ the secret is accepted; (nothing|a receipt) was stored$/);
    expect(status).toBe(0);
    expect(await deletions()).toEqual([]);
  });

  test('token: a request without a valid one is refused, and only the issuer can sign one', async () => {
    const issuer = { issuer: 'https://id.example.com', audience: 'a', jwks: 'http://127.0.0.1:9/keys' };
    const jwt = { kind: 'jwt', header: 'X-Token', ...issuer, algorithms: ['ES256'] };
    const authentication = [jwt, { kind: 'header', header: 'X-Key', secret: 'caller' }];
    const { context } = await running({ platforms: { form: { ...form, authentication } } });
    await expectOnlyRefusal('form', context, /^Only your identity provider/);
  });

  test('transcend: a wrong secret is refused, and only Transcend can sign the rest', async () => {
    const { context } = await running();
    await expectOnlyRefusal('transcend', context, /^Transcend signs with its own key/);
  });

  test('--json: prints what was sent and what the answers mean', async () => {
    const { context, url } = await running();
    const { json, lines } = await tried(context, 'generic', '--json');
    expect(lines).toEqual([]);
    expect(json).toEqual([
      expect.objectContaining({ what: 'with a wrong secret', status: 401, fine: true }),
      expect.objectContaining({ url: `${url}/webhooks/generic`, status: 200, reply: { status: 'test', final: true } }),
    ]);
  });

  test('ketch during a pause: the request is accepted and waits', async () => {
    const { context, deletions } = await running();
    await pause('all', { actor: 'me', reason: 'a drill', at: Date.now() }, context.control);
    const { status, lines } = await tried(context, 'ketch');
    expect(lines.at(-1)).toContain('✓ the secret is accepted and a receipt was stored; the erasure is paused');
    expect(status).toBe(0);
    expect(await deletions()).toEqual([]);
  });

  test.each([
    [{ mail: 'email' }, ['for mail erasure-try-', '@example.invalid', 'has no such customer']],
    // An unknown customer's id may be that of a soft-deleted customer: a deletion would be posted.
    [{ customer: 'customer_id' }, ['for erasure_try erasure-try-', 'no mapped identity could be looked up']],
  ])('ketch with the identities %j: sends an identity that can only be looked up', async (identities, says) => {
    const { context, deletions } = await running({ platforms: { ketch: { ...ketch, identities } } });
    const { status, lines } = await tried(context, 'ketch');
    for (const part of says) expect(lines.join('\n')).toContain(part);
    expect(status).toBe(0);
    expect(await deletions()).toEqual([]);
  });

  test.each(['ketch', 'generic', 'office', 'segment', 'shopify'])(
    '%s with another secret than the endpoint: says what to do',
    async name => {
      const { context } = await running();
      const signing = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
      const current = name === 'office' ? `user:${signing}` : signing;
      const { status, lines } = await tried({ ...context, readSecret: async () => JSON.stringify({ current }) }, name);
      expect(lines.at(-1)).toContain('✗ the endpoint has another secret: check --stage');
      expect(status).toBe(1);
    },
  );

  test('unusable secret: nothing is sent', async () => {
    const { context } = await running();
    const trying = run({ ...context, readSecret: async () => '{"current":"short"}' }, 'try', 'ketch');
    await expect(trying).rejects.toThrow('erasure/platform/ketch: is not valid; npm run ops -- doctor shows');
  });

  test('platform that is not deployed: is named as such', async () => {
    const { context, url } = await running({ platforms: { segment: {} } });
    const shopify = { shops: ['a.myshopify.com'] };
    const settings = { ...context.settings, platforms: { ...context.settings.platforms, shopify } };
    const readSecret = async () => JSON.stringify({ current: 'a-secret-that-is-long-enough' });
    const { status, lines } = await tried({ ...context, settings, readSecret }, 'shopify', '--url', `${url}/webhooks`);
    expect(lines.at(-1)).toContain('✗ the platform is not in the deployed settings');
    expect(status).toBe(1);
  });
});

const shopifyOnly = { shopify: { shops: ['acme.myshopify.com'] } };
const refusal = { status: 401, body: { error: { code: 'unauthorized', message: 'does not match' } } };

/** What `try` says of an endpoint with these answers, and the calls that it received. */
async function trying(answer: (call: ReceivedCall, count: number) => ServedReply) {
  const { origin, calls } = await serveListing(call => answer(call, calls.length));
  const { context } = await checkHarness({ platforms: shopifyOnly });
  const { status, lines } = await tried(context, 'shopify', '--url', `${origin}/webhooks/`);
  return { status, text: lines.join('\n'), calls };
}

describe('try on a faulty endpoint', () => {
  test.each<[string, ServedReply]>([
    ['ACCEPTED WITH A WRONG SECRET', { status: 200 }],
    ['ACCEPTED WITH A WRONG SECRET', { status: 202, body: { status: 'in_progress' } }],
    ['unexpected reply', { status: 200, body: '<html>' }],
    ['unexpected reply', { status: 401, body: { message: 'Unauthorized' } }],
    ['rejected before the function', { status: 403, body: { message: 'Forbidden' } }],
    ['too many requests at the gateway', { status: 429, body: { message: 'Too Many Requests' } }],
    ['the function crashed', { status: 502, body: { message: 'Internal server error' } }],
    ['a secret, setting or table is missing', { status: 503, body: { error: { code: 'unavailable' } } }],
    ['no response (redirected)', { status: 301, headers: { Location: 'https://example.com' } }],
  ])('wrong secret: "%s", and the right one is never sent', async (says, answer) => {
    const { status, text, calls } = await trying(() => answer);
    expect(text).toContain(`✗ ${says}`);
    expect([status, calls.length]).toEqual([1, 1]);
  });

  test.each<[string, ServedReply]>([
    ['the endpoint failed', { status: 500, body: { error: { code: 'internal' } } }],
    ['the endpoint has other settings', { status: 400, body: { error: { code: 'invalid' } } }],
    ['the function took too long', { status: 504, body: { message: 'Endpoint request timed out' } }],
    ['no response (connection-lost)', { status: 200, body: 'x', cut: true }],
  ])('right secret: "%s"', async (says, answer) => {
    const { status, text, calls } = await trying((_, count) => (count === 1 ? refusal : answer));
    expect(text).toContain(`✗ ${says}`);
    expect([status, calls.length]).toEqual([1, 2]);
    expect(calls[0]!.body).toEqual(calls[1]!.body);
  });

  test('reply that repeats the request: is not shown', async () => {
    const echo = (headers: object) => ({ status: 200, body: { echo: headers } });
    const { text } = await trying(({ headers }, count) => (count === 1 ? refusal : echo(headers)));
    expect(text).toContain('characters, not a reply of this service');
    expect(text.toLowerCase()).not.toContain('x-shopify-hmac-sha256');
  });

  test('reply of another service: is not shown', async () => {
    const { text } = await trying(() => ({ status: 200, body: '\u001b[2J<html>' }));
    expect(text).toContain('(10 characters, not a reply of this service)');
    expect(text).not.toContain('\u001b[2J');
    const long = await trying(() => ({ status: 401, body: { error: { message: 'x'.repeat(2000) } } }));
    expect(long.text).toContain('characters, not a reply');
  });

  test('endpoint that cannot be reached: is reported with its URL', async () => {
    const { context } = await checkHarness({ platforms: shopifyOnly });
    const { status, lines } = await tried(context, 'shopify', '--url', 'https://127.0.0.1:9/v1/webhooks');
    const line = /^POST https:\/\/127\.0\.0\.1:9\/v1\/webhooks\/shopify with a wrong secret: not-connected in/;
    expect(lines[0]).toMatch(line);
    expect(lines.at(-1)).toContain('✗ no response (not-connected): check the URL');
    expect(status).toBe(1);
  });
});

describe('try with wrong arguments', () => {
  test.each([
    [[], 'PLATFORM: give one platform'],
    [['shopify', 'segment'], 'PLATFORM: give one platform'],
    [['ketch'], 'PLATFORM: must be one in the settings: shopify'],
    [['shopify'], '--url: required, the output WebhookUrl of the stack (or use --local)'],
    [['shopify', '--url', 'http://example.com/webhooks/'], '--url: must be'],
    [['shopify', '--url', 'https://example.com/'], '--url: must be'],
    [['shopify', '--url', 'https://example.com/webhooks/?a=b'], '--url: must be'],
    [['shopify', '--url', 'https://user:password@example.com/webhooks/'], '--url: must be'],
    [['shopify', '--url', 'nowhere'], '--url: must be'],
  ])('%j: %s', async (args, message) => {
    const { context } = await checkHarness({ platforms: shopifyOnly });
    await expect(run(context, 'try', ...args)).rejects.toThrow(message);
  });

  test('platform without a test request: is named', async () => {
    const { context } = await checkHarness({ platforms: shopifyOnly });
    const acme = { ...context, settings: { ...context.settings, platforms: { acme: {} } } };
    const trying = run(acme, 'try', 'acme', '--url', 'https://127.0.0.1:9/webhooks/');
    await expect(trying).rejects.toThrow('PLATFORM: no test request is defined for acme');
  });

  test('--local: needs npm start', async () => {
    const change = { local: { folder: '.data', run: undefined } };
    const { context } = await checkHarness({ platforms: shopifyOnly, change });
    await expect(run(context, 'try', 'shopify')).rejects.toThrow('--local: npm start is not running');
  });
});

describe('try of a platform that is asked', () => {
  const orders = {
    orders: [
      { id: 'order-ann', kind: 'erase', email: 'ann@example.com' },
      { id: 'order-bob', kind: 'other', email: 'bob@example.com' },
      { id: 'order cem', kind: 'erase', email: 'cem@example.com' },
    ],
    next: 'cursor-of-page-two',
  };

  /** A local run with a platform that is a server of this test. */
  async function asking(reply: (call: ReceivedCall) => ServedReply, change: object = {}, ...args: readonly string[]) {
    const platform = await serveListing(reply);
    const headers = { Authorization: 'Bearer {secret:apiKey}' };
    const acme = {
      type: 'generic',
      callbackOrigins: [platform.origin],
      pull: { url: `${platform.origin}/orders`, headers, list: '/orders', next: { query: 'cursor', at: '/next' } },
      rules: [{ when: { '/kind': 'erase' }, do: 'erase' }],
      otherwise: 'ignore',
      reference: '/id',
      identifiers: { '/email': 'email' },
      callback: { url: `${platform.origin}/orders/{/id}` },
      ...change,
    };
    const { context } = await running({ platforms: { acme } });
    const ran = await run(context, 'try', 'acme', ...args);
    const stored = await context.store.due('erase', Number.MAX_SAFE_INTEGER, 10);
    return { ...ran, platform, text: ran.lines.join('\n'), stored };
  }

  test('list with orders: says how many there are and what is read, stores nothing, and shows no value', async () => {
    const { platform, text, status, stored } = await asking(() => ({ status: 200, body: orders }));
    expect(platform.calls).toMatchObject([{ method: 'GET', headers: { authorization: 'Bearer local-apiKey' } }]);
    expect(text).toContain(`GET ${platform.origin}/orders with the platform's key: 200 in `);
    expect(text).toContain('✓ 3 order(s) on the first page, and there are more pages: 1 erasure(s), 1 unreadable');
    expect(text).toContain('    reference: /id: found, string\n    email: /email: found, string');
    expect(text).toContain('unreadable: /id: must be 1 to 128 letters, digits, dots, dashes or colons');
    expect(text).not.toMatch(/@example|order-|order cem|cursor-of|local-apiKey/);
    expect([status, stored]).toEqual([0, []]);
  });

  test('list without orders: is fine', async () => {
    const { text, status } = await asking(() => ({ status: 200, body: { orders: [] } }));
    expect(text).toContain('✓ 0 order(s) on the first page: 0 erasure(s)');
    expect(status).toBe(0);
  });

  test.each<[string, ServedReply]>([
    ['http-401', { status: 401, body: { error: 'order-ann' } }],
    ['http-503', { status: 503 }],
    ['redirected', { status: 302, headers: { Location: 'http://127.0.0.1:9/' } }],
    ['unreadable', { status: 200, body: { items: ['order-ann'] } }],
  ])('failure %s: is named, and nothing of the response is shown', async (code, reply) => {
    const { text, status } = await asking(() => reply);
    expect(text).toContain(`✗ ${code}: see platform-unreachable in RUNBOOK.md#platform-out-of-sync`);
    expect(text).not.toContain('order-ann');
    expect(status).toBe(1);
  });

  test('refused token: is named, and no order is asked for', async () => {
    const { platform, text, status } = await asking(() => ({ status: 401 }), { oauth: undefined });
    expect([platform.calls.length, status]).toEqual([1, 1]);
    expect(text).toContain('✗ http-401');
    const url = `${platform.origin}/token`;
    const pull = { url: `${platform.origin}/orders`, headers: { Authorization: 'Bearer {token}' }, list: '/orders' };
    const origins = { callbackOrigins: [platform.origin], callback: { url: `${platform.origin}/{/id}` } };
    const refused = await asking(() => ({ status: 401 }), { ...origins, pull, oauth: { url, secret: 'client' } });
    expect(refused.text).toContain('✗ token-http-401');
    expect(platform.calls.at(-1)?.path).toBe('/token');
  });

  test('platform that calls too: gets both requests, and is then asked', async () => {
    const { text, status } = await asking(() => ({ status: 200, body: orders }), {
      authentication: { kind: 'header' },
      callback: { url: 'https://api.example.com/{/id}', when: 'always' },
      callbackOrigins: ['https://api.example.com'],
      pull: { url: 'https://api.example.com/orders', list: '/orders' },
    });
    expect(text).toContain('✓ rejected, as expected');
    // A local run calls only this machine.
    expect(text).toContain('✗ not-connected');
    expect(status).toBe(1);
  });

  test('--json: has the result without a value', async () => {
    const { json } = await asking(() => ({ status: 200, body: orders }), {}, '--json');
    expect(json).toMatchObject([{ status: 200, fine: true, orders: 3, erasures: 1 }]);
  });
});
