import { describe, expect, it } from 'vitest';
import type { OutboundResult } from '../lambda/io/outbound.ts';
import { answer, html, notFound } from './support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, start } from './support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
const deletion = `POST /v1/customers/${ada}/permanent-deletion`;
const look = `GET /v1/customers/${ada}`;
const gone = [{ project: 'main', pin: 0, proof: 'gone' }];

const lost = (effect: 'none' | 'possible'): OutboundResult => ({ kind: 'no-answer', code: 'cut-off', effect });

/** Answers the next deletion itself; `before` says whether the deletion takes place all the same. */
function onNextDeletion(house: ErasingHouse, result: OutboundResult, before = false): void {
  house.meddle = (call, pass) => {
    if (call.method !== 'POST') return pass();
    house.meddle = undefined;
    if (before) pass();
    return result;
  };
}

/** Somebody who was deleted softly: their pin is not seen by any look-up. */
function softlyDeleted(house: ErasingHouse): void {
  house.person({ id: ada });
  house.sandbox.softDelete(ada);
}

describe('a deletion whose answer was lost', () => {
  it.each([
    ['cut off', lost('possible')],
    ['timed out', { kind: 'no-answer', code: 'timed-out', effect: 'possible' } as const],
    ['too large', { kind: 'no-answer', code: 'too-large', effect: 'possible' } as const],
    ['a 500', answer(500, html)],
    ['a 502 with JSON', answer(502, { status: 'DONE' })],
    ['a 200 that proves nothing', answer(200, {})],
    ['a 404 of a proxy', answer(404, html)],
  ])('(%s) after it took place is proved by the next attempt, and happens once', async (_, result) => {
    for (const prepare of [(house: ErasingHouse) => house.person({ id: ada }), softlyDeleted]) {
      const house = erasingHouse();
      prepare(house);
      onNextDeletion(house, result, true);
      const { receipt, outcome } = await house.ask(one('customer_id', ada));
      expect(outcome).toMatchObject({ kind: 'in-progress' });
      expect(receipt).toMatchObject({ state: 'open', projects: { main: { tried: true, pins: 1, deletions: [] } } });
      const closed = await house.sweepWhenDue(receipt.id);
      expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: gone } } });
      expect(house.deleted()).toEqual([ada]);
      expect(house.sent).toEqual([look, deletion, look, deletion]);
    }
  });

  it('before it took place is done by the next attempt', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    onNextDeletion(house, lost('possible'));
    const { receipt } = await house.ask(one('customer_id', ada));
    expect(house.deleted()).toEqual([]);
    const closed = await house.sweepWhenDue(receipt.id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'deleted' }] } } });
    expect(house.deleted()).toEqual([ada]);
  });
});

describe('a pin that nobody ever showed', () => {
  it.each([
    ['a 429', answer(429, {})],
    ['a 401', answer(401, {})],
    ['no connection', lost('none')],
  ])('and whose first deletion cannot have had an effect (%s) is still nobody afterwards', async (_, result) => {
    const house = erasingHouse();
    onNextDeletion(house, result);
    const { receipt } = await house.ask(one('customer_id', ada));
    expect(receipt).toMatchObject({ state: 'open', projects: { main: { pins: 1, tried: false } } });
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'no-match' });
  });

  it('is gone when the first answer was sent for twice: the first time may have deleted them', async () => {
    const house = erasingHouse();
    softlyDeleted(house);
    onNextDeletion(house, { ...answer(404, notFound), resent: true }, true);
    const { outcome } = await house.ask(one('customer_id', ada));
    expect(outcome).toMatchObject({ kind: 'erased', deletions: gone });
  });

  it('is gone when it was sent for twice, then throttled, then not found', async () => {
    const house = erasingHouse();
    softlyDeleted(house);
    onNextDeletion(house, { ...answer(429, {}), resent: true }, true);
    const { receipt } = await house.ask(one('customer_id', ada));
    expect(receipt.projects).toMatchObject({ main: { tried: true } });
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
  });

  it('stays known as tried through attempts that could not do anything', async () => {
    const house = erasingHouse();
    softlyDeleted(house);
    onNextDeletion(house, lost('possible'), true);
    const { receipt } = await house.ask(one('customer_id', ada));
    for (const result of [answer(429, {}), lost('none')]) {
      onNextDeletion(house, result);
      expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open' });
    }
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
  });
});

describe('before a pin is posted to again', () => {
  const first = async (house: ErasingHouse) => {
    house.person({ id: ada, source_id: 'crm-1' });
    onNextDeletion(house, lost('possible'));
    return (await house.ask(one('source_id', 'crm-1'))).receipt;
  };

  it('it is looked at: an id that has become the source_id of somebody else is gone', async () => {
    const house = erasingHouse();
    const receipt = await first(house);
    onNextDeletion(house, lost('possible'), true);
    await house.sweepWhenDue(receipt.id);
    expect(house.deleted()).toEqual([ada]);
    house.person({ source_id: ada });
    const posts = house.sent.filter(call => call === deletion).length;
    const closed = await house.sweepWhenDue(receipt.id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: gone } } });
    expect(house.sent.filter(call => call === deletion)).toHaveLength(posts);
    expect(house.deleted()).toEqual([ada]);
  });

  it('a pin that nobody showed and nothing was posted to is nobody when the look shows somebody else', async () => {
    const house = erasingHouse();
    onNextDeletion(house, answer(429, {}));
    const { receipt } = await house.ask(one('customer_id', ada));
    house.person({ source_id: ada });
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'no-match' });
    expect(house.deleted()).toEqual([]);
  });

  it.each([
    ['lost', lost('possible')],
    ['a 500', answer(500, html)],
    ['HTML', answer(200, html)],
    ['a customer that is none', answer(200, { id: 'crm-1' })],
    ['a 404 that is not of a customer', answer(404, {})],
    ['a 429', answer(429, {})],
  ])('and the look fails (%s), nothing is posted', async (_, result) => {
    const house = erasingHouse();
    const receipt = await first(house);
    house.meddle = () => result;
    const posts = house.sent.filter(call => call.startsWith('POST')).length;
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open' });
    expect(house.sent.filter(call => call.startsWith('POST'))).toHaveLength(posts);
    expect(house.deleted()).toEqual([]);
  });

  it('nobody is looked up afresh: who is registered under the same source_id meanwhile is somebody else', async () => {
    const house = erasingHouse();
    const receipt = await first(house);
    house.sandbox.softDelete(ada);
    const again = house.sandbox.register({ source_id: 'crm-1', created_at: new Date(start - 1).toISOString() }, 'main');
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
    expect(house.deleted()).toEqual([ada]);
    expect(house.sandbox.customers().map(({ id }) => id)).toEqual([again]);
    expect(house.sent.filter(call => call.includes('crm-1'))).toHaveLength(1);
  });
});
