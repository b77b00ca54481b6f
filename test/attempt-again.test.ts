import { describe, expect, it } from 'vitest';
import type { HttpResult } from '../lambda/io/http-client.ts';
import { answer, done, html, notFound } from './support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, start } from './support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
const deletion = `POST /v1/customers/${ada}/permanent-deletion`;
const look = `GET /v1/customers/${ada}`;
const gone = [{ project: 'main', pin: 0, proof: 'gone' }];

const lost = (mayHaveExecuted: boolean): HttpResult => ({
  kind: 'no-answer',
  code: 'connection-lost',
  mayHaveExecuted,
});

/** Answers the next deletion itself; `before` says whether the deletion takes place all the same. */
function onNextDeletion(house: ErasingHouse, result: HttpResult, before = false): void {
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
    ['cut off', lost(true)],
    ['timed out', { kind: 'no-answer', code: 'timed-out', mayHaveExecuted: true } as const],
    ['too large', { kind: 'no-answer', code: 'too-large', mayHaveExecuted: true } as const],
    ['a 500', answer(500, html)],
    ['a 502 with JSON', answer(502, { status: 'DONE' })],
    ['a 200 that proves nothing', answer(200, {})],
    ['a 404 of a proxy', answer(404, html)],
  ])('(%s) after it took place is proved by the next attempt, and happens once', async (_, result) => {
    const person = (house: ErasingHouse) => house.person({ id: ada });
    const erased = { state: 'erased', projects: { main: { deletions: gone } } };
    const unproven = { state: 'needs-review', reason: 'unseen-unproven', projects: { main: { deletions: [] } } };
    for (const [prepare, end] of [[person, erased] as const, [softlyDeleted, unproven] as const]) {
      const house = erasingHouse();
      prepare(house);
      onNextDeletion(house, result, true);
      const { receipt, outcome } = await house.ask(one('customer_id', ada));
      expect(outcome).toMatchObject({ kind: 'in-progress' });
      expect(receipt).toMatchObject({
        state: 'open',
        projects: { main: { mayHaveExecuted: true, pins: 1, deletions: [] } },
      });
      expect(await house.sweepWhenDue(receipt.id)).toMatchObject(end);
      expect(house.deleted()).toEqual([ada]);
      expect(house.sent).toEqual([look, deletion, look, deletion]);
    }
  });

  it('before it took place is done by the next attempt', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    onNextDeletion(house, lost(true));
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
    ['no connection', lost(false)],
  ])('and whose first deletion cannot have had an effect (%s) is still nobody afterwards', async (_, result) => {
    const house = erasingHouse();
    onNextDeletion(house, result);
    const { receipt } = await house.ask(one('customer_id', ada));
    expect(receipt).toMatchObject({ state: 'open', projects: { main: { pins: 1, mayHaveExecuted: false } } });
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'no-match' });
  });

  it('and that a look shows before the second try is erased like any other', async () => {
    const house = erasingHouse();
    softlyDeleted(house);
    onNextDeletion(house, lost(true));
    const { receipt } = await house.ask(one('customer_id', ada));
    let isShown = true;
    house.meddle = (call, pass) => {
      if (call.method === 'GET' && isShown) return answer(200, { id: ada });
      isShown = false;
      const answered = pass();
      return call.method === 'GET' ? answered : answer(404, notFound);
    };
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({
      state: 'erased',
      projects: { main: { deletions: gone } },
    });
    expect(house.deleted()).toEqual([ada]);
  });

  it('and that another pin failed beside is nobody still: its own first try said so', async () => {
    const house = erasingHouse();
    house.person({ id: 'cust_B', email: 'ada@example.com' });
    house.meddle = (call, pass) =>
      call.method === 'POST' && call.url.pathname.includes('cust_B') ? lost(true) : pass();
    const { receipt } = await house.ask([...one('customer_id', ada), ...one('email', 'ada@example.com')]);
    expect(receipt).toMatchObject({
      state: 'open',
      projects: { main: { pins: 2, mayHaveExecuted: true, absent: [0] } },
    });
    house.meddle = undefined;
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({
      state: 'erased',
      projects: { main: { deletions: [{ pin: 1 }] } },
    });
    expect(house.sent.filter(call => call === deletion)).toHaveLength(1);
  });

  it('and that is all that is left, is no match when the first try of each said so', async () => {
    const house = erasingHouse();
    const ben = 'cust_BBBBBBBBBBBBBBBBBBBBBBBB';
    house.meddle = (call, pass) =>
      call.method === 'POST' && call.url.pathname.includes(ben) ? answer(429, {}) : pass();
    const { receipt } = await house.ask([...one('customer_id', ada), ...one('customer_id', ben)]);
    expect(receipt.projects).toMatchObject({ main: { absent: [0], mayHaveExecuted: false } });
    house.meddle = undefined;
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'no-match' });
  });

  it('stays known as tried through attempts that could not do anything', async () => {
    const house = erasingHouse();
    softlyDeleted(house);
    onNextDeletion(house, lost(true), true);
    const { receipt } = await house.ask(one('customer_id', ada));
    for (const result of [answer(429, {}), lost(false)]) {
      onNextDeletion(house, result);
      expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open' });
    }
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'needs-review', reason: 'unseen-unproven' });
  });
});

describe('before a pin is posted to again', () => {
  const first = async (house: ErasingHouse) => {
    house.person({ id: ada, source_id: 'crm-1' });
    onNextDeletion(house, lost(true));
    return (await house.ask(one('source_id', 'crm-1'))).receipt;
  };

  it('it is looked at: an id that has become the source_id of somebody else proves nothing', async () => {
    const house = erasingHouse();
    const receipt = await first(house);
    onNextDeletion(house, lost(true), true);
    await house.sweepWhenDue(receipt.id);
    expect(house.deleted()).toEqual([ada]);
    house.person({ source_id: ada });
    const posts = house.sent.filter(call => call === deletion).length;
    const asked = await house.sweepWhenDue(receipt.id);
    expect(asked).toMatchObject({
      state: 'needs-review',
      reason: 'pin-shadowed',
      projects: { main: { deletions: [] } },
    });
    expect(house.sent.filter(call => call === deletion)).toHaveLength(posts);
    expect(house.deleted()).toEqual([ada]);
  });

  it('and another one is shown instead, the other pins are deleted all the same', async () => {
    const house = erasingHouse();
    for (const id of [ada, 'cust_B', 'cust_C']) house.person({ id, email: 'family@example.com' });
    house.meddle = (call, pass) => (call.method === 'POST' ? lost(true) : pass());
    const { receipt } = await house.ask(one('email', 'family@example.com'));
    house.sandbox.softDelete(ada);
    const newcomer = house.person({ source_id: ada });
    house.meddle = undefined;
    const asked = await house.sweepWhenDue(receipt.id);
    expect(asked).toMatchObject({ state: 'needs-review', reason: 'pin-shadowed' });
    expect(house.deleted().toSorted()).toEqual(['cust_B', 'cust_C']);
    expect(house.sandbox.customers().map(({ id }) => id)).toContain(newcomer);
  });

  it('and another one is shown instead, a wrong customer that is deleted afterwards has the say', async () => {
    const house = erasingHouse();
    for (const id of [ada, 'cust_B']) house.person({ id, email: 'family@example.com' });
    house.meddle = (call, pass) => (call.method === 'POST' ? lost(true) : pass());
    const { receipt } = await house.ask(one('email', 'family@example.com'));
    house.meddle = (call, pass) => {
      if (call.method === 'GET') return call.url.pathname.endsWith('B') ? pass() : answer(200, { id: 'cust_N' });
      return answer(200, { ...done, related_object_id: 'cust_X' });
    };
    const asked = await house.sweepWhenDue(receipt.id);
    expect(asked).toMatchObject({ state: 'needs-review', reason: 'wrong-customer-deleted' });
  });

  it('a pin that nobody showed and nothing was posted to is not nobody because the look shows another one', async () => {
    const house = erasingHouse();
    onNextDeletion(house, answer(429, {}));
    const { receipt } = await house.ask(one('customer_id', ada));
    house.person({ source_id: ada });
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'needs-review', reason: 'pin-shadowed' });
    expect(house.deleted()).toEqual([]);
  });

  it.each([
    ['lost', lost(true)],
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
