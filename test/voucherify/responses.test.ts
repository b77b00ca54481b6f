import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classify, parseDeletion, parseLookUp, parsePage } from '../../lambda/voucherify/responses.ts';
import { done, html, notFound, outcome, pin } from '../support/voucherify-responses.ts';

const unproven = (code: string) => ({
  ...{ kind: 'retry', code, mayHaveExecuted: true, stop: false, unproven: true, alarm: 'unproven-response' },
});

describe('deletion', () => {
  const parsed = (body: unknown) => parseDeletion(outcome(200, body), pin);
  const without = (field: keyof typeof done) =>
    Object.fromEntries(Object.entries(done).filter(([name]) => name !== field));
  const counted = (customer: unknown) => ({ ...done, data_json: { ...done.data_json, customer } });

  test('documented response: is proof and is returned as received', () => {
    expect(parsed(done)).toEqual({ kind: 'deleted', received: done });
    for (const object of ['pernament_deletion', 'permanent_deletion']) {
      expect(parsed({ ...done, object })).toEqual({ kind: 'deleted', received: { ...done, object } });
    }
  });

  test.each([
    ['an empty object', {}],
    ['null', 'null'],
    ['a string', '"DONE"'],
    ['a list', [done]],
    ['an object inside another', { deletion: done }],
    ['no status', without('status')],
    ['a null status', { ...done, status: null }],
    ['a running status', { ...done, status: 'IN_PROGRESS' }],
    ['a status in lower case', { ...done, status: 'done' }],
    ['a status with a space', { ...done, status: 'DONE ' }],
    ['a list as status', { ...done, status: ['DONE'] }],
    ['no related_object_id', without('related_object_id')],
    ['a null related_object_id', { ...done, related_object_id: null }],
    ['a list as related_object_id', { ...done, related_object_id: [pin] }],
    ['no data_json', without('data_json')],
    ['a null data_json', { ...done, data_json: null }],
    ['an empty data_json', { ...done, data_json: {} }],
    ['a list as data_json', { ...done, data_json: [1] }],
    ['no customer counted', counted(0)],
    ['two customers counted', counted(2)],
    ['the count as a string', counted('1')],
    ['true as the count', counted(true)],
    ['a null count', counted(null)],
  ])('%s: is no proof', (_, body) => {
    expect(parsed(body)).toEqual(unproven('unproven-deletion'));
  });

  test('no JSON: has its own code', () => {
    expect(parsed(html)).toEqual(unproven('not-json'));
  });

  test.each(['cust_0000000000000000000000Z9', pin.toLowerCase(), `${pin}0`, 'crm-10042', ''])(
    'related_object_id %j: another customer was deleted, whatever the rest says',
    related_object_id => {
      const code = 'wrong-customer-deleted';
      const wrong = { kind: 'review', code, mayHaveExecuted: true, stop: true, alarm: code };
      expect(parsed({ ...done, related_object_id })).toEqual(wrong);
      expect(parsed({ ...counted(0), related_object_id, status: 'FAILED' })).toEqual(wrong);
    },
  );

  test.each(['id', 'created_at', 'related_object', 'object'] as const)('%s: is optional', field => {
    expect(parsed(without(field))).toEqual({ kind: 'deleted', received: without(field) });
    expect(parsed({ ...done, [field]: null })).toEqual({ kind: 'deleted', received: without(field) });
  });

  test('undocumented fields and values: are not kept', () => {
    const data_json = { customer: 1, orders: 0, events: 10 ** 9, segments: null, daily: 'Ada', list: [], half: 0.5 };
    const odd = { id: 'del_ada@example.com', created_at: 'yesterday', related_object: 'Ada Example', object: 'a@b.c' };
    const names = { 'ada@example.com': 1, 'Ada Example': 2 };
    expect(parsed({ ...done, ...odd, customer: { name: 'Ada' }, data_json: { ...data_json, ...names } })).toEqual({
      kind: 'deleted',
      received: { status: 'DONE', related_object_id: pin, data_json: { customer: 1, orders: 0, events: 10 ** 9 } },
    });
  });

  test('random response: is proof only with status, id and count together', () => {
    const odd = fc.oneof(fc.jsonValue(), fc.constantFrom('DONE', pin, 1, '1', null));
    const fields = { status: odd, related_object_id: odd, data_json: fc.oneof(odd, fc.record({ customer: odd })) };
    const body = fc.oneof(fc.record(fields, { requiredKeys: [] }), fc.jsonValue());
    const at = (value: unknown, name: string): unknown =>
      typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
    let proved = 0;
    fc.assert(
      fc.property(body, fc.boolean(), (random, isNearly) => {
        const sent = isNearly && typeof random === 'object' && random !== null ? { ...done, ...random } : random;
        const facts = [at(sent, 'status'), at(sent, 'related_object_id'), at(at(sent, 'data_json'), 'customer')];
        const isProof = JSON.stringify(facts) === JSON.stringify(['DONE', pin, 1]);
        expect(parsed(JSON.stringify(sent)).kind === 'deleted').toBe(isProof);
        proved += Number(isProof);
      }),
      { seed: 20261124, numRuns: 3000 },
    );
    expect(proved).toBeGreaterThan(30);
  });
});

const person = { id: pin, source_id: 'crm-1', email: 'ada@example.com', created_at: '2025-01-01T00:00:00Z' };

/** Values that are not a customer. */
const unreadable: readonly (readonly [string, unknown])[] = [
  ['a string', 'cust_1'],
  ['null', null],
  ['no id', { ...person, id: undefined }],
  ['an empty id', { ...person, id: '' }],
  ['a number as id', { ...person, id: 7 }],
  ['an id of another form', { ...person, id: 'crm-1' }],
  ['an unconfirmed customer', { ...person, id: 'ucust_0000000000000000000000A1' }],
  ['a path in the id', { ...person, id: `${pin}/../x` }],
  ['a line break in the id', { ...person, id: `${pin}\n` }],
  ['only the prefix', { ...person, id: 'cust_' }],
  ['an endless id', { ...person, id: `cust_${'a'.repeat(600)}` }],
];

describe('look-up', () => {
  const parsed = (body: unknown) => parseLookUp(outcome(200, body));

  test('customer: only the fields that decide are kept', () => {
    const more = { name: 'Ada', phone: '+1 555', metadata: { a: 1 } };
    expect(parsed({ ...person, ...more })).toEqual({ kind: 'customer', customer: person });
  });

  test.each([{ id: pin }, { id: pin, source_id: null, email: null, created_at: null }, { ...person, created_at: 5 }])(
    '%j: is a customer',
    customer => {
      expect(parsed(customer)).toEqual({ kind: 'customer', customer });
    },
  );

  test.each(unreadable)('%s: is unreadable', (_, body) => {
    expect(parsed(body === 'cust_1' ? '"cust_1"' : body)).toEqual(unproven('unreadable-customer'));
  });

  test('too large: needs review, because a retry cannot succeed', () => {
    const { outcome: failure } = classify({ kind: 'no-answer', code: 'too-large', mayHaveExecuted: true }, 0);
    const review = { kind: 'review', code: 'response-too-large', mayHaveExecuted: false, stop: true };
    expect(parseLookUp(failure)).toEqual(review);
    expect(parsePage(failure)).toEqual(review);
    expect(parseDeletion(failure, pin)).toMatchObject({ kind: 'retry', unproven: true });
  });

  test('404 of a customer: no match', () => {
    expect(parseLookUp(outcome(404, notFound))).toEqual({ kind: 'no-match' });
    expect(parsed(notFound)).toEqual(unproven('unreadable-customer'));
  });
});

describe('page of a list', () => {
  const parsed = (more: object) => parsePage(outcome(200, { object: 'list', customers: [person], total: 1, ...more }));

  test('documented response: customers, total and has_more', () => {
    const page = { customers: [person, { id: 'cust_2' }], total: 250, has_more: true };
    expect(parsed(page)).toEqual({ kind: 'page', ...page });
    expect(parsed({ customers: [], total: 0 })).toEqual({ kind: 'page', customers: [], total: 0 });
  });

  test.each(unreadable)('row with %s: the whole page is unreadable', (_, row) => {
    expect(parsed({ customers: [person, row, person] })).toEqual(unproven('unreadable-customer'));
  });

  test.each([
    ['no total', { total: undefined }],
    ['a null total', { total: null }],
    ['a string as total', { total: '1' }],
    ['a negative total', { total: -1 }],
    ['a fraction as total', { total: 0.5 }],
    ['no list', { customers: undefined }],
    ['an object as list', { customers: { 0: person } }],
  ])('%s: is unreadable', (_, more) => {
    expect(parsed(more)).toEqual(unproven('unreadable-list'));
  });

  test('404 of a customer: is not a list', () => {
    expect(parsePage(outcome(404, notFound))).toEqual(unproven('unexpected-404'));
  });
});
