import { describe, expect, test } from 'vitest';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { updateReceipt } from '../../lambda/receipts/store.ts';
import { decideRefusal } from '../../lambda/receipts/transitions.ts';
import { deliverCallbacks } from '../../lambda/sweep/deliver-callbacks.ts';
import { type CalledBack, harnessWithCallbacks, sweepUntil, targets } from '../support/callback-harness.ts';
import { changedStore, fixtureTime } from '../support/harness.ts';
import { account, addPerson, deleteRequest, ketchHarness, ketchWire } from '../support/ketch.ts';
import { hour, minute, response, second } from '../support/quota-world.ts';
import { scripted } from '../support/voucherify-responses.ts';

const to = ({ url, headers }: HttpCall) => [url.pathname, headers['Authorization'] ?? headers['X-Key']];

const bodyOf = (call: HttpCall | undefined): unknown => JSON.parse(call?.body ?? '');

const day = 24 * hour;

/** The receipt's erasure fields, without the callback state. */
function erasureOf({ queue, nextAttemptAt, callbackState, verification, revision, evidence, ...erasure }: Receipt) {
  return erasure;
}

const lost = { kind: 'no-response', code: 'connection-lost', mayHaveExecuted: true } as const;

/** As many targets, all of the one origin. */
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ url: `https://dsr.ketch.com/${index}`, headers: {} }));

describe('platform with an "in progress" reply', () => {
  test('end: is reported once to every callback, with its headers', async () => {
    const { called, sweepAfter, isKept } = await harnessWithCallbacks(targets);
    expect(called.calls).toEqual([]);
    await sweepAfter(hour);
    expect(called.calls.map(to).toSorted()).toEqual([
      ['/callback', 'Bearer cb-token-1'],
      ['/other', 'cb-token-2'],
    ]);
    expect(await isKept()).toBe(false);
    for (let later = 0; later < 10; later += 1) await sweepAfter(24 * hour);
    expect(called.calls).toHaveLength(2);
  });

  test('open receipt: is not reported', async () => {
    const { harness, called, sweepAfter, isKept } = await harnessWithCallbacks();
    harness.sandbox.outage('error');
    for (let later = 0; later < 5; later += 1) await sweepAfter(hour);
    expect(called.calls).toEqual([]);
    expect(await isKept()).toBe(true);
    harness.sandbox.outage(undefined);
    await sweepAfter(hour);
    expect(called.calls).toHaveLength(1);
    expect(bodyOf(called.calls[0])).toMatchObject({ kind: 'DeleteStatusEvent', event: { status: 'completed' } });
  });
});

test('platform with the result in its reply, callbacks: are not called and are deleted at once', async () => {
  const { send: sendCallback, calls } = scripted();
  const harness = ketchHarness({ change: () => ({ sendCallback }) });
  addPerson(harness, 'crm-1');
  await harness.send(ketchWire(deleteRequest({ identities: [account('crm-1')], callbacks: targets })));
  const [receipt] = await harness.receipts();
  expect(receipt).toMatchObject({ state: 'erased', hasCallbacks: true, repliedInProgress: false });
  expect(await harness.services.store.readPersonalData(receipt?.id ?? '')).toBeUndefined();
  await harness.sweep(harness.clock.now + hour);
  expect(calls).toEqual([]);
});

describe('several callbacks', () => {
  test('delivered: is not called again', async () => {
    const { harness, called, receipt, sweepAfter, isKept } = await harnessWithCallbacks(targets);
    called.answer = ({ url }) => response(url.pathname === '/other' ? 503 : 200);
    await sweepAfter(hour);
    expect(called.calls).toHaveLength(2);
    expect(await receipt()).toMatchObject({ queue: 'callback', callbackState: { tries: 1, delivered: [0] } });
    expect(await isKept()).toBe(true);
    called.answer = () => response(204);
    await sweepAfter(2 * minute);
    expect(called.calls.slice(2).map(to)).toEqual([['/other', 'cb-token-2']]);
    expect(await receipt()).toMatchObject({ state: 'erased', callbackState: { tries: 2, delivered: [0, 1] } });
    expect(await isKept()).toBe(false);
    expect(harness.alarms()).toEqual([]);
  });

  test('one refused: ends with an alarm when the other is delivered', async () => {
    const { harness, called, receipt, sweepAfter, isKept } = await harnessWithCallbacks(targets);
    called.answer = ({ url }) => response(url.pathname === '/other' ? 410 : 503);
    await sweepAfter(hour);
    expect(harness.alarms()).toEqual([]);
    called.answer = () => response(200);
    await sweepAfter(2 * minute);
    expect(called.calls.slice(2).map(to)).toEqual([['/callback', 'Bearer cb-token-1']]);
    expect(await receipt()).toMatchObject({ callbackState: { delivered: [0], refused: [1] }, state: 'erased' });
    expect(harness.alarms()).toEqual(['callback-abandoned']);
    expect(await isKept()).toBe(false);
  });
});

describe('sweep', () => {
  test('result: counts the delivered callbacks', async () => {
    const { harness, called } = await harnessWithCallbacks(targets);
    called.answer = () => response(503);
    expect(await harness.sweep(harness.clock.now + hour)).toMatchObject({ closed: 1, delivered: 0 });
    called.answer = () => response(200);
    expect(await harness.sweep(harness.clock.now + 2 * minute)).toMatchObject({ closed: 0, delivered: 1 });
  });

  test('two sweeps at once: deliver once', async () => {
    const { harness, called } = await harnessWithCallbacks(targets);
    called.answer = () => response(503);
    await harness.sweep(harness.clock.now + hour);
    called.answer = () => response(200);
    harness.clock.now += 2 * minute;
    await Promise.all([harness.sweep(), harness.sweep(), harness.sweep()]);
    expect(called.calls).toHaveLength(4);
  });
});

describe('unreachable platform', () => {
  test('48 hours: gets the callback once when it is reachable', async () => {
    const open = await harnessWithCallbacks();
    open.called.answer = () => response(503);
    await open.sweepAfter(hour);
    const before = erasureOf(await open.receipt());
    await sweepUntil(open, fixtureTime + 2 * day);
    expect(await open.isKept()).toBe(true);
    const tries = open.called.calls.length;
    expect(tries).toBeGreaterThan(8);
    open.called.answer = () => response(200);
    await sweepUntil(open, fixtureTime + 20 * day);
    expect(open.called.calls).toHaveLength(tries + 1);
    expect(open.called.calls.at(-1)?.body).toContain('"status":"completed"');
    expect(open.called.calls.at(-1)?.at).toBeLessThanOrEqual(fixtureTime + 2 * day + 6 * hour + minute);
    expect(erasureOf(await open.receipt())).toEqual(before);
    expect(open.harness.alarms()).toEqual([]);
    expect(await open.isKept()).toBe(false);
  });

  test('retries: after one minute, two, four, and at most six hours apart', async () => {
    for (const [chance, part] of [
      [0, 0.5],
      [0.999_999, 1],
    ] as const) {
      const open = await harnessWithCallbacks(undefined, { change: () => ({ random: () => chance }) });
      open.called.answer = () => response(503);
      open.harness.clock.now += hour;
      const waits: number[] = [];
      for (let one = 0; one < 13; one += 1) {
        await open.harness.sweep();
        const { callbackState: { retryAt = 0 } = {} } = await open.receipt();
        waits.push(Math.round((retryAt - open.harness.clock.now) / second));
        open.harness.clock.now = retryAt;
      }
      const steps = [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360, 360].map(step => step * 60 * part);
      expect(waits).toEqual(steps);
    }
  });

  test('more than seven days: is given up with an alarm, and the personal data is deleted', async () => {
    const open = await harnessWithCallbacks();
    open.called.answer = () => response(503);
    await open.sweepAfter(hour);
    const before = erasureOf(await open.receipt());
    await sweepUntil(open, fixtureTime + 7 * day + 2 * hour);
    expect(await open.isKept()).toBe(true);
    expect(open.harness.alarms()).toEqual([]);
    await sweepUntil(open, fixtureTime + 9 * day);
    expect(open.harness.alarms()).toEqual(['callback-abandoned']);
    const { platform, receipt } = open.harness.lines.find(line => line.alarm !== undefined) ?? {};
    expect({ platform, receipt }).toEqual({ platform: 'ketch', receipt: (await open.receipt()).id });
    expect(erasureOf(await open.receipt())).toEqual(before);
    expect(await open.isKept()).toBe(false);
    const tries = open.called.calls.length;
    await sweepUntil(open, fixtureTime + 12 * day);
    expect(open.called.calls).toHaveLength(tries);
    expect(open.harness.alarms()).toHaveLength(1);
  });
});

describe('personal data of a closed receipt', () => {
  const left = (open: CalledBack) => open.receipt().then(({ id }) => open.harness.services.store.readPersonalData(id));

  test('callback due: only its address, its headers and the id of the request are left', async () => {
    const open = await harnessWithCallbacks();
    const before = await left(open);
    expect(before?.identifiers).toHaveLength(1);
    open.called.answer = () => response(503);
    await open.sweepAfter(hour);
    expect(await open.receipt()).toMatchObject({ state: 'erased', queue: 'callback', projects: { main: { pins: 1 } } });
    const { reference, scope, callbacks } = before ?? {};
    const pins = { main: [expect.objectContaining({ seen: true })] };
    expect(await left(open)).toEqual({ reference, scope, callbacks, identifiers: [], pins, lookUps: {} });
    expect(open.harness.deleted()).toHaveLength(1);
    open.called.answer = () => response(200);
    await open.sweepAfter(hour);
    expect(open.called.calls.at(-1)?.body).toContain('executed');
    expect(await left(open)).toBeUndefined();
    expect(await open.harness.store.readPins((await open.receipt()).id)).toEqual({});
  });

  test('receipt that a restore of its table opened again: needs review, because its identifiers are deleted', async () => {
    const open = await harnessWithCallbacks();
    const restored = await open.receipt();
    expect(restored).toMatchObject({ state: 'open', projects: { main: { pins: 0 } } });
    open.called.answer = () => response(503);
    await open.sweepAfter(hour);
    const { revision } = await open.receipt();
    const { nextAttemptAt = 0 } = restored;
    await open.harness.store.replace({ ...restored, revision: revision + 1, nextAttemptAt });
    await open.sweepAfter(hour);
    expect(await open.receipt()).toMatchObject({ state: 'needs-review', reason: 'identifiers-missing' });
    expect(open.harness.alarms()).toContain('needs-review');
  });

  test.each([
    ['with', 1],
    ['without', 0],
  ])('refused by an operator, %s stored personal data: no identifier is left', async (_, stored) => {
    const readings = changedStore(store => ({
      readPersonalData: async id => (stored === 0 ? undefined : store.readPersonalData(id)),
    }));
    const open = await harnessWithCallbacks(undefined, readings);
    open.called.answer = () => response(503);
    const decided = { actor: 'zoe', action: 'refuse', reason: 'tested', at: open.harness.clock.now } as const;
    await updateReceipt(open.harness.store, await open.receipt(), receipt => decideRefusal(receipt, decided));
    await open.sweepAfter(hour);
    const { state, queue } = await open.receipt();
    expect({ state, queue }).toEqual({ state: 'refused', queue: stored === 0 ? undefined : 'callback' });
    const data = await open.harness.store.readPersonalData((await open.receipt()).id);
    expect(data?.identifiers ?? []).toEqual([]);
    expect(data?.callbacks ?? []).toHaveLength(stored);
  });
});

describe('many callbacks of one request', () => {
  test('more than ten: the rest is dropped with an alarm', async () => {
    const open = await harnessWithCallbacks(many(12));
    expect(open.harness.alarms()).toEqual(['callbacks-dropped']);
    expect(open.harness.lines.find(({ alarm }) => alarm !== undefined)).toMatchObject({ platform: 'ketch' });
    await open.sweepAfter(hour);
    expect(open.called.calls.map(({ url }) => url.pathname)).toEqual(many(10).map((_, index) => `/${index}`));
    expect(await open.receipt()).toMatchObject({ state: 'erased' });
    expect(await open.isKept()).toBe(false);
  });

  test('limit: counts only allowed origins', async () => {
    const elsewhere = Array.from({ length: 5 }, (_, index) => ({ url: `https://evil.example/${index}`, headers: {} }));
    const open = await harnessWithCallbacks([...elsewhere, ...many(10)]);
    expect(open.harness.alarms()).toEqual(['callback-origin-refused']);
    await open.sweepAfter(hour);
    expect(open.called.calls).toHaveLength(10);
  });

  test('order: one after the other', async () => {
    const open = await harnessWithCallbacks(many(10));
    let [atOnce, most] = [0, 0];
    open.called.answer = async () => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise(setImmediate);
      atOnce -= 1;
      return response(200);
    };
    await open.sweepAfter(hour);
    expect(open.called.calls).toHaveLength(10);
    expect(most).toBe(1);
  });

  test('slow targets: each is called in time, and no claim expires', async () => {
    const open = await harnessWithCallbacks(many(10));
    open.called.answer = () => {
      open.harness.clock.now += 10 * second;
      return response(503);
    };
    await open.sweepAfter(hour);
    const [first] = open.called.calls;
    expect(open.called.calls.length).toBeLessThan(10);
    expect(open.called.calls.at(-1)!.until - first!.at).toBeLessThan(open.harness.services.times.claimMs);
    expect(await open.receipt()).toMatchObject({ queue: 'callback', callbackState: { tries: 1, delivered: [] } });
    await sweepUntil(open, open.harness.clock.now + day);
    expect(new Set(open.called.calls.map(({ url }) => url.pathname)).size).toBe(10);
  });

  test('end of the sweep: no call starts after it', async () => {
    const open = await harnessWithCallbacks(many(10));
    open.called.answer = () => response(503);
    await open.sweepAfter(hour);
    const before = open.called.calls.length;
    open.harness.clock.now += hour;
    open.called.answer = () => {
      open.harness.clock.now += 10 * second;
      return response(200);
    };
    await deliverCallbacks((await open.receipt()).id, open.harness.services, open.harness.clock.now + 5 * second);
    expect(open.called.calls).toHaveLength(before + 1);
    expect((await open.receipt()).callbackState?.delivered).toHaveLength(1);
    await sweepUntil(open, open.harness.clock.now + day);
    expect((await open.receipt()).callbackState?.delivered).toHaveLength(10);
    expect(open.called.calls).toHaveLength(before + 10);
  });
});

describe('callback target', () => {
  test.each([404, 410])('%i: is not called again, and an alarm is raised', async status => {
    const open = await harnessWithCallbacks();
    open.called.answer = () => response(status);
    await open.sweepAfter(hour);
    expect(open.harness.alarms()).toEqual(['callback-abandoned']);
    expect(await open.receipt()).toMatchObject({ state: 'erased', callbackState: { refused: [0], delivered: [] } });
    expect(await open.isKept()).toBe(false);
    await sweepUntil(open, fixtureTime + 9 * day);
    expect(open.called.calls).toHaveLength(1);
  });

  test.each([429, 503])('%i with Retry-After: is not called before that time', async status => {
    const open = await harnessWithCallbacks();
    open.called.answer = () => response(status, { 'retry-after': '7200' });
    await open.sweepAfter(hour);
    const asked = open.harness.clock.now;
    open.called.answer = () => response(200);
    await open.sweepAfter(2 * hour - 1);
    expect(open.called.calls).toHaveLength(1);
    await open.sweepAfter(1);
    expect(open.called.calls.map(({ at }) => at - asked)).toEqual([0, 2 * hour]);
  });

  test('lost response: is called again', async () => {
    const open = await harnessWithCallbacks();
    open.called.answer = () => lost;
    await open.sweepAfter(hour);
    open.called.answer = () => response(200);
    await open.sweepAfter(2 * minute);
    const [first, second] = open.called.calls;
    expect(open.called.calls).toHaveLength(2);
    expect(second).toEqual({ ...first, at: expect.any(Number), until: expect.any(Number) });
    expect(await open.isKept()).toBe(false);
  });

  test('result not stored: is called again', async () => {
    let fails = false;
    const failing = changedStore(store => ({
      replace: async (next, also) => {
        if (fails && next.callbackState !== undefined) throw new Error('the process ended');
        return store.replace(next, also);
      },
    }));
    const open = await harnessWithCallbacks(undefined, failing);
    fails = true;
    await open.sweepAfter(hour);
    expect(open.called.calls).toHaveLength(1);
    fails = false;
    await open.sweepAfter(minute);
    expect(open.called.calls).toHaveLength(2);
    expect(await open.receipt()).toMatchObject({ callbackState: { delivered: [0] } });
  });

  test('two workers at once: raise one alarm', async () => {
    const open = await harnessWithCallbacks();
    const { promise: overdue, resolve: answers } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begins } = Promise.withResolvers<void>();
    open.called.answer = async () => {
      begins();
      if (open.called.calls.length === 1) await overdue;
      return response(410);
    };
    open.harness.clock.now += hour;
    const first = open.harness.sweep();
    await begun;
    await open.sweepAfter(minute);
    expect(open.harness.alarms()).toEqual(['callback-abandoned']);
    answers();
    await first;
    expect(open.called.calls).toHaveLength(2);
    expect(open.harness.alarms()).toEqual(['callback-abandoned']);
    expect(await open.receipt()).toMatchObject({ callbackState: { tries: 1, refused: [0] } });
  });

  test('time-out: is ten seconds, and the claim is longer', async () => {
    const open = await harnessWithCallbacks();
    open.called.answer = () => response(503);
    await open.sweepAfter(hour);
    const [call] = open.called.calls;
    expect(Number(call?.until) - Number(call?.at)).toBe(10 * second);
    expect(open.harness.services.times.claimMs).toBeGreaterThan(10 * second);
  });
});
