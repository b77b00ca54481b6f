import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Identifier } from '../../lambda/domain/identifiers.ts';
import { isFinal } from '../../lambda/receipts/receipt.ts';
import { ada, attemptNow, type Harness, one } from '../support/harness.ts';
import { createFaultyHarness, faultScript } from '../support/injected-faults.ts';

const same = { source_id: 'crm-1', email: 'ada@example.com' };

/** The customer's state at the start, and the identifiers of the request. */
const situation = fc.constantFrom<{
  readonly is: 'there' | 'deleted softly' | 'unknown';
  readonly by: readonly Identifier[];
}>(
  { is: 'there', by: one('source_id', 'crm-1') },
  { is: 'there', by: one('email', 'ada@example.com') },
  { is: 'there', by: one('customer_id', ada) },
  { is: 'there', by: [...one('customer_id', ada), ...one('email', 'ada@example.com')] },
  { is: 'deleted softly', by: one('customer_id', ada) },
  { is: 'unknown', by: one('customer_id', ada) },
  { is: 'unknown', by: one('source_id', 'crm-1') },
);

/** An operator permanently deletes the customer in the dashboard. */
function deletes({ sandbox }: Harness): void {
  const headers = { 'x-app-id': 'app-main', 'x-app-token': 'token-main' };
  sandbox.respond({ method: 'POST', target: `/v1/customers/${ada}/permanent-deletion`, headers, body: '' });
}

describe('random faults in any order', () => {
  test('erasure: deletes no other customer, reports nothing false and loses nothing', async () => {
    const ends = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(faultScript, situation, fc.boolean(), async (script, { is, by }, atOnce) => {
        const strangers = new Set<string>();
        let byOthers = 0;
        const { harness, heal, writtenAgain } = createFaultyHarness(script, {
          deletes: place => {
            const before = place.deleted().length;
            deletes(place);
            byOthers += place.deleted().length - before;
          },
          registers: place => {
            const free = !place.sandbox
              .customers()
              .some(({ source_id, deleted_at }) => source_id === 'crm-1' && deleted_at === null);
            const created_at = new Date(place.clock.now + 1).toISOString();
            if (free) strangers.add(place.addCustomer({ ...same, created_at }));
          },
        });
        harness.clock.now += 1;
        if (is !== 'unknown') harness.addCustomer({ id: ada, ...same });
        if (is === 'deleted softly') harness.sandbox.softDelete(ada);
        const accepted = await harness.accept(by, { attempted: atOnce });
        if (atOnce) await attemptNow(accepted, harness.services).catch(() => undefined);
        for (let sweeps = 0; sweeps < 6; sweeps += 1) await harness.sweepWhenDue(accepted.id);
        heal();
        for (let sweeps = 0; sweeps < 8; sweeps += 1) await harness.sweepWhenDue(accepted.id);

        expect(writtenAgain, 'a closed receipt was written again').toEqual([]);
        const receipt = await harness.receipt(accepted.id);
        const ours = harness.deleted().length - byOthers;
        expect(
          harness.deleted().filter(one => one !== ada),
          'another customer was deleted',
        ).toEqual([]);
        expect(harness.sandbox.customers().map(({ id }) => id)).toEqual(expect.arrayContaining([...strangers]));
        expect(isFinal(receipt.state) || receipt.state === 'needs-review', `${receipt.state} is stuck`).toBe(true);
        if (receipt.state === 'erased') {
          expect(
            harness.sandbox.customers().some(({ id }) => id === ada),
            'erased, and still there',
          ).toBe(false);
        }
        if (receipt.state === 'no-match') expect(ours, 'no match, and yet something was deleted').toBe(0);
        if (receipt.state === 'needs-review') {
          const neverSeen = by.some(({ kind }) => kind === 'customer_id') ? ['unseen-unproven'] : [];
          expect(['unproven-responses', 'unreadable-customer', 'claims-without-result', ...neverSeen]).toContain(
            receipt.reason,
          );
        }
        expect((await harness.store.readPersonalData(receipt.id)) === undefined).toBe(isFinal(receipt.state));
        ends.set(receipt.state, (ends.get(receipt.state) ?? 0) + 1);
        harness.close();
      }),
      { seed: 20261124, numRuns: 300 },
    );
    for (const state of ['erased', 'no-match', 'needs-review']) expect(ends.get(state), state).toBeGreaterThan(3);
  });
});
