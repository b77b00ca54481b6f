import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import { recordLook } from '../../lambda/receipts/closing.ts';
import { evidenceFrom } from '../../lambda/receipts/evidence.ts';
import { updateReceipt } from '../../lambda/receipts/store.ts';
import { decideEraseAgain, decideRetry } from '../../lambda/receipts/transitions.ts';
import type { Adapters } from '../../lambda/services.ts';
import { harnessWithCallbacks, sweepUntil } from '../support/callback-harness.ts';
import {
  ada,
  beforeSigning,
  ben,
  changedStore,
  createHarness,
  crowdId,
  type Harness,
  type HarnessOptions,
  one,
} from '../support/harness.ts';
import { hour, minute } from '../support/quota-world.ts';
import { response as answer } from '../support/voucherify-responses.ts';

const day = 24 * hour;

/** Erases one customer, whose verification is due a minute later. */
async function erased(options: HarnessOptions = {}) {
  const harness = createHarness({ platforms: {}, customers: [], ...options });
  harness.addCustomer({ id: ada, source_id: 'crm-1' });
  const { receipt } = await harness.erase(one('source_id', 'crm-1'));
  expect(receipt.state).toBe('erased');
  const before = harness.sent.length;
  const closedAt = harness.clock.now;
  const calls = () => harness.sent.slice(before);
  return { harness, calls, id: receipt.id, closedAt, sweepAfter: (ms: number) => harness.sweep(closedAt + ms) };
}

const look = `GET /v1/customers/${ada}`;
const verificationOf = async (harness: Harness, id: string) => {
  const { evidence, verification } = await harness.receipt(id);
  return { result: verification?.result, signed: evidence && evidenceFrom(decodeJwt(evidence))?.verification };
};

/** Sweeps when the receipt is due until it is signed. Returns how long after the deletion each sweep was. */
async function sweepUntilSigned({
  harness,
  id,
  closedAt,
}: Pick<Awaited<ReturnType<typeof erased>>, 'harness' | 'id' | 'closedAt'>) {
  const times: number[] = [];
  while ((await harness.receipt(id)).evidence === undefined && times.length < 100) {
    await harness.sweepWhenDue(id);
    times.push(harness.clock.now - closedAt);
  }
  return times;
}

describe('verification', () => {
  test('absent: looked at a minute after the deletion, then signed, and the pin is deleted', async () => {
    const { harness, calls, id, sweepAfter, closedAt } = await erased();
    expect(await sweepAfter(minute - 1)).toMatchObject({ signed: 0 });
    expect(calls()).toEqual([]);
    expect(await harness.store.readPins(id)).toEqual({ main: [expect.objectContaining({ customerId: ada })] });
    expect(await sweepAfter(minute)).toMatchObject({ signed: 1, failed: 0 });
    expect(calls()).toEqual([look]);
    expect(await verificationOf(harness, id)).toEqual({
      result: 'absent',
      signed: { result: 'absent', at: new Date(closedAt + minute).toISOString() },
    });
    expect(await harness.store.readPins(id)).toEqual({});
    expect(harness.alarms()).toEqual([]);
  });

  test('nothing deleted: no look, and the evidence names no verification', async () => {
    const harness = createHarness({ platforms: {}, customers: [] });
    const { receipt } = await harness.erase(one('source_id', 'crm-9'));
    expect(await harness.sweep()).toMatchObject({ signed: 1 });
    expect(await verificationOf(harness, receipt.id)).toEqual({ result: undefined, signed: undefined });
  });

  test('shown for minutes: looked at again with growing delays until absent', async () => {
    const open = await erased({ shownMs: 10 * minute, random: () => 1 - 2 ** -53 });
    const minutes = (await sweepUntilSigned(open)).map(ms => Math.round(ms / minute));
    expect(minutes).toEqual([1, 2, 4, 8, 16]);
    expect(await verificationOf(open.harness, open.id)).toMatchObject({ result: 'absent' });
    expect(open.harness.alarms()).toEqual([]);
  });

  test('shown for an hour: an alarm at once, the evidence says so, and the pin is kept for a new decision', async () => {
    const open = await erased({ shownMs: day });
    const times = await sweepUntilSigned(open);
    expect(times.at(-1)).toBe(hour);
    expect(open.harness.alarms()).toEqual(['erased-person-still-present']);
    expect(await verificationOf(open.harness, open.id)).toMatchObject({
      result: 'stillPresent',
      signed: { result: 'stillPresent' },
    });
    expect(await open.harness.receipt(open.id)).toMatchObject({ state: 'erased' });
    expect(await open.harness.store.readPins(open.id)).toEqual({
      main: [expect.objectContaining({ customerId: ada })],
    });
    const looks = open.harness.sent.length;
    await open.harness.sweep(open.closedAt + 2 * day);
    expect(open.harness.sent).toHaveLength(looks);
  });

  test('no answer for a day: unavailable, and the pin is deleted', async () => {
    const open = await erased();
    open.harness.sandbox.outage('error');
    const times = await sweepUntilSigned(open);
    expect(times.at(-1)).toBe(day);
    expect(await verificationOf(open.harness, open.id)).toMatchObject({ signed: { result: 'unavailable' } });
    expect(await open.harness.store.readPins(open.id)).toEqual({});
    expect(open.harness.alarms()).not.toContain('erased-person-still-present');
  });

  test('no answer to the first look, a day after the deletion: is not the end, so the customer is found to be present', async () => {
    const open = await erased({ shownMs: 2 * day });
    open.harness.sandbox.outage('error');
    await open.sweepAfter(25 * hour);
    expect(open.calls()).toContain(look);
    open.harness.sandbox.outage(undefined);
    await open.harness.sweepWhenDue(open.id);
    expect(await verificationOf(open.harness, open.id)).toMatchObject({ result: 'stillPresent' });
  });

  /** A receipt whose calls cannot be reserved between `fails` and `recovers`: the responses of the store are lost. */
  async function erasedWithLosses() {
    let isLost = false;
    const advance = ({ control }: Adapters) => ({
      control: {
        ...control,
        advance: async (...write: Parameters<typeof control.advance>) => {
          const result = await control.advance(...write);
          if (isLost) throw new Error('the response is lost');
          return result;
        },
      },
    });
    const open = await erased({ random: () => 1 - 2 ** -53, shownMs: 2 * day, change: advance });
    return { ...open, fails: () => (isLost = true), recovers: () => (isLost = false) };
  }

  /** A receipt after an outage of hours; its next look cannot reserve its call. */
  async function unsentAfterOutage(ms: number) {
    const open = await erasedWithLosses();
    const { harness, calls, closedAt, id } = open;
    harness.sandbox.outage('error');
    while (harness.clock.now < closedAt + ms) await harness.sweepWhenDue(id);
    harness.sandbox.outage(undefined);
    const sent = calls().length;
    open.fails();
    await harness.sweepWhenDue(id);
    expect(calls()).toHaveLength(sent);
    open.recovers();
    const { nextAttemptAt = 0 } = await harness.receipt(id);
    return { ...open, delay: nextAttemptAt - harness.clock.now };
  }

  test('a call that could not be reserved, after a long outage: repeated within four minutes, not after an hour', async () => {
    const { harness, id, delay } = await unsentAfterOutage(6 * hour);
    expect(delay).toBe(4 * minute);
    await harness.sweepWhenDue(id);
    expect(await verificationOf(harness, id)).toMatchObject({ result: 'stillPresent' });
  });

  test('a call that could not be reserved: is no try, so the delay after the next one is as if it had been sent', async () => {
    const { harness, id } = await unsentAfterOutage(4 * minute);
    await harness.sweepWhenDue(id);
    const { nextAttemptAt = 0 } = await harness.receipt(id);
    expect(nextAttemptAt - harness.clock.now).toBe(8 * minute);
  });

  test('a call that could not be reserved, in the first look a day after the deletion: is repeated, and shows the customer', async () => {
    const { harness, id, sweepAfter, fails, recovers } = await erasedWithLosses();
    fails();
    await sweepAfter(25 * hour);
    recovers();
    await harness.sweepWhenDue(id);
    expect(await verificationOf(harness, id)).toMatchObject({ result: 'stillPresent' });
  });

  test('a call that could not be reserved for 30 days: unavailable, and the pin is deleted', async () => {
    const { harness, id, sweepAfter, fails } = await erasedWithLosses();
    fails();
    await sweepAfter(30 * day - 1);
    expect(await verificationOf(harness, id)).toMatchObject({ result: undefined });
    await sweepAfter(30 * day + hour);
    expect(await verificationOf(harness, id)).toMatchObject({ signed: { result: 'unavailable' } });
    expect(await harness.store.readPins(id)).toEqual({});
  });

  test('a look that waits for the quota a day after the deletion: is repeated until the quota allows it', async () => {
    const quota = { callsPerMinute: 10, quotaPeriod: 'hour', quotaShare: 0.5 } as const;
    const limit = { calls: 10, periodSeconds: 3600 };
    const harness = createHarness({ platforms: {}, customers: [], project: quota, limit, waitsOnClock: true });
    const email = 'ada@example.com';
    for (const id of [ada, ben, crowdId(3)]) harness.addCustomer({ id, source_id: `crm-${id}`, email });
    let { receipt } = await harness.erase(one('email', email));
    while (receipt.state === 'open') receipt = await harness.sweepWhenDue(receipt.id);
    const before = harness.sent.length;
    await harness.sweep(harness.clock.now + 25 * hour);
    expect(harness.sent.slice(before)).toHaveLength(2);
    expect(await verificationOf(harness, receipt.id)).toMatchObject({ result: undefined });
    // The next look is when the quota allows a call.
    const limitedAt = harness.clock.now;
    expect(await sweepUntilSigned({ harness, id: receipt.id, closedAt: limitedAt })).toHaveLength(1);
    expect(harness.clock.now - limitedAt).toBeGreaterThan(10 * minute);
    expect(harness.sent.slice(before)).toHaveLength(3);
    expect(await verificationOf(harness, receipt.id)).toMatchObject({ signed: { result: 'absent' } });
  });

  test('a call without a response uses up the time of the next one: the delay grows, as Voucherify caused it', async () => {
    const harness = createHarness({ platforms: {}, customers: [], random: () => 1 - 2 ** -53 });
    harness.addCustomer({ id: ada, source_id: 'crm-1', email: 'ada@example.com' });
    harness.addCustomer({ id: ben, source_id: 'crm-2', email: 'ada@example.com' });
    const { receipt } = await harness.erase(one('email', 'ada@example.com'));
    harness.intercept = (call, pass) => {
      if (call.method !== 'GET') return pass();
      harness.clock.now = call.until;
      return { kind: 'no-response', code: 'timed-out', mayHaveExecuted: true };
    };
    const delays = [];
    for (let looks = 0; looks < 4; looks += 1) {
      const sent = harness.sent.length;
      await harness.sweepWhenDue(receipt.id);
      expect(harness.sent).toHaveLength(sent + 1);
      delays.push(((await harness.receipt(receipt.id)).nextAttemptAt ?? 0) - harness.clock.now);
    }
    expect(delays).toEqual([1, 2, 4, 8].map(minutes => minutes * minute));
  });

  const timedOut = ['timed-out'];
  const notSent = ['rate-limited', 'rate-limit-unavailable', 'out-of-time'];
  test.each<[string, number, readonly string[], number, string | undefined, number]>([
    ['the 24th failure, a day after the deletion', 23, timedOut, day, 'unavailable', 24],
    ['the 24th failure, sooner', 23, timedOut, day - 1, undefined, 24],
    ['the 23rd failure, weeks later', 22, timedOut, 29 * day, undefined, 23],
    ['looks that were not sent, after a day of failures', 24, notSent, day, undefined, 24],
    ['one failure beside looks that were not sent', 24, [...notSent, ...timedOut], day, 'unavailable', 25],
    ['looks that were not sent, after 30 days', 0, notSent, 30 * day, 'unavailable', 0],
    ['shown beside a failure, an hour after the deletion', 0, ['shown', ...timedOut], hour, 'stillPresent', 1],
    ['shown, sooner', 24, ['shown'], hour - 1, undefined, 25],
    ['a lost pin beside a customer who is shown', 0, ['pin-missing', 'shown'], minute, 'unavailable', 1],
  ])('%s: whether it ends, and what is counted', async (_, tries, others, age, result, counted) => {
    const { harness, id, closedAt } = await erased();
    const receipt = { ...(await harness.receipt(id)), verification: { tries, absent: [] } };
    const { verification } = recordLook(
      receipt,
      { absent: [], others: others.map(code => ({ code })) },
      closedAt + age,
      0,
    );
    expect([verification?.result, verification?.tries]).toEqual([result, counted]);
  });

  const notFound = { key: 'not_found', resource_type: 'customer', code: 404 };
  test.each<[string, HttpResult]>([
    ['another customer', answer(200, { id: ben, object: 'customer' })],
    ['an object without the id', answer(200, {})],
    ['404 that is not from Voucherify', answer(404, { message: 'no such route' })],
    ['404 for another resource', answer(404, { ...notFound, resource_type: 'project' })],
    ['500', answer(500, notFound)],
    ['401', answer(401, notFound)],
    ['no response', { kind: 'no-response', code: 'timed-out', mayHaveExecuted: true }],
  ])('%s: proves nothing', async (_, result) => {
    const { harness, calls, id, sweepAfter } = await erased();
    harness.intercept = (call: HttpCall, pass) => (call.method === 'GET' ? result : pass());
    expect(await sweepAfter(minute)).toMatchObject({ signed: 0, failed: 0 });
    expect(calls()).toContain(look);
    const receipt = await harness.receipt(id);
    expect(receipt).toMatchObject({ queue: 'verify', verification: { tries: 1, absent: [] } });
    expect(receipt.nextAttemptAt).toBeGreaterThan(harness.clock.now);
    harness.intercept = undefined;
    await sweepAfter(day);
    expect(await verificationOf(harness, id)).toMatchObject({ result: 'absent' });
  });

  test('404 under the key of another project: proves nothing', async () => {
    const open = await erased();
    const { harness, id, sweepAfter } = open;
    const key = { appId: 'app-other', appToken: 'token-other-with-more-characters' };
    harness.sandbox.addKey({ project: 'main', ...key });
    harness.secrets['erasure/voucherify/main'] = JSON.stringify(key);
    await sweepAfter(minute);
    expect(await verificationOf(harness, id)).toEqual({ result: undefined, signed: undefined });
    expect((await sweepUntilSigned(open)).at(-1)).toBe(day);
    expect(await verificationOf(harness, id)).toMatchObject({ result: 'unavailable' });
  });

  test('two customers: one that is absent is not looked at again', async () => {
    const harness = createHarness({ platforms: {}, customers: [], projects: ['main', 'other'] });
    harness.addCustomer({ id: ada, source_id: 'crm-1' }, 'main');
    harness.addCustomer({ id: ben, source_id: 'crm-1' }, 'other');
    const { receipt } = await harness.erase(one('source_id', 'crm-1'));
    harness.intercept = (call, pass) => (call.url.pathname.endsWith(ben) ? answer(500, {}) : pass());
    await harness.sweep(harness.clock.now + minute);
    await harness.sweep(harness.clock.now + 5 * minute);
    expect(harness.sent.filter(call => call === look)).toHaveLength(1);
    harness.intercept = undefined;
    await harness.sweep(harness.clock.now + hour);
    expect(await verificationOf(harness, receipt.id)).toMatchObject({ result: 'absent' });
  });

  test.each(['read', 'readPins', 'replace'] as const)('crash at %s: only the looks are repeated', async verb => {
    let isDown = false;
    const { harness, calls, id, sweepAfter } = await erased(
      changedStore(store => ({
        [verb]: async (...args: never[]) => {
          if (isDown) throw new Error('crash');
          return (store[verb] as (...given: never[]) => unknown)(...args);
        },
      })),
    );
    isDown = true;
    expect(await sweepAfter(minute)).toMatchObject({ signed: 0 });
    isDown = false;
    expect(await sweepAfter(2 * minute)).toMatchObject({ signed: 1 });
    expect(calls().filter(call => call.startsWith('POST'))).toEqual([]);
    expect(await verificationOf(harness, id)).toMatchObject({ result: 'absent', signed: { result: 'absent' } });
  });

  test('key store down: the result is stored, the pin is deleted, and the signature follows', async () => {
    let isDown = true;
    const throttled = () => {
      if (isDown) throw new Error('throttled');
    };
    const { harness, calls, id, sweepAfter } = await erased(beforeSigning(throttled));
    await sweepAfter(minute);
    expect(await harness.receipt(id)).toMatchObject({ queue: 'sign', verification: { result: 'absent' } });
    expect(await harness.store.readPins(id)).toEqual({});
    isDown = false;
    expect(await sweepAfter(2 * minute)).toMatchObject({ signed: 1 });
    expect(calls()).toEqual([look]);
    expect(await verificationOf(harness, id)).toMatchObject({ signed: { result: 'absent' } });
  });

  test('lost pins: unavailable at once', async () => {
    const { harness, calls, id, sweepAfter } = await erased(changedStore(() => ({ readPins: async () => ({}) })));
    await sweepAfter(minute);
    expect(calls()).toEqual([]);
    expect(await verificationOf(harness, id)).toMatchObject({ signed: { result: 'unavailable' } });
  });

  test('used-up quota: an erasure comes first, and the verification waits', async () => {
    const { harness, calls, id, sweepAfter } = await erased();
    harness.addCustomer({ id: ben, source_id: 'crm-2' });
    await harness.accept(one('source_id', 'crm-2'));
    await sweepAfter(minute);
    const [first] = calls();
    expect(first).toBe('GET /v1/customers/crm-2');
    expect(calls().at(-1)).toBe(look);
    expect(await verificationOf(harness, id)).toMatchObject({ result: 'absent' });
  });
});

/** A request whose callback gets a 503 from its first round on; its customer was deleted by the first sweep. */
async function withFailingCallback(options: HarnessOptions = {}) {
  const open = await harnessWithCallbacks(undefined, options);
  open.called.answer = () => answer(503, '');
  await open.sweepAfter(minute);
  const { id, closedAt = 0 } = await open.receipt();
  return { ...open, id, closedAt, ends: (ms: number) => sweepUntil(open, closedAt + ms) };
}

describe('verification while a callback fails', () => {
  test('still present: raises its alarm an hour after the deletion, and is signed when the callback is accepted', async () => {
    const { harness, called, id, receipt, ends } = await withFailingCallback({ shownMs: 30 * day });
    await ends(hour + minute);
    expect(harness.alarms()).toEqual(['erased-person-still-present']);
    expect(await receipt()).toMatchObject({ queue: 'callback', verification: { result: 'stillPresent' } });
    expect(await verificationOf(harness, id)).toMatchObject({ signed: undefined });
    called.answer = () => answer(200, '');
    await ends(day);
    expect(await verificationOf(harness, id)).toMatchObject({ signed: { result: 'stillPresent' } });
    expect(Object.keys(await harness.store.readPins(id))).toEqual(['main']);
    expect(harness.alarms()).toEqual(['erased-person-still-present']);
  });

  test('absent: the pins are deleted a minute after the deletion, and what the callback needs stays', async () => {
    const { harness, id, isKept, receipt, ends } = await withFailingCallback();
    await ends(2 * minute);
    expect(await receipt()).toMatchObject({ queue: 'callback', verification: { result: 'absent' } });
    expect(await harness.store.readPins(id)).toEqual({});
    expect(await isKept()).toBe(true);
    await ends(9 * day);
    expect(await verificationOf(harness, id)).toMatchObject({ signed: { result: 'absent' } });
    expect(await isKept()).toBe(false);
  });

  test('Voucherify down: no round of the callback is later than without a verification', async () => {
    const times = async (isDown: boolean) => {
      const { harness, called, closedAt, ends } = await withFailingCallback({ random: () => 0.5 });
      if (isDown) harness.sandbox.outage('error');
      await ends(2 * day);
      return called.calls.map(({ at }) => at - closedAt);
    };
    const down = await times(true);
    expect(down).toEqual(await times(false));
    expect(down.length).toBeGreaterThan(8);
  });

  test('erase-again: creates the new receipt while the callback still fails, and the first one is signed later', async () => {
    const { harness, called, id, ends } = await withFailingCallback({ shownMs: 2 * hour });
    await ends(hour + minute);
    const decided = { actor: 'operator', action: 'erase-again', reason: 'asked', at: harness.clock.now } as const;
    await updateReceipt(harness.store, await harness.receipt(id), one => decideEraseAgain(one, decided));
    await ends(hour + 3 * minute);
    const again = (await harness.receipts()).find(one => one.erasesAgain === id);
    expect(again?.projects).toMatchObject({ main: { pins: 1 } });
    expect(await harness.receipt(id)).toMatchObject({ queue: 'callback' });
    expect(await harness.store.readPins(id)).toEqual({});
    called.answer = () => answer(200, '');
    await harness.sweep(harness.clock.now + 2 * day);
    await harness.sweep(harness.clock.now + minute);
    expect(await verificationOf(harness, id)).toMatchObject({ signed: { result: 'stillPresent' } });
  });

  test('retry by an operator: calls at once', async () => {
    const { harness, called, id, ends } = await withFailingCallback();
    await ends(hour);
    const before = called.calls.length;
    const decided = { actor: 'operator', action: 'retry', reason: 'repaired', at: harness.clock.now } as const;
    await updateReceipt(harness.store, await harness.receipt(id), one => decideRetry(one, decided));
    await harness.sweep(harness.clock.now + 1000);
    expect(called.calls).toHaveLength(before + 1);
  });
});
