import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Identifier } from '../../lambda/domain/erasure.ts';
import { isFinal } from '../../lambda/receipts/receipt.ts';
import { faultScript, faultyHouse } from '../support/erasing-faults.ts';
import { attemptNow, type ErasingHouse, one } from '../support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
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
function deletes({ sandbox }: ErasingHouse): void {
  const headers = { 'x-app-id': 'app-main', 'x-app-token': 'token-main' };
  sandbox.respond({ method: 'POST', target: `/v1/customers/${ada}/permanent-deletion`, headers, body: '' });
}

describe('random faults in any order', () => {
  it('erasure: deletes no other customer, reports nothing false and loses nothing', async () => {
    const ends = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(faultScript, situation, fc.boolean(), async (script, { is, by }, atOnce) => {
        const strangers = new Set<string>();
        let byOthers = 0;
        const { house, heal, writtenAgain } = faultyHouse(script, {
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
            if (free) strangers.add(place.person({ ...same, created_at }));
          },
        });
        house.clock.now += 1;
        if (is !== 'unknown') house.person({ id: ada, ...same });
        if (is === 'deleted softly') house.sandbox.softDelete(ada);
        const accepted = await house.accept(by, { attempted: atOnce });
        if (atOnce) await attemptNow(accepted, house.services).catch(() => undefined);
        for (let sweeps = 0; sweeps < 6; sweeps += 1) await house.sweepWhenDue(accepted.id);
        heal();
        for (let sweeps = 0; sweeps < 8; sweeps += 1) await house.sweepWhenDue(accepted.id);

        expect(writtenAgain, 'a closed receipt was written again').toEqual([]);
        const receipt = await house.receipt(accepted.id);
        const ours = house.deleted().length - byOthers;
        expect(
          house.deleted().filter(one => one !== ada),
          'another customer was deleted',
        ).toEqual([]);
        expect(house.sandbox.customers().map(({ id }) => id)).toEqual(expect.arrayContaining([...strangers]));
        expect(isFinal(receipt.state) || receipt.state === 'needs-review', `${receipt.state} is stuck`).toBe(true);
        if (receipt.state === 'erased') {
          expect(
            house.sandbox.customers().some(({ id }) => id === ada),
            'erased, and still there',
          ).toBe(false);
        }
        if (receipt.state === 'no-match') expect(ours, 'no match, and yet something was deleted').toBe(0);
        if (receipt.state === 'needs-review') {
          const neverSeen = by.some(({ kind }) => kind === 'customer_id') ? ['unseen-unproven'] : [];
          expect(['unproven-responses', 'claims-without-result', ...neverSeen]).toContain(receipt.reason);
        }
        expect((await house.store.readPersonalData(receipt.id)) === undefined).toBe(isFinal(receipt.state));
        ends.set(receipt.state, (ends.get(receipt.state) ?? 0) + 1);
        house.close();
      }),
      { seed: 20261124, numRuns: 300 },
    );
    for (const state of ['erased', 'no-match', 'needs-review']) expect(ends.get(state), state).toBeGreaterThan(3);
  });
});
