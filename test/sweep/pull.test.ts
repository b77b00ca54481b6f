import { describe, expect, test } from 'vitest';
import { type PauseScope, pause } from '../../lambda/control/pauses.ts';
import { createCallbackClient } from '../../lambda/io/public-address.ts';
import { changedStore, createHarness, fixtureTime, type Harness, type HarnessOptions } from '../support/harness.ts';
import { type ReceivedCall, type ServedReply, serveListing } from '../support/listing-platform.ts';
import { closeServersAfterEach } from '../support/loopback-servers.ts';

closeServersAfterEach();

const minute = 60_000;
const hour = 60 * minute;
const apiKey = 'api-key-of-the-listing-platform';

interface Order {
  readonly id: string;
  readonly email?: unknown;
  readonly kind?: string;
  readonly at?: string;
}

/** A platform with open orders, in pages of two; a completed one is no longer listed. */
class OrderList {
  readonly open: Order[] = [];
  readonly told: Record<string, unknown> = {};
  /** Replaces the reply to a listing. */
  fault: ((call: ReceivedCall) => ServedReply | undefined) | undefined;

  reply(call: ReceivedCall): ServedReply {
    if (call.headers.authorization !== `Bearer ${apiKey}`) return { status: 401 };
    if (call.method === 'PUT') return this.complete(call);
    const fault = this.fault?.(call);
    if (fault !== undefined) return fault;
    const first = Number(call.query['page']) * 2;
    return { status: 200, body: { orders: this.open.slice(first, first + 2) } };
  }

  private complete({ path, body }: ReceivedCall): ServedReply {
    const id = path.split('/')[2]!;
    this.told[id] = body;
    const at = this.open.findIndex(order => order.id === id);
    if (at >= 0) this.open.splice(at, 1);
    return { status: 200 };
  }
}

type Options = Partial<HarnessOptions> & { section?: object; pull?: object };

async function setUp({ section = {}, pull = {}, ...options }: Options = {}) {
  const list = new OrderList();
  const platform = await serveListing(call => list.reply(call));
  const harness = createHarness({
    platforms: { acme: { ...sectionFor(platform.origin, pull), ...section } },
    secrets: { 'erasure/platform/acme': JSON.stringify({ named: { apiKey: { current: apiKey } } }) },
    ...options,
    change: adapters => ({ sendCallback: createCallbackClient(adapters.now), ...options.change?.(adapters) }),
  });
  return { list, platform, harness };
}

function sectionFor(origin: string, pull: object = {}) {
  const headers = { Authorization: 'Bearer {secret:apiKey}' };
  return {
    type: 'generic',
    callbackOrigins: [origin],
    pull: {
      everyMinutes: 15,
      url: `${origin}/orders?open=yes`,
      headers,
      list: '/orders',
      next: { query: 'page', from: 0 },
      ...pull,
    },
    rules: [{ when: { '/kind': [null, 'erase'] }, do: 'erase' }],
    otherwise: 'ignore',
    reference: '/id',
    identifiers: { '/email': 'email' },
    submittedAt: '/at',
    callback: {
      method: 'PUT',
      url: `${origin}/orders/{/id}`,
      headers,
      bodies: { erased: { done: true }, no_match: { done: true }, not_identifiable: { done: false } },
    },
  };
}

/** Sweeps after some time: what is due is pulled, erased and reported. */
const sweepAfter = (harness: Harness, ms: number) => harness.sweep(harness.clock.now + ms);

async function sweepFor(harness: Harness, minutes: number): Promise<void> {
  for (let passed = 0; passed < minutes; passed += 1) await sweepAfter(harness, minute);
}

const person = (harness: Harness, name: string) =>
  harness.addCustomer({ source_id: name, email: `${name}@example.com` });
const orderOf = (name: string): Order => ({ id: `order-${name}`, email: `${name}@example.com` });

describe('pull', () => {
  test('open orders: become receipts, are erased, and are completed at the platform', async () => {
    const { list, platform, harness } = await setUp({ customers: [] });
    const ids = ['ann', 'bob', 'cem'].map(name => person(harness, name));
    list.open.push(...['ann', 'bob', 'cem', 'nobody'].map(orderOf));
    await sweepFor(harness, 3);
    expect(harness.deleted().toSorted()).toEqual(ids.toSorted());
    const orders = ['ann', 'bob', 'cem', 'nobody'].map(name => [`order-${name}`, { done: true }]);
    expect(list.told).toEqual(Object.fromEntries(orders));
    const states = (await harness.receipts()).map(({ state }) => state);
    expect(states.toSorted()).toEqual(['erased', 'erased', 'erased', 'no-match']);
    const pages = ['0', '1', '2'].map(page => ({ open: 'yes', page }));
    expect(platform.calls.slice(0, 3).map(({ query }) => query)).toEqual(pages);
    expect(harness.alarms()).toEqual([]);
  });

  test('order that stays listed: is one receipt and one erasure', async () => {
    const { list, harness } = await setUp({ customers: [] });
    const id = person(harness, 'ann');
    list.open.push(orderOf('ann'), orderOf('ann'));
    list.fault = () => ({ status: 200, body: { orders: list.open.length > 0 ? [orderOf('ann')] : [] } });
    for (let pulls = 0; pulls < 5; pulls += 1) await sweepAfter(harness, 15 * minute);
    expect(await harness.receipts()).toHaveLength(1);
    expect(harness.deleted()).toEqual([id]);
  });

  test('two sweeps at once: pull once', async () => {
    const setup = await setUp();
    await Promise.all([setup.harness.sweep(), setup.harness.sweep()]);
    expect(setup.platform.paths('GET')).toHaveLength(1);
  });

  test('interval: the platform is asked every 15 minutes', async () => {
    const setup = await setUp();
    await sweepFor(setup.harness, 31);
    expect(setup.platform.paths('GET')).toHaveLength(3);
  });

  test('customer created after the order: is not deleted', async () => {
    const { list, harness } = await setUp({ customers: [] });
    harness.addCustomer({ source_id: 'ann', email: 'ann@example.com', created_at: '2026-01-10T00:00:00Z' });
    list.open.push({ ...orderOf('ann'), at: '2026-01-09T00:00:00Z' });
    await sweepFor(harness, 3);
    expect(harness.deleted()).toEqual([]);
    expect((await harness.receipts()).map(({ state }) => state)).toEqual(['created-later']);
  });

  test('order that no rule erases: is ignored and not stored', async () => {
    const setup = await setUp();
    setup.list.open.push({ ...orderOf('ann'), kind: 'access' });
    await sweepFor(setup.harness, 3);
    expect(await setup.harness.receipts()).toEqual([]);
    expect(setup.harness.alarms()).toEqual([]);
  });
});

describe('pull: limits', () => {
  test.each<PauseScope>(['all', 'platform:acme'])(
    'paused (%s): orders are stored and no person is erased',
    async scope => {
      const setup = await setUp({ customers: [] });
      const { list, harness } = setup;
      person(harness, 'ann');
      list.open.push(orderOf('ann'));
      await pause(scope, { actor: 'ada', reason: 'test', at: fixtureTime }, harness.services.control);
      await sweepFor(harness, 3);
      expect((await harness.receipts()).map(({ state }) => state)).toEqual(['open']);
      expect(harness.deleted()).toEqual([]);
    },
  );

  test('more orders than requestsPerHour: all are stored, and the platform is paused', async () => {
    const { list, harness } = await setUp({ customers: [], limits: { requestsPerHour: 2 } });
    list.open.push(...['ann', 'bob', 'cem'].map(orderOf));
    await sweepAfter(harness, minute);
    expect(await harness.receipts()).toHaveLength(3);
    expect(harness.alarms()).toEqual(['platform-paused']);
  });
});

describe('pull: one bad order', () => {
  test('unreadable order: raises an alarm, and the others are erased', async () => {
    const { list, harness } = await setUp({ customers: [] });
    const id = person(harness, 'bob');
    list.open.push({ id: 'order-x', email: { nested: 'x' } }, { id: '', email: 'c@example.com' }, orderOf('bob'));
    await sweepFor(harness, 3);
    expect(harness.deleted()).toEqual([id]);
    expect(harness.lines.filter(({ alarm }) => alarm === 'request-rejected').map(({ rule }) => rule)).toEqual([
      '/email: must be a string or a whole number',
      '/id: is missing',
    ]);
  });

  test('known id with another person: raises an alarm, and the others are erased', async () => {
    const { list, harness } = await setUp({ customers: [], limits: { delaySeconds: 86_400 } });
    list.open.push(orderOf('ann'));
    await sweepAfter(harness, minute);
    list.open.splice(0, 1, { id: 'order-ann', email: 'eve@example.com' }, orderOf('bob'));
    await sweepAfter(harness, 15 * minute);
    expect(harness.alarms()).toEqual(['payload-mismatch']);
    expect(await harness.receipts()).toHaveLength(2);
  });
});

test('pull: order that is closed and still listed, for more than a day: raises an alarm that names the receipt, because it may be a new request', async () => {
  const setup = await setUp({ customers: [] });
  const { list, harness } = setup;
  list.fault = ({ query }) => ({ status: 200, body: { orders: query['page'] === '0' ? [orderOf('ann')] : [] } });
  await sweepFor(harness, 3);
  await sweepAfter(harness, 23 * hour);
  expect(harness.alarms()).toEqual([]);
  await sweepAfter(harness, 2 * hour);
  const [receipt] = await harness.receipts();
  const rule = 'pull: an order is still listed a day after its receipt was closed';
  expect(harness.lines.filter(({ alarm }) => alarm !== undefined)).toEqual([
    { event: 'alarm', alarm: 'request-rejected', platform: 'acme', receipt: receipt?.id, rule },
  ]);
});

test('pull: personal data, log: contains no value of an order or a response', async () => {
  const setup = await setUp({ customers: [], limits: { delaySeconds: 60 } });
  const { list, harness } = setup;
  person(harness, 'ann');
  list.open.push(orderOf('ann'), { id: 'order-x', email: { nested: 'secret-mail' } }, { id: 'ann@example.com' });
  await sweepFor(harness, 5);
  list.fault = () => ({ status: 400, body: { error: 'ann@example.com' } });
  await sweepFor(harness, 15);
  const all = harness.logText.join('');
  expect(all).toContain('platform-unreachable');
  expect(all).not.toMatch(/ann@|order-ann|secret-mail|order-x|api-key/);
});

describe('pull: failing platform', () => {
  test('429 with Retry-After: is not asked before', async () => {
    const { list, platform, harness } = await setUp();
    list.fault = () => ({ status: 429, headers: { 'Retry-After': '3600' } });
    await sweepFor(harness, 59);
    expect(platform.paths('GET')).toHaveLength(1);
    list.fault = undefined;
    await sweepFor(harness, 3);
    expect(platform.paths('GET')).toHaveLength(2);
    expect(harness.alarms()).toEqual([]);
  });

  test.each<[string, ServedReply]>([
    ['503', { status: 503 }],
    ['429', { status: 429 }],
    ['429 for a week', { status: 429, headers: { 'Retry-After': '604800' } }],
  ])('%s for a day: raises the alarm in each sweep until it answers', async (_, reply) => {
    const { list, harness } = await setUp();
    list.fault = () => reply;
    await sweepAfter(harness, minute);
    await sweepAfter(harness, 23 * hour);
    expect(harness.alarms()).toEqual([]);
    await sweepAfter(harness, 2 * hour);
    await sweepAfter(harness, minute);
    expect(harness.alarms()).toEqual(['platform-unreachable', 'platform-unreachable']);
    list.fault = undefined;
    await sweepAfter(harness, 24 * hour);
    await sweepAfter(harness, minute);
    expect(harness.alarms()).toHaveLength(2);
  });

  test.each<[string, ServedReply]>([
    ['http-401', { status: 401 }],
    ['http-404', { status: 404 }],
    ['unreadable', { status: 200, body: '<html>' }],
    ['unreadable', { status: 200, body: '{"orders":[],"orders":[]}' }],
    ['unreadable', { status: 200, body: { items: [] } }],
    ['unreadable', { status: 200, body: { orders: Array.from({ length: 501 }, () => orderOf('ann')) } }],
    ['unreadable', { status: 200, body: { orders: [], fill: 'x'.repeat(1_100_000) } }],
    ['unreadable', { status: 204 }],
  ])('%s: raises the alarm at once, and stores nothing', async (code, reply) => {
    const setup = await setUp();
    setup.list.fault = () => reply;
    await sweepAfter(setup.harness, minute);
    const alarms = setup.harness.lines.filter(({ alarm }) => alarm !== undefined);
    expect(alarms).toEqual([{ event: 'alarm', alarm: 'platform-unreachable', platform: 'acme', code }]);
    expect(await setup.harness.receipts()).toEqual([]);
  });

  test('redirect: is not followed', async () => {
    const setup = await setUp();
    const other = await serveListing(() => ({ status: 200, body: { orders: [orderOf('ann')] } }));
    setup.list.fault = () => ({ status: 302, headers: { Location: `${other.origin}/orders` } });
    await sweepAfter(setup.harness, minute);
    expect(other.calls).toEqual([]);
  });

  test('failure on the second page: the first is stored', async () => {
    const { list, harness } = await setUp({ customers: [] });
    list.open.push(...['ann', 'bob', 'cem'].map(orderOf));
    list.fault = ({ query }) => (query['page'] === '1' ? { status: 500 } : undefined);
    await sweepAfter(harness, minute);
    expect(await harness.receipts()).toHaveLength(2);
  });

  test('more pages than maxPages: raises an alarm, and what was read is stored', async () => {
    const { list, harness } = await setUp({ customers: [], pull: { maxPages: 1 } });
    list.open.push(...['ann', 'bob', 'cem'].map(orderOf));
    await harness.sweep();
    expect(await harness.receipts()).toHaveLength(2);
    expect(harness.lines.filter(({ alarm }) => alarm !== undefined)).toEqual([
      { event: 'alarm', alarm: 'request-rejected', platform: 'acme', rule: 'pull: has more than maxPages pages' },
    ]);
  });

  test.each(['{}', JSON.stringify({ named: { apiKey: { current: 'a\nb'.repeat(10) } } })])(
    'unusable secret: makes no call, raises its alarm, and tries again',
    async secret => {
      const setup = await setUp({ secrets: { 'erasure/platform/acme': secret } });
      const { harness, platform, list } = setup;
      await sweepAfter(harness, minute);
      expect(harness.alarms()).toEqual(['secret-unusable']);
      expect(platform.calls).toEqual([]);
      harness.secrets['erasure/platform/acme'] = JSON.stringify({ named: { apiKey: { current: apiKey } } });
      list.open.push(orderOf('ann'));
      await sweepFor(harness, 3);
      expect(await harness.receipts()).toHaveLength(1);
    },
  );

  test('store that fails while an order is stored: the order is stored by the next pull', async () => {
    let isDown = true;
    const setup = await setUp({
      customers: [],
      ...changedStore(store => ({
        accept: (...given) => (isDown ? Promise.reject(new Error('down')) : store.accept(...given)),
      })),
    });
    setup.list.open.push(orderOf('ann'));
    await sweepAfter(setup.harness, minute);
    isDown = false;
    await sweepFor(setup.harness, 3);
    expect(setup.list.told).toEqual({ 'order-ann': { done: true } });
  });
});

describe('pull: next page', () => {
  test('no setting for it: one page is asked for', async () => {
    const { list, harness, platform } = await setUp({ customers: [], pull: { next: undefined } });
    list.fault = ({ method }) => (method === 'GET' ? { status: 200, body: { orders: [orderOf('ann')] } } : undefined);
    await harness.sweep();
    expect(await harness.receipts()).toHaveLength(1);
    expect(platform.paths('GET')).toHaveLength(1);
  });

  test('value of the response: is sent with the next call', async () => {
    const pages: Record<string, object> = {
      '': { orders: [orderOf('ann')], next: 'b&x=1' },
      'b&x=1': { orders: [orderOf('bob')], next: null },
    };
    const { list, harness, platform } = await setUp({
      customers: [],
      pull: { next: { query: 'cursor', at: '/next' } },
    });
    list.fault = ({ query }) => ({ status: 200, body: pages[query['cursor'] ?? ''] });
    await harness.sweep();
    expect(await harness.receipts()).toHaveLength(2);
    expect(platform.calls.slice(0, 2).map(({ query }) => query)).toEqual([
      { open: 'yes' },
      { open: 'yes', cursor: 'b&x=1' },
    ]);
  });
});

test('platform that calls and is asked, order that is sent and listed: is one receipt and one erasure', async () => {
  const current = 'a-header-value-of-24-characters';
  const setup = await setUp({
    customers: [],
    section: { authentication: { kind: 'header' } },
    secrets: { 'erasure/platform/acme': JSON.stringify({ current, named: { apiKey: { current: apiKey } } }) },
  });
  const { list, harness } = setup;
  const ids = ['ann', 'bob'].map(name => person(harness, name));
  const headers = { 'Content-Type': 'application/json', Authorization: current };
  const wire = { path: '/webhooks/acme', headers, body: JSON.stringify(orderOf('ann')) };
  expect(await harness.send(wire)).toMatchObject({ status: 200, json: { status: 'erased' } });
  list.open.push(orderOf('ann'), orderOf('bob'));
  await sweepFor(harness, 3);
  expect(await harness.send({ ...wire, body: JSON.stringify(orderOf('bob')) })).toMatchObject({ status: 200 });
  expect(harness.deleted()).toEqual(ids);
  const schemes = (await harness.receipts()).map(({ authentication }) => authentication.scheme);
  expect(schemes).toEqual([expect.not.stringMatching('pull'), 'pull']);
  expect(list.told).toEqual({ 'order-bob': { done: true } });
});

test.each(['POST', 'GET'])('platform that is only asked, %s: has no route', async method => {
  const { harness } = await setUp();
  const path = method === 'GET' ? '/webhooks/acme/order-ann' : '/webhooks/acme';
  const body = JSON.stringify(orderOf('ann'));
  const answer = await harness.send({ method, path, headers: { 'Content-Type': 'application/json' }, body });
  expect(answer.status).toBe(404);
  expect(await harness.receipts()).toEqual([]);
});

describe('pull: access token', () => {
  const client = 'the-client:the-client-secret';

  /** A platform that gives tokens to a client, and lists and completes orders for the newest token. */
  async function setUpTokens(token: (count: number) => ServedReply = count => given(`token-${count}`, 3600)) {
    const list = new OrderList();
    let newest = '';
    const platform = await serveListing(call => {
      if (call.path !== '/token') {
        const { authorization } = call.headers;
        return authorization === `Bearer ${newest}` ? list.reply(asKnown(call)) : { status: 401 };
      }
      const reply = token(platform.calls.filter(({ path }) => path === '/token').length);
      newest = (reply.body as { access_token?: string } | undefined)?.access_token ?? newest;
      return reply;
    });
    const headers = { Authorization: 'Bearer {token}' };
    const { pull, callback, ...section } = sectionFor(platform.origin);
    const harness = createHarness({
      platforms: {
        acme: {
          ...section,
          oauth: { url: `${platform.origin}/token`, secret: 'client', scope: 'orders' },
          pull: { ...pull, headers },
          callback: { ...callback, headers },
        },
      },
      secrets: { 'erasure/platform/acme': JSON.stringify({ named: { client: { current: client } } }) },
      customers: [],
      change: ({ now }) => ({ sendCallback: createCallbackClient(now) }),
    });
    const tokenCalls = () => platform.calls.filter(({ path }) => path === '/token');
    const revoke = () => {
      newest = 'revoked';
    };
    return { list, platform, harness, tokenCalls, revoke };
  }
  const known = { authorization: `Bearer ${apiKey}` };
  const asKnown = (call: ReceivedCall) => ({ ...call, headers: { ...call.headers, ...known } });
  const bearer = { token_type: 'bearer' };
  const given = (access_token: string, expires_in?: number) => ({
    status: 200,
    body: { ...bearer, access_token, expires_in },
  });

  test('token: is fetched with the client credentials, and serves pull and callback until shortly before it expires', async () => {
    const { list, harness, tokenCalls } = await setUpTokens();
    person(harness, 'ann');
    list.open.push(orderOf('ann'));
    await sweepFor(harness, 59);
    expect(list.told).toEqual({ 'order-ann': { done: true } });
    expect(tokenCalls()).toHaveLength(1);
    const [call] = tokenCalls();
    expect([call?.method, call?.headers.authorization]).toEqual([
      'POST',
      `Basic ${Buffer.from(client).toString('base64')}`,
    ]);
    expect(call?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(call?.form).toBe('grant_type=client_credentials&scope=orders');
    await sweepFor(harness, 20);
    expect(tokenCalls()).toHaveLength(2);
    expect(harness.alarms()).toEqual([]);
    expect(harness.logText.join('')).not.toMatch(/token-\d|client-secret/);
  });

  test('without a stated time: is used for five minutes', async () => {
    const { harness, tokenCalls } = await setUpTokens(count => given(`token-${count}`));
    await sweepFor(harness, 31);
    expect(tokenCalls()).toHaveLength(3);
  });

  test('revoked early: the next pull gets another one', async () => {
    const { list, harness, tokenCalls, revoke } = await setUpTokens();
    await sweepAfter(harness, minute);
    revoke();
    await sweepAfter(harness, 15 * minute);
    expect(harness.alarms()).toEqual(['platform-unreachable']);
    list.open.push(orderOf('ann'));
    await sweepAfter(harness, 15 * minute);
    expect(tokenCalls()).toHaveLength(2);
    expect(await harness.receipts()).toHaveLength(1);
  });

  test.each<[string, ServedReply]>([
    ['token-http-401', { status: 401, body: { error: 'invalid_client' } }],
    ['token-http-400', { status: 400 }],
    ['token-unreadable', { status: 200, body: { access_token: 'a b' } }],
    ['token-unreadable', { status: 200, body: '<html>' }],
    ['token-redirected', { status: 302, headers: { Location: 'http://127.0.0.1:1/token' } }],
  ])('%s: raises the alarm at once, and asks for no order', async (code, reply) => {
    const { harness, platform } = await setUpTokens(() => reply);
    await sweepAfter(harness, minute);
    const alarms = harness.lines.filter(({ alarm }) => alarm !== undefined);
    expect(alarms).toEqual([{ event: 'alarm', alarm: 'platform-unreachable', platform: 'acme', code }]);
    expect(platform.paths('GET')).toEqual([]);
  });

  test('token endpoint that asks to wait: is not asked before', async () => {
    const { harness, tokenCalls } = await setUpTokens(() => ({ status: 429, headers: { 'Retry-After': '3600' } }));
    await sweepFor(harness, 59);
    expect(tokenCalls()).toHaveLength(1);
    expect(harness.alarms()).toEqual([]);
  });

  test('refused when the outcome is reported: is logged with its code, and reported later', async () => {
    let isRefused = true;
    const { list, harness } = await setUpTokens(count => {
      if (count === 1) return given('token-1', 60);
      return isRefused ? { status: 401 } : given(`token-${count}`, 3600);
    });
    person(harness, 'ann');
    list.open.push(orderOf('ann'));
    await sweepFor(harness, 3);
    const lines = harness.lines.filter(({ code }) => code === 'token-http-401');
    expect(lines).toContainEqual(expect.objectContaining({ event: 'callback', alarm: 'secret-unusable' }));
    isRefused = false;
    await sweepFor(harness, 10);
    expect(list.told).toEqual({ 'order-ann': { done: true } });
  });

  test('secret without a colon: makes no call, and raises its alarm', async () => {
    const { harness, platform } = await setUpTokens();
    harness.secrets['erasure/platform/acme'] = JSON.stringify({ named: { client: { current: 'no-colon-in-it' } } });
    await sweepAfter(harness, minute);
    expect(harness.alarms()).toEqual(['secret-unusable']);
    expect(platform.calls).toEqual([]);
  });
});
