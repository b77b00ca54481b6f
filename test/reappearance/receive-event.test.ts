import { createHash } from 'node:crypto';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { addendumType, evidenceOf, issuer, keySet } from '../../lambda/receipts/evidence.ts';
import { actionsLeft, recordPins } from '../../lambda/receipts/receipt.ts';
import { storeUnavailable } from '../../lambda/receipts/rows.ts';
import { customerEvent, erasedPerson } from '../support/customer-events.ts';
import {
  beforeSigning,
  changedStore,
  createHarness,
  eventSecret,
  fixtureTime,
  type Harness,
  type HarnessOptions,
  one,
} from '../support/harness.ts';
import { closed, receiptOf } from '../support/receipt-builders.ts';

const back = { source_id: 'crm-10042', email: 'ADA@example.com ' };
const reappeared = (harness: Harness) => harness.alarms().filter(alarm => alarm === 'erased-person-reappeared');

describe('event of a customer', () => {
  test('erased person: gets one signed addendum and an alarm, and no customer is deleted', async () => {
    const { harness, receipt, later } = await erasedPerson();
    await harness.sweepAndVerify();
    const calls = harness.sent.length;
    const reply = await harness.sendEvent(customerEvent({ at: later, customer: back }));
    expect(reply).toMatchObject({ status: 204, text: '' });
    await harness.sweep(later + 1000);
    const [addendum, ...others] = await harness.store.addendaOf(receipt.id);
    expect(others).toEqual([]);
    expect(addendum).toMatchObject({ type: 'customer.created', channel: 'API', matched: ['source_id', 'email'] });
    expect(addendum?.expiresAt).toBe((await harness.receipt(receipt.id)).expiresAt);
    expect(reappeared(harness)).toHaveLength(1);
    expect(harness.lines.find(line => line.alarm === 'erased-person-reappeared')?.receipt).toBe(receipt.id);
    expect(harness.sent).toHaveLength(calls);
    expect(harness.deleted()).toHaveLength(1);
  });

  test('addendum: names the signed evidence, is verified offline, and the receipt never changes', async () => {
    const { harness, receipt, later } = await erasedPerson();
    await harness.sweepAndVerify();
    const before = await harness.receipt(receipt.id);
    await harness.sendEvent(customerEvent({ at: later, customer: back }));
    await harness.sweep(later + 1000);
    expect(await harness.receipt(receipt.id)).toEqual(before);
    const [addendum] = await harness.store.addendaOf(receipt.id);
    const keys = createLocalJWKSet(keySet(await harness.services.signer!.publicKey()));
    const rules = { issuer, typ: addendumType, algorithms: ['ES256'], currentDate: new Date(harness.clock.now) };
    const { payload } = await jwtVerify(addendum?.jws ?? '', keys, rules);
    const evidenceSha256 = createHash('sha256').update(String(before.evidence)).digest('base64url');
    expect(payload).toMatchObject({ v: 1, receipt: receipt.id, evidenceSha256, what: 'reappearance', project: 'main' });
  });

  test('evidence not yet signed: the alarm is raised, and the addendum is signed once it is', async () => {
    const disabled = () => {
      if (harness.clock.now < later + 60_000) throw new Error('key disabled');
    };
    const { harness, receipt, later } = await erasedPerson(beforeSigning(disabled));
    await harness.sendEvent(customerEvent({ at: later, customer: back }));
    await harness.sweep(later);
    expect(reappeared(harness).length).toBeGreaterThan(0);
    expect((await harness.store.addendaOf(receipt.id))[0]?.jws).toBeUndefined();
    await harness.sweep(later + 60_000);
    expect((await harness.store.addendaOf(receipt.id))[0]?.jws).toBeDefined();
    const raised = reappeared(harness).length;
    await harness.sweep(later + 120_000);
    expect(reappeared(harness)).toHaveLength(raised);
  });

  test('repeats, and many updates of one customer: no further addendum', async () => {
    const { harness, receipt, later } = await erasedPerson();
    const created = customerEvent({ at: later, customer: back });
    for (const body of [created, created]) expect((await harness.sendEvent(body)).status).toBe(204);
    for (let index = 2; index < 5; index += 1) {
      const body = customerEvent({ type: 'customer.updated', id: `evcus_${index}`, at: later + index, customer: back });
      await harness.sendEvent(body);
    }
    const types = (await harness.store.addendaOf(receipt.id)).map(({ type }) => type);
    expect(types.toSorted()).toEqual(['customer.created', 'customer.updated']);
  });

  test.each([
    { what: 'event before the erasure', at: fixtureTime - 1, customer: back },
    { what: 'customer created before the erasure', customer: { ...back, created_at: '2025-01-01T00:00:00Z' } },
    { what: 'another customer', customer: { source_id: 'crm-10043', email: 'ben@example.com' } },
    { what: 'customer without identifiers', customer: {} },
    { what: 'event of another type', type: 'customer.deleted', customer: back },
  ])('$what: is taken and makes no addendum', async ({ at, ...event }) => {
    const { harness, receipt, later } = await erasedPerson();
    expect((await harness.sendEvent(customerEvent({ at: at ?? later, ...event }))).status).toBe(204);
    await harness.sweep(later + 1000);
    expect(await harness.store.addendaOf(receipt.id)).toEqual([]);
    expect(reappeared(harness)).toEqual([]);
  });

  test('person without an erasure: is taken', async () => {
    const harness = createHarness({ reappearance: {} });
    expect((await harness.sendEvent(customerEvent({ at: fixtureTime, customer: back }))).status).toBe(204);
  });

  test.each([
    { what: 'identifier of the request', kind: 'email', value: 'zoe@example.com' },
    { what: 'identifier that only the customer has', kind: 'source_id', value: 'crm-7' },
  ])('erasure that is being stored, $what: the event is to be repeated', async ({ kind, value }) => {
    const { harness, id, at, close } = await almostErased();
    const event = customerEvent({ at, customer: { [kind]: value, created_at: new Date(at).toISOString() } });
    expect(await harness.sendEvent(event)).toMatchObject({ status: 503, headers: { 'retry-after': '240' } });
    expect(harness.alarms()).toEqual([]);
    await close();
    expect((await harness.sendEvent(event)).status).toBe(204);
    expect(await harness.store.addendaOf(id)).toMatchObject([{ matched: [kind] }]);
  });

  test('erasure that is not finished, and the customer was created long ago or minutes before: is taken', async () => {
    const { harness, id, at, close } = await almostErased();
    const email = 'zoe@example.com';
    for (const created_at of ['2025-01-01T00:00:00Z', new Date(at - 241_000).toISOString()]) {
      expect((await harness.sendEvent(customerEvent({ at, customer: { email, created_at } }))).status).toBe(204);
    }
    await close();
    expect(await harness.store.addendaOf(id)).toEqual([]);
  });

  test('import of many customers: the erasures beside it make the same calls at the same times, and leave the same rows', async () => {
    const erasures = async (eventsBetween: number) => {
      const harness = createHarness({ reappearance: {} });
      for (let person = 0; person < 8; person += 1) {
        harness.addCustomer({ id: `cust_${String(person).padStart(24, '0')}`, source_id: `crm-${person}` });
        for (let event = 0; event < eventsBetween; event += 1) {
          const imported = { source_id: `import-${person}-${event}`, email: `${person}-${event}@example.com` };
          await harness.sendEvent(customerEvent({ at: harness.clock.now, customer: imported }));
        }
        await harness.erase(one('source_id', `crm-${person}`));
        harness.clock.now += 1000;
      }
      await harness.sweep();
      const { control } = harness.services;
      const rateLimit = await control.read(['rate-limit#main']);
      return { sent: harness.sent, receipts: await harness.receipts(), rateLimit };
    };
    const alone = await erasures(0);
    expect(alone.sent).toHaveLength(16);
    expect(await erasures(250)).toEqual(alone);
  });

  test('nothing of the event: is stored or logged', async () => {
    const { harness, receipt, later } = await erasedPerson();
    const body = customerEvent({ at: later, customer: back, channel: 'ada@example.com' });
    await harness.sendEvent(body);
    await harness.sendEvent(body.replace('"email"', '"email":1,"email"'));
    await harness.sweep(later + 1000);
    const kept = JSON.stringify([harness.logText.slice(-8), await harness.store.addendaOf(receipt.id)]);
    expect(kept).not.toMatch(/crm-10042|example\.com|evcus_1|whs_1|cust_Returned|Marketing|Ada Example/i);
  });
});

describe('event that is refused', () => {
  const signed = { 'x-voucherify-signature': '0'.repeat(64) };

  test.each([
    { what: 'wrong signature', change: { headers: signed }, status: 401 },
    { what: 'no signature', change: { headers: {} }, status: 401 },
    { what: 'another project', change: { path: '/events/other' }, status: 404 },
    { what: 'another route', change: { path: '/events' }, status: 404 },
    { what: 'GET', change: { method: 'GET' }, status: 405 },
  ])('$what: is refused, reads nothing and raises no alarm', async ({ change, status }) => {
    const { harness, later } = await erasedPerson({
      change: ({ store }) => ({ store: { ...store, findErased: fail } }),
    });
    expect((await harness.sendEvent(customerEvent({ at: later, customer: back }), change)).status).toBe(status);
    expect(harness.alarms()).toEqual([]);
  });

  test.each(['{', '[]', '{"type":"customer.created"}', '{"type":"customer.created","data":{"object":{}}}'])(
    'signed but unreadable (%s): raises the alarm for lost events',
    async body => {
      const { harness } = await erasedPerson();
      expect((await harness.sendEvent(body)).status).toBe(400);
      expect(harness.alarms()).toEqual(['event-rejected']);
    },
  );

  test('store unavailable: 503 with the alarm for lost events, and the repeat is taken', async () => {
    let isDown = true;
    const { harness, receipt, later } = await erasedPerson({
      change: ({ store }) => ({
        store: { ...store, addAddendum: async row => (isDown ? fail() : store.addAddendum(row)) },
      }),
    });
    const body = customerEvent({ at: later, customer: back });
    expect(await harness.sendEvent(body)).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
    expect(harness.alarms()).toEqual(['event-rejected']);
    isDown = false;
    expect((await harness.sendEvent(body)).status).toBe(204);
    expect(await harness.store.addendaOf(receipt.id)).toHaveLength(1);
  });

  test('secret that is a placeholder: 503 with the alarm for lost events only', async () => {
    const secrets = { 'erasure/events/main': '{"current":"REPLACE_ME"}' };
    const harness = createHarness({ reappearance: {}, secrets });
    expect((await harness.sendEvent(customerEvent({ at: fixtureTime }))).status).toBe(503);
    expect(harness.alarms()).toEqual(['event-rejected']);
  });

  test('previous secret: is accepted during a rotation', async () => {
    const current = 'event-secret-of-tomorrow-4d5e6f';
    const secrets = { 'erasure/events/main': JSON.stringify({ current, previous: eventSecret }) };
    const harness = createHarness({ reappearance: {}, secrets });
    expect((await harness.sendEvent(customerEvent({ at: fixtureTime }))).status).toBe(204);
  });

  test('without the setting: there is no route', async () => {
    const harness = createHarness();
    expect((await harness.sendEvent(customerEvent({ at: fixtureTime }))).status).toBe(404);
  });
});

function fail(): never {
  throw storeUnavailable();
}

/** A person whose customer is deleted, and the write that closes the receipt waits for `close`. Its time is before `at`. */
async function almostErased() {
  const [isClosing, mayClose] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()];
  const { harness, receipt: closed } = erasedByEmail({
    ...changedStore(store => ({
      replace: async (next, also) => {
        if (next.state === 'erased') {
          isClosing.resolve(next.id);
          await mayClose.promise;
        }
        return store.replace(next, also);
      },
    })),
  });
  const id = await isClosing.promise;
  const close = async () => {
    mayClose.resolve();
    expect((await closed).state).toBe('erased');
  };
  return { harness, at: harness.clock.now + 1, id, close };
}

/** A person who is erased by e-mail address; only the customer in Voucherify has a source_id. */
function erasedByEmail(options: HarnessOptions = {}) {
  const customers = [{ source_id: 'crm-7', email: 'zoe@example.com' }];
  const harness = createHarness({ platforms: {}, customers, reappearance: {}, ...options });
  const receipt = harness.erase(one('email', 'zoe@example.com')).then(erased => erased.receipt);
  return { harness, receipt, later: harness.clock.now + 3_600_000 };
}

describe('identifier that only the deleted customer had', () => {
  test('same source_id, another e-mail address: makes an addendum', async () => {
    const { harness, later, ...erased } = erasedByEmail();
    const receipt = await erased.receipt;
    expect(receipt.state).toBe('erased');
    const customer = { source_id: 'crm-7', email: 'new@example.com' };
    expect(await harness.sendEvent(customerEvent({ at: later, customer }))).toMatchObject({ status: 204 });
    expect(await harness.store.addendaOf(receipt.id)).toMatchObject([{ matched: ['source_id'] }]);
  });

  test('event from before the erasure: makes none', async () => {
    const { harness, later, ...erased } = erasedByEmail();
    const receipt = await erased.receipt;
    await harness.sendEvent(customerEvent({ at: later - 2 * 3_600_000, customer: { source_id: 'crm-7' } }));
    expect(await harness.store.addendaOf(receipt.id)).toEqual([]);
  });

  test('evidence and rows: contain no identifier, and the evidence only HMACs of the request', async () => {
    const { harness, ...erased } = erasedByEmail();
    const receipt = await erased.receipt;
    const { subject } = await harness.services.pseudonymizer();
    expect(receipt.resolvedHmacs).toContain(subject({ kind: 'source_id', value: 'crm-7' }));
    expect(JSON.stringify(receipt)).not.toMatch(/crm-7|zoe/);
    expect(JSON.stringify(evidenceOf(receipt))).not.toContain(receipt.resolvedHmacs?.[0]);
  });

  test('deleted customer without further identifiers: nothing is stored', async () => {
    const harness = createHarness({ platforms: {}, customers: [], reappearance: {} });
    const { receipt } = await harness.erase(one('customer_id', harness.addCustomer({})));
    expect(receipt.state).toBe('erased');
    expect(receipt).not.toHaveProperty('resolvedHmacs');
  });

  test.each([
    { what: 'before the erasure', later: -1000, addenda: 0 },
    { what: 'after it', later: 1000, addenda: 1 },
  ])('same customer id, event $what: makes $addenda addenda, whenever the customer was created', async event => {
    const harness = createHarness({ platforms: {}, customers: [], reappearance: {} });
    const customer = { id: 'cust_Erased', created_at: '2025-01-01T00:00:00Z' };
    const { subject } = await harness.services.pseudonymizer();
    const receipt = receiptOf({ subjectHmacs: [subject({ kind: 'customer_id', value: customer.id })] });
    await harness.store.accept(receipt, { reference: '', scope: '', identifiers: [], callbacks: [] });
    const end = closed(receipt);
    await harness.store.replace(end, { deletePersonalData: true });
    const at = (end.closedAt ?? 0) + event.later;
    expect((await harness.sendEvent(customerEvent({ type: 'customer.updated', at, customer }))).status).toBe(204);
    expect(await harness.store.addendaOf(receipt.id)).toHaveLength(event.addenda);
  });

  test('without the setting: nothing is stored', async () => {
    const customers = [{ source_id: 'crm-7', email: 'zoe@example.com' }];
    const { receipt } = await createHarness({ customers }).erase(one('email', 'zoe@example.com'));
    expect(receipt).not.toHaveProperty('resolvedHmacs');
  });

  test('many identifiers: only as many as the transaction that closes the receipt can write', () => {
    const subjectHmacs = Array.from({ length: 90 }, (_, at) => `requested-${at}`);
    const resolvedHmacs = Array.from({ length: 30 }, (_, at) => `resolved-${at}`);
    const claimed = receiptOf({ subjectHmacs, claims: 1 });
    const pinned = recordPins(claimed, 1, 'main', 10, { resolvedHmacs: ['requested-1', ...resolvedHmacs] });
    expect(pinned?.resolvedHmacs).toEqual(resolvedHmacs.slice(0, actionsLeft(claimed)));
    expect(pinned?.resolvedHmacs?.length).toBeLessThan(10);
  });
});
