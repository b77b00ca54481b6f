import { describe, expect, test } from 'vitest';
import { hour } from '../support/quota-world.ts';
import { redaction, shopifyHarness, shopifyWire, webhookId } from './shopify-messages.ts';

describe('a redaction that is replayed', () => {
  const { id, email } = redaction.customer;
  const replayed = (webhookId: string[] = ['5f0f2b0e-0000-4000-8000-000000000001']) =>
    shopifyWire(redaction, { 'X-Shopify-Webhook-Id': webhookId, 'X-Shopify-Triggered-At': [] });

  /** A harness in which the customer was erased, and registered again an hour later under the same id. */
  async function registeredAgain(options: Parameters<typeof shopifyHarness>[0] = {}) {
    const harness = await shopifyHarness({ customers: [], ...options });
    harness.sandbox.register({ source_id: String(id), email, created_at: '2025-01-01T00:00:00Z' }, 'main');
    await harness.send(shopifyWire());
    await harness.sweep();
    harness.clock.now += hour;
    const newcomer = harness.sandbox.register({ source_id: String(id), email }, 'main');
    harness.clock.now += hour;
    return { harness, newcomer, deleted: () => harness.sandbox.deletions().map(one => one.customerId) };
  }

  test('under another webhook id and without a time never deletes a customer who registered again', async () => {
    const { harness, newcomer, deleted } = await registeredAgain();
    expect(await harness.send(replayed())).toMatchObject({ status: 200, text: '' });
    await harness.sweep();
    expect(deleted()).toHaveLength(1);
    expect(deleted()).not.toContain(newcomer);
    expect(await harness.receipts()).toHaveLength(1);
  });

  test('while the first is open is the same request, and raises no alarm', async () => {
    const harness = await shopifyHarness();
    await harness.send(shopifyWire());
    const [before] = await harness.receipts();
    expect(await harness.send(replayed())).toMatchObject({ status: 200, text: '' });
    expect(await harness.receipts()).toEqual([before]);
    expect(harness.alarms()).toEqual([]);
  });

  test.each([
    ['under another webhook id', replayed(), ['repeated-redaction']],
    ['without a webhook id', replayed([]), ['repeated-redaction']],
    ['under the same webhook id, as Shopify repeats a delivery', shopifyWire(), []],
  ])('after the end %s is answered alike; the alarm names platform and receipt', async (_, wire, alarms) => {
    const { harness } = await registeredAgain();
    const [before] = await harness.receipts();
    expect(await harness.send(wire)).toMatchObject({ status: 200, text: '' });
    expect(await harness.receipts()).toEqual([before]);
    expect(harness.alarms()).toEqual(alarms);
    const raised = harness.lines.filter(line => line.alarm !== undefined);
    for (const line of raised) expect(line).toMatchObject({ platform: 'shopify', receipt: before!.id });
  });

  test('raises no alarm where neither delivery has a webhook id', async () => {
    const harness = await shopifyHarness();
    await harness.send(replayed([]));
    await harness.sweep();
    await harness.send(replayed([]));
    expect(harness.alarms()).toEqual([]);
  });

  test('501 times never pauses the platform', async () => {
    const { harness } = await registeredAgain({ limits: { requestsPerHour: 2 } });
    for (let time = 0; time < 501; time += 1) await harness.send(replayed([`replay-${time}`]));
    expect(new Set(harness.alarms())).toEqual(new Set(['repeated-redaction']));
    const other = shopifyWire({ ...redaction, customer: { email: 'ada@example.com', id: 2 } });
    expect(await harness.send(other)).toMatchObject({ status: 200 });
    expect(harness.alarms()).not.toContain('platform-paused');
  });

  test('keeps nothing of the webhook id but an HMAC', async () => {
    const harness = await shopifyHarness();
    await harness.send(shopifyWire());
    const [receipt] = await harness.receipts();
    expect(receipt?.deliveryHmac).toMatch(/^[\w-]{43}$/);
    expect(JSON.stringify([receipt, harness.logText])).not.toContain(webhookId);
  });
});
