import { describe, expect, it } from 'vitest';
import type { Identifier } from '../../lambda/domain/erasure.ts';
import { lookUpCalls } from '../../lambda/voucherify/find-customers.ts';
import { ada, ben, cleo, erasingHouse, found, id, iso, one, resolved, start } from '../support/erasing-house.ts';

describe('a customer id', () => {
  it('is found under itself', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    expect(await found(house, one('customer_id', ada))).toEqual([[ada, true]]);
  });

  it('that nobody shows is named all the same: it may have been deleted softly', async () => {
    const house = erasingHouse();
    house.person({ id: ada });
    house.sandbox.softDelete(ada);
    expect(await found(house, one('customer_id', ada))).toEqual([[ada, false]]);
    expect(await found(house, one('customer_id', ben))).toEqual([[ben, false]]);
  });

  it("is nobody when it is only somebody's source_id", async () => {
    const house = erasingHouse();
    house.person({ id: ben, source_id: ada });
    expect(await found(house, one('customer_id', ada))).toBe('no-match');
  });
});

describe('a source_id', () => {
  it('is found exactly', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm/1 ä' });
    expect(await found(house, one('source_id', 'crm/1 ä'))).toEqual([[ada, true]]);
    for (const other of ['CRM/1 ä', 'crm/1 Ä', 'crm/1 a\u0308', ' crm/1 ä', 'crm%2F1 ä', 'crm/1']) {
      expect(await found(house, one('source_id', other)), other).toBe('no-match');
    }
  });

  it('that looks like an id is found where it is one', async () => {
    const house = erasingHouse();
    house.person({ id: ben, source_id: ada });
    expect(await found(house, one('source_id', ada))).toEqual([[ben, true]]);
  });

  it.each([
    ['another source_id', 'crm-1'],
    ['no source_id', undefined],
  ])('that is the id of somebody with %s identifies nobody', async (_, source_id) => {
    const house = erasingHouse();
    house.person({ id: ada, ...(source_id === undefined ? {} : { source_id }) });
    expect(await found(house, one('source_id', ada))).toBe('not-identifiable');
  });

  it('of somebody deleted softly is nobody', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    house.sandbox.softDelete(ada);
    expect(await found(house, one('source_id', 'crm-1'))).toBe('no-match');
  });

  it('is never taken from an answer about somebody else', async () => {
    const house = erasingHouse();
    const body = JSON.stringify({ id: ben, source_id: 'crm-2', created_at: iso(0) });
    house.meddle = () => ({ kind: 'answer', status: 200, headers: {}, body });
    expect(await found(house, one('source_id', 'crm-1'))).toBe('no-match');
    expect(await found(house, one('customer_id', ada))).toBe('no-match');
  });
});

describe('several identifiers', () => {
  const all: readonly Identifier[] = [
    { kind: 'customer_id', value: ada },
    { kind: 'source_id', value: 'crm-1' },
    { kind: 'email', value: 'ada@example.com' },
  ];

  it('name everybody whom any of them names, once', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1', email: 'ada@example.com' });
    house.person({ id: ben, email: 'ada@example.com' });
    expect((await found(house, all))?.toString().split(',').toSorted()).toEqual([ada, ben, 'true', 'true']);
  });

  it('show a customer as seen when one of them does', async () => {
    const house = erasingHouse();
    house.person({ id: ada, email: 'ada@example.com' });
    const unseen = one('customer_id', ada);
    house.meddle = (call, pass) => {
      const gone = { kind: 'answer', status: 404, headers: {} } as const;
      const notFound = JSON.stringify({ key: 'not_found', resource_type: 'customer' });
      return call.url.pathname.endsWith(ada) ? { ...gone, body: notFound } : pass();
    };
    const email = one('email', 'ada@example.com');
    expect(await found(house, [...unseen, ...email])).toEqual([[ada, true]]);
    expect(await found(house, [...email, ...unseen])).toEqual([[ada, true]]);
    expect(await found(house, unseen)).toEqual([[ada, false]]);
  });

  it.each([
    ['none', [], 'not-identifiable'],
    ['only a phone', one('phone', '+1 555 010 0042'), 'not-identifiable'],
    ['only what cannot be looked up', one('source_id', ' '), 'not-identifiable'],
    ['one that can, and finds nobody', [...one('phone', '+1'), ...one('source_id', 'crm-9')], 'no-match'],
    ['an unknown one beside an empty one', [...one('source_id', 'crm-9'), ...one('email', '')], 'not-identifiable'],
    [
      'an unknown one beside an address with a space inside',
      [...one('email', 'ada @example.com'), ...one('source_id', 'crm-9')],
      'not-identifiable',
    ],
    [
      'an unknown one beside a malformed customer id',
      [...one('source_id', 'crm-9'), ...one('customer_id', 'cust-1')],
      'not-identifiable',
    ],
    [
      'an unknown one, a phone, and a source_id with a line break',
      [...one('email', 'eve@example.com'), ...one('phone', '+1'), ...one('source_id', 'crm-9\n')],
      'not-identifiable',
    ],
  ] as const)('that are %s', async (_, identifiers, kind) => {
    expect(await found(erasingHouse(), identifiers)).toBe(kind);
    expect(await found(erasingHouse(), identifiers.toReversed())).toBe(kind);
  });

  it('name whom the usable ones find, whatever is malformed beside them', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    expect(await found(house, [...one('email', ' '), ...one('source_id', 'crm-1')])).toEqual([[ada, true]]);
  });

  it('are not identifiable when a malformed one stands beside somebody who came later', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1', created_at: iso(start + 1) });
    const malformed = one('email', 'ada @example.com');
    expect(await found(house, [...one('source_id', 'crm-1'), ...malformed])).toBe('not-identifiable');
  });

  it('are not identifiable when one is the id of somebody else and the other is unknown', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    expect(await found(house, [...one('source_id', ada), ...one('email', 'eve@example.com')])).toBe('not-identifiable');
  });

  it('are counted together, after the guard, against the most that one request may delete', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1' });
    for (const letter of ['D', 'E']) house.person({ id: id(letter), email: 'ada@example.com' });
    house.person({ id: cleo, email: 'ada@example.com', created_at: iso(start + 1) });
    expect(await resolved(house, all, 3)).toMatchObject({ kind: 'found' });
    const human = { kind: 'review', code: 'too-many-matches', mayHaveExecuted: false, stop: true };
    expect(await resolved(house, all, 2)).toEqual(human);
  });

  it('find nobody at all when one look-up fails', async () => {
    const house = erasingHouse();
    house.person({ id: ada, source_id: 'crm-1', email: 'ada@example.com' });
    for (const failing of ['/v1/customers/crm-1', '/v1/customers', `/v1/customers/${ada}`]) {
      house.meddle = (call, pass) =>
        call.url.pathname === failing ? { kind: 'no-answer', code: 'timed-out', mayHaveExecuted: true } : pass();
      expect(await resolved(house, all)).toMatchObject({ kind: 'retry', code: 'timed-out' });
    }
  });

  it('tell beforehand how many calls they take', () => {
    expect(lookUpCalls(all)).toBe(3);
    expect(
      lookUpCalls([...all, ...one('email', 'Ada@Example.com'), ...one('phone', '1'), ...one('source_id', '')]),
    ).toBe(5);
  });
});
