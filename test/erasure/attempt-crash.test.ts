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

describe('an attempt that ended before it wrote its result', () => {
  it.each([
    ['seen leaves it to the next, which proves it', (house: ErasingHouse) => house.person({ id: ada }), 'erased'],
    ['not seen leaves it to a person: nothing proves it', softlyDeleted, 'needs-review'],
  ])('and deleted a pin that was %s', async (_, prepare, state) => {
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

  it('is not forgotten by an attempt after it that could not do anything', async () => {
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

  it('and had no match under an id is neither gone nor no match any more', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    crash.at = 'result';
    await expect(house.ask(one('customer_id', ada))).rejects.toThrow('the process ended');
    crash.at = undefined;
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'needs-review', reason: 'unseen-unproven' });
  });
});

describe('an attempt that ended before it wrote its pins', () => {
  it('deleted nobody, and the next one does', async () => {
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

  it('posted nothing, so that nobody under an id is nobody and not gone', async () => {
    const crash = crashingStore();
    const house = erasingHouse(crash.options);
    crash.at = 'pins';
    await expect(house.ask(one('customer_id', ada))).rejects.toThrow('the process ended');
    crash.at = undefined;
    expect(await house.sweepWhenDue('receipt-1')).toMatchObject({ state: 'no-match' });
    expect(posts(house)).toBe(1);
  });
});
