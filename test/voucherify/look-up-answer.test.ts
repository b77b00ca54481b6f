import { describe, expect, it } from 'vitest';
import { parseLookUp, parsePage } from '../../lambda/voucherify/responses.ts';
import { html, now, pin, reply } from '../support/erasing-answers.ts';

const person = { id: pin, source_id: 'crm-1', email: 'ada@example.com', created_at: '2025-01-01T00:00:00Z' };

const unproven = { kind: 'retry', mayHaveExecuted: true, stop: false, unproven: true, alarm: 'unproven-response' };

/** What is in the place of a customer and is none. */
const strange: readonly (readonly [string, unknown])[] = [
  ['no object', 'cust_1'],
  ['null', null],
  ['no id', { ...person, id: undefined }],
  ['a null id', { ...person, id: null }],
  ['an empty id', { ...person, id: '' }],
  ['a number as id', { ...person, id: 7 }],
  ['an id that is none', { ...person, id: 'crm-1' }],
  ['an unconfirmed customer', { ...person, id: 'ucust_0000000000000000000000A1', object: 'unconfirmed_customer' }],
  ['an id with more behind', { ...person, id: `${pin}/../x` }],
  ['an id with a line break', { ...person, id: `${pin}\n` }],
  ['a bare prefix', { ...person, id: 'cust_' }],
  ['an endless id', { ...person, id: `cust_${'a'.repeat(600)}` }],
];

describe('a look-up', () => {
  it('takes of a customer only what decides', () => {
    const told = parseLookUp(reply(200, { ...person, name: 'Ada', phone: '+1 555', metadata: { a: 1 } }), now);
    expect(told).toEqual({ kind: 'customer', customer: person });
  });

  it.each([{ id: pin }, { id: pin, source_id: null, email: null, created_at: null }, { ...person, created_at: 5 }])(
    'takes a customer as thin as %j',
    customer => {
      expect(parseLookUp(reply(200, customer), now)).toEqual({ kind: 'customer', customer });
    },
  );

  it.each(strange)('that brings %s proves nothing', (_, body) => {
    const told = { ...unproven, code: 'unreadable-customer' };
    expect(parseLookUp(reply(200, body === 'cust_1' ? '"cust_1"' : body), now)).toEqual(told);
  });

  it('that brings HTML proves nothing', () => {
    expect(parseLookUp(reply(200, html), now)).toMatchObject({ kind: 'retry', code: 'not-json', unproven: true });
  });
});

describe('a page', () => {
  const page = (more: object) => parsePage(reply(200, { object: 'list', customers: [person], total: 1, ...more }), now);

  it('holds its customers and how many there are in all', () => {
    const customers = [person, { id: 'cust_2' }];
    expect(page({ customers, total: 250, has_more: true })).toEqual({
      kind: 'page',
      customers,
      total: 250,
      has_more: true,
    });
    expect(page({ customers: [], total: 0 })).toEqual({ kind: 'page', customers: [], total: 0 });
  });

  it.each(strange)('with one row of %s is worth nothing', (_, row) => {
    const told = { ...unproven, code: 'unreadable-list' };
    expect(page({ customers: [person, row, person] })).toEqual(told);
  });

  it.each([
    ['no total', { total: undefined }],
    ['a null total', { total: null }],
    ['a text as total', { total: '1' }],
    ['a negative total', { total: -1 }],
    ['a fraction as total', { total: 0.5 }],
    ['no list', { customers: undefined }],
    ['a null list', { customers: null }],
    ['an object as list', { customers: { 0: person } }],
  ])('with %s is worth nothing', (_, more) => {
    expect(page(more)).toMatchObject({ kind: 'retry', code: 'unreadable-list', unproven: true });
  });
});
