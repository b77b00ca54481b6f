import { describe, expect, it } from 'vitest';
import { answer } from '../support/erasing-answers.ts';
import { crashingStore } from '../support/erasing-crash.ts';
import { type ErasingHouse, erasingHouse, one } from '../support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
const posts = (house: ErasingHouse) => house.sent.filter(call => call.startsWith('POST')).length;

/** Somebody who was deleted softly: their pin is not seen by any look-up, and the deletion takes place all the same. */
function softlyDeleted(house: ErasingHouse): void {
  house.person({ id: ada });
  house.sandbox.softDelete(ada);
}

describe('attempt that crashed before it stored its result', () => {
  it.each([
    ['seen, is proved by the next attempt', (house: ErasingHouse) => house.person({ id: ada }), 'erased'],
    ['unseen, needs review without proof', softlyDeleted, 'needs-review'],
  ])('deleted pin: %s', async (_, prepare, state) => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    prepare(house);
    crash.at = 'result';
    await expect(house.ask(one('customer_id', ada))).rejects.toThrow('the process ended');
    expect(house.deleted()).toEqual([ada]);
    expect(await house.receipt('receipt-1')).toMatchObject({ state: 'open', unrecordedClaims: 1 });
    crash.at = undefined;
    const deletions = state === 'erased' ? [{ proof: 'gone' }] : [];
    const reason = state === 'erased' ? {} : { reason: 'unseen-unproven' };
    const next = await house.sweepWhenDue('receipt-1');
    expect(next).toMatchObject({ state, ...reason, projects: { main: { deletions } } });
    expect(house.deleted()).toEqual([ada]);
  });

  it('unseen pin: stays known as possibly deleted after an attempt that made no call', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    softlyDeleted(house);
    crash.at = 'result';
    await expect(house.ask(one('customer_id', ada))).rejects.toThrow('the process ended');
    crash.at = undefined;
    house.meddle = () => answer(429, {}, { 'retry-after': '5' });
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'open', unrecordedClaims: 0 });
    house.meddle = undefined;
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'needs-review', reason: 'unseen-unproven' });
  });

  it('customer_id without a match: becomes neither gone nor no match', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    crash.at = 'result';
    await expect(house.ask(one('customer_id', ada))).rejects.toThrow('the process ended');
    crash.at = undefined;
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'needs-review', reason: 'unseen-unproven' });
  });
});

describe('attempt that crashed before it stored its pins', () => {
  it('found customer: is deleted by the next attempt only', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    house.person({ id: ada, source_id: 'crm-1' });
    crash.at = 'pins';
    await expect(house.ask(one('source_id', 'crm-1'))).rejects.toThrow('the process ended');
    expect(posts(house)).toBe(0);
    crash.at = undefined;
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'erased' });
    expect(house.deleted()).toEqual([ada]);
  });

  it('customer_id without a match: ends as no match, because nothing was deleted', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    crash.at = 'pins';
    await expect(house.ask(one('customer_id', ada))).rejects.toThrow('the process ended');
    crash.at = undefined;
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'no-match' });
    expect(posts(house)).toBe(1);
  });
});
