import { describe, expect, test } from 'vitest';
import { type DeletionTask, deleteCustomers } from '../../lambda/erasure/delete-customers.ts';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import type { DeletionResult, LookUpResponse } from '../../lambda/voucherify/responses.ts';
import { needsReview, retryLater } from '../../lambda/voucherify/responses.ts';
import {
  ada,
  countedReservations,
  createHarness,
  type Harness,
  inReview,
  iso,
  one,
  replaceKey,
  start,
} from '../support/harness.ts';
import { done, html, lost, notFound, response } from '../support/voucherify-responses.ts';

const family = ['cust_1', 'cust_2', 'cust_3', 'cust_4'];
const email = one('email', 'family@example.com');

function atHome(): Harness {
  // The list shows the newest first: pinned in this order.
  const created_at = (index: number) => iso(start - index * 1000 - 1000);
  return createHarness({
    customers: family.map((id, index) => ({ id, email: 'family@example.com', created_at: created_at(index) })),
  });
}

/** Answers the deletion of one of them itself. */
function trouble(harness: Harness, id: string, result: HttpResult): void {
  harness.intercept = (call, pass) => (call.method === 'POST' && call.url.pathname.includes(id) ? result : pass());
}

const posted = (harness: Harness) => harness.sent.flatMap(call => /^POST .*(cust_\d)/.exec(call)?.[1] ?? []);
const denied = response(404, notFound);
const [get, post] = [`GET /v1/customers/${ada}`, `POST /v1/customers/${ada}/permanent-deletion`];

/** A customer whose deletions return 404, and whose look-ups return what `look` says. */
function denying(look?: HttpResult): Harness {
  const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
  let isConfirming = false;
  harness.intercept = (call, pass) => {
    const answered = call.method === 'POST' ? denied : isConfirming && look !== undefined ? look : pass();
    isConfirming = call.method === 'POST';
    return answered;
  };
  return harness;
}

describe('one of several deletions fails', () => {
  test.each([
    ['a 500', response(500, html)],
    ['a lost response', lost(true)],
    ['no proof', response(200, {})],
    ['a 404 of a proxy', response(404, html)],
  ])('%s: the others continue, and only the failed one is retried', async (_, result) => {
    const harness = atHome();
    trouble(harness, 'cust_2', result);
    const { receipt, outcome } = await harness.erase(email);
    expect(outcome.kind).toBe('in-progress');
    expect(posted(harness)).toEqual(family);
    expect(harness.deleted()).toEqual(['cust_1', 'cust_3', 'cust_4']);
    const proved = receipt.projects['main']?.deletions ?? [];
    expect(proved.map(({ pin, proof, received }) => [pin, proof, received?.status])).toEqual([
      [0, 'deleted', 'DONE'],
      [2, 'deleted', 'DONE'],
      [3, 'deleted', 'DONE'],
    ]);
    harness.intercept = undefined;
    const closed = await harness.sweepWhenDue(receipt.id);
    expect(posted(harness).slice(family.length)).toEqual(['cust_2']);
    const path = '/v1/customers/cust_2';
    expect(harness.sent.slice(-2)).toEqual([`GET ${path}`, `POST ${path}/permanent-deletion`]);
    expect(closed.projects['main']?.deletions).toEqual([
      ...proved,
      { ...proved[0], pin: 1, at: harness.clock.now, received: expect.objectContaining({ status: 'DONE' }) },
    ]);
    expect(harness.deleted().toSorted()).toEqual(family);
  });

  test.each([
    ['a refused key', response(401, {})],
    ['a missing permission', response(403, {})],
    ['a used-up plan', response(402, {})],
    ['the limit', response(429, {})],
    ['no connection', lost(false)],
  ])('%s: the others are postponed too', async (_, result) => {
    const harness = atHome();
    trouble(harness, 'cust_2', result);
    const { receipt } = await harness.erase(email);
    expect(posted(harness)).toEqual(['cust_1', 'cust_2']);
    const main = { state: 'open', pins: 4, mayHaveExecuted: false, deletions: [{ pin: 0 }] };
    expect(receipt.projects).toMatchObject({ main });
    harness.intercept = undefined;
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await harness.sweepWhenDue(receipt.id);
    expect(await harness.receipt(receipt.id)).toMatchObject({ state: 'erased' });
    expect(harness.deleted().toSorted()).toEqual(family);
  });

  test.each([
    ['a bad request', response(400, {}), 'voucherify-400'],
    ['a wrong customer', response(200, { ...done, related_object_id: 'cust_9' }), 'wrong-customer-deleted'],
  ])('%s: no further deletion is sent, and proofs are kept', async (_, result, reason) => {
    const harness = atHome();
    trouble(harness, 'cust_3', result);
    const { receipt } = await harness.erase(email);
    expect(receipt).toMatchObject(inReview(reason, { deletions: [{ pin: 0 }, { pin: 1 }] }));
    expect(posted(harness)).toEqual(['cust_1', 'cust_2', 'cust_3']);
  });

  test('review of one pin: wins over a retry of another', async () => {
    const harness = atHome();
    harness.intercept = (call, pass) => {
      if (call.url.pathname.includes('cust_1/')) return response(503, html);
      return call.url.pathname.includes('cust_2/') ? response(422, {}) : pass();
    };
    const { receipt } = await harness.erase(email);
    expect(receipt).toMatchObject(inReview('voucherify-422', { mayHaveExecuted: true }));
  });

  test('alarms: each one is raised', async () => {
    const harness = atHome();
    trouble(harness, 'cust_2', response(402, {}));
    await harness.erase(email);
    expect(harness.alarms()).toEqual(['voucherify-quota-exhausted']);
  });
});

describe('all deletions fail', () => {
  test('retries: end as erased without a false report', async () => {
    const harness = atHome();
    harness.sandbox.outage('error');
    const { receipt } = await harness.erase(email);
    expect(receipt).toMatchObject({ state: 'open', projects: { main: { pins: 0 } } });
    harness.sandbox.outage(undefined);
    harness.intercept = (call, pass) => (call.method === 'POST' ? lost(true) : pass());
    const again = await harness.sweepWhenDue(receipt.id);
    expect(again.projects['main']).toMatchObject({ state: 'open', pins: 4, mayHaveExecuted: true, deletions: [] });
    harness.intercept = (call, pass) => (call.method === 'POST' && pass() ? lost(true) : pass());
    await harness.sweepWhenDue(receipt.id);
    expect(harness.deleted().toSorted()).toEqual(family);
    harness.intercept = undefined;
    const closed = await harness.sweepWhenDue(receipt.id);
    expect(closed.state).toBe('erased');
    expect(closed.projects['main']?.deletions.map(({ pin, proof }) => [pin, proof])).toEqual(
      family.map((_, pin) => [pin, 'gone']),
    );
    expect(harness.deleted()).toHaveLength(4);
  });

  test.each(['hang', 'down', 'error'] as const)('outage of days (%s): every customer is deleted once', async mode => {
    const harness = atHome();
    harness.sandbox.outage(mode);
    const { receipt } = await harness.erase(email);
    for (let sweeps = 0; sweeps < 60; sweeps += 1) {
      expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open', unrecordedClaims: 0 });
    }
    expect(harness.clock.now - start).toBeGreaterThan(86_400_000);
    harness.sandbox.outage(undefined);
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await harness.sweepWhenDue(receipt.id);
    expect(await harness.receipt(receipt.id)).toMatchObject({ state: 'erased' });
    expect(harness.deleted().toSorted()).toEqual(family);
  });
});

describe('404 on the deletion of a seen pin', () => {
  test('customer still shown: is no proof, and the third time needs review', async () => {
    const harness = denying();
    const { receipt, outcome } = await harness.erase(one('source_id', 'crm-1'));
    expect(outcome).toMatchObject({ kind: 'in-progress' });
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'deletion-404-still-shown', unprovenCount: 1 });
    expect(receipt.projects).toMatchObject({ main: { mayHaveExecuted: true, deletions: [] } });
    expect(harness.sent).toEqual(['GET /v1/customers/crm-1', post, get]);
    expect(harness.alarms()).toEqual(['unproven-response']);
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open', unprovenCount: 2 });
    expect(harness.sent.slice(3)).toEqual([get, post, get]);
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject(inReview('unproven-responses'));
    expect(harness.deleted()).toEqual([]);
  });

  test('DONE on the next attempt: is erased', async () => {
    const harness = denying();
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    harness.intercept = undefined;
    const closed = await harness.sweepWhenDue(receipt.id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'deleted' }] } } });
  });

  test('another customer under the id: proves nothing', async () => {
    const harness = denying(response(200, { id: 'cust_B', source_id: ada }));
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject(inReview('pin-shadowed', { deletions: [] }));
  });

  test.each([
    ['lost', lost(true)],
    ['no connection', lost(false)],
    ['a 500', response(500, html)],
    ['a 429', response(429, {})],
    ['a 401', response(401, {})],
    ['HTML', response(200, html)],
    ['a 404 of a proxy', response(404, html)],
    ['a 404 for a voucher', response(404, { ...notFound, resource_type: 'voucher' })],
    ['an invalid customer', response(200, { id: 'crm-1' })],
  ])(
    'failed look-up (%s): counts as nothing, and the next attempt proves the deletion with two calls',
    async (_, look) => {
      const harness = denying(look);
      const { receipt } = await harness.erase(one('source_id', 'crm-1'));
      expect(receipt).toMatchObject({ state: 'open', projects: { main: { mayHaveExecuted: true, deletions: [] } } });
      harness.sandbox.softDelete(ada);
      const calls = harness.sent.length;
      harness.intercept = (call, pass) => (call.method === 'POST' ? denied : pass());
      const closed = await harness.sweepWhenDue(receipt.id);
      expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'gone' }] } } });
      expect(harness.sent.slice(calls)).toEqual([get, post]);
    },
  );

  test('key replaced before the look-up: needs review', async () => {
    const harness = denying();
    const intercept = harness.intercept;
    harness.intercept = (call, pass) => {
      if (call.method === 'POST') {
        harness.sandbox.revoke('app-main');
        replaceKey(harness, 'other');
      }
      return intercept?.(call, pass) ?? pass();
    };
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject(inReview('other-app-id', { deletions: [] }));
  });

  test('other customers: are still deleted', async () => {
    const harness = createHarness();
    for (const id of [ada, 'cust_B', 'cust_C']) harness.addCustomer({ id, email: 'family@example.com' });
    harness.intercept = (call, pass) => (call.method === 'POST' && call.url.pathname.includes(ada) ? denied : pass());
    const { receipt } = await harness.erase(one('email', 'family@example.com'));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'deletion-404-still-shown' });
    expect(harness.deleted().toSorted()).toEqual(['cust_B', 'cust_C']);
  });
});

test('404 on a repeated deletion, customer shown before: is confirmed with one more look-up', async () => {
  const harness = denying();
  const { receipt } = await harness.erase(one('source_id', 'crm-1'));
  const calls = harness.sent.length;
  harness.intercept = (call, pass) => {
    if (call.method === 'POST') harness.sandbox.softDelete(ada);
    return call.method === 'POST' ? denied : pass();
  };
  expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
  expect(harness.sent.slice(calls)).toEqual([get, post, get]);
});

describe('quota for a deletion with 404', () => {
  test.each([
    [1, 'is that of the look-up and the deletion as long as it is not', false],
    [2, 'has the confirming look reserved when it is needed', true],
  ])('%i reservations: %s', async (reservations, _, isDenied) => {
    const { options, writes } = countedReservations();
    const harness = createHarness(options);
    harness.addCustomer({ id: ada, source_id: 'crm-1' });
    harness.intercept = (call, pass) => (isDenied && call.method === 'POST' ? denied : pass());
    await harness.erase(one('source_id', 'crm-1'));
    expect(harness.sent).toHaveLength(isDenied ? 3 : 2);
    expect(writes()).toBe(reservations);
  });

  test('two calls per attempt: still ends', async () => {
    const project = { quotaShare: 0.5, callsPerMinute: 8 };
    const harness = createHarness({ project, waitsOnClock: true, customers: [{ id: ada, source_id: 'crm-1' }] });
    const receipt = await harness.accept(one('source_id', 'crm-1'));
    let isThere = true;
    harness.intercept = (call, pass) => {
      // Without the headers of the sandbox's own limit, which is larger.
      if (call.method === 'GET') return { ...pass(), headers: {} };
      if (isThere) harness.sandbox.softDelete(ada);
      isThere = false;
      return denied;
    };
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open', lastResult: 'rate-limited' });
    expect(harness.sent).toEqual(['GET /v1/customers/crm-1', post]);
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
    expect(harness.sent.slice(2)).toEqual([get, post]);
  });
});

describe('deletions of one attempt', () => {
  const hmac = (appId: string) => `hmac of ${appId}`;
  const pin = { customerId: ada, seen: true, appIdHmac: hmac('app-main') };
  const shown = { kind: 'customer', customer: { id: ada } } as const;
  const absent = { kind: 'no-match' } as const;
  const notThere = { kind: 'not-found' } as const;
  const limited = retryLater('rate-limited', { stop: true, notBefore: start + 5000 });
  const failed = retryLater('voucherify-500', { mayHaveExecuted: true });
  const timedOut = retryLater('timed-out', { mayHaveExecuted: true });

  /** Voucherify answers look-ups and deletions in this order, by default under the app id of the pins. */
  function deleting(
    looks: readonly LookUpResponse[],
    deletions: readonly DeletionResult[],
    more: Partial<DeletionTask> & { readonly appId?: string } = {},
  ) {
    const { appId = 'app-main' } = more;
    const [leftLooks, leftDeletions] = [[...looks], [...deletions]];
    const next = <T>(left: T[]) => {
      const result = left.shift();
      if (result === undefined) throw new Error('one call too many');
      return Promise.resolve({ result, appId });
    };
    return deleteCustomers({
      project: 'main',
      voucherify: {
        lookUp: () => next(leftLooks),
        listByEmail: () => Promise.reject(new Error('no list is needed')),
        deletePermanently: () => next(leftDeletions),
      },
      ...{ pins: [pin], done: new Set(), justResolved: false, mayHaveExecuted: false, appIdHmac: hmac },
      ...{ acceptedAppIdHmac: undefined, checkHolds: async () => undefined, now: () => start, until: start + 7000 },
      ...more,
    });
  }

  test('nothing unproven: names no pin that it cannot decide', async () => {
    const { failure, ...rest } = await deleting([shown], [notThere], { justResolved: true });
    expect(failure).toMatchObject({ code: 'deletion-404-still-shown' });
    const alarms = ['unproven-response'];
    expect(rest).toEqual({ deletions: [], absent: [], unseenUnproven: [], mayHaveExecuted: true, alarms });
  });

  test('unseen pins: only those whose deletion may have been executed before are undecided', async () => {
    const unseen = { ...pin, seen: false };
    const pins = [pin, unseen, { ...unseen, customerId: 'cust_B' }];
    const result = await deleting([shown, absent, absent], [failed, notThere, notThere], {
      pins,
      mayHaveExecuted: true,
    });
    expect(result).toMatchObject({ unseenUnproven: [1, 2], absent: [], failure: { code: 'unseen-unproven' } });
    const first = await deleting([absent], [notThere], { pins: [unseen] });
    expect(first).toMatchObject({ unseenUnproven: [], absent: [0], failure: undefined });
  });

  test('review of one pin, then a retry of another: the review is the failure', async () => {
    const other = { kind: 'customer', customer: { id: 'cust_N' } } as const;
    const pins = [pin, { ...pin, customerId: 'cust_B' }];
    const second = { kind: 'customer', customer: { id: 'cust_B' } } as const;
    expect((await deleting([other, second], [failed], { pins })).failure).toMatchObject({ code: 'pin-shadowed' });
  });

  test('look that failed before the deletion: no deletion was sent', async () => {
    const result = await deleting([failed], [], { mayHaveExecuted: true });
    expect(result).toMatchObject({ mayHaveExecuted: false, failure: { ...failed, mayHaveExecuted: false } });
  });

  test('look that needs review: so does the pin', async () => {
    const tooLarge = needsReview('response-too-large');
    expect((await deleting([tooLarge], [])).failure).toMatchObject({ kind: 'review', code: 'response-too-large' });
    const confirmed = await deleting([tooLarge], [notThere], { justResolved: true });
    expect(confirmed).toMatchObject({ mayHaveExecuted: true, failure: { code: 'response-too-large' } });
  });

  test.each([
    ['shown, sent before', shown, timedOut, true, ['deletion-too-slow', 'unproven-response']],
    ['shown, not sent before', shown, timedOut, false, ['timed-out', undefined]],
    ['absent, sent before', absent, timedOut, true, ['timed-out', undefined]],
    ['shown, sent before, another failure', shown, failed, true, ['voucherify-500', undefined]],
  ] as const)(
    'deletion that fails (%s): is too slow only if it timed out a second time',
    async (_, look, result, mayHaveExecuted, expected) => {
      const { failure, alarms } = await deleting([look], [result], { mayHaveExecuted });
      expect([failure?.code, alarms[0]]).toEqual(expected);
    },
  );

  test.each([
    ['shown before, no quota to confirm', [shown, limited], false, true],
    ['shown before, failed confirmation', [shown, failed], false, false],
    ['just found, no quota to confirm', [limited], true, false],
  ] as const)('404 on the deletion (%s): counts as unproven: %s', async (_, looks, justResolved, unproven) => {
    const { failure } = await deleting(looks, [notThere], { justResolved });
    expect(failure).toMatchObject({ kind: 'retry', unproven, mayHaveExecuted: true });
  });

  test('app id that an operator accepted: its 404 proves the end', async () => {
    const other = { appId: 'app-new', mayHaveExecuted: true };
    const accepted = { ...other, acceptedAppIdHmac: hmac('app-new') };
    expect((await deleting([absent], [notThere], accepted)).deletions).toMatchObject([{ proof: 'gone' }]);
    expect((await deleting([absent], [notThere], other)).failure).toMatchObject({ code: 'other-app-id' });
  });
});
