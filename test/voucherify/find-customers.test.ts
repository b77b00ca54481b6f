import { describe, expect, test } from 'vitest';
import { createHarness, type Harness, one, sandboxResult, start } from '../support/harness.ts';
import { response } from '../support/voucherify-responses.ts';

const email = 'family@example.com';
const id = (index: number) => `cust_${String(index).padStart(24, '0')}`;
const before = new Date(start - 1).toISOString();
const after = new Date(start + 1).toISOString();

describe('e-mail address', () => {
  test.each([
    ['as stored', 'ada@example.com', 'ada@example.com'],
    ['upper case, stored in lower case', 'ADA@Example.COM', 'ada@example.com'],
    ['mixed case, stored the same', 'Ada@Example.com', 'Ada@Example.com'],
    ['with a plus sign', 'ada+shop@example.com', 'ada+shop@example.com'],
    ['letters beyond ASCII', 'ZOË@example.com', 'zoë@example.com'],
    ['white space at both ends', '\u00a0ada@example.com \n', 'ada@example.com'],
    ['line break at the end, stored the same', 'ada@example.com\n', 'ada@example.com\n'],
    ['zero-width characters at both ends', '\u200bada@example.com\ufeff', 'ada@example.com'],
    ['decomposed', 'zoe\u0308@example.com', 'zo\u00eb@example.com'],
    ['composed, stored decomposed', 'zo\u00eb@example.com', 'zoe\u0308@example.com'],
    ['domain in Punycode, stored in Unicode', 'ada@xn--mnchen-3ya.example', 'ada@münchen.example'],
    ['domain in Unicode, stored in Punycode', 'ada@München.example', 'ada@xn--mnchen-3ya.example'],
    ['domain in upper case', 'ada@EXAMPLE.COM', 'ada@example.com'],
  ])('%s: finds the customer', async (_, asked, stored) => {
    const harness = createHarness({ customers: [{ id: id(1), email: stored }] });
    expect((await harness.erase(one('email', asked))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.deleted()).toEqual([id(1)]);
  });

  test.each([
    ['another local part', 'ada@example.com', 'adam@example.com'],
    ['a dot', 'a.da@example.com', 'ada@example.com'],
    ['a plus part', 'ada+shop@example.com', 'ada@example.com'],
    ['the Kelvin sign for a k', '\u212aate@example.com', 'kate@example.com'],
    ['a k for the Kelvin sign', 'kate@example.com', '\u212aate@example.com'],
    ['the Angstrom sign for an å', '\u212bke@example.com', 'åke@example.com'],
    ['a dotless i', 'm\u0131ke@example.com', 'mike@example.com'],
    ['a long s', '\u017fam@example.com', 'sam@example.com'],
    ['two letters for a sharp s', 'strasse@example.com', 'stra\u00dfe@example.com'],
    ['the same in upper case', 'STRASSE@example.com', 'stra\u00dfe@example.com'],
    ['a number that a host parser would convert', 'ada@0x7f.1', 'ada@127.0.0.1'],
  ])('%s: is another address', async (_, asked, stored) => {
    const harness = createHarness({ customers: [{ id: id(1), email: stored }] });
    expect((await harness.erase(one('email', asked))).outcome).toMatchObject({ kind: 'no-match' });
    expect(harness.deleted()).toEqual([]);
  });

  test('spellings: each is looked up once', async () => {
    const harness = createHarness();
    await harness.erase(one('email', 'Ada@Example.com'));
    await harness.erase(one('email', 'ada@example.com'));
    const emails = harness.sent.map(call => new URLSearchParams(call.split('?')[1]).get('email'));
    expect(emails).toEqual(['Ada@Example.com', 'ada@example.com', 'ada@example.com']);
  });

  test('shared address: all its customers are deleted, in every spelling', async () => {
    const harness = createHarness();
    for (const [index, stored] of ['Family@Example.com', email, email].entries()) {
      harness.addCustomer({ id: id(index), email: stored });
    }
    expect((await harness.erase(one('email', 'Family@Example.com'))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.deleted().toSorted()).toEqual([id(0), id(1), id(2)]);
  });

  test('rows with other addresses: are ignored', async () => {
    const harness = createHarness({ customers: [{ id: id(1), email }] });
    harness.intercept = (call, pass) => {
      const answer = pass();
      if (call.url.pathname !== '/v1/customers' || answer.kind !== 'answer') return answer;
      const others = [{ id: id(2), email: 'other@example.com' }, { id: id(3), email: null }, { id: id(4) }];
      const list = JSON.parse(answer.body) as { customers: unknown[] };
      return { ...answer, body: JSON.stringify({ customers: [...others, ...list.customers], total: 4 }) };
    };
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.sent.filter(call => call.startsWith('POST'))).toEqual([
      `POST /v1/customers/${id(1)}/permanent-deletion`,
    ]);
  });
});

test.each(['ada @example.com', 'ada@exa mple.com', 'ada\u200b@example.com', ' ', 'ada@example.com\0'])(
  'unusable e-mail address, %j: is not looked up',
  async email => {
    const harness = createHarness();
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'not-identifiable' });
    expect(harness.sent).toEqual([]);
  },
);

describe('list of several pages', () => {
  test('is read to the end: older customers may follow after a hundred newer ones', async () => {
    const harness = createHarness();
    const meant = [harness.addCustomer({ email }), harness.addCustomer({ email })];
    for (let index = 0; index < 130; index += 1) harness.addCustomer({ email, created_at: after });
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.deleted().toSorted()).toEqual(meant.toSorted());
  });

  test('is read before the first deletion', async () => {
    const harness = createHarness({ limits: { customersPerRequest: 50 } });
    for (let index = 0; index < 35; index += 1) harness.addCustomer({ email });
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.deleted()).toHaveLength(35);
    const firstDeletion = harness.sent.findIndex(call => call.startsWith('POST'));
    expect(harness.sent.slice(firstDeletion).every(call => call.startsWith('POST'))).toBe(true);
  });

  test('more matches than one request may delete: needs review after the first page, and deletes nobody', async () => {
    const harness = createHarness({ limits: { customersPerRequest: 5 } });
    for (let index = 0; index < 300; index += 1) harness.addCustomer({ email });
    const { receipt, outcome } = await harness.erase(one('email', email));
    expect(outcome).toMatchObject({ kind: 'needs-review' });
    expect(receipt).toMatchObject({ reason: 'too-many-matches', projects: { main: { matched: 100 } } });
    expect(harness.deleted()).toEqual([]);
    expect(harness.sent).toHaveLength(1);
  });

  test('endless list: needs review', async () => {
    const harness = createHarness();
    harness.intercept = call => {
      const page = Number(call.url.searchParams.get('page'));
      const limit = Number(call.url.searchParams.get('limit'));
      const customers = Array.from({ length: limit }, (_, row) => ({
        id: id(page * 1000 + row),
        email: 'x@x.example',
      }));
      return response(200, { customers, total: 1e6 });
    };
    const { receipt } = await harness.erase(one('email', email));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'too-many-matches' });
    expect(harness.sent).toHaveLength(99);
  });

  test('failure on a later page: deletes nobody', async () => {
    const harness = createHarness({ limits: { customersPerRequest: 50 } });
    for (let index = 0; index < 135; index += 1) harness.addCustomer({ email, created_at: after });
    harness.intercept = (call, pass) =>
      call.url.searchParams.get('page') === '2'
        ? { kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true }
        : pass();
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'in-progress' });
    expect(harness.deleted()).toEqual([]);
  });
});

test('large page, 100 customers with metadata: are read although they exceed the default size of a response', async () => {
  const harness = createHarness({ limits: { customersPerRequest: 2 } });
  const bulky = { note: 'x'.repeat(2000) };
  for (let index = 0; index < 99; index += 1) harness.addCustomer({ email, created_at: after, metadata: bulky });
  const meant = harness.addCustomer({ email });
  expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
  expect(harness.deleted()).toEqual([meant]);
  expect(harness.sent[0]).toContain('limit=100');
});

describe('short page', () => {
  /** Answers with these pages, and with empty ones after them. */
  const pages = (harness: Harness, total: number, ...rows: readonly (readonly number[])[]) => {
    harness.intercept = (call, pass) => {
      if (call.url.pathname !== '/v1/customers') return pass();
      const page = rows[Number(call.url.searchParams.get('page')) - 1] ?? [];
      const customers = page.map(row => ({ id: id(row), email, created_at: before }));
      return response(200, { customers, total });
    };
  };
  const lists = (harness: Harness) => harness.sent.filter(call => call.startsWith('GET /v1/customers?'));

  test('is not the end: all four customers are deleted', async () => {
    const harness = createHarness();
    for (let row = 0; row < 4; row += 1) harness.addCustomer({ id: id(row), email });
    harness.intercept = (call, pass) => {
      if (call.url.pathname !== '/v1/customers') return pass();
      const url = new URL(call.url);
      url.searchParams.set('limit', '2');
      return sandboxResult(harness.sandbox, { ...call, url });
    };
    const { receipt, outcome } = await harness.erase(one('email', email));
    expect(outcome).toMatchObject({ kind: 'erased' });
    expect(receipt.projects).toMatchObject({ main: { pins: 4 } });
    expect(harness.deleted().toSorted()).toEqual([0, 1, 2, 3].map(id));
    expect(lists(harness)).toHaveLength(2);
  });

  test('rows that do not match: count towards the total', async () => {
    const harness = createHarness({ customers: [{ id: id(1), email }] });
    harness.intercept = (call, pass) => {
      const page = call.url.searchParams.get('page');
      const others = [2, 3].map(row => ({ id: id(row), email: 'other@example.com' }));
      if (page === '1') return response(200, { customers: others, total: 3 });
      return page === '2' ? response(200, { customers: [{ id: id(1), email, created_at: before }], total: 3 }) : pass();
    };
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.deleted()).toEqual([id(1)]);
    expect(lists(harness)).toHaveLength(2);
  });

  test('empty although there are more rows: is no proof that nobody matches', async () => {
    const harness = createHarness();
    harness.intercept = () => response(200, { customers: [], total: 0, has_more: true });
    const { receipt } = await harness.erase(one('email', email));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'incomplete-list' });
  });

  test('has_more: another page is read', async () => {
    const harness = createHarness();
    const customers = (row: number) => [{ id: id(row), email, created_at: before }];
    harness.intercept = (call, pass) => {
      const page = call.url.searchParams.get('page');
      if (page === '1') return response(200, { customers: customers(1), total: 1, has_more: true });
      return page === '2' ? response(200, { customers: customers(2), total: 2, has_more: false }) : pass();
    };
    for (const row of [1, 2]) harness.addCustomer({ id: id(row), email });
    await harness.erase(one('email', email));
    expect(harness.deleted().toSorted()).toEqual([id(1), id(2)]);
  });

  test('has_more after the last row: the list ends at a page without a new row', async () => {
    const harness = createHarness({ customers: [{ id: id(1), email }] });
    harness.intercept = (call, pass) => {
      if (call.url.pathname !== '/v1/customers') return pass();
      const customers = call.url.searchParams.get('page') === '1' ? [{ id: id(1), email, created_at: before }] : [];
      return response(200, { customers, total: 1, has_more: true });
    };
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(lists(harness)).toHaveLength(2);
  });

  test.each([
    ['empty before the total is reached', [[1, 2], []], 2],
    [
      'repeated rows',
      [
        [1, 2],
        [2, 1],
        [3, 4],
      ],
      2,
    ],
    ['empty at once', [[]], 1],
  ])(
    '%s: the list is incomplete, nobody is deleted, and the third time the receipt needs review',
    async (_, rows, calls) => {
      const harness = createHarness();
      pages(harness, 4, ...rows);
      for (let row = 1; row <= 4; row += 1) harness.addCustomer({ id: id(row), email });
      const { receipt } = await harness.erase(one('email', email));
      expect(receipt).toMatchObject({ state: 'open', lastResult: 'incomplete-list', unprovenCount: 1 });
      expect(lists(harness)).toHaveLength(calls);
      expect(harness.alarms()).toEqual(['unproven-response']);
      await harness.sweepWhenDue(receipt.id);
      expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({
        state: 'needs-review',
        reason: 'unproven-responses',
      });
      expect(harness.deleted()).toEqual([]);
    },
  );

  test('list that shrinks while it is read: is read again from the start', async () => {
    const harness = createHarness();
    const rows = [1, 2, 3, 4];
    for (const row of rows) harness.addCustomer({ id: id(row), email });
    let total = 4;
    harness.intercept = (call, pass) => {
      if (call.url.pathname !== '/v1/customers') return pass();
      const start = (Number(call.url.searchParams.get('page')) - 1) * 2;
      const customers = rows.slice(start, start + 2).map(row => ({ id: id(row), email, created_at: before }));
      const body = { customers, total };
      // Another process deletes the first one after page 1: the third customer moves to page 1.
      if (total === 4) rows.shift();
      total = 3;
      return response(200, body);
    };
    const { receipt } = await harness.erase(one('email', email));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'incomplete-list' });
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
    expect(harness.deleted().toSorted()).toEqual([2, 3, 4].map(id));
  });
});
