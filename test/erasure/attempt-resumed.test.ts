import { describe, expect, test } from 'vitest';
import type { Identifier } from '../../lambda/domain/identifiers.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { ProjectSettings } from '../../lambda/voucherify/project-settings.ts';
import { createHarness, type Harness, type HarnessOptions, inReview, one, start } from '../support/harness.ts';
import { hour, minute, mostInAPeriod } from '../support/quota-world.ts';
import { notFound, response } from '../support/voucherify-responses.ts';

type Quota = Pick<ProjectSettings, 'callsPerMinute' | 'quotaPeriod'>;

/** A harness that may use half of a quota, and whose clock moves as far as it waits. */
function harnessWith(quota: Quota, options: HarnessOptions = {}): Harness {
  const limit = { calls: quota.callsPerMinute, periodSeconds: quota.quotaPeriod === 'hour' ? 3600 : 60 };
  return createHarness({ ...options, limit, project: { ...quota, quotaShare: 0.5 }, waitsOnClock: true });
}

/** The request path's attempt, and then a sweep whenever the receipt is due, as long as it is open. */
async function finished(harness: Harness, identifiers: readonly Identifier[], mostSweeps = 60) {
  const { receipt } = await harness.erase(identifiers);
  return sweptWhile(({ state }) => state === 'open', harness, receipt, mostSweeps);
}

/** Sweeps whenever the receipt is due, as long as `isUnfinished` says. */
async function sweptWhile(isUnfinished: (receipt: Receipt) => boolean, harness: Harness, first: Receipt, most = 9) {
  let receipt = first;
  for (let sweeps = 0; isUnfinished(receipt) && sweeps < most; sweeps += 1) {
    // Clocks show whole milliseconds.
    await harness.sweep(Math.ceil(Math.max(harness.clock.now, receipt.nextAttemptAt ?? 0)));
    receipt = await harness.receipt(receipt.id);
  }
  return receipt;
}

function lookUps(harness: Harness): readonly string[] {
  return harness.sent.filter(call => call.startsWith('GET'));
}

/** Permanently deletes a customer from outside this service, with the project's own key. */
async function deletedByTheShop(harness: Harness, id: string): Promise<void> {
  const target = `/v1/customers/${id}/permanent-deletion`;
  const headers = { 'x-app-id': 'app-main', 'x-app-token': 'token-main' };
  await harness.sandbox.respond({ method: 'POST', target, headers, body: '' });
}

const ids = (count: number) => Array.from({ length: count }, (_, at) => one('source_id', `crm-${at}`)).flat();
const mixed = (name: string) => one('email', `${name}.Example@Example.com`);

describe('more look-ups than calls in one attempt', () => {
  test.each<[string, Quota, readonly Identifier[], number]>([
    ['24 look-ups at 100 calls a minute', { callsPerMinute: 100, quotaPeriod: 'minute' }, ids(24), 24],
    [
      'one id and two mixed-case addresses at 20 a minute',
      { callsPerMinute: 20, quotaPeriod: 'minute' },
      [...ids(1), ...mixed('Ada'), ...mixed('Ben')],
      5,
    ],
    [
      'three mixed-case addresses at 100 an hour',
      { callsPerMinute: 100, quotaPeriod: 'hour' },
      [...mixed('Ada'), ...mixed('Ben'), ...mixed('Cleo')],
      6,
    ],
    ['5 identifiers at 10 an hour', { callsPerMinute: 10, quotaPeriod: 'hour' }, ids(5), 5],
  ])('%s: ends as erased with each look-up made once', async (_, quota, identifiers, needed) => {
    const harness = harnessWith(quota);
    const last = identifiers.at(-1)!;
    harness.addCustomer(last.kind === 'email' ? { email: last.value.toLowerCase() } : { source_id: last.value });
    const receipt = await finished(harness, identifiers);
    expect(receipt).toMatchObject({ state: 'erased' });
    // One look-up for each spelling; a look before posting, where that was left to a later attempt; one deletion.
    expect(harness.sent.length).toBeLessThanOrEqual(needed + 2);
    expect(new Set(lookUps(harness).slice(0, needed)).size).toBe(needed);
    const periodMs = quota.quotaPeriod === 'hour' ? hour : minute;
    const times = harness.sandbox.calls().map(({ at }) => at);
    expect(mostInAPeriod(times, periodMs)).toBeLessThanOrEqual(quota.callsPerMinute / 2);
  });

  test('lost response to the first deletion, 5 identifiers at 10 an hour: ends as erased', async () => {
    const harness = harnessWith({ callsPerMinute: 10, quotaPeriod: 'hour' });
    for (const { value } of ids(5).slice(0, 2)) harness.addCustomer({ source_id: value });
    let lost = 0;
    harness.intercept = (call, pass) => {
      const answered = pass();
      if (call.method !== 'POST' || lost > 0) return answered;
      lost += 1;
      return { kind: 'no-response', code: 'connection-lost', mayHaveExecuted: true };
    };
    const receipt = await finished(harness, ids(5));
    expect(receipt.state).toBe('erased');
    expect(lost).toBe(1);
    // Five look-ups, two deletions, a look before each, and a look and a deletion again for the one that was lost.
    expect(harness.sent.length).toBeLessThanOrEqual(5 + 2 * 2 + 2);
    const times = harness.sandbox.calls().map(({ at }) => at);
    expect(mostInAPeriod(times, hour)).toBeLessThanOrEqual(5);
    expect(harness.clock.now - start).toBeLessThan(24 * hour);
  });
});

describe('completed look-ups', () => {
  const hourly: Quota = { callsPerMinute: 10, quotaPeriod: 'hour' };
  const rows = async (harness: Harness) => (await harness.store.readPersonalData('receipt-1'))?.lookUps ?? {};

  test('stored: ids, times and spellings under the HMAC of the app id, with a count in the receipt', async () => {
    const harness = harnessWith(hourly);
    const id = harness.addCustomer({ source_id: 'crm-0' });
    const { receipt } = await harness.erase(ids(5));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'rate-limited', projects: { main: { lookedUp: 2 } } });
    const { appId, subject } = await harness.services.pseudonymizer();
    const subjectHmacs = one('source_id', 'crm-0').map(subject);
    const candidates = [{ id, seen: true, createdAt: '2025-01-01T00:00:00.000Z', subjectHmacs }];
    expect(await rows(harness)).toEqual({
      main: {
        appIdHmac: appId('app-main'),
        results: [
          { identifier: 0, spelling: 'crm-0', identifiable: true, candidates },
          { identifier: 1, spelling: 'crm-1', identifiable: true, candidates: [] },
        ],
      },
    });
    expect(receipt.nextAttemptAt).toBeLessThanOrEqual(start + hour);
  });

  test('pins written: are deleted in the same write', async () => {
    const harness = harnessWith(hourly);
    harness.addCustomer({ source_id: 'crm-0' });
    harness.intercept = (call, pass) =>
      call.method === 'POST' ? { kind: 'no-response', code: 'not-connected', mayHaveExecuted: false } : pass();
    const { receipt } = await harness.erase(ids(3));
    expect(Object.keys(await rows(harness))).toEqual(['main']);
    const pinned = await sweptWhile(({ projects }) => projects['main']?.pins === 0, harness, receipt);
    expect(pinned).toMatchObject({ state: 'open', projects: { main: { pins: 1, lookedUp: 0 } } });
    expect(await rows(harness)).toEqual({});
  });

  test('another app id: are discarded and made again', async () => {
    const harness = harnessWith(hourly);
    harness.sandbox.addKey({ appId: 'app-other', appToken: 'token-other', project: 'other' });
    harness.secrets['erasure/voucherify/main'] = JSON.stringify({ appId: 'app-other', appToken: 'token-other' });
    harness.addCustomer({ source_id: 'crm-0' });
    const { receipt } = await harness.erase(ids(3));
    expect(receipt.projects['main']).toMatchObject({ lookedUp: 2 });
    harness.secrets['erasure/voucherify/main'] = JSON.stringify({ appId: 'app-main', appToken: 'token-main' });
    await harness.sweep(Math.ceil(receipt.nextAttemptAt ?? 0));
    expect(await harness.receipt(receipt.id)).toMatchObject({
      lastResult: 'app-id-changed',
      projects: { main: { lookedUp: 1 } },
    });
    const { appId } = await harness.services.pseudonymizer();
    expect(await rows(harness)).toMatchObject({ main: { appIdHmac: appId('app-main') } });
    const closed = await sweptWhile(({ state }) => state === 'open', harness, await harness.receipt(receipt.id));
    expect(closed.state).toBe('erased');
  });

  test('review: are discarded, because the operator may change the customers', async () => {
    const harness = harnessWith(hourly);
    harness.addCustomer({ source_id: 'crm-0', created_at: null });
    const receipt = await finished(harness, ids(3));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'created-at-missing' });
    expect(receipt.projects['main']).toMatchObject({ lookedUp: 0 });
    expect(await rows(harness)).toEqual({});
  });

  test('overtaken worker: are not stored', async () => {
    const harness = harnessWith(hourly);
    let claims = 0;
    harness.intercept = async (_, pass) => {
      claims += 1;
      const standing = await harness.receipt('receipt-1');
      await harness.store.replace({ ...standing, revision: standing.revision + 1, claims: standing.claims + 1 });
      return pass();
    };
    const { receipt } = await harness.erase(ids(5));
    expect(claims).toBe(2);
    expect(receipt.projects['main']).not.toHaveProperty('lookedUp');
    expect(await rows(harness)).toEqual({});
  });

  test('found by an earlier attempt: the customer is checked again before the deletion', async () => {
    const harness = harnessWith(hourly);
    const id = harness.addCustomer({ source_id: 'crm-0' });
    const { receipt } = await harness.erase(ids(5));
    expect(receipt.projects['main']).toMatchObject({ lookedUp: 2, pins: 0 });
    await deletedByTheShop(harness, id);
    const newcomer = harness.addCustomer({ source_id: id });
    const asked = await sweptWhile(({ state }) => state === 'open', harness, receipt);
    expect(asked).toMatchObject(inReview('pin-shadowed'));
    expect(harness.sandbox.customers().map(customer => customer.id)).toEqual([newcomer]);
  });

  test('closed receipt: are deleted with the identifiers', async () => {
    const harness = harnessWith(hourly, { projects: ['main', 'us'] });
    harness.addCustomer({ source_id: 'crm-0' });
    const receipt = await finished(harness, ids(3));
    expect(receipt.state).toBe('erased');
    expect(await harness.store.readPersonalData(receipt.id)).toBeUndefined();
  });
});

test('customer still shown after a 404: needs review although no confirming GET ever fits the quota', async () => {
  const harness = harnessWith({ callsPerMinute: 10, quotaPeriod: 'hour' });
  harness.addCustomer({ source_id: 'crm-0' });
  harness.intercept = (call, pass) => (call.method === 'POST' ? response(404, notFound) : pass());
  const receipt = await finished(harness, ids(1));
  expect(receipt).toMatchObject({ state: 'needs-review', reason: 'unproven-responses' });
  // The look-up and its deletion, and a look and a deletion in each of three attempts.
  expect(harness.sent.length).toBeLessThanOrEqual(2 + 2 * 3);
});

describe('work that can never fit the quota', () => {
  const email = one('email', 'ada@example.com');

  test('share below one call a period: needs review at once', async () => {
    const harness = harnessWith({ callsPerMinute: 1, quotaPeriod: 'hour' });
    const { receipt } = await harness.erase(ids(1));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'quota-too-small' });
    expect(harness.sent).toEqual([]);
  });

  test('look-up and deletion above one period: needs review at once', async () => {
    const harness = harnessWith({ callsPerMinute: 2, quotaPeriod: 'hour' });
    harness.addCustomer({ source_id: 'crm-0' });
    const receipt = await finished(harness, ids(1));
    expect(receipt).toMatchObject(inReview('quota-too-small', { pins: 1 }));
    expect(harness.deleted()).toEqual([]);
  });

  test('pages of one spelling above one attempt: needs review at once, unless they need not be read', async () => {
    const harness = harnessWith({ callsPerMinute: 10, quotaPeriod: 'hour' });
    const customers = Array.from({ length: 100 }, (_, row) => ({ id: `cust_${String(row).padStart(24, '0')}` }));
    harness.intercept = () => response(200, { customers, total: 201 });
    const { receipt } = await harness.erase(email);
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'quota-too-small' });
    expect(harness.sent).toHaveLength(1);
  });
});
