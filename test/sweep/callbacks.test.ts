import { describe, expect, it } from 'vitest';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import { account, deleteRequest, ketchHouse, ketchWire } from '../support/ketch.ts';
import { owing, targets } from '../support/pace-called.ts';
import { answered, hour, minute } from '../support/pace-heard.ts';
import { registered } from '../support/pace-ketch.ts';

const to = ({ url, headers }: HttpCall) => [url.pathname, headers['Authorization'] ?? headers['X-Key']];
const bodyOf = (call: HttpCall | undefined): unknown => JSON.parse(call?.body ?? '');

describe('platform with an "in progress" reply', () => {
  it('end: is reported once to every callback, with its headers', async () => {
    const { called, sweepAfter, isKept } = await owing(targets);
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

  it('open receipt: is not reported', async () => {
    const { house, called, sweepAfter, isKept } = await owing();
    house.sandbox.outage('error');
    for (let later = 0; later < 5; later += 1) await sweepAfter(hour);
    expect(called.calls).toEqual([]);
    expect(await isKept()).toBe(true);
    house.sandbox.outage(undefined);
    await sweepAfter(hour);
    expect(called.calls).toHaveLength(1);
    expect(bodyOf(called.calls[0])).toMatchObject({ kind: 'DeleteStatusEvent', event: { status: 'completed' } });
  });

  it.each([
    ['erased', 'crm-1', 'executed'],
    ['no match', 'nobody', 'no_match'],
  ])('ended as %s: is reported', async (_, sourceId, reason) => {
    const { house, called, sweepAfter } = await owing();
    if (sourceId === 'nobody') for (const { id } of house.sandbox.customers()) house.sandbox.softDelete(id);
    await sweepAfter(hour);
    expect(bodyOf(called.calls[0])).toMatchObject({ event: { status: 'completed', reason } });
  });

  it('callbacks of a repeated request: are not called', async () => {
    const { house, called, sweepAfter } = await owing([]);
    await house.send(ketchWire(deleteRequest({ identities: [account('crm-1')], callbacks: targets })));
    await sweepAfter(hour);
    expect(called.calls).toEqual([]);
  });
});

describe('platform with the result in its reply', () => {
  it('callbacks: are not called and are deleted at once', async () => {
    const calls: HttpCall[] = [];
    const house = await ketchHouse({
      change: () => ({
        sendCallback: async call => {
          calls.push(call);
          return answered(200);
        },
      }),
    });
    registered(house, 'crm-1');
    await house.send(ketchWire(deleteRequest({ identities: [account('crm-1')], callbacks: targets })));
    const [receipt] = await house.receipts();
    expect(receipt).toMatchObject({ state: 'erased', hasCallbacks: true, answeredInProgress: false });
    expect(await house.services.store.readPersonalData(receipt?.id ?? '')).toBeUndefined();
    house.clock.at += hour;
    await house.sweep();
    expect(calls).toEqual([]);
  });
});

describe('several callbacks', () => {
  it('delivered: is not called again', async () => {
    const { house, called, receipt, sweepAfter, isKept } = await owing(targets);
    called.answer = ({ url }) => answered(url.pathname === '/other' ? 503 : 200);
    await sweepAfter(hour);
    expect(called.calls).toHaveLength(2);
    expect(await receipt()).toMatchObject({ queue: 'callback', callbackState: { tries: 1, delivered: [0] } });
    expect(await isKept()).toBe(true);
    called.answer = () => answered(204);
    await sweepAfter(2 * minute);
    expect(called.calls.slice(2).map(to)).toEqual([['/other', 'cb-token-2']]);
    expect(await receipt()).toMatchObject({ state: 'erased', callbackState: { tries: 2, delivered: [0, 1] } });
    expect(await isKept()).toBe(false);
    expect(house.alarms()).toEqual([]);
  });

  it('one refused: ends with an alarm when the other is delivered', async () => {
    const { house, called, receipt, sweepAfter, isKept } = await owing(targets);
    called.answer = ({ url }) => answered(url.pathname === '/other' ? 410 : 503);
    await sweepAfter(hour);
    expect(house.alarms()).toEqual([]);
    called.answer = () => answered(200);
    await sweepAfter(2 * minute);
    expect(called.calls.slice(2).map(to)).toEqual([['/callback', 'Bearer cb-token-1']]);
    expect(await receipt()).toMatchObject({ callbackState: { delivered: [0], refused: [1] }, state: 'erased' });
    expect(house.alarms()).toEqual(['callback-abandoned']);
    expect(await isKept()).toBe(false);
  });
});

describe('sweep', () => {
  it('result: counts the delivered callbacks', async () => {
    const { house, called } = await owing(targets);
    called.answer = () => answered(503);
    house.clock.at += hour;
    expect(await house.sweep()).toMatchObject({ closed: 1, delivered: 0 });
    called.answer = () => answered(200);
    house.clock.at += 2 * minute;
    expect(await house.sweep()).toMatchObject({ closed: 0, delivered: 1 });
  });

  it('two sweeps at once: deliver once', async () => {
    const { house, called } = await owing(targets);
    called.answer = () => answered(503);
    house.clock.at += hour;
    await house.sweep();
    called.answer = () => answered(200);
    house.clock.at += 2 * minute;
    await Promise.all([house.sweep(), house.sweep(), house.sweep()]);
    expect(called.calls).toHaveLength(4);
  });
});
