import { describe, expect, it } from 'vitest';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import { createServices } from '../../lambda/services.ts';
import { deliverCallbacks } from '../../lambda/sweep/deliver-callbacks.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import { callbackUrl, genericHouse, genericWire, order } from '../platforms/generic-messages.ts';
import type { House } from '../support/house.ts';
import { owing, targets } from '../support/pace-called.ts';
import { answered, hour, second } from '../support/pace-heard.ts';

const day = 24 * hour;
const lost = { kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true } as const;

/** The same house after a deployment with other settings. */
function deployedWith(house: House, platforms: Readonly<Record<string, unknown>>): () => Promise<unknown> {
  const { services } = house;
  const changed = createServices({ ...services, settings: { ...services.settings, platforms } });
  return () => sweep(changed, house.clock.at + 50 * second);
}

describe('settings changed before the callback', () => {
  it('origin removed: is not called, and an alarm is raised', async () => {
    const open = await owing(targets);
    open.called.answer = () => answered(503);
    await open.sweepAfter(hour);
    const [ketch] = Object.values(open.house.services.settings.platforms);
    const after = deployedWith(open.house, { ketch: { ...Object(ketch), callbackOrigins: [] } });
    open.house.clock.at += hour;
    await after();
    expect(open.called.calls).toHaveLength(2);
    expect(open.house.alarms()).toEqual(['callback-abandoned']);
    expect(await open.isKept()).toBe(false);
  });

  it('platform removed: is called after it is added again', async () => {
    const open = await owing();
    open.called.answer = () => answered(503);
    await open.sweepAfter(hour);
    const without = deployedWith(open.house, {});
    open.house.clock.at += hour;
    await without();
    expect(open.called.calls).toHaveLength(1);
    expect(await open.receipt()).toMatchObject({ queue: 'callback', callbackState: { tries: 2 } });
    open.called.answer = () => answered(200);
    await open.sweepAfter(hour);
    expect(open.called.calls).toHaveLength(2);
    expect(await open.isKept()).toBe(false);
  });
});

describe('signed callback', () => {
  it('missing secret: raises an alarm, and the callback is sent with its signature later', async () => {
    const calls: HttpCall[] = [];
    const sendCallback = async (call: HttpCall) => {
      calls.push(call);
      return answered(200);
    };
    const house = await genericHouse({ change: () => ({ sendCallback }) });
    house.sandbox.outage('error');
    await house.send(genericWire({ ...order, callback_url: callbackUrl }));
    house.sandbox.outage(undefined);
    const secret = house.secrets['erasure/platform/generic'] ?? '';
    house.secrets['erasure/platform/generic'] = 'REPLACE_ME';
    house.clock.at += hour;
    expect(await house.sweep()).toMatchObject({ closed: 1, failed: 0, delivered: 0 });
    expect(house.logged().find(({ alarm }) => alarm === 'secret-unusable')).toMatchObject({
      event: 'callback',
      platform: 'generic',
      receipt: (await house.receipts())[0]!.id,
    });
    expect(calls).toEqual([]);
    house.secrets['erasure/platform/generic'] = secret;
    house.clock.at += hour;
    expect(await house.sweep()).toMatchObject({ failed: 0, delivered: 1 });
    expect(calls).toHaveLength(1);
    expect(calls[0]?.headers).toMatchObject({ 'webhook-signature': expect.stringMatching(/^v1,/) });
  });

  it('unusable secret: the callback is given up, evidence is signed and no personal data stays', async () => {
    const house = await genericHouse();
    house.sandbox.outage('error');
    await house.send(genericWire({ ...order, callback_url: callbackUrl }));
    house.sandbox.outage(undefined);
    house.secrets['erasure/platform/generic'] = 'REPLACE_ME';
    house.clock.at += hour;
    const closedAt = house.clock.at;
    const standing = async () => (await house.receipts())[0]!;
    const waits: number[] = [];
    await house.sweep();
    while ((await standing()).queue !== undefined && house.clock.at < closedAt + 9 * day) {
      const { nextAttemptAt = 0 } = await standing();
      waits.push(nextAttemptAt - house.clock.at);
      expect(await house.services.store.readPersonalData((await standing()).id)).toBeDefined();
      house.clock.at = nextAttemptAt;
      await house.sweep();
    }
    expect(waits.slice(0, 3)).toEqual([45 * second, 90 * second, 180 * second]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(6 * hour);
    expect(house.clock.at).toBe(closedAt + 8 * day);
    const { evidence, ...receipt } = await standing();
    expect(receipt).toMatchObject({ state: 'erased', callbackState: { delivered: [], tries: waits.length + 1 } });
    expect(evidence).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(await house.services.store.readPersonalData(receipt.id)).toBeUndefined();
    const alarms = house.alarms();
    expect(alarms.filter(alarm => alarm === 'secret-unusable')).toHaveLength(waits.length + 1);
    expect(alarms.filter(alarm => alarm === 'callback-abandoned')).toHaveLength(1);
  });
});

it('unknown receipt, or no callback due: calls nothing', async () => {
  const open = await owing();
  expect(await deliverCallbacks('nobody', open.house.services, Number.POSITIVE_INFINITY)).toBe(false);
  expect(await deliverCallbacks((await open.receipt()).id, open.house.services, Number.POSITIVE_INFINITY)).toBe(false);
  expect(open.called.calls).toEqual([]);
});

it('lost callback addresses: raise an alarm and do not count as delivered', async () => {
  let missing = false;
  const open = await owing(undefined, {
    change: ({ store }) => ({
      store: { ...store, readPersonalData: async id => (missing ? undefined : store.readPersonalData(id)) },
    }),
  });
  open.called.answer = () => answered(503);
  await open.sweepAfter(hour);
  missing = true;
  open.house.clock.at += hour;
  expect(await open.house.sweep()).toMatchObject({ delivered: 0 });
  expect(open.house.alarms()).toEqual(['callback-abandoned']);
  expect(await open.receipt()).toMatchObject({ state: 'erased' });
  expect(await open.receipt()).not.toHaveProperty('queue');
});

it('log: contains only codes', async () => {
  const open = await owing(targets);
  open.called.answer = ({ url }) => ({
    ...answered(url.pathname === '/other' ? 410 : 503, { 'x-echo': 'cb-token-1' }),
    body: 'crm-1 cb-token-2',
  });
  await open.sweepAfter(hour);
  open.called.answer = () => lost;
  await open.sweepAfter(hour);
  open.called.answer = () => answered(200);
  await open.sweepAfter(hour);
  const lines = open.house.logged().filter(line => line.event === 'callback');
  const known = { time: expect.any(String), event: 'callback', platform: 'ketch', receipt: (await open.receipt()).id };
  expect(lines).toEqual(['retry', 'retry', 'ended'].map(code => ({ ...known, code })));
  const all = open.house.lines.join('\n');
  expect(all).toContain('callback-abandoned');
  for (const text of ['crm-1', 'cb-token', 'dsr.ketch.com', '/callback', '22880925']) expect(all).not.toContain(text);
});
