import { describe, expect, it } from 'vitest';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import { answer, done, html, notFound } from '../support/erasing-answers.ts';
import { crashingStore } from '../support/erasing-crash.ts';
import { type ErasingHouse, erasingHouse, one, start } from '../support/erasing-house.ts';

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

/** A soft-deleted customer: no look-up returns it, so its pin is unseen. */
function softlyDeleted(house: ErasingHouse): void {
  house.person({ id: ada });
  house.sandbox.softDelete(ada);
}

const posts = (house: ErasingHouse) => house.sent.filter(call => call.startsWith('POST')).length;

describe('deletion with a lost response', () => {
  it.each([
    ['cut off', lost(true)],
    ['timed out', { kind: 'no-answer', code: 'timed-out', mayHaveExecuted: true } as const],
    ['too large', { kind: 'no-answer', code: 'too-large', mayHaveExecuted: true } as const],
    ['a 500', answer(500, html)],
    ['a 502 with JSON', answer(502, { status: 'DONE' })],
    ['a 200 that proves nothing', answer(200, {})],
    ['a 404 of a proxy', answer(404, html)],
  ])('%s after it was executed: is proved by the next attempt and happens once', async (_, result) => {
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

  it('before it was executed: is done by the next attempt', async () => {
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

describe('unseen pin', () => {
  it.each([
    ['a 429', answer(429, {})],
    ['a 401', answer(401, {})],
    ['no connection', lost(false)],
  ])('first deletion not executed (%s): is still no match', async (_, result) => {
    const house = erasingHouse();
    onNextDeletion(house, result);
    const { receipt } = await house.ask(one('customer_id', ada));
    expect(receipt).toMatchObject({ state: 'open', projects: { main: { pins: 1, mayHaveExecuted: false } } });
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'no-match' });
  });

  it('shown before the second try: is erased', async () => {
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

  it('failure of another pin: stays no match after its own first try', async () => {
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

  it('only absent pins left: is no match', async () => {
    const house = erasingHouse();
    const ben = 'cust_BBBBBBBBBBBBBBBBBBBBBBBB';
    house.meddle = (call, pass) =>
      call.method === 'POST' && call.url.pathname.includes(ben) ? answer(429, {}) : pass();
    const { receipt } = await house.ask([...one('customer_id', ada), ...one('customer_id', ben)]);
    expect(receipt.projects).toMatchObject({ main: { absent: [0], mayHaveExecuted: false } });
    house.meddle = undefined;
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'no-match' });
  });

  it('attempts without a call: stays known as tried', async () => {
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

describe('check before a repeated deletion', () => {
  const first = async (house: ErasingHouse) => {
    house.person({ id: ada, source_id: 'crm-1' });
    onNextDeletion(house, lost(true));
    return (await house.ask(one('source_id', 'crm-1'))).receipt;
  };

  it('source_id of another customer: proves nothing', async () => {
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

  it('another customer shown: the other pins are still deleted', async () => {
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

  it('another customer shown, then a wrong customer deleted: the wrong deletion is the reason', async () => {
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

  it('unseen pin without a deletion request, another customer shown: is not a no match', async () => {
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
  ])('failed check (%s): no deletion is sent', async (_, result) => {
    const house = erasingHouse();
    const receipt = await first(house);
    house.meddle = () => result;
    const posts = house.sent.filter(call => call.startsWith('POST')).length;
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open' });
    expect(house.sent.filter(call => call.startsWith('POST'))).toHaveLength(posts);
    expect(house.deleted()).toEqual([]);
  });

  it('same source_id registered again: is not looked up and not deleted', async () => {
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

describe('attempt that crashed before it stored its result', () => {
  it.each([
    ['seen, is proved by the next attempt', (house: ErasingHouse) => house.person({ id: ada }), 'erased'],
    ['unseen, needs review without proof', softlyDeleted, 'needs-review'],
  ])('deleted pin: %s', async (_, prepare, state) => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    prepare(house);
    crash.at = 'result';
    await expect(house.ask(one('customer_id', ada))).rejects.toThrow('the process ended');
    expect(house.deleted()).toEqual([ada]);
    expect(await house.receipt('receipt-1')).toMatchObject({ state: 'open', unrecordedClaims: 1 });
    crash.at = undefined;
    const deletions = state === 'erased' ? [{ proof: 'gone' }] : [];
    const reason = state === 'erased' ? {} : { reason: 'unseen-unproven' };
    const next = await house.sweepWhenDue('receipt-1');
    expect(next).toMatchObject({ state, ...reason, projects: { main: { deletions } } });
    expect(house.deleted()).toEqual([ada]);
  });

  it('unseen pin: stays known as possibly deleted after an attempt that made no call', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    softlyDeleted(house);
    crash.at = 'result';
    await expect(house.ask(one('customer_id', ada))).rejects.toThrow('the process ended');
    crash.at = undefined;
    house.meddle = () => answer(429, {}, { 'retry-after': '5' });
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'open', unrecordedClaims: 0 });
    house.meddle = undefined;
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'needs-review', reason: 'unseen-unproven' });
  });

  it('customer_id without a match: becomes neither gone nor no match', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    crash.at = 'result';
    await expect(house.ask(one('customer_id', ada))).rejects.toThrow('the process ended');
    crash.at = undefined;
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'needs-review', reason: 'unseen-unproven' });
  });
});

describe('attempt that crashed before it stored its pins', () => {
  it('found customer: is deleted by the next attempt only', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    house.person({ id: ada, source_id: 'crm-1' });
    crash.at = 'pins';
    await expect(house.ask(one('source_id', 'crm-1'))).rejects.toThrow('the process ended');
    expect(posts(house)).toBe(0);
    crash.at = undefined;
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'erased' });
    expect(house.deleted()).toEqual([ada]);
  });

  it('customer_id without a match: ends as no match, because nothing was deleted', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    crash.at = 'pins';
    await expect(house.ask(one('customer_id', ada))).rejects.toThrow('the process ended');
    crash.at = undefined;
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'no-match' });
    expect(posts(house)).toBe(1);
  });
});
