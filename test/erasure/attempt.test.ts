import { describe, expect, test } from 'vitest';
import {
  ada,
  attemptNow,
  ben,
  cleo,
  createHarness,
  type Harness,
  inReview,
  iso,
  one,
  replaceKey,
  start,
} from '../support/harness.ts';
import { html, response } from '../support/voucherify-responses.ts';

/** Metrics count these lines: one for each receipt that is closed, and none for what is not. */
const closings = (harness: Harness) =>
  harness.lines.filter(({ event }) => event === 'closed').map(({ receipt, outcome }) => `${receipt} ${outcome}`);

const secret = 'erasure/voucherify/main';

/** The key is replaced by another one, of the same project unless said otherwise. */
function rotate(harness: Harness, project = 'main'): void {
  harness.sandbox.revoke('app-main');
  replaceKey(harness, project);
}

/** A pin that is stored under the first key and not yet posted with any certain effect. */
async function pinned(harness: Harness) {
  harness.addCustomer({ id: ada, source_id: 'crm-1' });
  harness.intercept = (call, pass) => (call.method === 'POST' ? response(500, html) : pass());
  const { receipt } = await harness.erase(one('source_id', 'crm-1'));
  harness.intercept = undefined;
  return receipt;
}

describe('first attempt', () => {
  test('one customer: is found, pinned and deleted; only the reply contains the id', async () => {
    const harness = createHarness({
      customers: [{ id: ada, source_id: 'crm-1', email: 'ada@example.com', orders: 3 }],
    });
    const { receipt, outcome } = await harness.erase(one('source_id', 'crm-1'));
    expect(harness.sent).toEqual(['GET /v1/customers/crm-1', `POST /v1/customers/${ada}/permanent-deletion`]);
    expect(harness.deleted()).toEqual([ada]);
    const received = { related_object_id: ada, status: 'DONE', object: 'pernament_deletion' };
    const deletion = { project: 'main', pin: 0, proof: 'deleted', at: start };
    expect(outcome).toMatchObject({ kind: 'erased', at: start, deletions: [{ ...deletion, received }] });
    const progress = { state: 'erased', pins: 1, mayHaveExecuted: false, deletions: [deletion] };
    expect(receipt).toMatchObject({ state: 'erased', closedAt: start, claims: 1, projects: { main: progress } });
    expect(await harness.receipt(receipt.id)).toEqual(receipt);
    expect(JSON.stringify(receipt)).not.toMatch(/cust_|crm-1|example/u);
  });

  test.each(
    (['name-not-resolved', 'tls-failed', 'not-connected', 'timed-out', 'redirected'] as const).flatMap(code =>
      [0, 0.5, 0.999].map(jitter => [code, jitter] as const),
    ),
  )('project unreachable (%s, jitter %d): raises an alarm with project and cause within 15 minutes', async (...one) => {
    const [code, jitter] = one;
    const harness = createHarness({ random: () => jitter });
    harness.intercept = () => ({ kind: 'no-response', code, mayHaveExecuted: false });
    await harness.erase([{ kind: 'customer_id', value: ada }]);
    const raised = () => harness.lines.filter(({ alarm }) => alarm === 'voucherify-unreachable');
    for (let minutes = 1; minutes <= 13; minutes += 1) await harness.sweep(start + minutes * 60_000);
    expect(raised()).toEqual([]);
    for (const minutes of [14, 15]) await harness.sweep(start + minutes * 60_000);
    expect(raised()[0]).toMatchObject({ project: 'main', code });
  });

  test('closing: deletes identifiers in the same write, and leaves the pin for the verification', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    const { receipt } = await harness.erase(one('customer_id', ada));
    expect(await harness.store.readPersonalData(receipt.id)).toBeUndefined();
    expect(await harness.store.readPins(receipt.id)).toEqual({ main: [expect.objectContaining({ customerId: ada })] });
    expect(await harness.store.due('erase', start + 1e9, 10)).toEqual([]);
  });

  test('pending callback: keeps what it and the verification need, and deletes identifiers', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    const accepted = await harness.accept(one('customer_id', ada), { attempted: true, hasCallbacks: true });
    const told = { ...accepted, revision: 2, repliedInProgress: true };
    await harness.store.replace(told);
    const { receipt } = await attemptNow(told, harness.services);
    expect(receipt).toMatchObject({ state: 'erased', queue: 'callback', nextAttemptAt: start });
    expect(await harness.store.readPersonalData(receipt.id)).toEqual({
      ...{ reference: 'reference-1', scope: '', callbacks: [] },
      ...{ identifiers: [], pins: { main: [expect.objectContaining({ customerId: ada })] }, lookUps: {} },
    });
  });

  test('several customers: all pins are stored before the first deletion', async () => {
    const harness = createHarness();
    for (const id of [ada, ben]) harness.addCustomer({ id, email: 'family@example.com' });
    const seen: unknown[] = [];
    harness.intercept = async (call, pass) => {
      if (call.method === 'POST') {
        const kept = await harness.store.readPersonalData('receipt-1');
        const { projects } = await harness.receipt('receipt-1');
        seen.push([kept?.pins['main']?.map(({ customerId }) => customerId).toSorted(), projects['main']?.pins]);
      }
      return pass();
    };
    const { outcome } = await harness.erase(one('email', 'family@example.com'));
    const told = 'deletions' in outcome ? outcome.deletions.map(one => one.received?.related_object_id) : [];
    expect(told.toSorted()).toEqual([ada, ben]);
    expect(seen).toEqual([
      [[ada, ben], 2],
      [[ada, ben], 2],
    ]);
    expect(harness.deleted().toSorted()).toEqual([ada, ben]);
  });

  test.each([
    ['a customer created later', one('email', 'ben@example.com'), 'created-later'],
    ['the id of another customer', one('source_id', cleo), 'not-identifiable'],
    ['a malformed address', one('email', 'ben @example.com'), 'not-identifiable'],
    ['an unknown address', one('email', 'eve@example.com'), 'no-match'],
  ] as const)('unknown customer_id beside %s: ends as the other look-up says', async (_, other, state) => {
    const harness = createHarness({
      customers: [
        { id: ben, email: 'ben@example.com', created_at: iso(start + 1) },
        { id: cleo, source_id: 'crm-1' },
      ],
    });
    const { receipt } = await harness.erase([...one('customer_id', ada), ...other]);
    const createdLater = state === 'created-later' ? { createdLater: 1 } : {};
    expect(receipt).toMatchObject({ state, projects: { main: { state, ...createdLater } } });
    expect(harness.deleted()).toEqual([]);
  });

  test('soft-deleted customer: is deleted by customer_id', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    harness.sandbox.softDelete(ada);
    const { outcome } = await harness.erase(one('customer_id', ada));
    expect(outcome).toMatchObject({ kind: 'erased', deletions: [{ proof: 'deleted' }] });
    expect(harness.deleted()).toEqual([ada]);
    expect(harness.sandbox.customers()).toEqual([]);
  });

  test('no match: the receipt is closed with one write', async () => {
    const { receipt } = await createHarness().erase(one('email', 'eve@example.com'));
    expect(receipt).toMatchObject({ state: 'no-match', revision: 2 });
  });

  test('unknown customer_id: is no match after one deletion request', async () => {
    const harness = createHarness();
    const { receipt, outcome } = await harness.erase(one('customer_id', ada));
    expect(outcome).toEqual({ kind: 'no-match', at: start, deletions: [] });
    expect(receipt.projects).toMatchObject({ main: { state: 'no-match', pins: 1, mayHaveExecuted: false } });
    expect(harness.sent).toEqual([`GET /v1/customers/${ada}`, `POST /v1/customers/${ada}/permanent-deletion`]);
  });

  test('unknown customer_id: is no match only if all other identifiers could be looked up', async () => {
    const harness = createHarness();
    const { receipt, outcome } = await harness.erase([...one('customer_id', ada), ...one('email', 'ada @example.com')]);
    expect(outcome).toEqual({ kind: 'not-identifiable', at: start, deletions: [] });
    expect(receipt.projects).toMatchObject({ main: { state: 'not-identifiable', pins: 1, mayHaveExecuted: false } });
    const { outcome: beside } = await harness.erase([...one('customer_id', ada), ...one('phone', '+1 555 010 0042')]);
    expect(beside.kind).toBe('no-match');
  });

  test('customer gone between look-up and deletion: is confirmed with one GET', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    harness.intercept = (call, pass) => {
      if (call.method === 'POST') pass();
      return pass();
    };
    const { outcome } = await harness.erase(one('customer_id', ada));
    const deletion = { project: 'main', pin: 0, proof: 'gone', at: start };
    expect(outcome).toEqual({ kind: 'erased', at: start, deletions: [deletion] });
    const look = `GET /v1/customers/${ada}`;
    expect(harness.sent).toEqual([look, `POST /v1/customers/${ada}/permanent-deletion`, look]);
  });

  test('two identifiers, one usable: is erased', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    const { outcome } = await harness.erase([...one('customer_id', ben), ...one('customer_id', ada)]);
    expect(outcome).toMatchObject({ kind: 'erased', deletions: [{ proof: 'deleted', pin: 1 }] });
  });

  test.each([
    ['no identifier', []],
    ['a phone', one('phone', '+1 555 010 0042')],
    ['a blank e-mail', one('email', '  ')],
    ['dots', one('source_id', '..')],
    ['an id that is none', one('customer_id', 'crm-1')],
  ])('no call: for %s', async (_, identifiers) => {
    const harness = createHarness();
    const { receipt, outcome } = await harness.erase(identifiers);
    expect(outcome).toEqual({ kind: 'not-identifiable', at: start, deletions: [] });
    expect(receipt.state).toBe('not-identifiable');
    expect(harness.sent).toEqual([]);
  });

  test('log: contains the outcome and no personal data', async () => {
    const harness = createHarness({
      customers: [{ id: ada, source_id: 'crm-1', email: 'ada@example.com', name: 'Ada Example' }],
    });
    const { receipt } = await harness.erase([...one('source_id', 'crm-1'), ...one('email', 'ada@example.com')]);
    await harness.erase(one('source_id', 'crm-9'));
    const line = { event: 'closed', platform: 'generic', receipt: receipt.id, outcome: 'erased', code: 'erased' };
    expect(harness.lines).toContainEqual(line);
    expect(harness.lines).toContainEqual({ ...line, receipt: 'receipt-2', outcome: 'no-match', code: 'no-match' });
    expect(harness.alarms()).toEqual([]);
    expect(JSON.stringify(harness.lines)).not.toMatch(/cust_|crm-|example|Ada|app-main|token/u);
  });
});

describe('closed log line', () => {
  test('closing attempt: logs the outcome once', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    await harness.erase(one('customer_id', ada));
    await harness.erase(one('source_id', 'crm-9'));
    await harness.erase([]);
    expect(closings(harness)).toEqual(['receipt-1 erased', 'receipt-2 no-match', 'receipt-3 not-identifiable']);
    expect(harness.lines.filter(({ event }) => event === 'attempt')).toEqual([]);
  });

  test('outage: logs nothing until the receipt is closed', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    harness.intercept = () => response(503, html);
    await harness.erase(one('customer_id', ada));
    await harness.sweepWhenDue('receipt-1');
    expect(closings(harness)).toEqual([]);
    harness.intercept = undefined;
    await harness.sweepWhenDue('receipt-1');
    await harness.sweep(harness.clock.now + 86_400_000);
    expect(closings(harness)).toEqual(['receipt-1 erased']);
  });

  test.each(['GET', 'POST'])('overtaken at %s: does not log it again', async method => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    harness.intercept = async (call, pass) => {
      if (call.method !== method) return pass();
      harness.intercept = undefined;
      await harness.sweep(harness.clock.now + 15_000);
      return pass();
    };
    const { outcome } = await harness.erase(one('source_id', 'crm-1'));
    expect(outcome.kind).toBe('erased');
    expect(closings(harness)).toEqual(['receipt-1 erased']);
    expect(harness.lines.at(-1)).toMatchObject({ event: 'attempt', outcome: 'erased' });
  });

  test('two attempts at once: one of them logs it', async () => {
    const harness = createHarness();
    await harness.accept(one('source_id', 'crm-9'));
    await Promise.all([harness.sweep(), harness.sweep()]);
    expect(closings(harness)).toEqual(['receipt-1 no-match']);
  });

  test('needs-review: is not logged as closed', async () => {
    const harness = createHarness();
    harness.intercept = () => response(400, {});
    await harness.erase(one('customer_id', ada));
    expect(closings(harness)).toEqual([]);
    expect(harness.lines).toContainEqual(expect.objectContaining({ event: 'attempt', outcome: 'needs-review' }));
  });
});

describe('rotated key', () => {
  test('between attempts: the deletion continues', async () => {
    const harness = createHarness();
    const receipt = await pinned(harness);
    rotate(harness);
    const closed = await harness.sweepWhenDue(receipt.id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'deleted' }] } } });
  });

  test('during an attempt: the new key is read and the attempt succeeds', async () => {
    let fetched = 0;
    const harness = createHarness({
      change: ({ readSecret }) => {
        let cached: string | undefined;
        const cachedRead: typeof readSecret = async (name, how = {}) => {
          if (name !== secret) return readSecret(name);
          if (cached === undefined || how.fresh) {
            cached = await readSecret(name);
            fetched += 1;
          }
          return cached;
        };
        return { readSecret: cachedRead };
      },
    });
    harness.addCustomer({ id: ada, source_id: 'crm-1' });
    harness.intercept = (call, pass) => {
      harness.intercept = undefined;
      expect(call.method).toBe('GET');
      const found = pass();
      rotate(harness);
      return found;
    };
    const { outcome } = await harness.erase(one('source_id', 'crm-1'));
    expect(outcome).toMatchObject({ kind: 'erased', deletions: [{ proof: 'deleted' }] });
    expect(fetched).toBe(2);
  });

  test('key of another project: a 404 proves nothing and needs review', async () => {
    for (const effect of [false, true]) {
      const harness = createHarness();
      const receipt = await pinned(harness);
      if (effect) harness.sandbox.softDelete(ada);
      rotate(harness, 'other');
      const asked = await harness.sweepWhenDue(receipt.id);
      expect(asked).toMatchObject(inReview('other-app-id', { deletions: [] }));
      expect(harness.deleted()).toEqual([]);
    }
  });

  test('key of a project where the pin is a source_id: sends no deletion', async () => {
    const harness = createHarness();
    const receipt = await pinned(harness);
    rotate(harness, 'other');
    harness.addCustomer({ source_id: ada }, 'other');
    const posts = harness.sent.filter(call => call.startsWith('POST')).length;
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'needs-review', reason: 'other-app-id' });
    expect(harness.sent.filter(call => call.startsWith('POST'))).toHaveLength(posts);
  });

  test('key of another project, unseen pin: is not a no match', async () => {
    const harness = createHarness();
    harness.intercept = (call, pass) => {
      if (call.method === 'POST') rotate(harness, 'other');
      return pass();
    };
    const { receipt } = await harness.erase(one('customer_id', ada));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'other-app-id' });
  });
});

describe('refused key', () => {
  test.each([401, 403])('%i: postpones at least a minute and raises an alarm', async status => {
    const harness = createHarness({ customers: [{ id: ada }], random: () => 0 });
    harness.intercept = () => response(status, { code: status });
    const { receipt, outcome } = await harness.erase(one('customer_id', ada));
    expect(outcome).toMatchObject({ kind: 'in-progress' });
    expect(receipt).toMatchObject({ lastResult: `voucherify-${status}`, nextAttemptAt: start + 60_000 });
    expect(harness.alarms()).toEqual(['voucherify-key-refused']);
    harness.intercept = undefined;
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
  });

  test('revoked in the sandbox: is retried with the new key', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    harness.sandbox.revoke('app-main');
    const { receipt } = await harness.erase(one('customer_id', ada));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'voucherify-401' });
    rotate(harness);
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
  });
});

test.each(['REPLACE_ME', '', '{}', '{"appId":"a"}'])(
  'unusable key (%j): makes no call, raises an alarm and is postponed',
  async text => {
    const harness = createHarness({ customers: [{ id: ada }] });
    harness.secrets[secret] = text;
    const { receipt, outcome } = await harness.erase(one('customer_id', ada));
    expect(outcome).toMatchObject({ kind: 'in-progress' });
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'no-credentials' });
    expect(harness.alarms()).toEqual(['secret-unusable']);
    expect(harness.sent).toEqual([]);
  },
);

test('unusable pepper: nothing is pinned or deleted and the receipt stays open', async () => {
  const harness = createHarness({ customers: [{ id: ada }] });
  harness.secrets['erasure/pepper'] = 'REPLACE_ME';
  await expect(harness.erase(one('customer_id', ada))).rejects.toMatchObject({
    code: 'unavailable',
    alarm: 'pepper-unusable',
  });
  expect(harness.deleted()).toEqual([]);
  expect(await harness.receipt('receipt-1')).toMatchObject({ state: 'open', projects: { main: { pins: 0 } } });
});
