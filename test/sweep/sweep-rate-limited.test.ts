import { describe, expect, it } from 'vitest';
import { pause, resume } from '../../lambda/control/pauses.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import { answer } from '../support/erasing-answers.ts';
import { erasingHouse, one, start } from '../support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
const why = { actor: 'ops', reason: 'looking into it', at: start };

describe('pause', () => {
  it('project:us, one of two projects: leaves the receipt unclaimed until it ends', async () => {
    const scope = 'project:us';
    const house = erasingHouse({ projects: ['main', 'us'] });
    house.person({ id: ada });
    const receipt = await house.accept(one('customer_id', ada));
    await pause(scope, why, house.services.control);
    expect(await house.sweep(start + 1000)).toMatchObject({ claimed: 0, held: 1, failed: 0, oldestOpenMs: 1000 });
    expect(await house.receipt(receipt.id)).toMatchObject({ state: 'open', claims: 0, unrecordedClaims: 0 });
    expect(await house.sweep()).toMatchObject({ held: 0 });
    expect(house.sent).toEqual([]);
    await resume(scope, why, house.services.control);
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
  });
});

describe('rate-limited project', () => {
  it('after one 429: leaves every receipt unclaimed until calls are allowed', async () => {
    const house = erasingHouse({ random: () => 0 });
    for (let count = 0; count < 12; count += 1) await house.accept(one('source_id', `crm-${count}`));
    house.meddle = () => answer(429, {}, { 'retry-after': '120' });
    await house.sweep();
    const { length } = house.sent;
    expect(length).toBeLessThanOrEqual(5);
    for (const later of [10_000, 60_000, 119_000]) await house.sweep(start + later);
    expect(house.sent).toHaveLength(length);
    house.meddle = undefined;
    for (const later of [121_000, 200_000]) await house.sweep(start + later);
    for (let count = 1; count <= 12; count += 1) {
      expect(await house.receipt(`receipt-${count}`)).toMatchObject({ state: 'no-match' });
    }
  });

  it('other project: is still called', async () => {
    const house = erasingHouse({ projects: ['main', 'us'], random: () => 0 });
    house.person({ id: ada }, 'us');
    house.meddle = (call, pass) =>
      call.url.hostname.startsWith('main') ? answer(429, {}, { 'retry-after': '120' }) : pass();
    const first = await house.accept(one('source_id', 'crm-1'));
    await house.sweep();
    const second = await house.accept(one('customer_id', ada));
    await house.sweep(start + 1000);
    expect(house.deleted()).toEqual([ada]);
    for (const { id } of [first, second]) expect(await house.receipt(id)).toMatchObject({ state: 'open' });
  });

  it('unwritable rate limit: no call is made', async () => {
    const unwritable = () => Promise.reject(new Failure('unavailable', 'the receipt store cannot be reached'));
    const house = erasingHouse({ change: ({ control }) => ({ control: { ...control, write: unwritable } }) });
    house.person({ id: ada });
    const receipt = await house.accept(one('customer_id', ada));
    expect(await house.sweep()).toMatchObject({ closed: 0 });
    expect(house.sent).toEqual([]);
    expect(await house.receipt(receipt.id)).toMatchObject({ state: 'open' });
  });
});
