import { describe, expect, test } from 'vitest';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import { ada, createHarness, type Harness, inReview, iso, one, start } from '../support/harness.ts';
import { crashingStore } from '../support/injected-faults.ts';
import { done, html, lost, notFound, response } from '../support/voucherify-responses.ts';

const deletion = `POST /v1/customers/${ada}/permanent-deletion`;
const look = `GET /v1/customers/${ada}`;
const gone = [{ project: 'main', pin: 0, proof: 'gone' }];

/** Answers the next deletion itself; `before` says whether the deletion takes place all the same. */
function onNextDeletion(harness: Harness, result: HttpResult, before = false): void {
  harness.intercept = (call, pass) => {
    if (call.method !== 'POST') return pass();
    harness.intercept = undefined;
    if (before) pass();
    return result;
  };
}

/** A soft-deleted customer: no look-up returns it, so its pin is unseen. */
function softlyDeleted(harness: Harness): void {
  harness.addCustomer({ id: ada });
  harness.sandbox.softDelete(ada);
}

/** Erases by customer_id, in a process that ends at a write. */
async function crashAt(write: 'result' | 'pins', harness: Harness, crash: ReturnType<typeof crashingStore>) {
  crash.at = write;
  await expect(harness.erase(one('customer_id', ada))).rejects.toThrow('the process ended');
  crash.at = undefined;
}

const posts = (harness: Harness) => harness.sent.filter(call => call.startsWith('POST')).length;

describe('deletion with a lost response', () => {
  test.each([
    ['cut off', lost(true)],
    ['timed out', { kind: 'no-response', code: 'timed-out', mayHaveExecuted: true } as const],
    ['too large', { kind: 'no-response', code: 'too-large', mayHaveExecuted: true } as const],
    ['a 500', response(500, html)],
    ['a 502 with JSON', response(502, { status: 'DONE' })],
    ['a 200 that proves nothing', response(200, {})],
    ['a 404 of a proxy', response(404, html)],
  ])('%s after it was executed: is proved by the next attempt and happens once', async (_, result) => {
    const person = (harness: Harness) => harness.addCustomer({ id: ada });
    const erased = { state: 'erased', projects: { main: { deletions: gone } } };
    const unproven = { state: 'needs-review', reason: 'unseen-unproven', projects: { main: { deletions: [] } } };
    for (const [prepare, end] of [[person, erased] as const, [softlyDeleted, unproven] as const]) {
      const harness = createHarness();
      prepare(harness);
      onNextDeletion(harness, result, true);
      const { receipt, outcome } = await harness.erase(one('customer_id', ada));
      expect(outcome).toMatchObject({ kind: 'in-progress' });
      expect(receipt).toMatchObject({
        state: 'open',
        projects: { main: { mayHaveExecuted: true, pins: 1, deletions: [] } },
      });
      expect(await harness.sweepWhenDue(receipt.id)).toMatchObject(end);
      expect(harness.deleted()).toEqual([ada]);
      expect(harness.sent).toEqual([look, deletion, look, deletion]);
    }
  });

  test('before it was executed: is done by the next attempt', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    onNextDeletion(harness, lost(true));
    const { receipt } = await harness.erase(one('customer_id', ada));
    expect(harness.deleted()).toEqual([]);
    const closed = await harness.sweepWhenDue(receipt.id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'deleted' }] } } });
    expect(harness.deleted()).toEqual([ada]);
  });
});

describe('deletion that takes longer than an attempt', () => {
  /** Voucherify needs this long for a deletion, and stops it when the connection is closed. */
  function slowDeletions(harness: Harness, neededMs: number): void {
    harness.intercept = (call, pass) => {
      if (call.method !== 'POST') return pass();
      const isCut = call.until - harness.clock.now < neededMs;
      harness.clock.now = isCut ? call.until : harness.clock.now + neededMs;
      return isCut ? { kind: 'no-response', code: 'timed-out', mayHaveExecuted: true } : pass();
    };
  }

  test('40 s: is completed by the sweep, which gives it more time than other attempts', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    slowDeletions(harness, 40_000);
    const { receipt } = await harness.erase(one('customer_id', ada));
    expect(receipt).toMatchObject({ state: 'open', projects: { main: { mayHaveExecuted: true } } });
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
    expect(harness.deleted()).toEqual([ada]);
    expect(harness.alarms()).toEqual([]);
  });

  test('without end: raises an alarm from the second time on, and is tried again', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    slowDeletions(harness, Number.POSITIVE_INFINITY);
    const { receipt } = await harness.erase(one('customer_id', ada));
    expect(harness.alarms()).toEqual([]);
    for (const times of [1, 2]) {
      expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open' });
      expect(harness.alarms()).toEqual(Array(times).fill('unproven-response'));
    }
    expect(harness.lines).toContainEqual(expect.objectContaining({ event: 'alarm', code: 'deletion-too-slow' }));
  });
});

describe('unseen pin', () => {
  test.each([
    ['a 429', response(429, {})],
    ['a 401', response(401, {})],
    ['no connection', lost(false)],
  ])('first deletion not executed (%s): is still no match', async (_, result) => {
    const harness = createHarness();
    onNextDeletion(harness, result);
    const { receipt } = await harness.erase(one('customer_id', ada));
    expect(receipt).toMatchObject({ state: 'open', projects: { main: { pins: 1, mayHaveExecuted: false } } });
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'no-match' });
  });

  test('shown before the second try: is erased', async () => {
    const harness = createHarness();
    softlyDeleted(harness);
    onNextDeletion(harness, lost(true));
    const { receipt } = await harness.erase(one('customer_id', ada));
    let isShown = true;
    harness.intercept = (call, pass) => {
      if (call.method === 'GET' && isShown) return response(200, { id: ada });
      isShown = false;
      const answered = pass();
      return call.method === 'GET' ? answered : response(404, notFound);
    };
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({
      state: 'erased',
      projects: { main: { deletions: gone } },
    });
    expect(harness.deleted()).toEqual([ada]);
  });

  test('failure of another pin: stays no match after its own first try', async () => {
    const harness = createHarness({ customers: [{ id: 'cust_B', email: 'ada@example.com' }] });
    harness.intercept = (call, pass) =>
      call.method === 'POST' && call.url.pathname.includes('cust_B') ? lost(true) : pass();
    const { receipt } = await harness.erase([...one('customer_id', ada), ...one('email', 'ada@example.com')]);
    expect(receipt).toMatchObject({
      state: 'open',
      projects: { main: { pins: 2, mayHaveExecuted: true, absent: [0] } },
    });
    harness.intercept = undefined;
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({
      state: 'erased',
      projects: { main: { deletions: [{ pin: 1 }] } },
    });
    expect(harness.sent.filter(call => call === deletion)).toHaveLength(1);
  });

  test('only absent pins left: is no match', async () => {
    const harness = createHarness();
    const ben = 'cust_BBBBBBBBBBBBBBBBBBBBBBBB';
    harness.intercept = (call, pass) =>
      call.method === 'POST' && call.url.pathname.includes(ben) ? response(429, {}) : pass();
    const { receipt } = await harness.erase([...one('customer_id', ada), ...one('customer_id', ben)]);
    expect(receipt.projects).toMatchObject({ main: { absent: [0], mayHaveExecuted: false } });
    harness.intercept = undefined;
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'no-match' });
  });

  test('attempts without a call: stays known as tried', async () => {
    const harness = createHarness();
    softlyDeleted(harness);
    onNextDeletion(harness, lost(true), true);
    const { receipt } = await harness.erase(one('customer_id', ada));
    for (const result of [response(429, {}), lost(false)]) {
      onNextDeletion(harness, result);
      expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open' });
    }
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject(inReview('unseen-unproven'));
  });
});

describe('check before a repeated deletion', () => {
  const first = async (harness: Harness) => {
    harness.addCustomer({ id: ada, source_id: 'crm-1' });
    onNextDeletion(harness, lost(true));
    return (await harness.erase(one('source_id', 'crm-1'))).receipt;
  };

  test('source_id of another customer: proves nothing', async () => {
    const harness = createHarness();
    const receipt = await first(harness);
    onNextDeletion(harness, lost(true), true);
    await harness.sweepWhenDue(receipt.id);
    expect(harness.deleted()).toEqual([ada]);
    harness.addCustomer({ source_id: ada });
    const before = posts(harness);
    const asked = await harness.sweepWhenDue(receipt.id);
    expect(asked).toMatchObject(inReview('pin-shadowed', { deletions: [] }));
    expect(posts(harness)).toBe(before);
    expect(harness.deleted()).toEqual([ada]);
  });

  test('another customer shown: the other pins are still deleted', async () => {
    const harness = createHarness();
    for (const id of [ada, 'cust_B', 'cust_C']) harness.addCustomer({ id, email: 'family@example.com' });
    harness.intercept = (call, pass) => (call.method === 'POST' ? lost(true) : pass());
    const { receipt } = await harness.erase(one('email', 'family@example.com'));
    harness.sandbox.softDelete(ada);
    const newcomer = harness.addCustomer({ source_id: ada });
    harness.intercept = undefined;
    const asked = await harness.sweepWhenDue(receipt.id);
    expect(asked).toMatchObject(inReview('pin-shadowed'));
    expect(harness.deleted().toSorted()).toEqual(['cust_B', 'cust_C']);
    expect(harness.sandbox.customers().map(({ id }) => id)).toContain(newcomer);
  });

  test('another customer shown, then a wrong customer deleted: the wrong deletion is the reason', async () => {
    const harness = createHarness();
    for (const id of [ada, 'cust_B']) harness.addCustomer({ id, email: 'family@example.com' });
    harness.intercept = (call, pass) => (call.method === 'POST' ? lost(true) : pass());
    const { receipt } = await harness.erase(one('email', 'family@example.com'));
    harness.intercept = (call, pass) => {
      if (call.method === 'GET') return call.url.pathname.endsWith('B') ? pass() : response(200, { id: 'cust_N' });
      return response(200, { ...done, related_object_id: 'cust_X' });
    };
    const asked = await harness.sweepWhenDue(receipt.id);
    expect(asked).toMatchObject(inReview('wrong-customer-deleted'));
  });

  test('unseen pin without a deletion request, another customer shown: is not a no match', async () => {
    const harness = createHarness();
    onNextDeletion(harness, response(429, {}));
    const { receipt } = await harness.erase(one('customer_id', ada));
    harness.addCustomer({ source_id: ada });
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject(inReview('pin-shadowed'));
    expect(harness.deleted()).toEqual([]);
  });

  test.each([
    ['lost', lost(true)],
    ['a 500', response(500, html)],
    ['HTML', response(200, html)],
    ['a customer that is none', response(200, { id: 'crm-1' })],
    ['a 404 that is not of a customer', response(404, {})],
    ['a 429', response(429, {})],
  ])('failed check (%s): no deletion is sent', async (_, result) => {
    const harness = createHarness();
    const receipt = await first(harness);
    harness.intercept = () => result;
    const before = posts(harness);
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open' });
    expect(posts(harness)).toBe(before);
    expect(harness.deleted()).toEqual([]);
  });

  test('same source_id registered again: is not looked up and not deleted', async () => {
    const harness = createHarness();
    const receipt = await first(harness);
    harness.sandbox.softDelete(ada);
    const again = harness.addCustomer({ source_id: 'crm-1', created_at: iso(start - 1) });
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
    expect(harness.deleted()).toEqual([ada]);
    expect(harness.sandbox.customers().map(({ id }) => id)).toEqual([again]);
    expect(harness.sent.filter(call => call.includes('crm-1'))).toHaveLength(1);
  });
});

describe('attempt that crashed before it stored its result', () => {
  test.each([
    ['seen, is proved by the next attempt', (harness: Harness) => harness.addCustomer({ id: ada }), 'erased'],
    ['unseen, needs review without proof', softlyDeleted, 'needs-review'],
  ])('deleted pin: %s', async (_, prepare, state) => {
    const crash = crashingStore();
    const harness = createHarness(crash.options);
    prepare(harness);
    await crashAt('result', harness, crash);
    expect(harness.deleted()).toEqual([ada]);
    expect(await harness.receipt('receipt-1')).toMatchObject({ state: 'open', unrecordedClaims: 1 });
    const deletions = state === 'erased' ? [{ proof: 'gone' }] : [];
    const reason = state === 'erased' ? {} : { reason: 'unseen-unproven' };
    const next = await harness.sweepWhenDue('receipt-1');
    expect(next).toMatchObject({ state, ...reason, projects: { main: { deletions } } });
    expect(harness.deleted()).toEqual([ada]);
  });

  test('unseen pin: stays known as possibly deleted after an attempt that made no call', async () => {
    const crash = crashingStore();
    const harness = createHarness(crash.options);
    softlyDeleted(harness);
    await crashAt('result', harness, crash);
    harness.intercept = () => response(429, {}, { 'retry-after': '5' });
    expect(await harness.sweepWhenDue('receipt-1')).toMatchObject({ state: 'open', unrecordedClaims: 0 });
    harness.intercept = undefined;
    expect(await harness.sweepWhenDue('receipt-1')).toMatchObject(inReview('unseen-unproven'));
  });

  test('customer_id without a match: becomes neither gone nor no match', async () => {
    const crash = crashingStore();
    const harness = createHarness(crash.options);
    await crashAt('result', harness, crash);
    expect(await harness.sweepWhenDue('receipt-1')).toMatchObject(inReview('unseen-unproven'));
  });
});

describe('attempt that crashed before it stored its pins', () => {
  test('found customer: is deleted by the next attempt only', async () => {
    const crash = crashingStore();
    const harness = createHarness(crash.options);
    harness.addCustomer({ id: ada, source_id: 'crm-1' });
    crash.at = 'pins';
    await expect(harness.erase(one('source_id', 'crm-1'))).rejects.toThrow('the process ended');
    expect(posts(harness)).toBe(0);
    crash.at = undefined;
    expect(await harness.sweepWhenDue('receipt-1')).toMatchObject({ state: 'erased' });
    expect(harness.deleted()).toEqual([ada]);
  });

  test('customer_id without a match: ends as no match, because nothing was deleted', async () => {
    const crash = crashingStore();
    const harness = createHarness(crash.options);
    await crashAt('pins', harness, crash);
    expect(await harness.sweepWhenDue('receipt-1')).toMatchObject({ state: 'no-match' });
    expect(posts(harness)).toBe(1);
  });
});
