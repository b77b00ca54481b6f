import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Identifier, isUsable } from '../../lambda/domain/identifiers.ts';
import { isFinal } from '../../lambda/receipts/receipt.ts';
import { ada, attemptNow, createHarness, type Harness, one } from '../support/harness.ts';
import { createFaultyHarness, faultScript } from '../support/injected-faults.ts';
import { identifier, isMeant, known, people } from './look-alikes.ts';

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

test('random faults in any order, erasure: deletes no other customer, reports nothing false and loses nothing', async () => {
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

test('customers with unusual identifiers, any request: deletes only customers with exactly this identifier', async () => {
  const harness = createHarness({ limits: { customersPerRequest: 50 }, customers: people });
  let deleted = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(identifier, { minLength: 1, maxLength: 2 }), async identifiers => {
      const before = harness.deleted().length;
      const { outcome } = await harness.erase(identifiers);
      const gone = harness.deleted().slice(before);
      for (const one of gone) {
        const person = known.get(one);
        expect(
          identifiers.some(asked => person !== undefined && isMeant(asked, person)),
          `${one} was not meant`,
        ).toBe(true);
        if (person !== undefined) harness.addCustomer(person);
      }
      expect(outcome.kind === 'erased').toBe(gone.length > 0);
      const plain = identifiers.filter(asked => isUsable(asked) && asked.kind !== 'source_id');
      const meant = people.filter(person => plain.some(asked => isMeant(asked, person)));
      // What the sandbox's list finds by neither spelling cannot be found: it compares letter case.
      const findable = meant.filter(({ email }) => email === undefined || plain.some(asked => asked.value === email));
      expect(gone).toEqual(expect.arrayContaining(findable.map(person => person.id)));
      expect(harness.sandbox.customers()).toHaveLength(people.length);
      deleted += gone.length;
    }),
    { seed: 20261124, numRuns: 1500 },
  );
  expect(deleted).toBeGreaterThan(200);
});
