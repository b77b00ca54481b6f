import { describe, expect, test } from 'vitest';
import { ADA, callerOf, freshSandbox, json, PROJECT_KEYS, START } from '../support/sandbox-fresh.ts';

const fresh = freshSandbox(PROJECT_KEYS);
const call = callerOf(fresh);

describe('permanent deletion', () => {
  test('answers the documented body, misspelling included, and logs what it did', () => {
    const answer = call('POST', `/v1/customers/${ADA}/permanent-deletion`);
    expect(answer.status).toBe(200);
    const deletionId = expect.stringMatching(/^del_[A-Za-z0-9]{24}$/);
    expect(json(answer)).toEqual({
      id: deletionId,
      created_at: '2026-01-15T12:00:00.000Z',
      related_object_id: ADA,
      related_object: 'customer',
      status: 'DONE',
      data_json: {
        events: 10,
        customer_events: 19,
        daily_events: 0,
        segments: 0,
        orders: 9,
        order_events: 9,
        customer: 1,
      },
      object: 'pernament_deletion',
    });
    const logged = { project: 'main', customerId: ADA, sourceId: 'crm-10042', deletionId, at: START };
    expect(fresh.sandbox.deletions()).toEqual([logged]);
    expect(json(answer)).toMatchObject({ id: fresh.sandbox.deletions()[0]?.deletionId });
  });

  test('leaves nobody to be found, and the second time is a 404', () => {
    expect(call('POST', '/v1/customers/crm-10042/permanent-deletion', {}).status).toBe(200);
    for (const target of [`/v1/customers/${ADA}`, '/v1/customers/crm-10042']) {
      expect(call('GET', target).status).toBe(404);
      const again = call('POST', `${target}/permanent-deletion`);
      expect(again.status).toBe(404);
      expect(json(again)).toMatchObject({ key: 'not_found', resource_type: 'customer' });
    }
    expect(json(call('GET', '/v1/customers?email=ada%40example.com'))).toMatchObject({ total: 0 });
    expect(fresh.sandbox.deletions()).toHaveLength(1);
    expect(fresh.sandbox.customers()).toHaveLength(5);
  });

  test('frees the source_id for a new person, whom a retry by source_id would hit', () => {
    call('POST', '/v1/customers/crm-10042/permanent-deletion');
    const again = fresh.sandbox.register({ source_id: 'crm-10042' }, 'main');
    expect(again).not.toBe(ADA);
    expect(call('POST', `/v1/customers/${ADA}/permanent-deletion`).status).toBe(404);
    expect(json(call('POST', '/v1/customers/crm-10042/permanent-deletion'))).toMatchObject({
      related_object_id: again,
    });
  });

  test.each(['GET', 'DELETE', 'PUT', 'constructor'])('is not reached by %s', method => {
    const answer = call(method, `/v1/customers/${ADA}/permanent-deletion`);
    expect(answer.status).toBe(405);
    expect(json(answer)).toMatchObject({
      code: 405,
      message: 'HTTP Method Not Allowed',
      details: expect.stringContaining('POST'),
    });
    expect(fresh.sandbox.deletions()).toEqual([]);
  });
});

describe('a plain DELETE', () => {
  test('hides the person, renames the source_id, and leaves a permanent deletion by id possible', () => {
    fresh.now += 1_500;
    const answer = call('DELETE', '/v1/customers/crm-10042');
    expect([answer.status, answer.body]).toEqual([204, '']);
    const renamed = 'crm-10042_deleted2026-01-15T12:00:01.500Z';
    for (const id of [ADA, 'crm-10042', encodeURIComponent(renamed)]) {
      expect(call('GET', `/v1/customers/${id}`).status).toBe(404);
      expect(call('DELETE', `/v1/customers/${id}`).status).toBe(404);
    }
    expect(json(call('GET', '/v1/customers?email=ada%40example.com'))).toMatchObject({ total: 0 });
    expect(json(call('GET', '/v1/customers'))).toMatchObject({ total: 5 });
    expect(call('POST', '/v1/customers/crm-10042/permanent-deletion').status).toBe(404);
    expect(call('POST', `/v1/customers/${encodeURIComponent(renamed)}/permanent-deletion`).status).toBe(404);
    expect(json(call('POST', `/v1/customers/${ADA}/permanent-deletion`))).toMatchObject({ related_object_id: ADA });
    expect(fresh.sandbox.deletions()).toMatchObject([{ customerId: ADA, sourceId: renamed }]);
  });

  test('can happen twice in one millisecond to two people with the same source_id', () => {
    fresh.sandbox.softDelete(ADA);
    const twin = fresh.sandbox.register({ source_id: 'crm-10042' }, 'main');
    fresh.sandbox.softDelete(twin);
    const gone = fresh.sandbox.customers().filter(customer => customer.deleted_at !== null);
    expect(gone.map(customer => customer.id)).toEqual([ADA, twin]);
    expect(new Set(gone.map(customer => customer.source_id)).size).toBe(1);
  });

  test('of nobody, or twice, is an error of the caller', () => {
    fresh.sandbox.softDelete('cust_DaraExample0000000000004');
    expect(() => fresh.sandbox.softDelete('cust_DaraExample0000000000004')).toThrow('nobody');
    expect(() => fresh.sandbox.softDelete('cust_Nobody')).toThrow('nobody');
    expect(fresh.sandbox.customers().filter(customer => customer.deleted_at !== null)).toMatchObject([
      { source_id: null },
    ]);
  });
});
