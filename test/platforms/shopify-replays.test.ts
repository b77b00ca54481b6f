import { describe, expect, test } from 'vitest';
import { hour } from '../support/pace-heard.ts';
import { redaction, shopifyHouse, shopifyWire, webhookId } from './shopify-messages.ts';

describe('a redaction that is replayed', () => {
  const { id, email } = redaction.customer;
  const replayed = (webhookId: string[] = ['5f0f2b0e-0000-4000-8000-000000000001']) =>
    shopifyWire(redaction, { 'X-Shopify-Webhook-Id': webhookId, 'X-Shopify-Triggered-At': [] });

  /** A house in which the customer was erased, and registered again an hour later under the same id. */
  async function registeredAgain(options: Parameters<typeof shopifyHouse>[0] = {}) {
    const house = await shopifyHouse({ customers: [], ...options });
    house.sandbox.register({ source_id: String(id), email, created_at: '2025-01-01T00:00:00Z' }, 'main');
    await house.send(shopifyWire());
    await house.sweep();
    house.clock.at += hour;
    const newcomer = house.sandbox.register({ source_id: String(id), email }, 'main');
    house.clock.at += hour;
    return { house, newcomer, deleted: () => house.sandbox.deletions().map(one => one.customerId) };
  }

  test('under another webhook id and without a time never deletes a customer who registered again', async () => {
    const { house, newcomer, deleted } = await registeredAgain();
    expect(await house.send(replayed())).toMatchObject({ status: 200, text: '' });
    await house.sweep();
    expect(deleted()).toHaveLength(1);
    expect(deleted()).not.toContain(newcomer);
    expect(await house.receipts()).toHaveLength(1);
  });

  test('while the first is open is the same request, and raises no alarm', async () => {
    const house = await shopifyHouse();
    await house.send(shopifyWire());
    const [before] = await house.receipts();
    expect(await house.send(replayed())).toMatchObject({ status: 200, text: '' });
    expect(await house.receipts()).toEqual([before]);
    expect(house.alarms()).toEqual([]);
  });

  test.each([
    ['under another webhook id', replayed(), ['repeated-redaction']],
    ['without a webhook id', replayed([]), ['repeated-redaction']],
    ['under the same webhook id, as Shopify repeats a delivery', shopifyWire(), []],
  ])('after the end %s is answered alike; the alarm names platform and receipt', async (_, wire, alarms) => {
    const { house } = await registeredAgain();
    const [before] = await house.receipts();
    expect(await house.send(wire)).toMatchObject({ status: 200, text: '' });
    expect(await house.receipts()).toEqual([before]);
    expect(house.alarms()).toEqual(alarms);
    const raised = house.logged().filter(line => line.alarm !== undefined);
    for (const line of raised) expect(line).toMatchObject({ platform: 'shopify', receipt: before!.id });
  });

  test('raises no alarm where neither delivery has a webhook id', async () => {
    const house = await shopifyHouse();
    await house.send(replayed([]));
    await house.sweep();
    await house.send(replayed([]));
    expect(house.alarms()).toEqual([]);
  });

  test('501 times never pauses the platform', async () => {
    const { house } = await registeredAgain({ limits: { requestsPerHour: 2 } });
    for (let time = 0; time < 501; time += 1) await house.send(replayed([`replay-${time}`]));
    expect(new Set(house.alarms())).toEqual(new Set(['repeated-redaction']));
    const other = shopifyWire({ ...redaction, customer: { email: 'ada@example.com', id: 2 } });
    expect(await house.send(other)).toMatchObject({ status: 200 });
    expect(house.alarms()).not.toContain('platform-paused');
  });

  test('keeps nothing of the webhook id but an HMAC', async () => {
    const house = await shopifyHouse();
    await house.send(shopifyWire());
    const [receipt] = await house.receipts();
    expect(receipt?.deliveryHmac).toMatch(/^[\w-]{43}$/);
    expect(JSON.stringify([receipt, house.lines])).not.toContain(webhookId);
  });
});
