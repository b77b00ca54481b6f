import { describe, expect, test } from 'vitest';
import { maxBodyBytes } from '../../lambda/aws/api-gateway.ts';
import { maxJsonDepth } from '../../lambda/io/json.ts';
import { storeUnavailable } from '../../lambda/receipts/rows.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { type Answer, type Wire, withHeader } from '../support/event.ts';
import { forbidden } from '../support/forbidden-adapters.ts';
import { createHarness, type Harness } from '../support/harness.ts';
import type { PlatformCase, Suite } from './contract-case.ts';
import { describeCredentials } from './contract-credentials.ts';

const ada = { sourceId: 'crm-10042', customerId: 'cust_AdaExample00000000000001' };
const cleo = { sourceId: 'crm-10043', customerId: 'cust_CleoExample0000000000003' };

/** The suite that every platform must pass. */
export function describePlatform(name: string, platform: PlatformCase): void {
  const suite: Suite = {
    ...platform,
    name,
    harness: ({ secrets: texts = {}, ...options } = {}) =>
      createHarness({
        platforms: { [name]: platform.section },
        secrets: { [`erasure/platform/${name}`]: platform.secretText(platform.secrets.current), ...texts },
        ...options,
      }),
    genuine: async (harness, fields = {}, secret = platform.secrets.current) =>
      platform.sign(platform.message({ id: 1, sourceId: ada.sourceId, ...fields }), secret, harness.clock.now),
  };
  describe(`${name}: credentials`, () => describeCredentials(suite));
  describe(`${name}: requests`, () => describeRequests(suite));
  describe(`${name}: bodies`, () => describeBodies(suite));
}

function describeRequests(suite: Suite): void {
  const { expectRefusal, expectSame = sameText } = suite;

  async function sendAndSweep(harness: Harness, fields: Parameters<Suite['genuine']>[1] = {}): Promise<Answer> {
    const answer = await harness.send(await suite.genuine(harness, fields));
    await harness.sweep();
    return answer;
  }

  test.each([
    { state: 'erased', options: {}, deleted: [ada.customerId] },
    { state: 'no-match', options: { customers: [] }, deleted: [] },
  ])('genuine request with unknown fields: ends as $state', async ({ state, options, deleted }) => {
    const harness = suite.harness(options);
    const extra = { unknownField: { nested: [1, 'two', null] }, another: 'x' };
    expect((await sendAndSweep(harness, { extra })).status).toBeLessThan(300);
    expect(harness.deleted()).toEqual(deleted);
    expect(await harness.receipts()).toMatchObject([{ platform: suite.name, state }]);
  });

  test('repeated request: gets the same reply, and nothing is called or deleted again', async () => {
    const harness = suite.harness();
    const first = await sendAndSweep(harness);
    const calls = harness.sandbox.calls().length;
    for (const later of [0, 1000]) {
      harness.clock.now += later;
      expectSame(first, await sendAndSweep(harness));
    }
    expect(harness.deleted()).toEqual([ada.customerId]);
    expect(harness.sandbox.calls()).toHaveLength(calls);
    expect(await harness.receipts()).toHaveLength(1);
  });

  test('replay, byte for byte: never erases a customer who registered again', async () => {
    const harness = suite.harness();
    const wire = await suite.genuine(harness);
    for (const later of [0, 1000, 3_600_000, 365 * 86_400_000]) {
      harness.clock.now += later;
      await harness.send(wire);
      await harness.sweep();
      if (later === 0) harness.addCustomer({ source_id: ada.sourceId });
    }
    expect(harness.deleted()).toEqual([ada.customerId]);
    expect(await harness.receipts()).toHaveLength(1);
  });

  test('header that the credentials do not cover: never sets the id, the scope or the time', async () => {
    const sent = async (wire: Wire) => {
      const harness = suite.harness();
      const { status } = await harness.send(wire);
      const receipts = (await harness.receipts()).map(({ id, submittedAt }) => ({ id, submittedAt }));
      return { isAccepted: status < 300, receipts };
    };
    const wire = await suite.genuine(suite.harness());
    const expected = await sent(wire);
    const [added, ...without] = withOtherHeaders(wire, suite.headers);
    expect(await sent(added!)).toEqual(expected);
    for (const other of without) {
      const result = await sent(other);
      expect(result).toEqual(result.isAccepted ? expected : { isAccepted: false, receipts: [] });
    }
  });

  if (suite.idHoldsIdentities !== true)
    test('same id for another person: is a conflict', async () => {
      const harness = suite.harness();
      await sendAndSweep(harness);
      const answer = await sendAndSweep(harness, { sourceId: cleo.sourceId });
      expect(answer.status).toBe(409);
      expectRefusal(answer, 409);
      expect(harness.alarms()).toEqual(['payload-mismatch']);
      expect(harness.deleted()).toEqual([ada.customerId]);
    });

  test('another id: is another request', async () => {
    const harness = suite.harness();
    await sendAndSweep(harness);
    await sendAndSweep(harness, { id: 2, sourceId: cleo.sourceId });
    expect(harness.deleted()).toEqual([ada.customerId, cleo.customerId]);
  });

  test('outage of Voucherify: the request is stored, and the sweep completes it', async () => {
    const harness = suite.harness();
    harness.sandbox.outage('error');
    await harness.send(await suite.genuine(harness));
    expect(await harness.receipts()).toMatchObject([{ state: 'open' }]);
    harness.sandbox.outage(undefined);
    await harness.sweep(harness.clock.now + 3_600_000);
    expect(await harness.receipts()).toMatchObject([{ state: 'erased' }]);
    expect((await harness.send(await suite.genuine(harness))).status).toBeLessThan(300);
    expect(harness.deleted()).toEqual([ada.customerId]);
  });

  test('failed store: the request is not accepted, and nothing is looked up', async () => {
    const accept = () => Promise.reject(storeUnavailable());
    const harness = suite.harness({ change: ({ store }) => ({ store: { ...store, accept } }) });
    const answer = await harness.send(await suite.genuine(harness));
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
    expectRefusal(answer, 503);
    expect(harness.alarms()).toEqual(['store-unavailable']);
    expect(harness.sandbox.calls()).toEqual([]);
  });

  test('personal data and secrets: appear in no reply, log line or receipt', async () => {
    const { current, previous } = suite.secrets;
    const texts = { [`erasure/platform/${suite.name}`]: suite.secretText(current, previous) };
    const harness = suite.harness({ secrets: texts });
    const sourceId = 'src-kqzvwxjy';
    harness.addCustomer({ source_id: sourceId, email: 'zkqjvxw@example.com' });
    const answers = [
      await sendAndSweep(harness, { sourceId, extra: { note: 'note-wqkzjxv' } }),
      await sendAndSweep(harness, { sourceId }),
      await sendAndSweep(harness, { id: 2, sourceId: 'src-jjkkzzqq' }),
      await sendAndSweep(harness, { id: 1, sourceId: 'src-jjkkzzqq' }),
    ];
    const shown = JSON.stringify([answers, harness.logText, await harness.receipts()]);
    for (const text of [sourceId, 'zkqjvxw', 'wqkzjxv', 'jjkkzzqq', current, previous])
      expect(shown).not.toContain(text);
    expect(harness.deleted()).toHaveLength(1);
  });

  test.each(suite.others ?? [])('message without an erasure ($what): gets $status', async ({ wire, status }) => {
    const harness = suite.harness();
    const answer = await harness.send(await suite.sign(wire, suite.secrets.current, harness.clock.now));
    expect(answer.status).toBe(status);
    if (status >= 400) expectRefusal(answer, status);
    expect(await harness.receipts()).toEqual([]);
    expect(harness.sandbox.calls()).toEqual([]);
  });

  test('platform that is not in the settings: gets 404', async () => {
    const harness = suite.harness({ platforms: {} });
    expect((await harness.send(await suite.genuine(harness))).status).toBe(404);
    expect(harness.lines).toEqual([expect.objectContaining({ event: 'rejected', code: 'not-found', status: 404 })]);
  });
}

function describeBodies({ expectRefusal, message, sign, secrets, ...suite }: Suite): void {
  const plain = message({ id: 1, sourceId: ada.sourceId });
  const text = Buffer.from(plain.body).toString('utf8');
  const grown = (member: string) => text.replace('{', `{${member},`);
  const notUtf8 = Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff]), Buffer.from(`",${text.slice(1)}`)]);

  async function expectRefused(wire: Wire, status: number, secret = secrets.current) {
    const store = forbidden<ReceiptStore>('store');
    const harness = suite.harness({ change: () => ({ store: store.port }) });
    const answer = await harness.send(await sign(wire, secret, harness.clock.now));
    expect(answer.status).toBe(status);
    expectRefusal(answer, status);
    expect([...store.calls, ...harness.sandbox.calls()]).toEqual([]);
    // The method is checked before the caller is authenticated.
    expect(harness.alarms()).toEqual(status === 405 ? [] : ['request-rejected']);
    return answer;
  }

  test.each<[string, string | Uint8Array]>([
    ['empty', ''],
    ['no JSON', text.slice(0, -1)],
    ['two JSON texts', `${text}${text}`],
    ['JSON after a byte order mark', `\uFEFF${text}`],
    ['UTF-16', Buffer.from(text, 'utf16le')],
    ['not UTF-8', notUtf8],
    ['a duplicate key', grown('"twice":1,"twice":1')],
    ['a duplicate key, once escaped', grown('"twice":1,"\\u0074wice":1')],
    ['too deeply nested', grown(`"deep":${'['.repeat(maxJsonDepth)}${']'.repeat(maxJsonDepth)}`)],
    ['null', 'null'],
    ['a number', '5'],
  ])('body that is %s: is rejected', async (_, body) => {
    await expectRefused({ ...plain, body }, 400);
  });

  test('body of 1 MiB: is read; one byte more is rejected before anything else, with an alarm', async () => {
    const padded = (length: number) => text.replace('{', `{"pad":"${'x'.repeat(length - text.length - 9)}",`);
    const harness = suite.harness();
    const fits = await sign({ ...plain, body: padded(maxBodyBytes) }, secrets.current, harness.clock.now);
    expect(Buffer.from(fits.body)).toHaveLength(maxBodyBytes);
    await harness.send(fits);
    expect(await harness.receipts()).toHaveLength(1);
    for (const secret of [secrets.current, secrets.wrong])
      await expectRefused({ ...plain, body: padded(maxBodyBytes + 1) }, 413, secret);
  });

  const json = 'application/json';
  const types = ['text/plain', 'application/x-www-form-urlencoded', '', 'application/jsonp', [json, json]];
  if (suite.anyContentType !== true)
    test.each(types)('content type %j: is rejected', async type => {
      await expectRefused(withHeader(plain, 'Content-Type', type), 415);
    });

  test.each(['PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'post'])('method %s: is rejected', async method => {
    const { headers } = await expectRefused({ ...plain, method }, 405);
    expect(headers['allow']?.split(/, */)).toContain('POST');
  });
}

/** Headers in which senders put an id, a scope or a time. */
const senderHeaders = {
  'Idempotency-Key': 'another',
  'X-Request-Id': 'another',
  'webhook-id': 'another',
  'webhook-timestamp': '1451606400',
  'X-Shopify-Webhook-Id': 'another',
  'X-Shopify-Triggered-At': '2016-01-01T00:00:00Z',
  'X-Shopify-Shop-Domain': 'another.myshopify.com',
  'X-Segment-Timestamp': '2016-01-01T00:00:00Z',
  Date: 'Fri, 01 Jan 2016 00:00:00 GMT',
} as const;

/** The same message with other values in all those headers, and without each header that is no credential. */
function withOtherHeaders(wire: Wire, credentials: readonly string[]): readonly Wire[] {
  const needed = new Set(['content-type', ...credentials.map(name => name.toLowerCase())]);
  const isFree = (name: string) => !needed.has(name.toLowerCase());
  const added = Object.fromEntries(Object.entries(senderHeaders).filter(([name]) => isFree(name)));
  const without = Object.keys(wire.headers).filter(isFree);
  return [added, ...without.map(name => ({ [name]: [] }))].map(change => ({
    ...wire,
    headers: { ...wire.headers, ...change },
  }));
}

function sameText(first: Answer, again: Answer): void {
  expect(again).toMatchObject({ status: first.status, text: first.text });
}
