import { describe, expect, it } from 'vitest';
import { answer } from '../support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, passed, start } from '../support/erasing-house.ts';

const email = 'family@example.com';
const id = (index: number) => `cust_${String(index).padStart(24, '0')}`;
const before = new Date(start - 1).toISOString();

describe('a page that is shorter than asked', () => {
  /** A list of these pages, and of empty ones behind them. */
  const pages = (house: ErasingHouse, total: number, ...rows: readonly (readonly number[])[]) => {
    house.meddle = (call, pass) => {
      if (call.url.pathname !== '/v1/customers') return pass();
      const page = rows[Number(call.url.searchParams.get('page')) - 1] ?? [];
      const customers = page.map(row => ({ id: id(row), email, created_at: before }));
      return answer(200, { customers, total });
    };
  };
  const lists = (house: ErasingHouse) => house.sent.filter(call => call.startsWith('GET /v1/customers?'));

  it('is not the end of a list: all four of an address are deleted', async () => {
    const house = erasingHouse();
    for (let row = 0; row < 4; row += 1) house.person({ id: id(row), email });
    house.meddle = (call, pass) => {
      if (call.url.pathname !== '/v1/customers') return pass();
      const url = new URL(call.url);
      url.searchParams.set('limit', '2');
      return passed(house.sandbox, { ...call, url });
    };
    const { receipt, outcome } = await house.ask(one('email', email));
    expect(outcome).toMatchObject({ kind: 'erased' });
    expect(receipt.projects).toMatchObject({ main: { pins: 4 } });
    expect(house.deleted().toSorted()).toEqual([0, 1, 2, 3].map(id));
    expect(lists(house)).toHaveLength(2);
  });

  it('counts with the rows that do not match', async () => {
    const house = erasingHouse();
    house.person({ id: id(1), email });
    house.meddle = (call, pass) => {
      const page = call.url.searchParams.get('page');
      const others = [2, 3].map(row => ({ id: id(row), email: 'other@example.com' }));
      if (page === '1') return answer(200, { customers: others, total: 3 });
      return page === '2' ? answer(200, { customers: [{ id: id(1), email, created_at: before }], total: 3 }) : pass();
    };
    expect((await house.ask(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(house.deleted()).toEqual([id(1)]);
    expect(lists(house)).toHaveLength(2);
  });

  it('is followed by another one where has_more says so', async () => {
    const house = erasingHouse();
    const customers = (row: number) => [{ id: id(row), email, created_at: before }];
    house.meddle = (call, pass) => {
      const page = call.url.searchParams.get('page');
      if (page === '1') return answer(200, { customers: customers(1), total: 1, has_more: true });
      return page === '2' ? answer(200, { customers: customers(2), total: 2, has_more: false }) : pass();
    };
    for (const row of [1, 2]) house.person({ id: id(row), email });
    await house.ask(one('email', email));
    expect(house.deleted().toSorted()).toEqual([id(1), id(2)]);
  });

  it.each([
    ['is empty before the total is reached', [[1, 2], []], 2],
    [
      'repeats the rows before it',
      [
        [1, 2],
        [2, 1],
        [3, 4],
      ],
      2,
    ],
    ['is empty at once', [[]], 1],
  ])(
    'and %s leaves the list incomplete: nobody is deleted, and the third time a person is asked',
    async (_, rows, calls) => {
      const house = erasingHouse();
      pages(house, 4, ...rows);
      for (let row = 1; row <= 4; row += 1) house.person({ id: id(row), email });
      const { receipt } = await house.ask(one('email', email));
      expect(receipt).toMatchObject({ state: 'open', lastResult: 'incomplete-list', unprovenCount: 1 });
      expect(lists(house)).toHaveLength(calls);
      expect(house.alarms()).toEqual(['unproven-response']);
      await house.sweepWhenDue(receipt.id);
      expect(await house.sweepWhenDue(receipt.id)).toMatchObject({
        state: 'needs-review',
        reason: 'unproven-responses',
      });
      expect(house.deleted()).toEqual([]);
    },
  );

  it('because the list shrank while it was read is read again from the beginning', async () => {
    const house = erasingHouse();
    const rows = [1, 2, 3, 4];
    for (const row of rows) house.person({ id: id(row), email });
    let total = 4;
    house.meddle = (call, pass) => {
      if (call.url.pathname !== '/v1/customers') return pass();
      const start = (Number(call.url.searchParams.get('page')) - 1) * 2;
      const customers = rows.slice(start, start + 2).map(row => ({ id: id(row), email, created_at: before }));
      const body = { customers, total };
      // The first of them is removed by somebody else after the first page: the third is now on it.
      if (total === 4) rows.shift();
      total = 3;
      return answer(200, body);
    };
    const { receipt } = await house.ask(one('email', email));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'incomplete-list' });
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
    expect(house.deleted().toSorted()).toEqual([2, 3, 4].map(id));
  });
});
