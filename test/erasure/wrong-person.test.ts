import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Identifier, isUsable } from '../../lambda/domain/erasure.ts';
import { answer, done, html } from '../support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, start } from '../support/erasing-house.ts';
import { identifier, isMeant, known, people } from '../support/erasing-people.ts';

const id = (letter: string) => `cust_${letter.repeat(24)}`;
const ada = id('A');

describe('project with unusual identifiers', () => {
  it('any request: deletes only customers with exactly this identifier', async () => {
    const house = erasingHouse({ customersPerRequest: 50 });
    for (const person of people) house.person(person);
    let deleted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(identifier, { minLength: 1, maxLength: 2 }), async identifiers => {
        const before = house.deleted().length;
        const { outcome } = await house.ask(identifiers);
        const gone = house.deleted().slice(before);
        for (const one of gone) {
          const person = known.get(one);
          expect(
            identifiers.some(asked => person !== undefined && isMeant(asked, person)),
            `${one} was not meant`,
          ).toBe(true);
          if (person !== undefined) house.person(person);
        }
        expect(outcome.kind === 'erased').toBe(gone.length > 0);
        const plain = identifiers.filter(asked => isUsable(asked) && asked.kind !== 'source_id');
        const meant = people.filter(person => plain.some(asked => isMeant(asked, person)));
        // What the sandbox's list finds by neither spelling cannot be found: it compares letter case.
        const findable = meant.filter(({ email }) => email === undefined || plain.some(asked => asked.value === email));
        expect(gone).toEqual(expect.arrayContaining(findable.map(person => person.id)));
        expect(house.sandbox.customers()).toHaveLength(people.length);
        deleted += gone.length;
      }),
      { seed: 20261124, numRuns: 1500 },
    );
    expect(deleted).toBeGreaterThan(200);
  });
});

describe('source_id that looks like an id', () => {
  it('request by source_id: deletes its owner, not the customer with that id', async () => {
    const house = erasingHouse();
    house.person({ id: id('B'), source_id: id('L') });
    house.person({ id: id('C'), source_id: 'crm-2' });
    await house.ask(one('source_id', id('L')));
    expect(house.deleted()).toEqual([id('B')]);
    await house.ask(one('source_id', id('C')));
    expect(house.deleted()).toEqual([id('B')]);
  });

  it('customer_id of another customer: deletes nobody', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    house.person({ id: id('B'), source_id: ada });
    const { outcome } = await house.ask(one('source_id', ada));
    expect(outcome.kind).toBe('not-identifiable');
    expect(house.deleted()).toEqual([]);
  });

  it('request by customer_id: deletes nobody', async () => {
    const house = erasingHouse();
    house.person({ id: id('B'), source_id: ada });
    const { outcome } = await house.ask(one('customer_id', ada));
    expect(outcome.kind).toBe('no-match');
    expect(house.deleted()).toEqual([]);
  });

  it('registered during the deletion: is not deleted by a second try', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    house.meddle = (call, pass) => {
      if (call.method === 'GET') return pass();
      house.meddle = undefined;
      pass();
      house.person({ id: id('B'), source_id: ada });
      return { kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true };
    };
    const { receipt } = await house.ask(one('customer_id', ada));
    await house.sweepWhenDue(receipt.id);
    expect(house.deleted()).toEqual([ada]);
  });
});

describe('customer created after the request', () => {
  const later = new Date(start + 1).toISOString();
  const same = { source_id: 'crm-1', email: 'ada@example.com' };
  const all: readonly Identifier[] = [...one('source_id', 'crm-1'), ...one('email', 'ada@example.com')];

  it('later customer: is not deleted', async () => {
    const house = erasingHouse();
    house.person({ ...same, created_at: later });
    expect((await house.ask(all)).outcome.kind).toBe('no-match');
    expect(house.deleted()).toEqual([]);
  });

  it('platform time before the creation: the customer is not deleted', async () => {
    const house = erasingHouse();
    house.person({ ...same, created_at: new Date(start - 1000).toISOString() });
    expect((await house.ask(all, { submittedAt: start - 1001 })).outcome.kind).toBe('no-match');
    expect(house.deleted()).toEqual([]);
  });

  /** The first attempt fails; then the customer is deleted from outside and signs up again. */
  const failures: readonly (readonly [string, (house: ErasingHouse) => void])[] = [
    ['look-up', house => (house.meddle = () => answer(503, html))],
    ['deletion', house => (house.meddle = (call, pass) => (call.method === 'POST' ? answer(503, html) : pass()))],
    [
      'answer',
      house => (house.meddle = (call, pass) => (call.method === 'POST' && pass() ? answer(503, html) : pass())),
    ],
  ];
  it.each(failures)('signed up again after a lost %s: is not deleted', async (_, fail) => {
    const house = erasingHouse();
    const first = house.person({ id: ada, ...same });
    fail(house);
    const { receipt } = await house.ask(all);
    house.meddle = undefined;
    house.clock.now += 1000;
    if (house.sandbox.customers().length > 0) house.sandbox.softDelete(first);
    const again = house.person({ ...same, created_at: new Date(house.clock.now).toISOString() });
    const closed = await house.sweepWhenDue(receipt.id);
    expect(['erased', 'no-match']).toContain(closed.state);
    expect(house.deleted()).not.toContain(again);
    expect(house.sandbox.customers().map(customer => customer.id)).toContain(again);
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

  it.each(answers)(
    '%s: is never reported as erased while the customer exists, and no other is deleted',
    async (_, body) => {
      const house = erasingHouse();
      house.person({ id: ada, source_id: 'crm-1', email: 'family@example.com' });
      house.person({ id: id('B'), source_id: 'crm-2', email: 'other@example.com' });
      house.meddle = (call, pass) => (call.method === 'POST' ? answer(200, body) : pass());
      const { receipt } = await house.ask(one('source_id', 'crm-1'));
      for (let sweeps = 0; sweeps < 5; sweeps += 1) await house.sweepWhenDue(receipt.id);
      expect(await house.receipt(receipt.id)).toMatchObject({
        state: 'needs-review',
        projects: { main: { deletions: [] } },
      });
      expect(house.deleted()).toEqual([]);
    },
  );

  it.each(answers)('%s to an executed deletion: leads to no other deletion', async (_, body) => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    house.person({ id: id('B'), source_id: 'crm-2' });
    house.meddle = (call, pass) => (call.method === 'POST' && pass() ? answer(200, body) : pass());
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    house.person({ source_id: 'crm-1', created_at: new Date(start + 1).toISOString() });
    for (let sweeps = 0; sweeps < 5; sweeps += 1) await house.sweepWhenDue(receipt.id);
    expect(['erased', 'needs-review']).toContain((await house.receipt(receipt.id)).state);
    expect(house.deleted()).toEqual([ada]);
  });
});
