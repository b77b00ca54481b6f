import { describe, expect, test } from 'vitest';
import { createServices } from '../../lambda/services.ts';
import { deliverCallbacks } from '../../lambda/sweep/deliver-callbacks.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import { callbackUrl, genericHarness, genericWire, order } from '../platforms/generic-messages.ts';
import { harnessWithCallbacks, targets } from '../support/callback-harness.ts';
import type { Harness } from '../support/harness.ts';
import { hour, response, second } from '../support/quota-world.ts';
import { scripted } from '../support/voucherify-responses.ts';

const day = 24 * hour;
const lost = { kind: 'no-response', code: 'connection-lost', mayHaveExecuted: true } as const;

/** The same harness after a deployment with other settings. */
function deployedWith(harness: Harness, platforms: Readonly<Record<string, unknown>>): () => Promise<unknown> {
  const { services } = harness;
  const changed = createServices({ ...services, settings: { ...services.settings, platforms } });
  return () => sweep(changed, harness.clock.now + 50 * second);
}

describe('settings changed before the callback', () => {
  test('origin removed: is not called, and an alarm is raised', async () => {
    const open = await harnessWithCallbacks(targets);
    open.called.answer = () => response(503);
    await open.sweepAfter(hour);
    const [ketch] = Object.values(open.harness.services.settings.platforms);
    const after = deployedWith(open.harness, { ketch: { ...Object(ketch), callbackOrigins: [] } });
    open.harness.clock.now += hour;
    await after();
    expect(open.called.calls).toHaveLength(2);
    expect(open.harness.alarms()).toEqual(['callback-abandoned']);
    expect(await open.isKept()).toBe(false);
  });

  test('platform removed: is called after it is added again', async () => {
    const open = await harnessWithCallbacks();
    open.called.answer = () => response(503);
    await open.sweepAfter(hour);
    const without = deployedWith(open.harness, {});
    open.harness.clock.now += hour;
    await without();
    expect(open.called.calls).toHaveLength(1);
    expect(await open.receipt()).toMatchObject({ queue: 'callback', callbackState: { tries: 2 } });
    open.called.answer = () => response(200);
    await open.sweepAfter(hour);
    expect(open.called.calls).toHaveLength(2);
    expect(await open.isKept()).toBe(false);
  });
});

describe('signed callback', () => {
  test('missing secret: raises an alarm, and the callback is sent with its signature later', async () => {
    const { send: sendCallback, calls } = scripted(response(200));
    const harness = genericHarness({ change: () => ({ sendCallback }) });
    harness.sandbox.outage('error');
    await harness.send(genericWire({ ...order, callback_url: callbackUrl }));
    harness.sandbox.outage(undefined);
    const secret = harness.secrets['erasure/platform/generic'] ?? '';
    harness.secrets['erasure/platform/generic'] = 'REPLACE_ME';
    expect(await harness.sweep(harness.clock.now + hour)).toMatchObject({ closed: 1, failed: 0, delivered: 0 });
    expect(harness.lines.find(({ alarm }) => alarm === 'secret-unusable')).toMatchObject({
      event: 'callback',
      platform: 'generic',
      receipt: (await harness.receipts())[0]!.id,
    });
    expect(calls).toEqual([]);
    harness.secrets['erasure/platform/generic'] = secret;
    expect(await harness.sweep(harness.clock.now + hour)).toMatchObject({ failed: 0, delivered: 1 });
    expect(calls).toHaveLength(1);
    expect(calls[0]?.headers).toMatchObject({ 'webhook-signature': expect.stringMatching(/^v1,/) });
  });

  test('unusable secret: the callback is given up, evidence is signed and no personal data stays', async () => {
    const harness = genericHarness();
    harness.sandbox.outage('error');
    await harness.send(genericWire({ ...order, callback_url: callbackUrl }));
    harness.sandbox.outage(undefined);
    harness.secrets['erasure/platform/generic'] = 'REPLACE_ME';
    harness.clock.now += hour;
    const closedAt = harness.clock.now;
    const standing = async () => (await harness.receipts())[0]!;
    const waits: number[] = [];
    await harness.sweep();
    while ((await standing()).queue !== undefined && harness.clock.now < closedAt + 9 * day) {
      const { callbackState: { retryAt = 0 } = {} } = await standing();
      waits.push(retryAt - harness.clock.now);
      expect(await harness.services.store.readPersonalData((await standing()).id)).toBeDefined();
      harness.clock.now = retryAt;
      await harness.sweep();
    }
    expect(waits.slice(0, 3)).toEqual([45 * second, 90 * second, 180 * second]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(6 * hour);
    expect(harness.clock.now).toBe(closedAt + 8 * day);
    const { evidence, ...receipt } = await standing();
    expect(receipt).toMatchObject({ state: 'erased', callbackState: { delivered: [], tries: waits.length + 1 } });
    expect(evidence).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(await harness.services.store.readPersonalData(receipt.id)).toBeUndefined();
    const alarms = harness.alarms();
    expect(alarms.filter(alarm => alarm === 'secret-unusable')).toHaveLength(waits.length + 1);
    expect(alarms.filter(alarm => alarm === 'callback-abandoned')).toHaveLength(1);
  });
});

test('unknown receipt, or no callback due: calls nothing', async () => {
  const open = await harnessWithCallbacks();
  expect(await deliverCallbacks('nobody', open.harness.services, Number.POSITIVE_INFINITY)).toBe('nothing');
  expect(await deliverCallbacks((await open.receipt()).id, open.harness.services, Number.POSITIVE_INFINITY)).toBe(
    'nothing',
  );
  expect(open.called.calls).toEqual([]);
});

test('lost callback addresses: raise an alarm and do not count as delivered', async () => {
  let missing = false;
  const open = await harnessWithCallbacks(undefined, {
    change: ({ store }) => ({
      store: { ...store, readPersonalData: async id => (missing ? undefined : store.readPersonalData(id)) },
    }),
  });
  open.called.answer = () => response(503);
  await open.sweepAfter(hour);
  missing = true;
  expect(await open.harness.sweep(open.harness.clock.now + hour)).toMatchObject({ delivered: 0 });
  expect(open.harness.alarms()).toEqual(['callback-abandoned']);
  expect(await open.receipt()).toMatchObject({ state: 'erased' });
  expect(await open.receipt()).not.toHaveProperty('queue');
});

test('log: contains only codes', async () => {
  const open = await harnessWithCallbacks(targets);
  open.called.answer = ({ url }) => ({
    ...response(url.pathname === '/other' ? 410 : 503, { 'x-echo': 'cb-token-1' }),
    body: 'crm-1 cb-token-2',
  });
  await open.sweepAfter(hour);
  open.called.answer = () => lost;
  await open.sweepAfter(hour);
  open.called.answer = () => response(200);
  await open.sweepAfter(hour);
  const lines = open.harness.lines.filter(line => line.event === 'callback');
  const known = { event: 'callback', platform: 'ketch', receipt: (await open.receipt()).id };
  expect(lines).toEqual(['retry', 'retry', 'ended'].map(code => ({ ...known, code })));
  const all = open.harness.logText.join('\n');
  expect(all).toContain('callback-abandoned');
  for (const text of ['crm-1', 'cb-token', 'dsr.ketch.com', '/callback', '22880925']) expect(all).not.toContain(text);
});
