import { describe, expect, test } from 'vitest';
import { openSandbox } from '../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../infra/local/sandbox/seeded-customers.ts';
import { ADA, freshSandbox, json, KEYS, key, START } from '../support/sandbox.ts';

const fresh = freshSandbox();
const { call } = fresh;
const total = (target: string) => json(call('GET', target));
const erase = (id: string, headers = key(1)) =>
  call('POST', `/v1/customers/${id}/permanent-deletion`, undefined, headers);

describe('sandbox customers', () => {
  test('seed: ids look like real ones and belong to the first project', () => {
    const customers = fresh.sandbox.customers();
    expect(customers.map(customer => customer.id)).toEqual(seededCustomers.map(customer => customer.id));
    expect(new Set(customers.map(customer => customer.id)).size).toBe(6);
    for (const { id } of customers) expect(id).toMatch(/^cust_[A-Za-z0-9]{24}$/);
    expect(new Set(customers.map(customer => customer.project))).toEqual(new Set(['main']));
    expect(() => openSandbox({ now: () => START, keys: [], seed: seededCustomers })).toThrow('no project');
  });

  test('GET customer: returns the whole object by id and by source_id', () => {
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
    for (const absent of ['updated_at', 'orders']) expect(json(bySourceId)).not.toHaveProperty(absent);
    expect(json(call('GET', `/v1/customers/${ADA}`))).toEqual(json(bySourceId));
  });

  test('GET customer: omits what the customer does not have', () => {
    const id = fresh.sandbox.register({ created_at: null }, 'main');
    const body = json(call('GET', `/v1/customers/${id}`));
    expect(body).toMatchObject({ id, summary: { orders: { total_count: 0, average_amount: 0 } } });
    for (const absent of ['created_at', 'source_id', 'email']) expect(body).not.toHaveProperty(absent);
  });

  test('GET customer: the 404 repeats the decoded identifier', () => {
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

  test('GET customer: an id has precedence over an equal source_id until it is deleted', () => {
    const twin = fresh.sandbox.register({ source_id: ADA, name: 'Not Ada' }, 'main');
    expect(json(call('GET', `/v1/customers/${ADA}`))).toMatchObject({ name: 'Ada Example' });
    fresh.sandbox.softDelete(ADA);
    expect(json(call('GET', `/v1/customers/${ADA}`))).toMatchObject({ id: twin, name: 'Not Ada' });
  });

  test('projects: share no customer', () => {
    const other = fresh.sandbox.register({ source_id: 'crm-10042', email: 'ada@example.com' }, 'shop');
    expect(json(call('GET', '/v1/customers/crm-10042', undefined, key(3)))).toMatchObject({ id: other });
    expect(call('GET', `/v1/customers/${ADA}`, undefined, key(3)).status).toBe(404);
    expect(erase(ADA, key(3)).status).toBe(404);
    expect(total('/v1/customers?email=ada%40example.com')).toMatchObject({ total: 1 });
  });

  test.each(['a%2Fb', 'crm/7', 'e\u0301', 'a?b#c', 'a+b c'])(
    'GET customer: finds the source_id %j exactly',
    source_id => {
      const id = fresh.sandbox.register({ source_id }, 'main');
      expect(json(call('GET', `/v1/customers/${encodeURIComponent(source_id)}`))).toMatchObject({ id, source_id });
      expect(call('GET', `/v1/customers/${encodeURIComponent(source_id.normalize('NFC'))}x`).status).toBe(404);
    },
  );

  test('list: matches an e-mail address exactly, including case', () => {
    expect(total('/v1/customers?email=family%40example.com')).toMatchObject({
      object: 'list',
      data_ref: 'customers',
      customers: [{ id: 'cust_DaraExample0000000000004' }, { id: 'cust_CleoExample0000000000003' }],
      total: 2,
      has_more: false,
    });
    expect(total('/v1/customers?email=emil.mixed%40example.com')).toMatchObject({ customers: [], total: 0 });
    expect(total('/v1/customers?email=Emil.Mixed%40Example.com')).toMatchObject({ total: 1 });
  });

  test('list: a raw plus is a space, so only an escaped plus finds the address', () => {
    fresh.sandbox.register({ email: 'ada+shop@example.com' }, 'main');
    expect(total('/v1/customers?email=ada+shop%40example.com')).toMatchObject({ total: 0 });
    expect(total('/v1/customers?email=ada%2Bshop%40example.com')).toMatchObject({ total: 1 });
  });

  test.each(['', '/', '?email=', '?email=%20', '?limit=10'])('list: %j returns all customers', query => {
    expect(total(`/v1/customers${query}`)).toMatchObject({ object: 'list', total: 6 });
  });

  test('list: pages are newest first with ten customers by default, and end with an empty page', () => {
    for (let n = 0; n < 12; n += 1) {
      fresh.sandbox.register({ source_id: `office-${n}`, email: 'office@example.com' }, 'main');
    }
    const page = (query: string) => total(`/v1/customers?email=office%40example.com${query}`);
    const first = { customers: { length: 10, 0: { source_id: 'office-11' } } };
    expect(page('')).toMatchObject({ total: 12, has_more: true, ...first });
    const second = { customers: [{ source_id: 'office-1' }, { source_id: 'office-0' }] };
    expect(page('&page=2')).toMatchObject({ total: 12, has_more: false, ...second });
    expect(page('&page=3')).toMatchObject({ total: 12, has_more: false, customers: [] });
    expect(page('&limit=12')).toMatchObject({ has_more: false, customers: { length: 12 } });
    expect(page('&limit=1&order=created_at')).toMatchObject({ has_more: true, customers: [{ source_id: 'office-0' }] });
    expect(page('&limit=1&page=1')).toMatchObject({ has_more: true, customers: { length: 1 } });
    expect(page('&limit=100&page=99')).toMatchObject({ customers: [] });
  });

  test.each(
    'limit=0 limit=101 limit=ten limit= limit=1.5 page=0 page=100 order=source_id city=Oslo starting_after=2025-01-01'.split(
      ' ',
    ),
  )('list: refuses %s', query => {
    const answer = call('GET', `/v1/customers?${query}`);
    expect(answer.status).toBe(400);
    expect(json(answer)).toMatchObject({ code: 400, key: 'invalid_query_params' });
  });

  test('POST customer: updates by source_id and keeps what is not given', () => {
    fresh.now += 1_000;
    const phone = '+1 555 010 9999';
    const answer = call('POST', '/v1/customers', { source_id: 'crm-10042', phone, created_at: '1999-01-01' });
    expect(json(answer)).toMatchObject({
      id: ADA,
      name: 'Ada Example',
      email: 'ada@example.com',
      phone,
      created_at: '2025-03-01T09:00:00.000Z',
      updated_at: '2026-01-15T12:00:01.000Z',
    });
    expect(json(call('GET', '/v1/customers/crm-10042'))).toEqual(json(answer));
  });

  test('POST customer: a new customer gets an id and the time of the sandbox', () => {
    const address = { city: 'Oslo' };
    const answer = call('POST', '/v1/customers', { source_id: 'crm-1', address, created_at: '1999-01-01' });
    const id = expect.stringMatching(/^cust_[A-Za-z0-9]{24}$/);
    expect(json(answer)).toMatchObject({ id, address, created_at: '2026-01-15T12:00:00.000Z' });
    const sandbox = openSandbox({ now: () => START, keys: KEYS, random: () => 'R'.repeat(24) });
    expect(sandbox.register({}, 'main')).toBe(`cust_${'R'.repeat(24)}`);
  });

  test('POST customer: two customers without source_id stay separate', () => {
    call('POST', '/v1/customers', { email: 'guest@example.com' });
    call('POST', '/v1/customers', { email: 'guest@example.com' });
    expect(total('/v1/customers?email=guest%40example.com')).toMatchObject({ total: 2 });
  });

  test('POST customer: an id updates an existing customer of the same project only', () => {
    const change = { id: ADA, source_id: 'crm-10043', email: 'new@example.com' };
    expect(json(call('POST', '/v1/customers', change))).toMatchObject({ ...change, source_id: 'crm-10042' });
    fresh.sandbox.softDelete(ADA);
    expect(call('POST', '/v1/customers', { id: ADA }).status).toBe(404);
    expect(call('POST', '/v1/customers', { id: 'cust_FayExample00000000000006' }, key(3)).status).toBe(404);
    expect(json(call('POST', '/v1/customers', { id: 'cust_Nobody' }))).toMatchObject({ resource_id: 'cust_Nobody' });
  });

  test.each([[[]], ['text'], [{ email: 5 }], [{ orders: -1 }], [null]])('POST customer: refuses %j', body => {
    const answer = call('POST', '/v1/customers', body);
    expect([answer.status, json(answer)]).toEqual([400, expect.objectContaining({ key: 'invalid_payload' })]);
  });

  test('register: accepts a given id once, and only in an existing project', () => {
    const { register, softDelete } = fresh.sandbox;
    expect(register({ id: 'cust_Given', source_id: 'given' }, 'shop')).toBe('cust_Given');
    expect(register({ id: 'cust_Given', name: 'Named' }, 'shop')).toBe('cust_Given');
    expect(() => register({ id: 'cust_Given' }, 'main')).toThrow('taken');
    softDelete('cust_Given');
    expect(() => register({ id: 'cust_Given' }, 'shop')).toThrow('taken');
    expect(() => register({}, 'nowhere')).toThrow('no project nowhere');
  });
});

describe('sandbox deletions', () => {
  test('permanent deletion: returns the documented body, misspelling included, and logs the deletion', () => {
    const answer = erase(ADA);
    expect(answer.status).toBe(200);
    const id = expect.stringMatching(/^del_[A-Za-z0-9]{24}$/);
    const counts = { events: 10, customer_events: 19, daily_events: 0, segments: 0, orders: 9, order_events: 9 };
    expect(json(answer)).toEqual({
      id,
      created_at: '2026-01-15T12:00:00.000Z',
      related_object_id: ADA,
      related_object: 'customer',
      status: 'DONE',
      data_json: { ...counts, customer: 1 },
      object: 'pernament_deletion',
    });
    const logged = { project: 'main', customerId: ADA, sourceId: 'crm-10042', deletionId: id, at: START };
    expect(fresh.sandbox.deletions()).toEqual([logged]);
    expect(json(answer)).toMatchObject({ id: fresh.sandbox.deletions()[0]?.deletionId });
  });

  test('permanent deletion: the customer is gone and a second deletion is a 404', () => {
    expect(call('POST', '/v1/customers/crm-10042/permanent-deletion', {}).status).toBe(200);
    for (const id of [ADA, 'crm-10042']) {
      expect(call('GET', `/v1/customers/${id}`).status).toBe(404);
      const again = erase(id);
      expect(again.status).toBe(404);
      expect(json(again)).toMatchObject({ key: 'not_found', resource_type: 'customer' });
    }
    expect(total('/v1/customers?email=ada%40example.com')).toMatchObject({ total: 0 });
    expect(fresh.sandbox.deletions()).toHaveLength(1);
    expect(fresh.sandbox.customers()).toHaveLength(5);
  });

  test('permanent deletion: frees the source_id, so a retry by source_id deletes another person', () => {
    erase('crm-10042');
    const again = fresh.sandbox.register({ source_id: 'crm-10042' }, 'main');
    expect(again).not.toBe(ADA);
    expect(erase(ADA).status).toBe(404);
    expect(json(erase('crm-10042'))).toMatchObject({ related_object_id: again });
  });

  test.each(['GET', 'constructor'])('permanent deletion: refuses the method %s', method => {
    const answer = call(method, `/v1/customers/${ADA}/permanent-deletion`);
    expect(answer.status).toBe(405);
    const details = expect.stringContaining('POST');
    expect(json(answer)).toMatchObject({ code: 405, message: 'HTTP Method Not Allowed', details });
    expect(fresh.sandbox.deletions()).toEqual([]);
  });

  test('DELETE: hides the customer, renames the source_id, and still permits a permanent deletion by id', () => {
    fresh.now += 1_500;
    const answer = call('DELETE', '/v1/customers/crm-10042');
    expect([answer.status, answer.body]).toEqual([204, '']);
    const renamed = 'crm-10042_deleted2026-01-15T12:00:01.500Z';
    for (const id of [ADA, 'crm-10042', encodeURIComponent(renamed)]) {
      expect(call('GET', `/v1/customers/${id}`).status).toBe(404);
      expect(call('DELETE', `/v1/customers/${id}`).status).toBe(404);
    }
    expect(total('/v1/customers?email=ada%40example.com')).toMatchObject({ total: 0 });
    expect(total('/v1/customers')).toMatchObject({ total: 5 });
    for (const id of ['crm-10042', encodeURIComponent(renamed)]) expect(erase(id).status).toBe(404);
    expect(json(erase(ADA))).toMatchObject({ related_object_id: ADA });
    expect(fresh.sandbox.deletions()).toMatchObject([{ customerId: ADA, sourceId: renamed }]);
  });

  test('DELETE: two customers with one source_id can be deleted in one millisecond', () => {
    fresh.sandbox.softDelete(ADA);
    const twin = fresh.sandbox.register({ source_id: 'crm-10042' }, 'main');
    fresh.sandbox.softDelete(twin);
    const gone = fresh.sandbox.customers().filter(customer => customer.deleted_at !== null);
    expect(gone.map(customer => customer.id)).toEqual([ADA, twin]);
    expect(new Set(gone.map(customer => customer.source_id)).size).toBe(1);
  });

  test('soft deletion: an unknown or deleted id is an error of the caller', () => {
    const dara = 'cust_DaraExample0000000000004';
    fresh.sandbox.softDelete(dara);
    for (const id of [dara, 'cust_Nobody']) expect(() => fresh.sandbox.softDelete(id)).toThrow('no customer has');
    const gone = fresh.sandbox.customers().filter(customer => customer.deleted_at !== null);
    expect(gone).toMatchObject([{ source_id: null }]);
  });
});

describe('sandbox paths', () => {
  test.each([
    '/v1/customers/../permanent-deletion',
    '/v1/customers/%2e%2e/permanent-deletion',
    '/v1/customers//permanent-deletion',
    `//v1/customers/${ADA}/permanent-deletion`,
    `/v2/customers/${ADA}/permanent-deletion`,
    `http://sandbox/v1/customers/${ADA}/permanent-deletion`,
    '*',
    '',
  ])('POST %j: the 404 of an unknown endpoint does not mention a customer', target => {
    const answer = call('POST', target);
    expect(answer.status).toBe(404);
    expect(json(answer)).toMatchObject({ code: 404 });
    for (const absent of ['key', 'resource_type']) expect(json(answer)).not.toHaveProperty(absent);
    expect(fresh.sandbox.deletions()).toEqual([]);
  });

  test('dot segments: are resolved before the id is read', () => {
    expect(erase('.').status).toBe(405);
    expect(erase(`x/../${ADA}`).status).toBe(200);
  });

  test('percent encoding: a broken escape is a 400', () => {
    const answer = erase('100%25%zz');
    expect(answer.status).toBe(400);
    expect(json(answer)).toMatchObject({ code: 400, key: 'invalid_payload' });
  });
});
