import { describe, expect, test } from 'vitest';
import { untouchedStore } from '../support/forbidden-adapters.ts';
import { requestOf } from '../support/requests.ts';
import { callbackUrl, genericHarness, genericWire, order, question } from './generic-messages.ts';

describe('an order in our own words', () => {
  test('is erased and answered with what Voucherify said', async () => {
    const harness = genericHarness();
    const answer = await harness.send(genericWire());
    const [receipt] = await harness.receipts();
    expect(answer).toMatchObject({
      status: 200,
      json: {
        request_id: 'req-1',
        receipt_id: receipt!.id,
        status: 'erased',
        deletions: [{ project: 'main', status: 'DONE', related_object_id: 'cust_AdaExample00000000000001' }],
        completed_at: '2026-01-15T12:00:00.000Z',
      },
    });
    expect(receipt).toMatchObject({ authentication: { scheme: 'standard-webhooks', secret: 'current' } });
  });

  test('customer that was already gone: the reply has the proof, and no response of Voucherify', async () => {
    const platform = genericHarness().services.platforms.get('generic')!;
    const deletions = [{ project: 'main', pin: 0, proof: 'gone', at: 0 }] as const;
    const outcome = { kind: 'erased', at: 0, deletions } as const;
    const { reply } = platform.parse(requestOf(order));
    const { body } = reply([{ reference: 'r', receivedAt: 0, receiptId: 'i', outcome, callbackFollows: false }]);
    expect(JSON.parse(body)).toMatchObject({ deletions: [{ project: 'main', proof: 'gone' }] });
    expect(() => reply([])).toThrow(expect.objectContaining({ code: 'internal' }));
  });

  test('that is open is answered with 202, and that waits for a person says so', async () => {
    const harness = genericHarness({ limits: { customersPerRequest: 1 } });
    harness.sandbox.outage('error');
    expect(await harness.send(genericWire())).toMatchObject({
      status: 202,
      headers: { 'retry-after': '60' },
      json: { request_id: 'req-1', status: 'in_progress', final: false, deletions: [] },
    });
    harness.sandbox.outage(undefined);
    const family = { ...order, request_id: 'req-2', identifiers: [{ type: 'email', value: 'family@example.com' }] };
    expect(await harness.send(genericWire(family))).toMatchObject({ status: 202, json: { status: 'needs_review' } });
  });

  test('may give the times and a callback', async () => {
    const times = { submitted_at: '2026-01-15T12:30:00+01:00', due_at: '2026-02-14T11:00:00Z' };
    const harness = genericHarness({ limits: { delaySeconds: 60 } });
    await harness.send(genericWire({ ...order, ...times, callback_url: callbackUrl }));
    const [receipt] = await harness.receipts();
    const [submittedAt, dueAt] = [Date.parse('2026-01-15T11:30:00Z'), Date.parse('2026-02-14T11:00:00Z')];
    expect(receipt).toMatchObject({ submittedAt, dueAt, hasCallbacks: true });
    expect(await harness.services.store.readPersonalData(receipt!.id)).toMatchObject({
      callbacks: [{ url: callbackUrl, headers: {} }],
    });
  });

  test.each([
    ['nulls', { submitted_at: null, due_at: null, callback_url: null, test: null }],
    ['empty texts', { submitted_at: '', due_at: '', callback_url: '' }],
    ['its flag as text', { test: 'false' }],
    ['an id that is a number', { request_id: 7 }],
    ['an id of every character it may have', { request_id: 'A-z.0_9:'.padEnd(128, 'x') }],
  ])('may hold %s', async (_, change) => {
    expect(await genericHarness().send(genericWire({ ...order, ...change }))).toMatchObject({ status: 200 });
  });

  test.each([true, 'true'])('that says test: %j is answered, and nothing is stored', async flag => {
    const harness = genericHarness(untouchedStore());
    const answer = await harness.send(genericWire({ ...order, test: flag }));
    expect(answer).toMatchObject({ status: 200, json: { status: 'test', final: true } });
  });

  test.each([
    ['/type', { type: 'access' }],
    ['/type', { type: undefined }],
    ['/request_id', { request_id: undefined }],
    ['/request_id', { request_id: '' }],
    ['/request_id', { request_id: 'ada@example.com' }],
    ['/request_id: must be 1 to 128 letters, digits, dots, dashes or colons"', { request_id: 'a/b' }],
    ['/request_id', { request_id: 'x'.repeat(129) }],
    ['/request_id', { request_id: { id: 'ada' } }],
    ['/identifiers', { identifiers: undefined }],
    ['/identifiers', { identifiers: { type: 'email', value: 'ada@example.com' } }],
    ['/identifiers', { identifiers: Array.from({ length: 51 }, () => order.identifiers[0]) }],
    [
      '/identifiers/0/type: must be customer_id, source_id, email or phone"',
      { identifiers: [{ type: 'e-mail', value: 'a' }] },
    ],
    ['/identifiers/1/value', { identifiers: [order.identifiers[0], { type: 'email', value: 7.5 }] }],
    ['/submitted_at', { submitted_at: '2026-13-15T11:30:00Z' }],
    ['/due_at', { due_at: 'tomorrow for ada' }],
    ['/callback_url', { callback_url: { ada: 'https://ada.example' } }],
    ['/test: must be true or false"', { test: 'ada' }],
    ['/test', { test: 0 }],
  ])('is refused when %s does not fit: %j', async (field, change) => {
    const harness = genericHarness(untouchedStore());
    const answer = await harness.send(genericWire({ ...order, ...change }));
    expect(answer).toMatchObject({ status: 400, json: { error: { code: 'invalid' } } });
    expect(answer.text).toContain(`"${field.includes(': ') ? field : `${field}: `}`);
    expect(answer.text + harness.logText.join()).not.toMatch(/ada|access|900719/);
  });
});

describe('a question', () => {
  test('is answered with how the request stands', async () => {
    const harness = genericHarness();
    harness.sandbox.outage('error');
    await harness.send(genericWire());
    const open = { status: 202, json: { request_id: 'req-1', status: 'in_progress', final: false, deletions: [] } };
    expect(await harness.send(question('req-1'))).toMatchObject(open);
    harness.sandbox.outage(undefined);
    await harness.sweep(harness.clock.now + 120_000);
    const answer = await harness.send(question('req-1', {}, { at: harness.clock.now }));
    expect(answer).toMatchObject({
      status: 200,
      json: { request_id: 'req-1', status: 'erased', completed_at: expect.any(String) },
    });
    expect(answer.json).not.toHaveProperty('deletions.0.related_object_id');
  });

  test('gets 200 or 202 whatever an order of this sender gets', async () => {
    const harness = genericHarness({
      section: { answers: { in_progress: { status: 503 }, not_identifiable: { status: 422 } } },
    });
    const nobody = { ...order, identifiers: [] };
    expect((await harness.send(genericWire(nobody))).status).toBe(422);
    expect(await harness.send(question('req-1'))).toMatchObject({ status: 200, json: { status: 'not_identifiable' } });
    harness.sandbox.outage('error');
    expect((await harness.send(genericWire({ ...order, request_id: 'req:2' }))).status).toBe(503);
    expect(await harness.send(question('req:2'))).toMatchObject({ status: 202, json: { status: 'in_progress' } });
  });

  test('for what was never asked is answered with 404', async () => {
    const harness = genericHarness();
    expect(await harness.send(question('req-1'))).toMatchObject({
      status: 404,
      json: { error: { code: 'not-found' } },
    });
  });

  test.each(['a b', 'ada@example.com', '%', 'x'.repeat(129)])('for %o names no request', async id => {
    const harness = genericHarness();
    const wire = { ...question('req-1'), path: `/webhooks/generic/${id}` };
    expect(await harness.send(wire)).toMatchObject({
      status: 404,
      json: { error: { message: 'path: names no request' } },
    });
  });

  test('is proved for one request and for five minutes, before anything is looked up', async () => {
    const harness = genericHarness(untouchedStore());
    const wires = [
      { ...question('req-1'), path: '/webhooks/generic/req-2' },
      question('req-1', { 'webhook-signature': [] }),
      question('req-1', {}, { secret: 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' }),
      question('req-1', {}, { at: harness.clock.now - 301_000 }),
      { ...question('req-1'), body: ' ' },
    ];
    for (const wire of wires) expect(await harness.send(wire)).toMatchObject({ status: 401 });
  });

  test('signed text of an order with dots: is no question, and the other way round', async () => {
    const harness = genericHarness();
    await harness.send(genericWire({ ...order, request_id: 'req.1768478400' }));
    const asked = question('req.1768478400');
    const split = { 'webhook-id': 'req', 'webhook-timestamp': '1768478400' };
    const posted = {
      ...genericWire(),
      headers: { ...asked.headers, ...split },
      body: `${asked.headers['webhook-timestamp']}.`,
    };
    expect(await harness.send(asked)).toMatchObject({ status: 200 });
    expect(
      (await harness.send({ ...posted, headers: { ...posted.headers, 'Content-Type': 'application/json' } })).status,
    ).toBe(400);
    expect(await harness.receipts()).toHaveLength(1);
  });
});
