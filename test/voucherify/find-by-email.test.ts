import { describe, expect, it } from 'vitest';
import { erasingHouse, one, start } from '../support/erasing-house.ts';

const email = 'family@example.com';
const id = (index: number) => `cust_${String(index).padStart(24, '0')}`;
const after = new Date(start + 1).toISOString();

describe('an e-mail address', () => {
  it.each([
    ['as it is stored', 'ada@example.com', 'ada@example.com'],
    ['in upper case, stored in lower case', 'ADA@Example.COM', 'ada@example.com'],
    ['in mixed case, stored just so', 'Ada@Example.com', 'Ada@Example.com'],
    ['with a plus sign', 'ada+shop@example.com', 'ada+shop@example.com'],
    ['beyond ASCII', 'ZOË@example.com', 'zoë@example.com'],
    ['with white space around it', '\u00a0ada@example.com \n', 'ada@example.com'],
    ['as it was stored with white space', 'ada@example.com\n', 'ada@example.com\n'],
    ['with zero-width characters around it', '\u200bada@example.com\ufeff', 'ada@example.com'],
    ['decomposed', 'zoe\u0308@example.com', 'zo\u00eb@example.com'],
    ['composed, stored decomposed', 'zo\u00eb@example.com', 'zoe\u0308@example.com'],
    ['with its domain in Punycode', 'ada@xn--mnchen-3ya.example', 'ada@münchen.example'],
    ['with its domain in Unicode, stored in Punycode', 'ada@München.example', 'ada@xn--mnchen-3ya.example'],
    ['with its domain in upper case', 'ada@EXAMPLE.COM', 'ada@example.com'],
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
    ['two letters for a sharp s', 'strasse@example.com', 'stra\u00dfe@example.com'],
    ['another one in upper case', 'STRASSE@example.com', 'stra\u00dfe@example.com'],
    ['what a host parser would make of it', 'ada@0x7f.1', 'ada@127.0.0.1'],
  ])('is not %s', async (_, asked, stored) => {
    const house = erasingHouse();
    house.person({ id: id(1), email: stored });
    expect((await house.ask(one('email', asked))).outcome).toMatchObject({ kind: 'no-match' });
    expect(house.deleted()).toEqual([]);
  });

  it('is asked for in each spelling once', async () => {
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

describe('an e-mail address that cannot be used', () => {
  it.each(['ada @example.com', 'ada@exa mple.com', 'ada\u200b@example.com', ' ', 'ada@example.com\0'])(
    '(%j) is not looked up',
    async email => {
      const house = erasingHouse();
      expect((await house.ask(one('email', email))).outcome).toMatchObject({ kind: 'not-identifiable' });
      expect(house.sent).toEqual([]);
    },
  );
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
    expect(outcome).toMatchObject({ kind: 'needs-review' });
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
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'too-many-matches' });
    expect(house.sent).toHaveLength(99);
  });

  it('with trouble on a later page finds nobody at all', async () => {
    const house = erasingHouse({ customersPerRequest: 50 });
    for (let index = 0; index < 135; index += 1) house.person({ email, created_at: after });
    house.meddle = (call, pass) =>
      call.url.searchParams.get('page') === '2'
        ? { kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true }
        : pass();
    expect((await house.ask(one('email', email))).outcome).toMatchObject({ kind: 'in-progress' });
    expect(house.deleted()).toEqual([]);
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
