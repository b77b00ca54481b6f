import { describe, expect, it } from 'vitest';
import { answer, html } from '../support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one } from '../support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';

/** Metrics count these lines: one for each receipt that is closed, and none for what is not. */
const closings = (house: ErasingHouse) =>
  house.lines.filter(({ event }) => event === 'closed').map(({ receipt, outcome }) => `${receipt} ${outcome}`);

describe('closed log line', () => {
  it('closing attempt: logs the outcome once', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    await house.ask(one('customer_id', ada));
    await house.ask(one('source_id', 'crm-9'));
    await house.ask([]);
    expect(closings(house)).toEqual(['receipt-1 erased', 'receipt-2 no-match', 'receipt-3 not-identifiable']);
    expect(house.lines.filter(({ event }) => event === 'attempt')).toEqual([]);
  });

  it('outage: logs nothing until the receipt is closed', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    house.meddle = () => answer(503, html);
    await house.ask(one('customer_id', ada));
    await house.sweepWhenDue('receipt-1');
    expect(closings(house)).toEqual([]);
    house.meddle = undefined;
    await house.sweepWhenDue('receipt-1');
    await house.sweep(house.clock.now + 86_400_000);
    expect(closings(house)).toEqual(['receipt-1 erased']);
  });

  it.each(['GET', 'POST'])('overtaken at %s: does not log it again', async method => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    house.meddle = async (call, pass) => {
      if (call.method !== method) return pass();
      house.meddle = undefined;
      house.clock.now += 15_000;
      await house.sweep();
      return pass();
    };
    const { outcome } = await house.ask(one('source_id', 'crm-1'));
    expect(outcome.kind).toBe('erased');
    expect(closings(house)).toEqual(['receipt-1 erased']);
    expect(house.lines.at(-1)).toMatchObject({ event: 'attempt', outcome: 'erased' });
  });

  it('two attempts at once: one of them logs it', async () => {
    const house = erasingHouse();
    await house.accept(one('source_id', 'crm-9'));
    await Promise.all([house.sweep(), house.sweep()]);
    expect(closings(house)).toEqual(['receipt-1 no-match']);
  });

  it('needs-review: is not logged as closed', async () => {
    const house = erasingHouse();
    house.meddle = () => answer(400, {});
    await house.ask(one('customer_id', ada));
    expect(closings(house)).toEqual([]);
    expect(house.lines).toContainEqual(expect.objectContaining({ event: 'attempt', outcome: 'needs-review' }));
  });
});
