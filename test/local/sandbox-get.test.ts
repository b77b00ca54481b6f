import { describe, expect, test } from 'vitest';
import { openSandbox } from '../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../infra/local/sandbox/seeded-customers.ts';
import { ADA, callerOf, freshSandbox, json, PROJECT_KEYS, START } from '../support/sandbox-fresh.ts';

const fresh = freshSandbox(PROJECT_KEYS);
const call = callerOf(fresh);

describe('the seeded people', () => {
  test('have distinct ids in the form of the real ones, and belong to the first project only', () => {
    const ids = fresh.sandbox.customers().map(customer => customer.id);
    expect(ids).toEqual(seededCustomers.map(customer => customer.id));
    expect(new Set(ids).size).toBe(6);
    expect(ids.every(id => /^cust_[A-Za-z0-9]{24}$/.test(id))).toBe(true);
    expect(new Set(fresh.sandbox.customers().map(customer => customer.project))).toEqual(new Set(['main']));
  });

  test('need a project to belong to', () => {
    expect(() => openSandbox({ now: () => START, keys: [], seed: seededCustomers })).toThrow('no project');
  });
});

describe('GET one customer', () => {
  test('answers the whole object, by id and by source_id', () => {
    const bySourceId = call('GET', '/v1/customers/crm-10042');
    expect(bySourceId.status).toBe(200);
    expect(bySourceId.headers['content-type']).toContain('application/json');
    expect(json(bySourceId)).toMatchObject({
      id: ADA,
      source_id: 'crm-10042',
      name: 'Ada Example',
      email: 'ada@example.com',
      phone: '+1 555 010 0042',
      metadata: { lang: 'en', tier: 'gold' },
      address: null,
      summary: { orders: { total_count: 9, total_amount: 37_800, average_amount: 4_200, last_order_amount: 4_200 } },
      loyalty: { points: 0 },
      referrals: { total: 0 },
      created_at: '2025-03-01T09:00:00.000Z',
      object: 'customer',
    });
    expect(json(bySourceId)).not.toHaveProperty('updated_at');
    expect(json(bySourceId)).not.toHaveProperty('orders');
    expect(json(call('GET', `/v1/customers/${ADA}`))).toEqual(json(bySourceId));
  });

  test('answers the documented 404, which echoes the decoded identifier', () => {
    const answer = call('GET', '/v1/customers/no%2Bbody%40example.com');
    expect(answer.status).toBe(404);
    expect(json(answer)).toEqual({
      code: 404,
      key: 'not_found',
      message: 'Resource not found',
      details: 'Cannot find customer with id no+body@example.com',
      request_id: expect.stringMatching(/^v-\w{18}$/),
      resource_id: 'no+body@example.com',
      resource_type: 'customer',
    });
  });

  test('prefers the id over a source_id that is the same, and falls back to it when the id is gone', () => {
    const twin = fresh.sandbox.register({ source_id: ADA, name: 'Not Ada' }, 'main');
    expect(json(call('GET', `/v1/customers/${ADA}`))).toMatchObject({ name: 'Ada Example' });
    fresh.sandbox.softDelete(ADA);
    expect(json(call('GET', `/v1/customers/${ADA}`))).toMatchObject({ id: twin, name: 'Not Ada' });
  });

  test('shares nothing between projects', () => {
    const other = fresh.sandbox.register({ source_id: 'crm-10042', email: 'ada@example.com' }, 'shop');
    expect(json(call('GET', '/v1/customers/crm-10042', undefined, 'shop'))).toMatchObject({ id: other });
    expect(call('GET', `/v1/customers/${ADA}`, undefined, 'shop').status).toBe(404);
    expect(call('POST', `/v1/customers/${ADA}/permanent-deletion`, undefined, 'shop').status).toBe(404);
    expect(json(call('GET', '/v1/customers?email=ada%40example.com'))).toMatchObject({ total: 1 });
  });

  test.each(['crm/7', 'a%2Fb', 'ümlaut@example.com', 'e\u0301', 'a?b#c', 'with space', 'a+b'])(
    'keeps %j apart from all else',
    sourceId => {
      const id = fresh.sandbox.register({ source_id: sourceId }, 'main');
      expect(json(call('GET', `/v1/customers/${encodeURIComponent(sourceId)}`))).toMatchObject({
        id,
        source_id: sourceId,
      });
      expect(call('GET', `/v1/customers/${encodeURIComponent(sourceId.normalize('NFC'))}x`).status).toBe(404);
    },
  );

  test('may lack source_id and created_at', () => {
    const id = fresh.sandbox.register({ created_at: null }, 'main');
    const body = json(call('GET', `/v1/customers/${id}`));
    expect(body).toMatchObject({ id, summary: { orders: { total_count: 0, average_amount: 0 } } });
    expect(body).not.toHaveProperty('created_at');
    expect(body).not.toHaveProperty('source_id');
    expect(body).not.toHaveProperty('email');
  });
});
