import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import { ada, createHarness, one, start } from '../support/harness.ts';
import { response } from '../support/voucherify-responses.ts';

describe('rate-limited project', () => {
  test('after one 429: leaves every receipt unclaimed until calls are allowed', async () => {
    const harness = createHarness({ random: () => 0 });
    for (let count = 0; count < 12; count += 1) await harness.accept(one('source_id', `crm-${count}`));
    harness.intercept = () => response(429, {}, { 'retry-after': '120' });
    await harness.sweep();
    const { length } = harness.sent;
    expect(length).toBeLessThanOrEqual(5);
    for (const later of [10_000, 60_000, 119_000]) await harness.sweep(start + later);
    expect(harness.sent).toHaveLength(length);
    harness.intercept = undefined;
    for (const later of [121_000, 200_000]) await harness.sweep(start + later);
    for (let count = 1; count <= 12; count += 1) {
      expect(await harness.receipt(`receipt-${count}`)).toMatchObject({ state: 'no-match' });
    }
  });

  test('other project: is still called', async () => {
    const harness = createHarness({ projects: ['main', 'us'], random: () => 0 });
    harness.addCustomer({ id: ada }, 'us');
    harness.intercept = (call, pass) =>
      call.url.hostname.startsWith('main') ? response(429, {}, { 'retry-after': '120' }) : pass();
    const first = await harness.accept(one('source_id', 'crm-1'));
    await harness.sweep();
    const second = await harness.accept(one('customer_id', ada));
    await harness.sweep(start + 1000);
    expect(harness.deleted()).toEqual([ada]);
    for (const { id } of [first, second]) expect(await harness.receipt(id)).toMatchObject({ state: 'open' });
  });

  test('unwritable rate limit: no call is made', async () => {
    const unwritable = () => Promise.reject(new Failure('unavailable', 'the receipt store cannot be reached'));
    const harness = createHarness({
      customers: [{ id: ada }],
      change: ({ control }) => ({ control: { ...control, advance: unwritable } }),
    });
    const receipt = await harness.accept(one('customer_id', ada));
    expect(await harness.sweep()).toMatchObject({ closed: 0 });
    expect(harness.sent).toEqual([]);
    expect(await harness.receipt(receipt.id)).toMatchObject({ state: 'open' });
  });
});
