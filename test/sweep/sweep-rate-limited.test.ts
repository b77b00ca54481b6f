import { describe, expect, test } from 'vitest';
import { pause, resume } from '../../lambda/control/pauses.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import { ada, createHarness, one, start } from '../support/harness.ts';
import { response } from '../support/voucherify-responses.ts';

const why = { actor: 'ops', reason: 'looking into it', at: start };

describe('pause', () => {
  test('project:us, one of two projects: leaves the receipt unclaimed until it ends', async () => {
    const scope = 'project:us';
    const harness = createHarness({ projects: ['main', 'us'] });
    harness.addCustomer({ id: ada });
    const receipt = await harness.accept(one('customer_id', ada));
    await pause(scope, why, harness.services.control);
    expect(await harness.sweep(start + 1000)).toMatchObject({ claimed: 0, held: 1, failed: 0, oldestOpenMs: 1000 });
    expect(await harness.receipt(receipt.id)).toMatchObject({ state: 'open', claims: 0, unrecordedClaims: 0 });
    expect(await harness.sweep(start + 2000)).toMatchObject({ claimed: 0, held: 1 });
    expect(harness.sent).toEqual([]);
    await resume(scope, why, harness.services.control);
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
  });
});

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
    const harness = createHarness({ change: ({ control }) => ({ control: { ...control, advance: unwritable } }) });
    harness.addCustomer({ id: ada });
    const receipt = await harness.accept(one('customer_id', ada));
    expect(await harness.sweep()).toMatchObject({ closed: 0 });
    expect(harness.sent).toEqual([]);
    expect(await harness.receipt(receipt.id)).toMatchObject({ state: 'open' });
  });
});
