import { describe, expect, test } from 'vitest';
import { openSandbox } from '../../infra/local/sandbox/sandbox.ts';
import { ADA, callerOf, freshSandbox, json, PROJECT_KEYS, START } from '../support/sandbox-fresh.ts';

const fresh = freshSandbox(PROJECT_KEYS);
const call = callerOf(fresh);

describe('creating people', () => {
  test('POST refreshes by source_id and keeps what is not given', () => {
    fresh.now += 1_000;
    const answer = call('POST', '/v1/customers', {
      source_id: 'crm-10042',
      phone: '+1 555 010 9999',
      created_at: '1999-01-01',
    });
    expect(json(answer)).toMatchObject({
      id: ADA,
      name: 'Ada Example',
      email: 'ada@example.com',
      phone: '+1 555 010 9999',
      created_at: '2025-03-01T09:00:00.000Z',
      updated_at: '2026-01-15T12:00:01.000Z',
    });
    expect(json(call('GET', '/v1/customers/crm-10042'))).toEqual(json(answer));
  });

  test('POST creates a person with an id and a time of the sandbox', () => {
    const answer = call('POST', '/v1/customers', {
      source_id: 'crm-1',
      address: { city: 'Oslo' },
      created_at: '1999-01-01',
    });
    expect(json(answer)).toMatchObject({
      id: expect.stringMatching(/^cust_[A-Za-z0-9]{24}$/),
      address: { city: 'Oslo' },
      created_at: '2026-01-15T12:00:00.000Z',
    });
  });

  test('people without a source_id are never taken for one another', () => {
    call('POST', '/v1/customers', { email: 'guest@example.com' });
    call('POST', '/v1/customers', { email: 'guest@example.com' });
    expect(json(call('GET', '/v1/customers?email=guest%40example.com'))).toMatchObject({ total: 2 });
  });

  test('POST with an id refreshes only somebody who is there', () => {
    expect(
      json(call('POST', '/v1/customers', { id: ADA, source_id: 'crm-10043', email: 'new@example.com' })),
    ).toMatchObject({
      id: ADA,
      source_id: 'crm-10042',
      email: 'new@example.com',
    });
    fresh.sandbox.softDelete(ADA);
    expect(call('POST', '/v1/customers', { id: ADA }).status).toBe(404);
    expect(call('POST', '/v1/customers', { id: 'cust_FayExample00000000000006' }, 'shop').status).toBe(404);
    expect(json(call('POST', '/v1/customers', { id: 'cust_Nobody' }))).toMatchObject({ resource_id: 'cust_Nobody' });
  });

  test.each([[[]], ['text'], [{ email: 5 }], [{ orders: -1 }], [null]])('POST refuses %j', body => {
    const answer = call('POST', '/v1/customers', body);
    expect(answer.status).toBe(400);
    expect(json(answer)).toMatchObject({ key: 'invalid_payload' });
  });

  test('register takes a given id once, and only in a project that exists', () => {
    expect(fresh.sandbox.register({ id: 'cust_Given', source_id: 'given' }, 'shop')).toBe('cust_Given');
    expect(fresh.sandbox.register({ id: 'cust_Given', name: 'Named' }, 'shop')).toBe('cust_Given');
    expect(() => fresh.sandbox.register({ id: 'cust_Given' }, 'main')).toThrow('taken');
    fresh.sandbox.softDelete('cust_Given');
    expect(() => fresh.sandbox.register({ id: 'cust_Given' }, 'shop')).toThrow('taken');
    expect(() => fresh.sandbox.register({}, 'nowhere')).toThrow('no project nowhere');
  });

  test('ids come from the random source that was given', () => {
    const sandbox = openSandbox({ now: () => START, keys: PROJECT_KEYS, random: () => 'R'.repeat(24) });
    expect(sandbox.register({}, 'main')).toBe(`cust_${'R'.repeat(24)}`);
  });
});
