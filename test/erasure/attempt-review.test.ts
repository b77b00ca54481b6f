import { describe, expect, test } from 'vitest';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import { ada, changedStore, createHarness, type Harness, type HarnessOptions, one, start } from '../support/harness.ts';
import { crashingStore } from '../support/injected-faults.ts';
import { html, response } from '../support/voucherify-responses.ts';

const wrong = { status: 'DONE', related_object_id: 'cust_B', data_json: { customer: 1 } };

type Prepare = (harness: Harness) => void;
const every =
  (result: HttpResult): Prepare =>
  harness => {
    harness.intercept = () => result;
  };
const everyPost =
  (result: HttpResult): Prepare =>
  harness => {
    harness.intercept = (call, pass) => (call.method === 'POST' ? result : pass());
  };
const family: Prepare = harness => {
  for (let count = 0; count < 3; count += 1) harness.addCustomer({ email: 'ada@example.com' });
};

/** How each reason comes about, and how many sweeps it takes after the first attempt. */
const reasons: readonly { readonly reason: string; readonly prepare: Prepare; readonly sweeps?: number }[] = [
  { reason: 'too-many-matches', prepare: family },
  ...[400, 405, 406, 415, 422].map(status => ({
    reason: `voucherify-${status}`,
    prepare: every(response(status, {})),
  })),
  ...[400, 422].map(status => ({ reason: `voucherify-${status}`, prepare: everyPost(response(status, {})) })),
  { reason: 'wrong-customer-deleted', prepare: everyPost(response(200, wrong)) },
  { reason: 'created-at-missing', prepare: it => it.addCustomer({ email: 'ada@example.com', created_at: null }) },
  // Go's and Unix' zero time: the time was never set.
  ...['0001-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'].map(created_at => ({
    reason: 'created-at-missing',
    prepare: (harness: Harness) => harness.addCustomer({ email: 'ada@example.com', created_at }),
  })),
  { reason: 'unproven-responses', prepare: everyPost(response(200, {})), sweeps: 2 },
  { reason: 'unproven-responses', prepare: everyPost(response(200, html)), sweeps: 2 },
  { reason: 'unproven-responses', prepare: every(response(200, html)), sweeps: 2 },
];

/** Expects one receipt in review: one alarm, and no further attempt. */
async function expectHuman(harness: Harness, reason: string): Promise<void> {
  const id = 'receipt-1';
  const asked = await harness.receipt(id);
  expect(asked).toMatchObject({
    state: 'needs-review',
    reason,
    queue: 'needs-review',
    nextAttemptAt: asked.receivedAt,
  });
  expect(asked.expiresAt).toBeUndefined();
  expect(harness.alarms().filter(alarm => alarm === 'needs-review')).toHaveLength(1);
  expect(harness.lines.find(({ alarm }) => alarm === 'needs-review')).toMatchObject({
    platform: 'generic',
    receipt: id,
  });
  const calls = harness.sent.length;
  harness.intercept = undefined;
  for (const later of [3_600_000, 86_400_000 * 30]) {
    const swept = await harness.sweep(start + later);
    expect(swept).toMatchObject({ claimed: 0, needsReview: 1 });
  }
  expect(harness.sent).toHaveLength(calls);
  expect(await harness.receipt(id)).toEqual(asked);
  expect(harness.alarms().filter(alarm => alarm === 'needs-review')).toHaveLength(1);
}

describe('receipt in review', () => {
  test.each(reasons)('$reason: raises one alarm and deletes nobody', async ({ reason, prepare, sweeps = 0 }) => {
    const harness = createHarness({ limits: { customersPerRequest: 2 } });
    harness.addCustomer({ id: ada, source_id: 'crm-1' });
    prepare(harness);
    await harness.erase([...one('source_id', 'crm-1'), ...one('email', 'ada@example.com')]);
    for (let count = 0; count < sweeps; count += 1) {
      expect(await harness.receipt('receipt-1')).toMatchObject({ state: 'open', unprovenCount: count + 1 });
      await harness.sweepWhenDue('receipt-1');
    }
    expect(harness.deleted()).toEqual([]);
    await expectHuman(harness, reason);
  });

  test.each([true, false])('identifiers-missing: with stored pins %s', async wasPinned => {
    const memory = forgetting();
    const harness = createHarness(memory.options);
    harness.addCustomer({ id: ada });
    everyPost(response(503, html))(harness);
    const receipt = await harness.accept(one('customer_id', ada));
    if (wasPinned) await harness.sweep();
    memory.loses = 'all';
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ projects: { main: { pins: wasPinned ? 1 : 0 } } });
    await expectHuman(harness, 'identifiers-missing');
    expect(harness.deleted()).toEqual([]);
  });

  test('pins-missing: needs review', async () => {
    const memory = forgetting();
    const harness = createHarness(memory.options);
    harness.addCustomer({ id: ada });
    everyPost(response(503, html))(harness);
    await harness.erase(one('customer_id', ada));
    memory.loses = 'pins';
    await harness.sweepWhenDue('receipt-1');
    await expectHuman(harness, 'pins-missing');
    expect(harness.deleted()).toEqual([]);
  });

  test('claims-without-result: needs review after five claims without a result', async () => {
    const crash = crashingStore();
    const harness = createHarness(crash.options);
    harness.addCustomer({ id: ada });
    everyPost(response(503, html))(harness);
    const receipt = await harness.accept(one('customer_id', ada));
    crash.at = 'result';
    for (let claims = 1; claims <= 5; claims += 1) {
      expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open', claims, unrecordedClaims: claims });
    }
    crash.at = undefined;
    const asked = await harness.sweepWhenDue(receipt.id);
    expect(asked).toMatchObject({ claims: 5, projects: { main: { mayHaveExecuted: true } } });
    await expectHuman(harness, 'claims-without-result');
  });
});

test('wrong customer deleted: raises its own alarm at once', async () => {
  const harness = createHarness({ customers: [{ id: ada }] });
  everyPost(response(200, wrong))(harness);
  await harness.erase(one('customer_id', ada));
  expect(harness.alarms()).toEqual(['wrong-customer-deleted', 'needs-review']);
});

test.each([
  ['a deletion', everyPost(response(200, {}))],
  ['a deletion in HTML', everyPost(response(200, html))],
])('unproven 200 (%s): raises an alarm each time', async (_, prepare) => {
  const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
  prepare(harness);
  await harness.erase(one('source_id', 'crm-1'));
  expect(harness.alarms()).toEqual(['unproven-response']);
  expect(harness.lines).toContainEqual(
    expect.objectContaining({ event: 'alarm', platform: 'generic', receipt: 'receipt-1' }),
  );
  await harness.sweepWhenDue('receipt-1');
  await harness.sweepWhenDue('receipt-1');
  expect(harness.alarms()).toEqual(['unproven-response', 'unproven-response', 'unproven-response', 'needs-review']);
});

test('invalid response: raises an alarm only when it repeats', async () => {
  const harness = createHarness({ customers: [{ id: ada }] });
  everyPost(response(410, html))(harness);
  await harness.erase(one('customer_id', ada));
  expect(harness.alarms()).toEqual([]);
  expect(await harness.receipt('receipt-1')).toMatchObject({ state: 'open', unprovenCount: 1 });
});

test('two workers: raise one alarm', async () => {
  const harness = createHarness();
  const receipt = await harness.accept(one('customer_id', ada));
  every(response(400, {}))(harness);
  await Promise.all([harness.sweep(), harness.sweep(), harness.sweep()]);
  expect(await harness.receipt(receipt.id)).toMatchObject({ state: 'needs-review', claims: 1 });
  expect(harness.alarms()).toEqual(['needs-review']);
});

/** A store that loses what was kept apart, or only the pins. */
function forgetting() {
  const memory: { loses: 'nothing' | 'pins' | 'all'; readonly options: HarnessOptions } = {
    loses: 'nothing',
    options: {
      ...changedStore(store => ({
        readPersonalData: async id => {
          const kept = memory.loses === 'all' ? undefined : await store.readPersonalData(id);
          return kept !== undefined && memory.loses === 'pins' ? { ...kept, pins: {} } : kept;
        },
      })),
    },
  };
  return memory;
}
