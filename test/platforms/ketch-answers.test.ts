import { describe, expect, test } from 'vitest';
import { fixtureTime } from '../support/harness.ts';
import { account, callback, deleteRequest, ketchHarness, ketchWire, tenant, uid } from '../support/ketch.ts';

const seconds = fixtureTime / 1000;
const withCallback = (request: object = {}) => ketchWire(deleteRequest({ callbacks: [callback], ...request }));
const family = { identities: [{ identitySpace: 'email', identityValue: 'family@example.com' }] };

describe('when it is expected', () => {
  test.each([
    ['a quarter of an hour from now', 1_771_070_400, seconds + 900],
    ['when it is due, if that is sooner', seconds + 60, seconds + 60],
  ])('is %s', async (_, dueTimestamp, expected) => {
    const harness = await ketchHarness();
    harness.sandbox.outage('error');
    const { json } = await harness.send(withCallback({ dueTimestamp }));
    expect(json).toHaveProperty('response.expectedCompletionTimestamp', expected);
  });

  test('is a quarter of an hour from now without a due time', async () => {
    const harness = await ketchHarness();
    harness.sandbox.outage('error');
    const { json } = await harness.send(withCallback({ dueTimestamp: undefined }));
    expect(json).toHaveProperty('response.expectedCompletionTimestamp', seconds + 900);
  });
});

describe('a request that needs a person', () => {
  test('goes on for Ketch when callbacks follow, and pages somebody', async () => {
    const harness = await ketchHarness({ limits: { customersPerRequest: 1 } });
    const first = await harness.send(withCallback(family));
    expect(first).toMatchObject({ status: 200, json: { response: { status: 'in_progress' } } });
    expect(await harness.receipts()).toMatchObject([
      { state: 'needs-review', reason: 'too-many-matches', answeredInProgress: true },
    ]);
    expect(harness.alarms()).toEqual(['needs-review']);
    expect(harness.sandbox.deletions()).toEqual([]);
    expect((await harness.send(withCallback(family))).text).toBe(first.text);
  });

  test('is unavailable when none follow', async () => {
    const harness = await ketchHarness({ limits: { customersPerRequest: 1 } });
    expect(await harness.send(ketchWire(deleteRequest(family)))).toMatchObject({
      status: 503,
      headers: { 'retry-after': '60' },
    });
    expect(harness.sandbox.deletions()).toEqual([]);
  });
});

describe('a request for somebody unknown', () => {
  const raw = (identitySpace: string, identityValue: string) => ({
    identitySpace,
    identityFormat: 'raw',
    identityValue,
  });
  const hash = (identitySpace: string) => ({ identitySpace, identityFormat: 'md5', identityValue: 'a1b2c3' });
  const unknown = account('crm-none');

  test.each([
    ['and nothing else', [unknown], 'no_match'],
    ['with a phone number', [unknown, raw('phone', '+15550100')], 'no_match'],
    ['with a hash of the same space', [unknown, hash('account_id')], 'no_match'],
    ['with a hash of an unmapped space', [unknown, hash('other')], 'no_match'],
    ['with a hashed phone number', [unknown, hash('phone')], 'no_match'],
    ['with a hash of another space', [hash('email'), unknown], 'insufficient_identification'],
    ['with an empty address', [unknown, raw('email', '')], 'insufficient_identification'],
    ['with a line break inside the address', [unknown, raw('email', 'a\n@x.y')], 'insufficient_identification'],
    ['with a line break after the address', [unknown, raw('email', 'nobody@x.y\n')], 'no_match'],
    ['with a malformed customer id', [unknown, raw('customer', 'crm-1')], 'insufficient_identification'],
  ])('%s', async (_, identities, reason) => {
    const harness = await ketchHarness();
    const { json } = await harness.send(ketchWire(deleteRequest({ identities })));
    expect(json).toMatchObject({ response: { status: 'completed', reason } });
    const named = new Set((await harness.receipts())[0]?.subjectHmacs);
    expect(named.size).toBe(identities.filter(one => one.identityFormat === 'raw' && one.identityValue !== '').length);
  });

  test('in one project, who is not identifiable in another, is not identifiable', async () => {
    const harness = await ketchHarness({ projects: ['main', 'us'] });
    harness.sandbox.register({ id: 'cust_OtherPersons0000000000009', source_id: 'crm-9' }, 'us');
    const identities = [account('cust_OtherPersons0000000000009')];
    const { json } = await harness.send(ketchWire(deleteRequest({ identities })));
    expect(json).toMatchObject({ response: { status: 'completed', reason: 'insufficient_identification' } });
    expect(harness.sandbox.deletions()).toEqual([]);
  });
});

describe('a callback', () => {
  const open = async (callbacks: readonly object[], section = {}) => {
    const harness = await ketchHarness({ section });
    harness.sandbox.outage('error');
    const { status } = await harness.send(withCallback({ callbacks }));
    const [receipt] = await harness.receipts();
    return { status, harness, kept: (await harness.services.store.readPersonalData(receipt!.id))?.callbacks, receipt };
  };

  test('to a listed origin is kept apart and promised', async () => {
    const { status, harness, kept, receipt } = await open([callback]);
    expect(status).toBe(200);
    expect(kept).toEqual([callback]);
    expect(receipt).toMatchObject({ hasCallbacks: true, answeredInProgress: true });
    expect(harness.alarms()).not.toContain('callback-origin-refused');
  });

  test('elsewhere is dropped with an alarm, and the others stay', async () => {
    const { status, harness, kept } = await open([{ url: 'https://evil.example/' }, callback]);
    expect(status).toBe(200);
    expect(kept).toEqual([callback]);
    expect(harness.alarms()).toContain('callback-origin-refused');
  });

  test.each([
    ['nowhere', []],
    ['elsewhere only', [{ url: 'https://dsr.ketch.com@evil.example/' }, { url: 'http://dsr.ketch.com/' }]],
  ])('%s: the request is as one without callbacks', async (_, callbacks) => {
    const { status, kept, receipt } = await open(callbacks);
    expect(status).toBe(503);
    expect(kept).toEqual([]);
    expect(receipt).toMatchObject({ hasCallbacks: false });
  });
});

describe('what settings of Ketch say', () => {
  test('of the header: any name will do, and only that one', async () => {
    const harness = await ketchHarness({ section: { header: 'X-Ketch-Key' } });
    const secret = ketchWire().headers['Authorization']!;
    expect((await harness.send(ketchWire())).status).toBe(403);
    expect((await harness.send(ketchWire(undefined, { Authorization: [], 'x-KETCH-key': secret }))).status).toBe(200);
  });

  test('of the projects: only those are searched', async () => {
    const harness = await ketchHarness({ projects: ['main', 'other'], section: { projects: ['other'] } });
    expect((await harness.send(ketchWire())).json).toHaveProperty('response.reason', 'no_match');
    const [receipt] = await harness.receipts();
    expect(Object.keys(receipt!.projects)).toEqual(['other']);
  });

  test('nothing: the same uid of two tenants is two requests', async () => {
    const harness = await ketchHarness({ section: { tenants: [tenant, 'second'] } });
    await harness.send(ketchWire());
    const other = deleteRequest({ identities: [account('crm-10043')] }, { metadata: { uid, tenant: 'second' } });
    expect((await harness.send(ketchWire(other))).json).toHaveProperty('response.reason', 'executed');
    expect(await harness.receipts()).toHaveLength(2);
  });
});
