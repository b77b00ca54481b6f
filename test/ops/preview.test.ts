import { describe, expect, test } from 'vitest';
import { setLegalHold } from '../../lambda/control/legal-holds.ts';
import { account, addPerson } from '../support/ketch.ts';
import { minute } from '../support/quota-world.ts';
import { response } from '../support/voucherify-responses.ts';
import { byEmail, errors, type OpsHarness, opsHarness, profiles } from './ops-harness.ts';

const delayed = { limits: { delaySeconds: 3600 } };
const asked = 'asked: the next sweep looks it up within a minute; run this command again';

/** A delayed request, after a first preview; `shown` is the line about its project. */
async function previewed(identities: readonly object[], prepare: (at: OpsHarness) => void = () => {}) {
  const at = await opsHarness(delayed);
  prepare(at);
  const id = await at.request(identities);
  await at.run('preview', id);
  return { at, id, harness: at.harness, shown: async () => (await at.run('preview', id)).lines[1] };
}

const crm1 = [account('crm-1')];
const withPerson = ({ harness }: OpsHarness) => void addPerson(harness, 'crm-1');
const withProfiles = (count: number) => (at: OpsHarness) => profiles(at.harness, 'zoe@example.com', count);

describe('preview of a delayed request', () => {
  test('customers: are counted by the next sweep, and nothing is pinned or deleted before the delay ends', async () => {
    const at = await opsHarness(delayed);
    profiles(at.harness, 'zoe@example.com', 2);
    const id = await at.request([byEmail('zoe@example.com')]);
    const first = await at.run('preview', id);
    expect([first.status, first.lines]).toEqual([3, [asked]]);
    expect(await at.run('preview', id)).toMatchObject({ status: 3, lines: [asked] });
    await at.sweep();
    const { status, lines } = await at.run('preview', id);
    expect([status, lines]).toEqual([
      0,
      [
        'looked up at 2026-01-15T12:01:00Z; the request waits until 2026-01-15T13:00:00Z',
        'project main: 2 customers, at least 0 activities',
      ],
    ]);
    const receipt = await at.harness.receipt(id);
    expect(receipt).toMatchObject({ state: 'open', claims: 0, projects: { main: { pins: 0 } } });
    expect(receipt.nextAttemptAt).toBe(receipt.delayedUntil);
    for (let sweeps = 0; sweeps < 30; sweeps += 1) await at.sweep();
    expect(at.harness.deleted()).toEqual([]);
    at.harness.clock.now += 30 * minute;
    await at.sweep();
    expect(at.harness.deleted()).toHaveLength(2);
  });

  test('pause: says that the look-up waits for its end', async () => {
    const at = await opsHarness(delayed);
    const id = await at.request([account('crm-1')]);
    await at.run('pause', 'all', '--by', 'zoe', '--why', 'a drill');
    expect(await at.run('preview', id)).toMatchObject({
      status: 3,
      lines: ['asked, but the pause of all stops it: it is looked up after "resume"'],
    });
    expect((await at.run('preview', id, '--json')).json).toMatchObject({ pausedBy: ['all'] });
  });

  test.each([
    ['nobody', [account('unknown')], 'project main: 0 customers (no-match)'],
    ['more than may be deleted', [byEmail('zoe@example.com')], 'project main: 7 customers (too-many-matches)'],
  ])('%s: says so', async (_, identities, line) => {
    const { at, id, shown } = await previewed(identities, withProfiles(7));
    await at.sweep();
    expect(await shown()).toBe(line);
    expect((await at.run('preview', id, '--json')).json).toMatchObject({ receipt: id, projects: { main: {} } });
  });

  test('activities: are counted from the first page of each customer, and nothing of them is stored', async () => {
    const { at, id, shown } = await previewed([byEmail('zoe@example.com')], ({ harness }) => {
      harness.addCustomer({ source_id: 'crm-1', email: 'zoe@example.com', activities: 7 });
      harness.addCustomer({ source_id: 'crm-2', email: 'zoe@example.com', activities: 140 });
    });
    await at.sweep();
    expect(await shown()).toBe('project main: 2 customers, at least 107 activities');
    const { preview } = await at.harness.receipt(id);
    expect(preview?.projects).toEqual({ main: { customers: 2, activities: 107 } });
    expect(at.harness.deleted()).toEqual([]);
  });

  test.each([
    ['no array', { has_more: false }, 'no-list'],
    ['a failure', undefined, 'voucherify-503'],
  ])('activities, %s: are never 0, and the customers are counted all the same', async (_, body, code) => {
    const { at, harness, shown } = await previewed(crm1, withPerson);
    const answer = response(body === undefined ? 503 : 200, body ?? {});
    harness.intercept = ({ url }, pass) => (url.pathname.endsWith('/activity') ? answer : pass());
    await at.sweep();
    expect(await shown()).toBe(`project main: 1 customer, activities not known (${code})`);
  });

  test('activities: use only calls that no erasure needs', async () => {
    const { at, harness, shown } = await previewed([byEmail('zoe@example.com')], withProfiles(4));
    const calls: string[] = [];
    harness.intercept = ({ url }, pass) => {
      calls.push(url.pathname);
      return pass();
    };
    await at.sweep();
    expect(await shown()).toBe('project main: 4 customers, activities not known (rate-limited)');
    // Of a burst of five calls, the look-up takes one, and two are kept for a request that comes in.
    expect(calls.filter(path => path.endsWith('/activity'))).toHaveLength(2);
  });

  test('legal hold on one of the customers: says that the request would be held', async () => {
    const at = await opsHarness(delayed);
    profiles(at.harness, 'zoe@example.com', 2);
    const id = await at.request([byEmail('zoe@example.com')]);
    const { id: customer } = at.harness.sandbox.customers().find(({ email }) => email === 'zoe@example.com')!;
    const hold = (await at.harness.services.pseudonymizer()).subject({ kind: 'customer_id', value: customer });
    const until = at.harness.clock.now + 86_400_000;
    const terms = { kind: 'customer_id', actor: 'ada', reason: 'a lawsuit', at: at.harness.clock.now };
    await setLegalHold({ id: hold, until, ...terms }, at.context.control);
    await at.run('preview', id);
    await at.sweep();
    expect((await at.run('preview', id)).lines[1]).toMatch(/^project main: 2 customers \(legal-hold\)/);
  });

  test('--again: looks up again', async () => {
    const { at, id, harness, shown } = await previewed(crm1);
    await at.sweep();
    addPerson(harness, 'crm-1');
    expect(await shown()).toContain('0 customers');
    expect((await at.run('preview', id, '--again')).status).toBe(3);
    await at.sweep();
    expect(await shown()).toBe('project main: 1 customer, at least 0 activities');
  });

  test('Voucherify is down: the code says so, and the delay is kept', async () => {
    const { at, id, harness, shown } = await previewed(crm1);
    harness.intercept = () => ({ kind: 'no-response', code: 'not-connected', mayHaveExecuted: false });
    await at.sweep();
    expect(await shown()).toBe('project main: not known (not-connected)');
    expect((await harness.receipt(id)).claims).toBe(0);
  });

  test('store fails during the look-up: the next sweeps repeat it, and never erase before the delay ends', async () => {
    const { at, harness, shown } = await previewed(crm1, withPerson);
    harness.intercept = () => {
      throw new Error('the process ends');
    };
    await at.sweep();
    harness.intercept = undefined;
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await at.sweep();
    expect(await shown()).toBe('project main: 1 customer, at least 0 activities');
    expect(harness.deleted()).toEqual([]);
  });

  test('refused or retried meanwhile: the decision counts', async () => {
    const { at, id } = await previewed(crm1, withPerson);
    await at.run('refuse', id, '--why', 'by mistake');
    at.harness.clock.now += minute;
    await at.sweep();
    expect((await at.harness.receipt(id)).state).toBe('refused');
    const other = await at.request([account('crm-1')]);
    await at.run('retry', other, '--why', 'urgent');
    await at.sweep();
    expect((await at.harness.receipt(other)).state).toBe('erased');
  });

  test('not delayed or unknown: exit code 1', async () => {
    const at = await opsHarness();
    addPerson(at.harness, 'crm-1');
    const id = await at.request([account('crm-1')]);
    const said = errors();
    expect((await at.run('preview', id)).status).toBe(1);
    expect((await at.run('preview', 'unknown')).status).toBe(1);
    expect(said.mock.calls.flat()).toEqual([
      'not delayed by delaySeconds: there is nothing to preview',
      'receipt not found',
    ]);
  });
});
