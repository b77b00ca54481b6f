import { describe, expect, test } from 'vitest';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { decideAcceptPartial, decideRetry } from '../../lambda/receipts/transitions.ts';
import { ada, ben, cleo, createHarness, type Harness, type HarnessOptions, inReview, one } from '../support/harness.ts';
import { html, response } from '../support/voucherify-responses.ts';

const id = 'receipt-1';
const identifiers = [...one('source_id', 'crm-1'), ...one('source_id', 'crm-2'), ...one('email', 'ada@example.com')];
const isLookUpOf = (value: string) => (call: HttpCall) =>
  call.method === 'GET' && `${call.url.pathname}${call.url.search}`.includes(value);
const tooLarge = { kind: 'no-response', code: 'too-large', mayHaveExecuted: true } as const;

/** A person with three customers, of which `value` finds one and is refused. */
function refusing(value: string, result: HttpResult, options: HarnessOptions = {}): Harness {
  const harness = createHarness(options);
  harness.addCustomer({ id: ada, source_id: 'crm-1' });
  harness.addCustomer({ id: ben, source_id: 'crm-2' });
  harness.addCustomer({ id: cleo, email: 'ada@example.com' });
  refuse(harness, value, result);
  return harness;
}

function refuse(harness: Harness, value: string, result: HttpResult): void {
  harness.intercept = (call, pass) => (isLookUpOf(value)(call) ? result : pass());
}

async function decide(harness: Harness, action: 'retry' | 'accept-partial', more = {}): Promise<Receipt | undefined> {
  const receipt = await harness.receipt(id);
  const decision = { at: harness.clock.now, actor: 'zoe', action, reason: 'checked in Voucherify', ...more };
  const next = action === 'retry' ? decideRetry(receipt, decision) : decideAcceptPartial(receipt, decision);
  if (next !== undefined) await harness.store.replace(next);
  return next;
}

describe('refused identity', () => {
  test.each<readonly [string, string, HttpResult, readonly string[]]>([
    ['voucherify-400', 'crm-2', response(400, { code: 400 }), [ada, cleo]],
    ['voucherify-422', 'crm-1', response(422, {}), [ben, cleo]],
    ['response-too-large', 'crm-2', tooLarge, [ada, cleo]],
    ['unreadable-customer', 'crm-2', response(200, { id: 'crm-2' }), [ada, cleo]],
    [
      'unreadable-customer',
      'ada%40',
      response(200, { customers: [{ email: 'ada@example.com' }], total: 1 }),
      [ada, ben],
    ],
    ['voucherify-400', 'ada%40', response(400, {}), [ada, ben]],
    ...[405, 406, 415].map(status => [`voucherify-${status}`, 'crm-2', response(status, html), [ada, cleo]] as const),
    ['source-id-spelling', 'crm-2', response(200, { id: ben, source_id: 'CRM-2' }), [ada, cleo]],
    ['response-too-large', 'ada%40', tooLarge, [ada, ben]],
  ])('%s for %s: the others are erased, and the receipt waits in review', async (code, value, result, deleted) => {
    const harness = refusing(value, result);
    await harness.erase(identifiers);
    expect(harness.deleted()).toEqual(deleted);
    expect(await harness.receipt(id)).toMatchObject(inReview(code, { state: 'open', pins: 2, refusedLookUps: [code] }));
    expect(harness.alarms()).toEqual(['needs-review']);
  });

  test.each([
    ['401', response(401, {})],
    ['403', response(403, {})],
    ['429', response(429, {})],
    ['503', response(503, html)],
    ['multiple_requests', response(400, { code: 400, key: 'multiple_requests' })],
    ['a time-out', { kind: 'no-response', code: 'timed-out', mayHaveExecuted: true } as const],
  ])('%s: is no refusal, so nothing is deleted before a later attempt', async (_, result) => {
    const harness = refusing('crm-2', result);
    await harness.erase(identifiers);
    expect(harness.deleted()).toEqual([]);
    expect(await harness.receipt(id)).toMatchObject({ state: 'open', projects: { main: { pins: 0 } } });
    expect((await harness.receipt(id)).projects['main']).not.toHaveProperty('refusedLookUps');
  });

  test.each([
    ['414', response(414, html)],
    ['404 in HTML', response(404, html)],
    ['404 for something else', response(404, { key: 'not_found', resource_type: 'route' })],
    ['200 in HTML', response(200, html)],
    ['200 with another customer', response(200, { id: ada, source_id: 'crm-1' })],
  ])('%s three times: is a refusal, and the others are erased', async (_, result) => {
    const harness = refusing('crm-2', result);
    await harness.erase(identifiers);
    await harness.sweepWhenDue(id);
    expect(harness.deleted()).toEqual([]);
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'needs-review', reason: 'unproven-responses' });
    expect(harness.deleted()).toEqual([ada, cleo]);
    await decide(harness, 'retry');
    harness.intercept = undefined;
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'erased' });
    expect(harness.deleted()).toEqual([ada, cleo, ben]);
  });

  test('only identity: is never reported as no match', async () => {
    const harness = refusing('crm-2', response(400, {}));
    await harness.erase(one('source_id', 'crm-2'));
    expect(await harness.receipt(id)).toMatchObject({ state: 'needs-review', reason: 'voucherify-400' });
    await decide(harness, 'retry');
    harness.intercept = undefined;
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'erased' });
    expect(harness.deleted()).toEqual([ben]);
  });

  test('beside an over-large match or a missing creation time: deletes nobody', async () => {
    const large = refusing('crm-2', response(400, {}), { limits: { customersPerRequest: 1 } });
    await large.erase(identifiers);
    expect(await large.receipt(id)).toMatchObject({ state: 'needs-review', reason: 'too-many-matches' });
    const undated = refusing('crm-2', response(400, {}));
    undated.addCustomer({ email: 'ada@example.com', created_at: null });
    await undated.erase(identifiers);
    expect(await undated.receipt(id)).toMatchObject({ state: 'needs-review', reason: 'created-at-missing' });
    expect([...large.deleted(), ...undated.deleted()]).toEqual([]);
  });

  test('deletion that is not finished: is continued before the review, without another look-up', async () => {
    const harness = refusing('crm-2', response(400, {}));
    harness.intercept = (call, pass) => {
      if (call.method === 'POST' && call.url.pathname.includes(cleo)) return response(503, html);
      return isLookUpOf('crm-2')(call) ? response(400, {}) : pass();
    };
    await harness.erase(identifiers);
    expect(await harness.receipt(id)).toMatchObject({ state: 'open', lastResult: 'voucherify-503' });
    refuse(harness, 'crm-2', response(400, {}));
    const before = harness.sent.length;
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'needs-review', reason: 'voucherify-400' });
    expect(harness.deleted()).toEqual([ada, cleo]);
    expect(harness.sent.slice(before).filter(call => call.includes('crm-') || call.includes('email'))).toEqual([]);
  });

  test('refusal in one project: another project is retried before the review', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }], projects: ['main', 'us'] });
    harness.addCustomer({ id: ben, source_id: 'crm-1' }, 'us');
    const isUs = (call: HttpCall) => call.url.hostname.startsWith('us.');
    harness.intercept = (call, pass) => {
      if (isUs(call)) return call.method === 'POST' ? response(503, html) : pass();
      return isLookUpOf('crm-2')(call) ? response(400, {}) : pass();
    };
    await harness.erase(identifiers);
    expect(await harness.receipt(id)).toMatchObject({
      state: 'open',
      projects: { main: { refusedLookUps: expect.any(Array) } },
    });
    refuse(harness, 'crm-2', response(400, {}));
    expect(await harness.sweepWhenDue(id)).toMatchObject({
      ...inReview('voucherify-400'),
      projects: { us: { state: 'erased' } },
    });
    expect(harness.deleted()).toEqual([ada, ben]);
  });
});

describe('retry of a refused identity', () => {
  test('look-up that succeeds: looks up only this identity, adds a set of pins and closes as erased', async () => {
    const harness = refusing('crm-2', response(400, {}));
    await harness.erase(identifiers);
    harness.intercept = undefined;
    await decide(harness, 'retry');
    const before = harness.sent.length;
    const closed = await harness.sweepWhenDue(id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { pins: 3, refusedLookUps: [] } } });
    expect(closed.projects['main']?.deletions.map(({ pin }) => pin)).toEqual([0, 1, 2]);
    expect(harness.deleted()).toEqual([ada, cleo, ben]);
    expect(harness.sent.slice(before)).toEqual([
      'GET /v1/customers/crm-2',
      `GET /v1/customers/${ben}`,
      `POST /v1/customers/${ben}/permanent-deletion`,
    ]);
    expect(await harness.store.readPersonalData(id)).toBeUndefined();
  });

  test('look-up without a match: closes as erased, and no pins are added', async () => {
    const harness = refusing('crm-3', response(400, {}));
    await harness.erase([...one('source_id', 'crm-1'), ...one('source_id', 'crm-3')]);
    harness.intercept = undefined;
    await decide(harness, 'retry');
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'erased', projects: { main: { pins: 1 } } });
  });

  test('two refused identities: a retry of each adds its own set of pins', async () => {
    const harness = refusing('crm-', response(400, {}));
    await harness.erase(identifiers);
    refuse(harness, 'crm-2', response(422, {}));
    await decide(harness, 'retry');
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'needs-review', reason: 'voucherify-422' });
    expect(harness.deleted()).toEqual([cleo, ada]);
    harness.intercept = undefined;
    await decide(harness, 'retry');
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'erased', projects: { main: { pins: 3 } } });
    expect(harness.deleted()).toEqual([cleo, ada, ben]);
  });

  test('customer limit: counts the pins of all sets, and --max raises it', async () => {
    const harness = refusing('crm-2', response(400, {}), { limits: { customersPerRequest: 2 } });
    await harness.erase(identifiers);
    harness.intercept = undefined;
    await decide(harness, 'retry');
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'needs-review', reason: 'too-many-matches' });
    expect(harness.deleted()).toEqual([ada, cleo]);
    expect(await decide(harness, 'accept-partial')).toBeUndefined();
    await decide(harness, 'retry', { maxCustomers: 3 });
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'erased' });
    expect(harness.deleted()).toEqual([ada, cleo, ben]);
  });

  test('customer created after the request: is not added', async () => {
    const harness = refusing('crm-3', response(400, {}));
    await harness.erase([...one('source_id', 'crm-1'), ...one('source_id', 'crm-3')]);
    harness.clock.now += 1000;
    harness.addCustomer({ source_id: 'crm-3', created_at: new Date(harness.clock.now).toISOString() });
    harness.intercept = undefined;
    await decide(harness, 'retry');
    expect(await harness.sweepWhenDue(id)).toMatchObject({ projects: { main: { pins: 1 } } });
    expect(harness.deleted()).toEqual([ada]);
  });

  test('overlapping sweeps: each set of pins is written once', async () => {
    const harness = refusing('crm-2', response(400, {}));
    await harness.erase(identifiers);
    harness.intercept = undefined;
    await decide(harness, 'retry');
    await Promise.all([harness.sweep(), harness.sweep(), harness.sweep()]);
    expect(await harness.receipt(id)).toMatchObject({ state: 'erased', projects: { main: { pins: 3 } } });
    expect(harness.deleted()).toEqual([ada, cleo, ben]);
  });
});
