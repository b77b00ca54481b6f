import { describe, expect, it } from 'vitest';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import { answer, html } from '../support/erasing-answers.ts';
import { crashingStore } from '../support/erasing-crash.ts';
import { type ErasingHouse, type ErasingOptions, erasingHouse, one, start } from '../support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
const wrong = { status: 'DONE', related_object_id: 'cust_B', data_json: { customer: 1 } };

type Prepare = (house: ErasingHouse) => void;
const every =
  (result: HttpResult): Prepare =>
  house => {
    house.meddle = () => result;
  };
const everyPost =
  (result: HttpResult): Prepare =>
  house => {
    house.meddle = (call, pass) => (call.method === 'POST' ? result : pass());
  };
const family: Prepare = house => {
  for (let count = 0; count < 3; count += 1) house.person({ email: 'ada@example.com' });
};

/** How each reason comes about, and how many sweeps it takes after the first attempt. */
const reasons: readonly { readonly reason: string; readonly prepare: Prepare; readonly sweeps?: number }[] = [
  { reason: 'too-many-matches', prepare: family },
  ...[400, 405, 406, 415, 422].map(status => ({ reason: `voucherify-${status}`, prepare: every(answer(status, {})) })),
  ...[400, 422].map(status => ({ reason: `voucherify-${status}`, prepare: everyPost(answer(status, {})) })),
  { reason: 'wrong-customer-deleted', prepare: everyPost(answer(200, wrong)) },
  { reason: 'created-at-missing', prepare: house => house.person({ email: 'ada@example.com', created_at: null }) },
  { reason: 'unproven-responses', prepare: everyPost(answer(200, {})), sweeps: 2 },
  { reason: 'unproven-responses', prepare: everyPost(answer(200, html)), sweeps: 2 },
  { reason: 'unproven-responses', prepare: every(answer(200, html)), sweeps: 2 },
];

/** Expects one receipt in review: one alarm, and no further attempt. */
async function expectHuman(house: ErasingHouse, reason: string): Promise<void> {
  const id = 'receipt-1';
  const asked = await house.receipt(id);
  expect(asked).toMatchObject({
    state: 'needs-review',
    reason,
    queue: 'needs-review',
    nextAttemptAt: asked.receivedAt,
  });
  expect(asked.expiresAt).toBeUndefined();
  expect(house.alarms().filter(alarm => alarm === 'needs-review')).toHaveLength(1);
  expect(house.lines.find(({ alarm }) => alarm === 'needs-review')).toMatchObject({ platform: 'generic', receipt: id });
  const calls = house.sent.length;
  house.meddle = undefined;
  for (const later of [3_600_000, 86_400_000 * 30]) {
    const swept = await house.sweep(start + later);
    expect(swept).toMatchObject({ claimed: 0, needsReview: 1 });
  }
  expect(house.sent).toHaveLength(calls);
  expect(await house.receipt(id)).toEqual(asked);
  expect(house.alarms().filter(alarm => alarm === 'needs-review')).toHaveLength(1);
}

describe('receipt in review', () => {
  it.each(reasons)('$reason: raises one alarm and deletes nobody', async ({ reason, prepare, sweeps = 0 }) => {
    const house = erasingHouse({ customersPerRequest: 2 });
    house.person({ id: ada, source_id: 'crm-1' });
    prepare(house);
    await house.ask([...one('source_id', 'crm-1'), ...one('email', 'ada@example.com')]);
    for (let count = 0; count < sweeps; count += 1) {
      expect(await house.receipt('receipt-1')).toMatchObject({ state: 'open', unprovenCount: count + 1 });
      await house.sweepWhenDue('receipt-1');
    }
    expect(house.deleted()).toEqual([]);
    await expectHuman(house, reason);
  });

  it.each([true, false])('identifiers-missing: with stored pins %s', async wasPinned => {
    const memory = forgetting();
    const house = erasingHouse(memory.options);
    house.person({ id: ada });
    everyPost(answer(503, html))(house);
    const receipt = await house.accept(one('customer_id', ada));
    if (wasPinned) await house.sweep();
    memory.loses = 'all';
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ projects: { main: { pins: wasPinned ? 1 : 0 } } });
    await expectHuman(house, 'identifiers-missing');
    expect(house.deleted()).toEqual([]);
  });

  it('pins-missing: needs review', async () => {
    const memory = forgetting();
    const house = erasingHouse(memory.options);
    house.person({ id: ada });
    everyPost(answer(503, html))(house);
    await house.ask(one('customer_id', ada));
    memory.loses = 'pins';
    await house.sweepWhenDue('receipt-1');
    await expectHuman(house, 'pins-missing');
    expect(house.deleted()).toEqual([]);
  });

  it('claims-without-result: needs review after five claims without a result', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    house.person({ id: ada });
    everyPost(answer(503, html))(house);
    const receipt = await house.accept(one('customer_id', ada));
    crash.at = 'result';
    for (let claims = 1; claims <= 5; claims += 1) {
      expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open', claims, unrecordedClaims: claims });
    }
    crash.at = undefined;
    const asked = await house.sweepWhenDue(receipt.id);
    expect(asked).toMatchObject({ claims: 5, projects: { main: { mayHaveExecuted: true } } });
    await expectHuman(house, 'claims-without-result');
  });
});

it('wrong customer deleted: raises its own alarm at once', async () => {
  const house = erasingHouse();
  house.person({ id: ada });
  everyPost(answer(200, wrong))(house);
  await house.ask(one('customer_id', ada));
  expect(house.alarms()).toEqual(['wrong-customer-deleted', 'needs-review']);
});

it('wrong customer deleted: stops the other deletions', async () => {
  const house = erasingHouse();
  for (const id of [ada, 'cust_C', 'cust_D']) house.person({ id, email: 'family@example.com' });
  everyPost(answer(200, wrong))(house);
  await house.ask(one('email', 'family@example.com'));
  expect(house.sent.filter(call => call.startsWith('POST'))).toHaveLength(1);
});

it.each([
  ['a deletion', everyPost(answer(200, {}))],
  ['a deletion in HTML', everyPost(answer(200, html))],
  ['a look-up', every(answer(200, { id: 'crm-1' }))],
])('unproven 200 (%s): raises an alarm each time', async (_, prepare) => {
  const house = erasingHouse();
  house.person({ id: ada, source_id: 'crm-1' });
  prepare(house);
  await house.ask(one('source_id', 'crm-1'));
  expect(house.alarms()).toEqual(['unproven-response']);
  expect(house.lines).toContainEqual(
    expect.objectContaining({ event: 'alarm', platform: 'generic', receipt: 'receipt-1' }),
  );
  await house.sweepWhenDue('receipt-1');
  await house.sweepWhenDue('receipt-1');
  expect(house.alarms()).toEqual(['unproven-response', 'unproven-response', 'unproven-response', 'needs-review']);
});

it('invalid response: raises an alarm only when it repeats', async () => {
  const house = erasingHouse();
  house.person({ id: ada });
  everyPost(answer(410, html))(house);
  await house.ask(one('customer_id', ada));
  expect(house.alarms()).toEqual([]);
  expect(await house.receipt('receipt-1')).toMatchObject({ state: 'open', unprovenCount: 1 });
});

it('two workers: raise one alarm', async () => {
  const house = erasingHouse();
  const receipt = await house.accept(one('customer_id', ada));
  every(answer(400, {}))(house);
  await Promise.all([house.sweep(), house.sweep(), house.sweep()]);
  expect(await house.receipt(receipt.id)).toMatchObject({ state: 'needs-review', claims: 1 });
  expect(house.alarms()).toEqual(['needs-review']);
});

/** A store that loses what was kept apart, or only the pins. */
function forgetting() {
  const memory: { loses: 'nothing' | 'pins' | 'all'; readonly options: ErasingOptions } = {
    loses: 'nothing',
    options: {
      change: ({ store }) => ({
        store: {
          ...store,
          readPersonalData: async id => {
            const kept = memory.loses === 'all' ? undefined : await store.readPersonalData(id);
            return kept !== undefined && memory.loses === 'pins' ? { ...kept, pins: {} } : kept;
          },
        },
      }),
    },
  };
  return memory;
}
