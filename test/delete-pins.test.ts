import { describe, expect, it } from 'vitest';
import type { HttpResult } from '../lambda/io/http-client.ts';
import { answer, done, html } from './support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, start } from './support/erasing-house.ts';

const family = ['cust_1', 'cust_2', 'cust_3', 'cust_4'];
const email = one('email', 'family@example.com');

function atHome(): ErasingHouse {
  const house = erasingHouse();
  // The list shows the newest first: pinned in this order.
  for (const [index, id] of family.entries()) {
    house.person({ id, email: 'family@example.com', created_at: new Date(start - index * 1000 - 1000).toISOString() });
  }
  return house;
}

/** Answers the deletion of one of them itself. */
function trouble(house: ErasingHouse, id: string, result: HttpResult): void {
  house.meddle = (call, pass) => (call.method === 'POST' && call.url.pathname.includes(id) ? result : pass());
}

const posted = (house: ErasingHouse) => house.sent.flatMap(call => /^POST .*(cust_\d)/.exec(call)?.[1] ?? []);
const lost = (mayHaveExecuted: boolean): HttpResult => ({
  kind: 'no-answer',
  code: 'connection-lost',
  mayHaveExecuted,
});

describe('when one of several deletions fails', () => {
  it.each([
    ['a 500', answer(500, html)],
    ['a lost answer', lost(true)],
    ['no proof', answer(200, {})],
    ['a 404 of a proxy', answer(404, html)],
  ])('by %s the others go on, and only that one is tried again', async (_, result) => {
    const house = atHome();
    trouble(house, 'cust_2', result);
    const { receipt, outcome } = await house.ask(email);
    expect(outcome.kind).toBe('in-progress');
    expect(posted(house)).toEqual(family);
    expect(house.deleted()).toEqual(['cust_1', 'cust_3', 'cust_4']);
    const proved = receipt.projects['main']?.deletions ?? [];
    expect(proved.map(({ pin, proof, received }) => [pin, proof, received?.status])).toEqual([
      [0, 'deleted', 'DONE'],
      [2, 'deleted', 'DONE'],
      [3, 'deleted', 'DONE'],
    ]);
    house.meddle = undefined;
    const closed = await house.sweepWhenDue(receipt.id);
    expect(posted(house).slice(family.length)).toEqual(['cust_2']);
    expect(house.sent.slice(-2)).toEqual(['GET /v1/customers/cust_2', 'POST /v1/customers/cust_2/permanent-deletion']);
    expect(closed.projects['main']?.deletions).toEqual([
      ...proved,
      { ...proved[0], pin: 1, at: house.clock.now, received: expect.objectContaining({ status: 'DONE' }) },
    ]);
    expect(house.deleted().toSorted()).toEqual(family);
  });

  it.each([
    ['a refused key', answer(401, {})],
    ['a missing permission', answer(403, {})],
    ['a plan used up', answer(402, {})],
    ['the limit', answer(429, {})],
    ['no connection', lost(false)],
  ])('by %s the others wait as well: they would meet the same', async (_, result) => {
    const house = atHome();
    trouble(house, 'cust_2', result);
    const { receipt } = await house.ask(email);
    expect(posted(house)).toEqual(['cust_1', 'cust_2']);
    expect(receipt.projects['main']).toMatchObject({
      state: 'open',
      pins: 4,
      mayHaveExecuted: false,
      deletions: [{ pin: 0 }],
    });
    house.meddle = undefined;
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await house.sweepWhenDue(receipt.id);
    expect(await house.receipt(receipt.id)).toMatchObject({ state: 'erased' });
    expect(house.deleted().toSorted()).toEqual(family);
  });

  it.each([
    ['a bad request', answer(400, {}), 'voucherify-400'],
    ['a wrong customer', answer(200, { ...done, related_object_id: 'cust_9' }), 'wrong-customer-deleted'],
  ])('by %s nothing more is posted, and what was proved is kept', async (_, result, reason) => {
    const house = atHome();
    trouble(house, 'cust_3', result);
    const { receipt } = await house.ask(email);
    expect(receipt).toMatchObject({
      state: 'needs-review',
      reason,
      projects: { main: { deletions: [{ pin: 0 }, { pin: 1 }] } },
    });
    expect(posted(house)).toEqual(['cust_1', 'cust_2', 'cust_3']);
  });

  it('a person is asked although another one only failed for now', async () => {
    const house = atHome();
    house.meddle = (call, pass) => {
      if (call.url.pathname.includes('cust_1/')) return answer(503, html);
      return call.url.pathname.includes('cust_2/') ? answer(422, {}) : pass();
    };
    const { receipt } = await house.ask(email);
    expect(receipt).toMatchObject({
      state: 'needs-review',
      reason: 'voucherify-422',
      projects: { main: { mayHaveExecuted: true } },
    });
  });

  it('each alarm is raised', async () => {
    const house = atHome();
    trouble(house, 'cust_2', answer(402, {}));
    await house.ask(email);
    expect(house.alarms()).toEqual(['voucherify-quota-exhausted']);
  });
});

describe('when all fail', () => {
  it('nobody is reported, and the next attempts bring it to an end', async () => {
    const house = atHome();
    house.sandbox.outage('error');
    const { receipt } = await house.ask(email);
    expect(receipt).toMatchObject({ state: 'open', projects: { main: { pins: 0 } } });
    house.sandbox.outage(undefined);
    house.meddle = (call, pass) => (call.method === 'POST' ? lost(true) : pass());
    const again = await house.sweepWhenDue(receipt.id);
    expect(again.projects['main']).toMatchObject({ state: 'open', pins: 4, mayHaveExecuted: true, deletions: [] });
    house.meddle = (call, pass) => (call.method === 'POST' && pass() ? lost(true) : pass());
    await house.sweepWhenDue(receipt.id);
    expect(house.deleted().toSorted()).toEqual(family);
    house.meddle = undefined;
    const closed = await house.sweepWhenDue(receipt.id);
    expect(closed.state).toBe('erased');
    expect(closed.projects['main']?.deletions.map(({ pin, proof }) => [pin, proof])).toEqual(
      family.map((_, pin) => [pin, 'gone']),
    );
    expect(house.deleted()).toHaveLength(4);
  });

  it.each(['hang', 'down', 'error'] as const)(
    'for an outage (%s) of days, every person is deleted once in the end',
    async mode => {
      const house = atHome();
      house.sandbox.outage(mode);
      const { receipt } = await house.ask(email);
      for (let sweeps = 0; sweeps < 60; sweeps += 1) {
        const open = await house.sweepWhenDue(receipt.id);
        expect(open).toMatchObject({ state: 'open', unrecordedClaims: 0 });
      }
      expect(house.clock.now - start).toBeGreaterThan(86_400_000);
      house.sandbox.outage(undefined);
      for (let sweeps = 0; sweeps < 3; sweeps += 1) await house.sweepWhenDue(receipt.id);
      expect(await house.receipt(receipt.id)).toMatchObject({ state: 'erased' });
      expect(house.deleted().toSorted()).toEqual(family);
    },
  );
});
