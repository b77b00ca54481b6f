import { describe, expect, test } from 'vitest';
import { callerOf, freshSandbox, json, PROJECT_KEYS } from '../support/sandbox-fresh.ts';

const fresh = freshSandbox(PROJECT_KEYS);
const call = callerOf(fresh);

describe('GET customers', () => {
  test('matches an e-mail exactly and case-sensitively', () => {
    expect(json(call('GET', '/v1/customers?email=family%40example.com'))).toMatchObject({
      object: 'list',
      data_ref: 'customers',
      customers: [{ id: 'cust_DaraExample0000000000004' }, { id: 'cust_CleoExample0000000000003' }],
      total: 2,
      has_more: false,
    });
    expect(json(call('GET', '/v1/customers?email=emil.mixed%40example.com'))).toMatchObject({
      customers: [],
      total: 0,
    });
    expect(json(call('GET', '/v1/customers?email=Emil.Mixed%40Example.com'))).toMatchObject({ total: 1 });
  });

  test('reads a raw plus as a space, so only an escaped one finds the address', () => {
    fresh.sandbox.register({ email: 'ada+shop@example.com' }, 'main');
    expect(json(call('GET', '/v1/customers?email=ada+shop%40example.com'))).toMatchObject({ total: 0 });
    expect(json(call('GET', '/v1/customers?email=ada%2Bshop%40example.com'))).toMatchObject({ total: 1 });
  });

  test.each(['', '?email=', '?email=%20', '?limit=10'])('lists everybody for %j', query => {
    expect(json(call('GET', `/v1/customers${query}`))).toMatchObject({ total: 6 });
  });

  test('pages newest first, ten at a time unless told otherwise, until an empty page', () => {
    for (let n = 0; n < 12; n += 1) {
      fresh.sandbox.register({ source_id: `office-${n}`, email: 'office@example.com' }, 'main');
    }
    const list = '/v1/customers?email=office%40example.com';
    const first = json(call('GET', list));
    expect(first).toMatchObject({
      total: 12,
      has_more: true,
      customers: { length: 10, 0: { source_id: 'office-11' } },
    });
    const second = json(call('GET', `${list}&page=2`));
    expect(second).toMatchObject({
      total: 12,
      has_more: false,
      customers: [{ source_id: 'office-1' }, { source_id: 'office-0' }],
    });
    expect(json(call('GET', `${list}&page=3`))).toMatchObject({ total: 12, has_more: false, customers: [] });
    expect(json(call('GET', `${list}&limit=12`))).toMatchObject({ has_more: false, customers: { length: 12 } });
    const oldest = json(call('GET', `${list}&limit=1&order=created_at`));
    expect(oldest).toMatchObject({ has_more: true, customers: [{ source_id: 'office-0' }] });
  });

  test.each([
    'limit=0',
    'limit=101',
    'limit=ten',
    'limit=',
    'limit=1.5',
    'page=0',
    'page=100',
    'page=-1',
    'order=source_id',
    'city=Oslo',
    'created_at%5Bafter%5D=2025-01-01',
    'starting_after=2025-01-01',
  ])('refuses %s', query => {
    const answer = call('GET', `/v1/customers?${query}`);
    expect(answer.status).toBe(400);
    expect(json(answer)).toMatchObject({ code: 400, key: 'invalid_query_params' });
  });

  test('takes the outermost limit and page', () => {
    expect(call('GET', '/v1/customers?limit=100&page=99').status).toBe(200);
    expect(json(call('GET', '/v1/customers?limit=1&page=1'))).toMatchObject({
      customers: { length: 1 },
      has_more: true,
    });
  });
});
