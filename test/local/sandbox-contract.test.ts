import { describe, expect, test } from 'vitest';
import contract from '../fixtures/voucherify/contract.json' with { type: 'json' };
import { fits, type Schema } from '../infra/json-schema.ts';
import { freshSandbox, key } from '../support/sandbox.ts';

const fresh = freshSandbox();
const endpoints: Readonly<Record<string, Readonly<Record<string, string>>>> = contract.endpoints;
const definitions: Readonly<Record<string, Schema>> = contract.definitions;
const isA = (name: string, value: unknown) => fits(value, definitions[name]!, contract);

const one = '/v1/customers/{customerId}';
const erase = `${one}/permanent-deletion`;
const memberships = '/v2/loyalties/memberships/{customerId}';
const other = 'any other method or path';
const activity = '/v1/customers/{customerId}/activity';
const dara = '/v1/customers/cust_DaraExample0000000000004';
const oauth = (scopes: string) => `grant_type=client_credentials&scope=${scopes}`;

describe('sandbox against the description of Voucherify’s API', () => {
  test.each<[endpoint: string, status: number, target: string, body?: string, verb?: string]>([
    [`GET ${one}`, 200, '/v1/customers/crm-10042'],
    [`GET ${one}`, 200, dara],
    [`GET ${one}`, 404, '/v1/customers/unknown'],
    ['GET /v1/customers', 200, '/v1/customers?limit=100'],
    ['GET /v1/customers', 200, '/v1/customers?email=unknown%40example.com'],
    ['GET /v1/customers', 400, '/v1/customers?page=0'],
    ['POST /v1/customers', 200, '/v1/customers', '{"source_id":"crm-10042"}'],
    ['POST /v1/customers', 400, '/v1/customers', '[]'],
    [`POST ${erase}`, 200, '/v1/customers/crm-10042/permanent-deletion'],
    [`POST ${erase}`, 404, '/v1/customers/unknown/permanent-deletion'],
    [`DELETE ${one}`, 204, '/v1/customers/crm-10042'],
    [`DELETE ${one}`, 404, '/v1/customers/unknown'],
    [`GET ${activity}`, 200, '/v1/customers/crm-10042/activity'],
    [`GET ${activity}`, 200, '/v1/customers/crm-10042/activity?limit=2'],
    [`GET ${activity}`, 400, '/v1/customers/crm-10042/activity?limit=101'],
    [`GET ${activity}`, 404, '/v1/customers/unknown/activity'],
    ['GET /v1/redemptions', 200, '/v1/redemptions?customer=crm-10042'],
    ['GET /v1/redemptions', 200, '/v1/redemptions?customer=unknown'],
    ['GET /v1/redemptions', 400, '/v1/redemptions'],
    ['GET /v1/publications', 200, '/v1/publications?customer=crm-10042'],
    ['GET /v1/publications', 400, '/v1/publications?customer=a&limit=0'],
    ['GET /v1/vouchers', 200, '/v1/vouchers?customer=crm-10042&limit=1&page=1'],
    ['GET /v1/vouchers', 400, '/v1/vouchers?customer=a&page=0'],
    [
      `GET ${memberships}`,
      200,
      '/v2/loyalties/memberships/cust_DaraExample0000000000004?identification_type=customer_id',
    ],
    [`GET ${memberships}`, 400, '/v2/loyalties/memberships/crm-10042'],
    [`GET ${memberships}`, 404, '/v2/loyalties/memberships/unknown?identification_type=customer_id'],
    ['POST /v1/oauth/token', 200, '/v1/oauth/token', oauth('customers')],
    ['POST /v1/oauth/token', 400, '/v1/oauth/token', oauth('a,b')],
    [other, 404, '/v1/nowhere', '', 'GET'],
    [other, 405, '/v1/customers', '', 'PUT'],
  ])('%s: the answer %i to %s has the documented form', (endpoint, status, target, body = '', verb) => {
    const type = target.startsWith('/v1/oauth') ? 'application/x-www-form-urlencoded' : 'application/json';
    const method = verb ?? endpoint.slice(0, endpoint.indexOf(' '));
    const answer = fresh.sandbox.respond({ method, target, headers: { ...key(1), 'content-type': type }, body });
    expect(answer.status).toBe(status);
    const form = endpoints[endpoint]![status]!;
    expect(isA(form, answer.body === '' ? null : JSON.parse(answer.body)), `${form}: ${answer.body}`).toBe(true);
    expect(isA('rateLimit', answer.headers)).toBe(true);
  });

  test('rate limit: the refusal has the documented form and headers', () => {
    fresh.open({ calls: 0, periodSeconds: 60 });
    const refused = fresh.call('GET', '/v1/customers');
    expect(isA('error', JSON.parse(refused.body))).toBe(true);
    expect(isA('refusedByRateLimit', refused.headers)).toBe(true);
  });

  test('description: rejects a missing field, a wrong type, an unlisted value and an invalid date', () => {
    const counts = { events: 0, customer_events: 0, daily_events: 0, segments: 0, orders: 0, order_events: 0 };
    const deletion = { id: 'del_1', created_at: '2026-01-15T12:00:00Z', related_object_id: 'cust_1', status: 'DONE' };
    const good = { ...deletion, related_object: 'customer', object: 'o', data_json: { ...counts, customer: 1 } };
    expect(isA('permanentDeletion', good)).toBe(true);
    const { status: _, ...withoutStatus } = good;
    expect(isA('permanentDeletion', withoutStatus)).toBe(false);
    expect(isA('permanentDeletion', { ...good, data_json: { ...counts, customer: '1' } })).toBe(false);
    expect(isA('permanentDeletion', { ...good, created_at: 'today' })).toBe(false);
    const person = { summary: null, loyalty: null, referrals: null, object: 'customer' };
    expect(isA('customer', person)).toBe(true);
    expect(isA('customer', { ...person, object: 'person' })).toBe(false);
    expect(isA('customer', { ...person, summary: {} })).toBe(false);
  });
});
