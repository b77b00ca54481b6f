import { createHash, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ownFixtures, publishedFixtures, wireOf } from '../support/conformance.ts';
import type { Wire } from '../support/event.ts';
import { untouchedStore } from '../support/forbidden-adapters.ts';
import { createHarness } from '../support/harness.ts';
import { requestOf } from '../support/requests.ts';
import { spoiled } from '../support/settings.ts';
import { describePlatform } from './contract.ts';
import { redaction, shop, shopifyHarness, shopifyWire } from './shopify-messages.ts';

test.each([...publishedFixtures('shopify'), ...ownFixtures('shopify')])(
  'a fixture of Shopify through the exported handler, $fixture',
  async fixture => {
    const { clientSecret, previousClientSecret, allowedShops } = fixture.config;
    const previous = previousClientSecret === null ? {} : { previous: previousClientSecret };
    const harness = createHarness({
      platforms: { shopify: { shops: allowedShops, customerId: 'source_id' } },
      secrets: { 'erasure/platform/shopify': JSON.stringify({ current: clientSecret, ...previous }) },
      at: Date.parse(fixture.clock),
      customers: [{ source_id: '191167', email: 'other@example.com', created_at: '2025-01-01T00:00:00Z' }],
    });
    const [expected] = Object.values(fixture.responses);
    const answer = await harness.send(wireOf(fixture, '/webhooks/shopify'));
    expect(answer.status).toBe(expected!.status);
    if (expected!.body === null) expect(answer.text).toBe('');
    const erases = fixture.parsed.intent === 'erase' ? 1 : 0;
    expect(await harness.receipts()).toHaveLength(erases);
    await harness.sweep();
    expect(harness.sandbox.deletions()).toHaveLength(erases);
  },
);

describe('customers/redact', () => {
  test('is acknowledged once it is stored, and erased by the sweep', async () => {
    const harness = shopifyHarness();
    expect(await harness.send(shopifyWire())).toMatchObject({ status: 200, text: '' });
    expect(harness.sandbox.calls()).toEqual([]);
    expect(await harness.receipts()).toMatchObject([
      {
        platform: 'shopify',
        authentication: { scheme: 'hmac-sha256', secret: 'current' },
        submittedAt: harness.clock.now,
        hasCallbacks: false,
      },
    ]);
    const [receipt] = await harness.receipts();
    const digest = createHash('sha256').update(JSON.stringify(redaction)).digest('hex');
    expect((await harness.services.store.readPersonalData(receipt!.id))?.reference).toBe(digest);
    expect(receipt).not.toHaveProperty('reference');
    await harness.sweep();
    expect(harness.deleted()).toEqual(['cust_AdaExample00000000000001']);
  });

  test('is read with every identifier it holds, of which a phone number cannot be looked up', async () => {
    expect(await keptOf(redaction)).toEqual([
      { kind: 'source_id', value: '191167' },
      { kind: 'email', value: 'ada@example.com' },
      { kind: 'phone', value: '555-625-1199' },
    ]);
  });

  test.each([
    ['a customer by e-mail only', { email: 'ada@example.com' }, [{ kind: 'email', value: 'ada@example.com' }]],
    ['nulls', { id: null, email: null, phone: null }, []],
    ['an id in text', { id: '007' }, [{ kind: 'source_id', value: '007' }]],
    ['nobody', {}, []],
  ])('may hold %s', async (_, customer, identifiers) => {
    expect(await keptOf({ ...redaction, customer })).toEqual(identifiers);
  });

  test('does not look its customer id up where settings do not say what that is', async () => {
    const kept = await keptOf(redaction, { customerId: undefined });
    expect(kept?.map(({ kind }) => kind)).toEqual(['email', 'phone']);
  });

  test('of another customer is another request, even under the same webhook id', async () => {
    const harness = shopifyHarness();
    await harness.send(shopifyWire());
    const other = await harness.send(shopifyWire({ ...redaction, customer: { email: 'ben@example.com' } }));
    expect(other.status).toBe(200);
    expect(await harness.receipts()).toHaveLength(2);
  });

  test.each([
    ['no webhook id', { 'X-Shopify-Webhook-Id': [] }],
    ['two webhook ids', { 'X-Shopify-Webhook-Id': ['a', 'b'] }],
    ['a webhook id of odd characters', { 'X-Shopify-Webhook-Id': 'a b' }],
  ])('is accepted with %s, which is not signed', async (_, headers) => {
    const harness = shopifyHarness();
    expect(await harness.send(shopifyWire(redaction, headers))).toMatchObject({ status: 200 });
    expect(await harness.receipts()).toHaveLength(1);
  });

  const data = { 'X-Shopify-Topic': 'customers/data_request' };
  const otherTopic = { shop_domain: shop, customer: redaction.customer, data_request: { id: 1 } };
  test.each<readonly [string, unknown, Wire['headers'], string]>([
    ['no topic and no redaction', otherTopic, { 'X-Shopify-Topic': [] }, 'X-Shopify-Topic: is missing'],
    ['an unlisted shop', { ...redaction, shop_domain: 'evil.myshopify.com' }, {}, 'shop_domain: is not configured'],
    ['the body of another topic', otherTopic, {}, 'orders_to_redact: is missing or does not match customers/redact'],
    ['a wrong signature', redaction, { 'X-Shopify-Hmac-SHA256': 'x' }, 'X-Shopify-Hmac-SHA256: does not match'],
    ['no signature', redaction, { 'X-Shopify-Hmac-SHA256': [] }, 'X-Shopify-Hmac-SHA256: does not match'],
  ])('with %s: the reply names the field and the rule', async (_, body, headers, message) => {
    const { json } = await shopifyHarness().send(shopifyWire(body, headers));
    expect(json).toMatchObject({ error: { message } });
  });

  test.each<readonly [string, unknown, Wire['headers'], number]>([
    ['an unlisted shop', { ...redaction, shop_domain: 'evil.myshopify.com' }, {}, 403],
    ['a listed shop in the header alone', { ...redaction, shop_domain: 'evil.example' }, {}, 403],
    ['no order to redact', { ...redaction, orders_to_redact: undefined }, {}, 400],
    ['the body of another topic', otherTopic, {}, 400],
    ['a fraction for an id', { ...redaction, customer: { id: 1.5 } }, {}, 400],
    ['no JSON', '{', {}, 400],
    ['a key twice', `{"customer":{},${JSON.stringify(redaction).slice(1)}`, {}, 400],
    ['no topic and no redaction', otherTopic, { 'X-Shopify-Topic': [] }, 400],
    ['no list of orders under another topic', { ...redaction, orders_to_redact: null }, data, 400],
    ['an object for the list of orders under another topic', { ...redaction, orders_to_redact: {} }, data, 400],
    ...['Customers/Redact', 'CUSTOMERS_REDACT', ' customers/redact', 'customer/redact'].map(
      topic => [`${topic} and no redaction`, otherTopic, { 'X-Shopify-Topic': topic }, 400] as const,
    ),
  ])('is refused with %s, and nothing is stored', async (_, body, headers, status) => {
    const harness = shopifyHarness(untouchedStore());
    const answer = await harness.send(shopifyWire(body, headers));
    expect(answer.status).toBe(status);
    expect(answer.text + harness.logText.join()).not.toMatch(/ada@|191167|9007199254740993|evil|555-625/);
  });

  test.each(['2026-01-15T11:59:58Z', '2015-01-01T00:00:00Z', 'lately'])(
    'takes no time from the unsigned header (%s): the first delivery is the time of the request',
    async time => {
      const harness = shopifyHarness();
      await harness.send(shopifyWire(redaction, { 'X-Shopify-Triggered-At': time }));
      expect(await harness.receipts()).toMatchObject([
        { submittedAt: harness.clock.now, receivedAt: harness.clock.now },
      ]);
    },
  );
});

describe('redaction', () => {
  const parsed = (body: object, headers = {}) => {
    const platform = shopifyHarness().services.platforms.get('shopify')!;
    expect(platform).toMatchObject({ referenceIsDigest: true, callbackOrigins: [] });
    const { reply: _, ...result } = platform.parse(
      requestOf(body, { 'shopify-topic': 'customers/redact', ...headers }),
    );
    return result;
  };
  const reference = (body: object) => createHash('sha256').update(JSON.stringify(body)).digest('hex');

  test('all fields, and none: are parsed', () => {
    const identities = [
      { space: 'customer.id', format: 'raw', value: '191167' },
      { space: 'customer.email', format: 'raw', value: 'ada@example.com' },
      { space: 'customer.phone', format: 'raw', value: '555-625-1199' },
    ];
    const identifiers = identities.map(({ value }, at) => ({
      kind: (['source_id', 'email', 'phone'] as const)[at],
      value,
    }));
    const full = {
      reference: reference(redaction),
      scope: shop,
      deliveryId: 'd-1',
      identities,
      identifiers,
      callbacks: [],
    };
    expect(parsed(redaction, { 'shopify-webhook-id': 'd-1' })).toStrictEqual({ erase: [full] });
    const nobody = { ...redaction, customer: {} };
    const least = { reference: reference(nobody), scope: shop, identities: [], identifiers: [], callbacks: [] };
    expect(parsed(nobody)).toStrictEqual({ erase: [least] });
  });

  test('other topic: is ignored for a reason', () => {
    expect(parsed({}, { 'shopify-topic': 'shop/redact' })).toStrictEqual({ ignore: 'other-topic' });
  });

  const big = '{"shop_domain":"acme.myshopify.com","customer":{"id":9007199254740993},"orders_to_redact":[]}';

  test('customer id of any size: keeps its digits', async () => {
    const harness = shopifyHarness();
    harness.sandbox.register({ source_id: '9007199254740993', created_at: '2025-01-01T00:00:00Z' }, 'main');
    expect(await harness.send(shopifyWire(big))).toMatchObject({ status: 200 });
    await harness.sweep();
    expect(await harness.receipts()).toMatchObject([{ state: 'erased' }]);
  });

  const other = ['customer/redact', 'CUSTOMERS_REDACT', 'customers/data_request'];
  test.each<[string | string[]]>([
    [[]],
    [['customers/redact', 'shop/redact']],
    ...other.map((topic): [string] => [topic]),
  ])('topic %j: is carried out, because the signed body decides, and raises an alarm', async topic => {
    const harness = shopifyHarness();
    expect(await harness.send(shopifyWire(redaction, { 'X-Shopify-Topic': topic }))).toMatchObject({ status: 200 });
    expect(await harness.receipts()).toHaveLength(1);
    const rule = 'X-Shopify-Topic: contradicts the signed body';
    expect(harness.lines).toContainEqual({ event: 'alarm', alarm: 'request-rejected', platform: 'shopify', rule });
  });

  test('headers without the prefix X-: are read', async () => {
    const harness = shopifyHarness();
    const { headers, ...wire } = shopifyWire();
    const names = Object.entries(headers).map(([name, value]) => [name.replace('X-Shopify', 'Shopify'), value]);
    expect(await harness.send({ ...wire, headers: Object.fromEntries(names) })).toMatchObject({ status: 200 });
    expect(await harness.receipts()).toHaveLength(1);
  });

  test.each([
    ['null', null],
    ['empty', {}],
    ['absent', undefined],
    ['only a phone', { id: null, email: null, phone: '+15550100777' }],
    ['only a phone in digits', { id: null, email: null, phone: 15_550_100_777 }],
    ['an empty list', []],
  ])(
    'customer %s: nobody can be identified, and Shopify cannot be informed, so an alarm is raised',
    async (_, customer) => {
      const harness = shopifyHarness();
      expect(await harness.send(shopifyWire({ ...redaction, customer }))).toMatchObject({ status: 200 });
      await harness.sweep();
      expect(await harness.receipts()).toMatchObject([{ state: 'not-identifiable' }]);
      expect(harness.alarms()).toEqual(['not-identifiable']);
    },
  );
});

describe('every other topic', () => {
  const bodies = [{ shop_id: 954_889, shop_domain: 'evil.example' }, { orders_requested: [1] }, '{', ''];

  test.each(['customers/data_request', 'shop/redact', 'customers/delete', ''])(
    '%o without a redaction: is acknowledged and never acted on',
    async topic => {
      const harness = shopifyHarness(untouchedStore());
      for (const body of bodies) {
        const answer = await harness.send(shopifyWire(body, { 'X-Shopify-Topic': topic }));
        expect(answer).toMatchObject({ status: 200, text: '' });
      }
    },
  );
});

describe('its settings', () => {
  const noDomain = 'platforms.shopify.shops.0: must be a domain such as acme.myshopify.com';
  test.each([
    ['its projects', { shops: [shop], projects: ['main'] }, []],
    ['no shop', { shops: [] }, ['platforms.shopify.shops: must hold at least one entry']],
    ['a URL', { shops: ['https://acme.myshopify.com'] }, [noDomain]],
    ['upper case', { shops: ['Acme.myshopify.com'] }, [noDomain]],
    ['another kind', { shops: [shop], customerId: 'email' }, ['platforms.shopify.customerId: must be source_id']],
    ['a callback', { shops: [shop], callbackOrigins: [] }, ['platforms.shopify.callbackOrigins: is not a setting']],
  ])('hold %s', (_, shopify, problems) => {
    expect(spoiled(settings => Object.assign(settings['platforms'], { shopify }))).toEqual(problems);
  });
});

async function keptOf(body: object, section: object = {}) {
  const harness = shopifyHarness({ section });
  expect(await harness.send(shopifyWire(body))).toMatchObject({ status: 200 });
  const [receipt] = await harness.receipts();
  return (await harness.services.store.readPersonalData(receipt!.id))?.identifiers;
}

const topic = (name: string) => shopifyWire({ shop_domain: shop }, { 'X-Shopify-Topic': name });

describePlatform('shopify', {
  section: { shops: [shop], customerId: 'source_id' },
  secretText: (current, previous) => JSON.stringify({ current, previous }),
  secrets: {
    current: 'shpss_current_client_secret_0001',
    previous: 'shpss_previous_client_secret_001',
    wrong: 'shpss_another_client_secret_001',
  },
  message: ({ id, sourceId, extra = {} }) =>
    shopifyWire(
      { ...redaction, customer: { id: sourceId }, orders_to_redact: [id], ...extra },
      { 'X-Shopify-Hmac-SHA256': [] },
    ),
  sign: (wire, secret) => {
    const signature = createHmac('sha256', secret).update(wire.body).digest('base64');
    return { ...wire, headers: { ...wire.headers, 'X-Shopify-Hmac-SHA256': signature } };
  },
  headers: ['X-Shopify-Hmac-SHA256'],
  coversBody: true,
  refusedWith: 401,
  anyContentType: true,
  idHoldsIdentities: true,
  expectRefusal: ({ json }) => expect(json).toMatchObject({ error: { code: expect.any(String) } }),
  others: [
    { what: 'a request for data', wire: topic('customers/data_request'), status: 200 },
    { what: 'an app that was uninstalled', wire: topic('shop/redact'), status: 200 },
  ],
});
