import { describe, expect, it } from 'vitest';
import { answer } from '../support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, start } from '../support/erasing-house.ts';
import { passed } from '../support/erasing-ports.ts';

const email = 'family@example.com';
const id = (index: number) => `cust_${String(index).padStart(24, '0')}`;
const before = new Date(start - 1).toISOString();
const after = new Date(start + 1).toISOString();

describe('an e-mail address', () => {
  it.each([
    ['as it is stored', 'ada@example.com', 'ada@example.com'],
    ['in upper case, stored in lower case', 'ADA@Example.COM', 'ada@example.com'],
    ['in mixed case, stored just so', 'Ada@Example.com', 'Ada@Example.com'],
    ['with a plus sign', 'ada+shop@example.com', 'ada+shop@example.com'],
    ['beyond ASCII', 'ZOË@example.com', 'zoë@example.com'],
  ])('is found %s', async (_, asked, stored) => {
    const house = erasingHouse();
    house.person({ id: id(1), email: stored });
    expect((await house.ask(one('email', asked))).outcome).toMatchObject({ kind: 'erased' });
    expect(house.deleted()).toEqual([id(1)]);
  });

  it.each([
    ['another one', 'ada@example.com', 'adam@example.com'],
    ['one with a dot', 'a.da@example.com', 'ada@example.com'],
    ['one without the plus part', 'ada+shop@example.com', 'ada@example.com'],
    ['the Kelvin sign for a k', '\u212aate@example.com', 'kate@example.com'],
    ['a k for the Kelvin sign', 'kate@example.com', '\u212aate@example.com'],
    ['the Angstrom sign for an å', '\u212bke@example.com', 'åke@example.com'],
    ['a dotless i', 'm\u0131ke@example.com', 'mike@example.com'],
    ['a long s', '\u017fam@example.com', 'sam@example.com'],
    ['another normal form', 'zoe\u0308@example.com', 'zo\u00eb@example.com'],
  ])('is not %s', async (_, asked, stored) => {
    const house = erasingHouse();
    house.person({ id: id(1), email: stored });
    expect((await house.ask(one('email', asked))).outcome).toMatchObject({ kind: 'no-match' });
    expect(house.deleted()).toEqual([]);
  });

  it('is asked for as given and in lower case, and each only once', async () => {
    const house = erasingHouse();
    await house.ask(one('email', 'Ada@Example.com'));
    await house.ask(one('email', 'ada@example.com'));
    const emails = house.sent.map(call => new URLSearchParams(call.split('?')[1]).get('email'));
    expect(emails).toEqual(['Ada@Example.com', 'ada@example.com', 'ada@example.com']);
  });

  it('of several people means all of them, in both spellings', async () => {
    const house = erasingHouse();
    for (const [index, stored] of ['Family@Example.com', email, email].entries()) {
      house.person({ id: id(index), email: stored });
    }
    expect((await house.ask(one('email', 'Family@Example.com'))).outcome).toMatchObject({ kind: 'erased' });
    expect(house.deleted().toSorted()).toEqual([id(0), id(1), id(2)]);
  });

  it('is compared again, whatever the list brings', async () => {
    const house = erasingHouse();
    house.person({ id: id(1), email });
    house.meddle = (call, pass) => {
      const answer = pass();
      if (call.url.pathname !== '/v1/customers' || answer.kind !== 'answer') return answer;
      const others = [{ id: id(2), email: 'other@example.com' }, { id: id(3), email: null }, { id: id(4) }];
      const list = JSON.parse(answer.body) as { customers: unknown[] };
      return { ...answer, body: JSON.stringify({ customers: [...others, ...list.customers], total: 4 }) };
    };
    expect((await house.ask(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(house.sent.filter(call => call.startsWith('POST'))).toEqual([
      `POST /v1/customers/${id(1)}/permanent-deletion`,
    ]);
  });
});

describe('a list that is longer than a page', () => {
  it('is read to its end: the ones that were meant stand behind a hundred newer ones', async () => {
    const house = erasingHouse();
    const meant = [house.person({ email }), house.person({ email })];
    for (let index = 0; index < 130; index += 1) house.person({ email, created_at: after });
    expect((await house.ask(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(house.deleted().toSorted()).toEqual(meant.toSorted());
  });

  it('is read before anybody is deleted', async () => {
    const house = erasingHouse({ customersPerRequest: 50 });
    for (let index = 0; index < 35; index += 1) house.person({ email });
    expect((await house.ask(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(house.deleted()).toHaveLength(35);
    const firstDeletion = house.sent.findIndex(call => call.startsWith('POST'));
    expect(house.sent.slice(firstDeletion).every(call => call.startsWith('POST'))).toBe(true);
  });

  it('of more people than one request may delete deletes nobody, and the rest is not read', async () => {
    const house = erasingHouse({ customersPerRequest: 5 });
    for (let index = 0; index < 300; index += 1) house.person({ email });
    const { receipt, outcome } = await house.ask(one('email', email));
    expect(outcome).toMatchObject({ kind: 'needs-human' });
    expect(receipt.reason).toBe('too-many-matches');
    expect(house.deleted()).toEqual([]);
    expect(house.sent).toHaveLength(1);
  });

  it('that never ends asks a person', async () => {
    const house = erasingHouse();
    house.meddle = call => {
      const page = Number(call.url.searchParams.get('page'));
      const limit = Number(call.url.searchParams.get('limit'));
      const customers = Array.from({ length: limit }, (_, row) => ({
        id: id(page * 1000 + row),
        email: 'x@example.com',
      }));
      return {
        kind: 'answer',
        status: 200,
        headers: {},
        body: JSON.stringify({ customers, total: 1e6 }),
      };
    };
    const { receipt } = await house.ask(one('email', email));
    expect(receipt).toMatchObject({ state: 'needs-human', reason: 'too-many-matches' });
    expect(house.sent).toHaveLength(99);
  });

  it('with trouble on a later page finds nobody at all', async () => {
    const house = erasingHouse({ customersPerRequest: 50 });
    for (let index = 0; index < 135; index += 1) house.person({ email, created_at: after });
    house.meddle = (call, pass) =>
      call.url.searchParams.get('page') === '2' ? { kind: 'no-answer', code: 'cut-off', effect: 'possible' } : pass();
    expect((await house.ask(one('email', email))).outcome).toMatchObject({ kind: 'in-progress' });
    expect(house.deleted()).toEqual([]);
  });
});

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
      return page === '2'
        ? answer(200, { customers: [{ id: id(1), email, created_at: before }], total: 3 })
        : pass();
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
    ['repeats the rows before it', [[1, 2], [2, 1], [3, 4]], 2],
    ['is empty at once', [[]], 1],
  ])('and %s leaves the list incomplete: nobody is deleted, and the third time a person is asked', async (_, rows, calls) => {
    const house = erasingHouse();
    pages(house, 4, ...rows);
    for (let row = 1; row <= 4; row += 1) house.person({ id: id(row), email });
    const { receipt } = await house.ask(one('email', email));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'incomplete-list', unproven: 1 });
    expect(lists(house)).toHaveLength(calls);
    expect(house.alarms()).toEqual(['unproven-answer']);
    await house.sweepWhenDue(receipt.id);
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'needs-human', reason: 'unproven-answers' });
    expect(house.deleted()).toEqual([]);
  });

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

describe('a page', () => {
  it('of a hundred people with much metadata is read whole, though it outgrows the cap of every other answer', async () => {
    const house = erasingHouse({ customersPerRequest: 2 });
    const bulky = { note: 'x'.repeat(2000) };
    for (let index = 0; index < 99; index += 1) house.person({ email, created_at: after, metadata: bulky });
    const meant = house.person({ email });
    expect((await house.ask(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(house.deleted()).toEqual([meant]);
    expect(house.sent[0]).toContain('limit=100');
  });
});
