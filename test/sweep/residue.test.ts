import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import { decideRefusal } from '../../lambda/receipts/transitions.ts';
import { processReceipt } from '../../lambda/sweep/process-receipt.ts';
import { harnessWithCallbacks } from '../support/callback-harness.ts';
import {
  ada,
  beforeSigning,
  changedStore,
  createHarness,
  type Harness,
  type HarnessOptions,
  one,
  start,
} from '../support/harness.ts';
import { response as answer } from '../support/voucherify-responses.ts';

const minute = 60_000;

/** A project that counts, and one customer with records of every kind. */
function counting(options: HarnessOptions = {}): Harness {
  const records = { redemptions: 2, publications: 1, vouchers: 3, memberships: 1, staying: ['vouchers' as const] };
  // Waiting takes time: calls have places in the quota.
  return createHarness({
    ...{ platforms: {}, at: start, project: { residue: true }, waitsOnClock: true },
    ...{ customers: [{ id: ada, source_id: 'crm-1', ...records }] },
    ...options,
  });
}

async function swept(harness: Harness): Promise<string> {
  const { id } = await harness.accept(one('source_id', 'crm-1'));
  await harness.sweep();
  return id;
}

/** Erases in the sweep, then sweeps again a minute later. */
async function erasedInSweep(harness: Harness): Promise<string> {
  const id = await swept(harness);
  await harness.sweep(harness.clock.now + minute);
  return id;
}

async function residueOf(harness: Harness, id: string): Promise<unknown> {
  return (await harness.receipt(id)).projects['main']?.residue;
}

const before = { redemptions: 2, publications: 1, vouchers: 3, memberships: 'no-total' };
const lists = (harness: Harness) =>
  harness.sent.filter(call => /redemptions|publications|vouchers|loyalties/.test(call));

const isList = ({ url }: HttpCall) => !url.pathname.startsWith('/v1/customers') && !url.pathname.endsWith('/token');

describe('what Voucherify lists', () => {
  test('erasure in the sweep: is counted before and after, and the evidence says so', async () => {
    const harness = counting();
    const id = await erasedInSweep(harness);
    const receipt = await harness.receipt(id);
    const evidence = decodeJwt(receipt.evidence ?? '');
    expect(receipt.state).toBe('erased');
    const at = expect.stringMatching(/^2026-11-24T12:01:00/) as string;
    const after = { redemptions: 'no-total', publications: 0, vouchers: 3, memberships: 'voucherify-404' };
    expect(evidence['projects']).toMatchObject({ main: { outcome: 'erased', residue: { before, after, at } } });
    expect(evidence['notCounted']).toMatchObject({ exports: 'https://docs.voucherify.io/analyze/audit-logs' });
    expect(Buffer.from(receipt.evidence?.split('.')[1] ?? '', 'base64url').toString()).not.toContain('cust_');
    // The look-up, the deletion, the verification, and the counts.
    expect(harness.sent).toHaveLength(3 + 4 + 4);
    expect(harness.alarms()).toEqual([]);
  });

  test('platform that waits for the result: gets it without a count before', async () => {
    const harness = counting();
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    expect(receipt.state).toBe('erased');
    expect(harness.sent).toHaveLength(2);
    await harness.sweep(start + minute + 1000);
    expect(await residueOf(harness, receipt.id)).toMatchObject({
      before: { redemptions: 'platform-waits', vouchers: 'platform-waits' },
      after: { publications: 0, vouchers: 3 },
    });
  });

  test('pins: stay until it is counted, and nothing else does', async () => {
    const harness = counting();
    const id = await swept(harness);
    expect((await harness.receipt(id)).evidence).toBeUndefined();
    expect(await harness.store.readPersonalData(id)).toBeUndefined();
    expect(await harness.store.readPins(id)).toEqual({ main: [expect.objectContaining({ customerId: ada })] });
    await harness.sweep(start + minute - 1);
    expect(lists(harness)).toHaveLength(4);
    await harness.sweep(start + minute + 1000);
    expect(await harness.store.readPins(id)).toEqual({});
    await harness.sweep(start + 5 * minute);
    expect(lists(harness)).toHaveLength(8);
  });

  test('without the setting: no call, no write and no field more', async () => {
    const writes: number[] = [];
    const watched = changedStore(store => ({
      replace: (next, also) => {
        writes.push(next.revision);
        return store.replace(next, also);
      },
    }));
    const harness = counting({ project: {}, ...watched });
    const id = await erasedInSweep(harness);
    const receipt = await harness.receipt(id);
    expect(harness.sent).toHaveLength(3);
    expect(writes).toHaveLength(4);
    expect(JSON.stringify(decodeJwt(receipt.evidence ?? ''))).not.toMatch(/residue|notCounted/);
    expect(await harness.store.readPins(id)).toEqual({});
  });

  test('project that no longer counts: is signed without a count', async () => {
    const harness = counting();
    const id = await swept(harness);
    const client = harness.services.projects.get('main')!;
    const without = (...args: Parameters<typeof client.client>) => {
      const { countResidue: _, ...rest } = client.client(...args);
      return rest;
    };
    const projects = new Map([['main', { ...client, client: without }]]);
    Object.assign(harness.services, { projects });
    await harness.sweep(start + minute + 1000);
    expect(await residueOf(harness, id)).toMatchObject({ after: { vouchers: 'not-in-settings' } });
    expect((await harness.receipt(id)).evidence).toBeDefined();
  });
});

describe('counts of several attempts', () => {
  test('several customers: are added up', async () => {
    const harness = counting();
    harness.addCustomer({ source_id: 'crm-2', email: 'a@example.com', redemptions: 5 });
    harness.addCustomer({ source_id: 'crm-3', email: 'a@example.com', redemptions: 1, vouchers: 2 });
    const { id } = await harness.accept(one('email', 'a@example.com'));
    await harness.sweep();
    expect(await residueOf(harness, id)).toMatchObject({ before: { redemptions: 6, publications: 0, vouchers: 2 } });
  });

  test('two projects: each has its own counts', async () => {
    const harness = counting({ projects: ['main', 'shop'] });
    harness.addCustomer({ source_id: 'crm-1' }, 'shop');
    const id = await erasedInSweep(harness);
    const { projects } = await harness.receipt(id);
    expect(projects['main']?.residue).toMatchObject({ before, after: { vouchers: 3 } });
    expect(projects['shop']?.residue).toMatchObject({ before: { vouchers: 0 }, after: { vouchers: 0 } });
  });

  test('attempt that finds pins: counts nothing, because its deletion may have been sent', async () => {
    const harness = counting();
    harness.intercept = (call, pass) => (call.method === 'POST' ? answer(503, {}) : pass());
    const id = await swept(harness);
    expect(lists(harness)).toHaveLength(4);
    harness.intercept = undefined;
    await harness.sweepWhenDue(id);
    expect((await harness.receipt(id)).state).toBe('erased');
    expect(lists(harness)).toHaveLength(4);
    expect(await residueOf(harness, id)).toEqual({ before });
  });

  test('receipt that is refused before a deletion: is signed at once, and its pins are deleted', async () => {
    const harness = counting();
    harness.intercept = (call, pass) => (call.method === 'POST' ? answer(503, {}) : pass());
    const id = await swept(harness);
    const decided = { at: harness.clock.now, actor: 'ada', action: 'refuse', reason: 'a drill' } as const;
    const refused = decideRefusal(await harness.receipt(id), decided);
    expect(await harness.store.replace(refused!)).toBe(true);
    await harness.sweep(harness.clock.now + 5 * minute);
    expect(await harness.receipt(id)).toMatchObject({ state: 'refused', evidence: expect.any(String) });
    expect(await harness.store.readPins(id)).toEqual({});
  });

  test('signature that fails: the counts are stored, the pins are deleted, and it is signed later', async () => {
    let isBroken = true;
    const disabled = () => {
      if (isBroken) throw new Error('the key is disabled');
    };
    const harness = counting(beforeSigning(disabled));
    const id = await erasedInSweep(harness);
    expect((await harness.receipt(id)).evidence).toBeUndefined();
    expect(await harness.store.readPins(id)).toEqual({});
    isBroken = false;
    await harness.sweep(harness.clock.now + minute);
    expect((await harness.receipt(id)).evidence).toBeDefined();
    expect(await residueOf(harness, id)).toMatchObject({ after: { vouchers: 3 } });
    expect(lists(harness)).toHaveLength(8);
  });

  test('callback: is delivered before it is counted, and the pins stay meanwhile', async () => {
    const open = await harnessWithCallbacks(undefined, { project: { residue: true }, waitsOnClock: true });
    await open.sweepAfter(minute);
    expect(open.called.calls).toHaveLength(1);
    const { id } = await open.receipt();
    expect(await open.harness.store.readPersonalData(id)).toBeUndefined();
    expect(await open.harness.store.readPins(id)).toMatchObject({ main: [{ seen: true }] });
    await open.sweepAfter(minute);
    expect((await open.receipt()).projects['main']?.residue).toMatchObject({ after: { publications: 0 } });
    expect(await open.harness.store.readPins(id)).toEqual({});
  });
});

test('contents of the lists: appear in no log line, receipt or evidence', async () => {
  const harness = counting();
  const person = { customer_id: ada, customer: { email: 'marked@example.com', name: 'Marked Person' } };
  harness.intercept = (call, pass) =>
    isList(call) ? answer(200, { total: 1, redemptions: [person], publications: [person], data: [person] }) : pass();
  const id = await erasedInSweep(harness);
  const receipt = await harness.receipt(id);
  expect(receipt.projects['main']?.residue).toMatchObject({ before: { redemptions: 1 }, after: { redemptions: 1 } });
  const evidence = JSON.stringify(decodeJwt(receipt.evidence ?? ''));
  expect(`${harness.logText.join()}${JSON.stringify(receipt)}${evidence}`).not.toMatch(/marked|Marked|cust_/);
});

describe('what cannot be counted', () => {
  test.each([
    ['no total', answer(200, { object: 'list' }), 'no-total'],
    ['a total that is no integer', answer(200, { total: 1.5 }), 'no-total'],
    ['a total that is text', answer(200, { total: '3' }), 'no-total'],
    ['a total below zero', answer(200, { total: -1 }), 'no-total'],
    ['no JSON', answer(200, '<html>'), 'not-json'],
    ['no permission', answer(403, {}), 'voucherify-403'],
    ['another customer', answer(200, { total: 9, vouchers: [{ holder_id: 'cust_other' }] }), 'another-customer'],
  ])('%s: is never 0, and the erasure is done', async (_, result, code) => {
    const harness = counting();
    harness.intercept = (call, pass) => (isList(call) && call.url.pathname.endsWith('/vouchers') ? result : pass());
    const id = await erasedInSweep(harness);
    expect((await harness.receipt(id)).state).toBe('erased');
    expect(await residueOf(harness, id)).toMatchObject({
      before: { redemptions: 2, publications: 1, vouchers: code },
      after: { publications: 0, vouchers: code },
    });
    // A key that may not list vouchers may still delete customers.
    expect(harness.alarms()).toEqual([]);
    const second = harness.addCustomer({ source_id: 'crm-2' });
    await harness.erase(one('source_id', 'crm-2'));
    expect(harness.deleted()).toEqual([ada, second]);
  });

  test('failing lists: never delay an erasure, and are asked again for half an hour only', async () => {
    const harness = counting();
    harness.intercept = (call, pass) => (isList(call) ? answer(503, {}) : pass());
    const id = await swept(harness);
    expect((await harness.receipt(id)).state).toBe('erased');
    expect(lists(harness)).toHaveLength(1);
    for (let at = 1; at <= 30; at += 1) {
      await harness.sweep(start + at * minute);
      expect((await harness.receipt(id)).evidence).toBeUndefined();
    }
    await harness.sweep(start + 31 * minute + 10_000);
    expect(harness.sent.filter(call => call === `GET /v1/customers/${ada}`)).toHaveLength(1);
    expect((await harness.receipt(id)).evidence).toBeDefined();
    const unavailable = { redemptions: 'voucherify-503', vouchers: 'voucherify-503' };
    expect(await residueOf(harness, id)).toMatchObject({ before: unavailable, after: unavailable });
    expect(harness.alarms()).toEqual([]);
  });

  test('customer that is still returned: is reported at once, and does not wait for counts', async () => {
    const harness = counting({ shownMs: 1000 * 60 * minute });
    const { id } = await harness.accept(one('source_id', 'crm-1'));
    harness.intercept = (call, pass) => (isList(call) ? answer(503, {}) : pass());
    await harness.sweep();
    const looked = (await harness.receipt(id)).closedAt ?? 0;
    for (let at = 1; at <= 61; at += 1) await harness.sweep(looked + at * minute);
    expect(harness.alarms()).toContain('erased-person-still-present');
    expect((await harness.receipt(id)).verification?.at).toBeLessThan(looked + 61 * minute);
    expect(await residueOf(harness, id)).toMatchObject({ after: { vouchers: 'voucherify-503' } });
  });

  test.each([
    ['minute', 40],
    ['hour', 1000],
  ])('quota without spare calls (a %s, %i): nothing is asked, and the erasure is done', async (quotaPeriod, calls) => {
    const project = { residue: true, quotaShare: 0.5, callsPerMinute: calls, quotaPeriod };
    const harness = counting({ project, limit: { calls, periodSeconds: quotaPeriod === 'hour' ? 3600 : 60 } });
    const id = await erasedInSweep(harness);
    expect(lists(harness)).toEqual([]);
    expect((await harness.receipt(id)).state).toBe('erased');
    expect(await residueOf(harness, id)).toMatchObject({
      before: { redemptions: 'no-spare-calls' },
      after: { redemptions: 'no-spare-calls' },
    });
  });

  test('quota of 100 calls a minute, half of it: two kinds are counted before, and all after', async () => {
    const project = { residue: true, quotaShare: 0.5, callsPerMinute: 100 };
    const harness = counting({ project, limit: { calls: 100, periodSeconds: 60 } });
    const id = await erasedInSweep(harness);
    expect(await residueOf(harness, id)).toMatchObject({
      before: { redemptions: 2, publications: 1, vouchers: 'rate-limited', memberships: 'rate-limited' },
      after: { redemptions: 'no-total', publications: 0, vouchers: 3, memberships: 'voucherify-404' },
    });
    const { deletions } = (await harness.receipt(id)).projects['main']!;
    expect(deletions[0]!.at - start).toBeLessThan(3000);
  });

  test.each([
    { othersWait: true, redemptions: 'erasures-wait' },
    { othersWait: false, redemptions: 0 },
  ])('erasure that waits for the quota, others behind it $othersWait: $redemptions', async turn => {
    const project = { residue: true, quotaShare: 0.5, callsPerMinute: 100 };
    const harness = counting({ project, limit: { calls: 100, periodSeconds: 60 } });
    harness.addCustomer({ source_id: 'crm-2' });
    await swept(harness);
    const { id } = await harness.accept(one('source_id', 'crm-2'));
    const until = harness.clock.now + minute;
    await processReceipt(id, { until, started: () => {}, othersWait: () => turn.othersWait }, harness.services);
    expect((await harness.receipt(id)).state).toBe('erased');
    expect(await residueOf(harness, id)).toMatchObject({ before: { redemptions: turn.redemptions } });
  });
});

describe('counts with OAuth', () => {
  const tokens = (calls: readonly HttpCall[]) => calls.filter(({ url }) => url.pathname === '/v1/oauth/token');

  test('scopes: the token of the erasure has customers only, the one of the counts has the others', async () => {
    const harness = counting({ project: { residue: true, auth: 'oauth' } });
    const calls: HttpCall[] = [];
    harness.intercept = (call, pass) => {
      calls.push(call);
      return pass();
    };
    const id = await erasedInSweep(harness);
    expect(tokens(calls).map(({ body = '' }) => new URLSearchParams(body).get('scope'))).toEqual([
      'customers',
      'redemptions publications vouchers loyalties',
    ]);
    expect(await residueOf(harness, id)).toMatchObject({ before });
    const byToken = (list: boolean) =>
      new Set(
        calls
          .filter(call => !tokens(calls).includes(call) && isList(call) === list)
          .map(({ headers }) => headers['Authorization']),
      );
    expect(byToken(true).size).toBe(1);
    expect([...byToken(false)]).not.toContain([...byToken(true)][0]);
  });

  test('invalid_scope: cannot be counted, asks once, and the erasures continue', async () => {
    const harness = counting({ project: { residue: true, auth: 'oauth' } });
    const calls: HttpCall[] = [];
    harness.intercept = (call, pass) => {
      calls.push(call);
      const isRefused = call.body?.includes('redemptions') ?? false;
      return isRefused ? answer(400, { code: 400, key: 'invalid_scope', message: 'Invalid scope' }) : pass();
    };
    const id = await erasedInSweep(harness);
    const kinds = ['redemptions', 'publications', 'vouchers', 'memberships'];
    const refused = Object.fromEntries(kinds.map(kind => [kind, 'token-400']));
    expect(await residueOf(harness, id)).toMatchObject({ before: refused, after: refused });
    expect(tokens(calls)).toHaveLength(1 + 2);
    const second = harness.addCustomer({ source_id: 'crm-2' });
    await harness.erase(one('source_id', 'crm-2'));
    expect(harness.deleted()).toEqual([ada, second]);
    expect(harness.alarms()).toEqual([]);
  });
});
