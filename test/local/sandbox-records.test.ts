import { describe, expect, test } from 'vitest';
import { freshSandbox, json, key } from '../support/sandbox.ts';

const fresh = freshSandbox();
const { call } = fresh;
const id = 'cust_Records00000000000000001';
const register = (more: object = {}) =>
  fresh.sandbox.register(
    { id, source_id: 'crm-records', redemptions: 2, publications: 1, vouchers: 3, memberships: 1, ...more },
    'main',
  );
const listOf = (kind: string, customer: string, headers = key(1)) =>
  json(call('GET', `/v1/${kind}?customer=${customer}&limit=1&page=1`, undefined, headers));
const erase = () => call('POST', `/v1/customers/${id}/permanent-deletion`);

describe('sandbox records of a customer', () => {
  test.each([
    ['redemptions', 2, 'customer_id'],
    ['publications', 1, 'customer_id'],
    ['vouchers', 3, 'holder_id'],
  ])('GET %s: lists those of the customer by id and by source_id', (kind, total, owner) => {
    register();
    const row = expect.objectContaining({ [owner]: id });
    expect(listOf(kind, id)).toEqual({ object: 'list', data_ref: kind, [kind]: [row], total });
    expect(listOf(kind, 'crm-records')).toMatchObject({ total, [kind]: [row] });
    expect(listOf(kind, 'cust_DaraExample0000000000004')).toMatchObject({ total: 0, [kind]: [] });
  });

  test('deleted customer: redemptions are an empty object, and the other lists are empty', () => {
    register();
    erase();
    expect(listOf('redemptions', id)).toEqual({});
    expect(listOf('publications', id)).toMatchObject({ total: 0 });
    expect(listOf('vouchers', id)).toMatchObject({ total: 0 });
  });

  test('records that stay: are still listed, but not in another project', () => {
    register({ staying: ['redemptions', 'vouchers'] });
    erase();
    expect(listOf('redemptions', id)).toMatchObject({ total: 2 });
    expect(listOf('vouchers', id)).toMatchObject({ total: 3, vouchers: [{ holder_id: id }] });
    expect(listOf('vouchers', id, key(3))).toMatchObject({ total: 0 });
  });

  test('memberships: have no total, and an unknown customer is a 404', () => {
    register();
    const target = `/v2/loyalties/memberships/${id}?identification_type=customer_id`;
    expect(json(call('GET', target))).toEqual({ data: [{ id: 'lmbr_0' }], cursor: null, object: 'list' });
    erase();
    expect(call('GET', target).status).toBe(404);
  });

  test.each(['?limit=1', '?customer=a&limit=0', '?customer=a&limit=101', '?customer=a&page=2', '?customer=a&result=x'])(
    'unsupported query %s: is a 400',
    query => {
      for (const kind of ['redemptions', 'publications', 'vouchers'])
        expect(call('GET', `/v1/${kind}${query}`).status).toBe(400);
    },
  );

  test('GET customer: does not show how many records there are', () => {
    register({ staying: ['vouchers'] });
    for (const hidden of ['redemptions', 'vouchers', 'staying'])
      expect(json(call('GET', `/v1/customers/${id}`))).not.toHaveProperty(hidden);
  });
});
