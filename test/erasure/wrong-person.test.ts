import { describe, expect, test } from 'vitest';
import type { Identifier } from '../../lambda/domain/identifiers.ts';
import { createHarness, type Harness, one, start } from '../support/harness.ts';
import { done, html, response } from '../support/voucherify-responses.ts';

const id = (letter: string) => `cust_${letter.repeat(24)}`;
const ada = id('A');

describe('source_id that looks like an id', () => {
  test('request by source_id: deletes its owner, not the customer with that id', async () => {
    const harness = createHarness({
      customers: [
        { id: id('B'), source_id: id('L') },
        { id: id('C'), source_id: 'crm-2' },
      ],
    });
    await harness.erase(one('source_id', id('L')));
    expect(harness.deleted()).toEqual([id('B')]);
    await harness.erase(one('source_id', id('C')));
    expect(harness.deleted()).toEqual([id('B')]);
  });

  test('customer_id of another customer: deletes nobody', async () => {
    const harness = createHarness({ customers: [{ id: ada }, { id: id('B'), source_id: ada }] });
    const { outcome } = await harness.erase(one('source_id', ada));
    expect(outcome.kind).toBe('not-identifiable');
    expect(harness.deleted()).toEqual([]);
  });

  test('request by customer_id: deletes nobody', async () => {
    const harness = createHarness({ customers: [{ id: id('B'), source_id: ada }] });
    const { outcome } = await harness.erase(one('customer_id', ada));
    // The other customer hides the one with this id, who may still exist.
    expect(outcome.kind).toBe('not-identifiable');
    expect(harness.deleted()).toEqual([]);
  });

  test('registered during the deletion: is not deleted by a second try', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    harness.intercept = (call, pass) => {
      if (call.method === 'GET') return pass();
      harness.intercept = undefined;
      pass();
      harness.addCustomer({ id: id('B'), source_id: ada });
      return { kind: 'no-response', code: 'connection-lost', mayHaveExecuted: true };
    };
    const { receipt } = await harness.erase(one('customer_id', ada));
    await harness.sweepWhenDue(receipt.id);
    expect(harness.deleted()).toEqual([ada]);
  });
});

test.each(['unknown', 'null', '-', '@', 'none@'])(
  'placeholder %j as address: deletes nobody who has it',
  async email => {
    const harness = createHarness();
    for (const letter of ['A', 'B']) harness.addCustomer({ id: id(letter), email });
    expect((await harness.erase(one('email', email))).outcome.kind).toBe('not-identifiable');
    expect(harness.sent).toEqual([]);
  },
);

describe('customer created after the request', () => {
  const later = new Date(start + 1).toISOString();
  const same = { source_id: 'crm-1', email: 'ada@example.com' };
  const all: readonly Identifier[] = [...one('source_id', 'crm-1'), ...one('email', 'ada@example.com')];

  test('later customer: is not deleted', async () => {
    const harness = createHarness({ customers: [{ ...same, created_at: later }] });
    const { outcome, receipt } = await harness.erase(all);
    expect(outcome.kind).toBe('created-later');
    // Both identifiers found the same customer.
    expect(receipt.projects).toMatchObject({ main: { state: 'created-later', createdLater: 1 } });
    expect(harness.deleted()).toEqual([]);
  });

  test('platform time before the creation: the customer is not deleted', async () => {
    const harness = createHarness({ customers: [{ ...same, created_at: new Date(start - 1000).toISOString() }] });
    expect((await harness.erase(all, { submittedAt: start - 1001 })).outcome.kind).toBe('created-later');
    expect(harness.deleted()).toEqual([]);
  });

  /** The first attempt fails; then the customer is deleted from outside and signs up again. */
  const failures: readonly (readonly [string, (harness: Harness) => void])[] = [
    ['look-up', harness => (harness.intercept = () => response(503, html))],
    [
      'deletion',
      harness => (harness.intercept = (call, pass) => (call.method === 'POST' ? response(503, html) : pass())),
    ],
    [
      'response',
      harness =>
        (harness.intercept = (call, pass) => (call.method === 'POST' && pass() ? response(503, html) : pass())),
    ],
  ];
  test.each(failures)('signed up again after a lost %s: is not deleted', async (_, fail) => {
    const harness = createHarness();
    const first = harness.addCustomer({ id: ada, ...same });
    fail(harness);
    const { receipt } = await harness.erase(all);
    harness.intercept = undefined;
    harness.clock.now += 1000;
    if (harness.sandbox.customers().length > 0) harness.sandbox.softDelete(first);
    const again = harness.addCustomer({ ...same, created_at: new Date(harness.clock.now).toISOString() });
    const closed = await harness.sweepWhenDue(receipt.id);
    expect(['erased', 'created-later']).toContain(closed.state);
    expect(harness.deleted()).not.toContain(again);
    expect(harness.sandbox.customers().map(customer => customer.id)).toContain(again);
  });
});

describe('unproven response', () => {
  const answers: readonly (readonly [string, unknown])[] = [
    ['{}', {}],
    ['HTML', html],
    ['another customer', { ...done, related_object_id: id('B') }],
    ['another status', { ...done, related_object_id: ada, status: 'FAILED' }],
    ['no customer counted', { ...done, related_object_id: ada, data_json: { customer: 0 } }],
  ];

  test.each(answers)(
    '%s: is never reported as erased while the customer exists, and no other is deleted',
    async (_, body) => {
      const harness = createHarness({
        customers: [
          { id: ada, source_id: 'crm-1', email: 'family@example.com' },
          { id: id('B'), source_id: 'crm-2', email: 'other@example.com' },
        ],
      });
      harness.intercept = (call, pass) => (call.method === 'POST' ? response(200, body) : pass());
      const { receipt } = await harness.erase(one('source_id', 'crm-1'));
      for (let sweeps = 0; sweeps < 5; sweeps += 1) await harness.sweepWhenDue(receipt.id);
      expect(await harness.receipt(receipt.id)).toMatchObject({
        state: 'needs-review',
        projects: { main: { deletions: [] } },
      });
      expect(harness.deleted()).toEqual([]);
    },
  );

  test.each(answers)('%s to an executed deletion: leads to no other deletion', async (_, body) => {
    const harness = createHarness({
      customers: [
        { id: ada, source_id: 'crm-1' },
        { id: id('B'), source_id: 'crm-2' },
      ],
    });
    harness.intercept = (call, pass) => (call.method === 'POST' && pass() ? response(200, body) : pass());
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    harness.addCustomer({ source_id: 'crm-1', created_at: new Date(start + 1).toISOString() });
    for (let sweeps = 0; sweeps < 5; sweeps += 1) await harness.sweepWhenDue(receipt.id);
    expect(['erased', 'needs-review']).toContain((await harness.receipt(receipt.id)).state);
    expect(harness.deleted()).toEqual([ada]);
  });
});
