import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openSandbox, type SandboxAnswer } from '../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../infra/local/sandbox/seeded-customers.ts';

/** Voucherify's published API description; it lies beside the project, not in it. */
const FOLDER = new URL('../../../shared/openapi/', import.meta.url);
const absent = !existsSync(FOLDER);
if (absent) {
  console.warn(`skipped: ${FOLDER.pathname} with Voucherify's published API description is not there`);
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (isObject(inner) ? inner[name] : undefined), value);
}

/** What in `value` goes against `schema` of `document`: required fields, types, enums, dates; empty where nothing. */
function faults(document: unknown, schema: unknown, value: unknown, where = '$'): string[] {
  if (!isObject(schema)) {
    return [`${where}: no schema`];
  }
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    return faults(document, at(document, ...reference.slice(2).split('/')), value, where);
  }
  if (value === null && schema['nullable'] === true) {
    return [];
  }
  const all = Array.isArray(schema['allOf']) ? schema['allOf'] : [];
  return [
    ...all.flatMap(part => faults(document, part, value, where)),
    ...typeFaults(schema, value, where),
    ...memberFaults(document, schema, value, where),
  ];
}

function typeFaults(schema: Json, value: unknown, where: string): string[] {
  const kind = Number.isInteger(value)
    ? 'integer'
    : Array.isArray(value)
      ? 'array'
      : value === null
        ? 'null'
        : typeof value;
  const wrong = schema['type'] !== undefined && schema['type'] !== kind;
  const dated = schema['format'] !== 'date-time' || !Number.isNaN(Date.parse(String(value)));
  const listed = !Array.isArray(schema['enum']) || schema['enum'].includes(value);
  return [
    ...(wrong ? [`${where}: ${kind}`] : []),
    ...(dated ? [] : [`${where}: date`]),
    ...(listed ? [] : [`${where}: enum`]),
  ];
}

function memberFaults(document: unknown, schema: Json, value: unknown, where: string): string[] {
  if (Array.isArray(value) && schema['items'] !== undefined) {
    return value.flatMap((item, index) => faults(document, schema['items'], item, `${where}[${index}]`));
  }
  if (!isObject(value)) {
    return [];
  }
  const required = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
  const missing = required.filter(name => !Object.hasOwn(value, name)).map(name => `${where}.${name}: missing`);
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const known = Object.entries(properties).filter(([name]) => Object.hasOwn(value, name));
  return [...missing, ...known.flatMap(([name, inner]) => faults(document, inner, value[name], `${where}.${name}`))];
}

function answered(method: string, target: string, body = ''): SandboxAnswer {
  const keys = [{ appId: 'app-1', appToken: 'token-1', project: 'main' }];
  const sandbox = openSandbox({ now: () => 1_768_478_400_000, keys, seed: seededCustomers });
  const type = target.startsWith('/v1/oauth') ? 'application/x-www-form-urlencoded' : 'application/json';
  const headers = { 'x-app-id': 'app-1', 'x-app-token': 'token-1', 'content-type': type };
  return sandbox.respond({ method, target, headers, body });
}

describe.skipIf(absent)('answers fit the published description', () => {
  const read = (name: string): unknown => (absent ? {} : JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')));
  const customers = read('voucherify-customers.json');
  const oauth = read('voucherify-oauth.json');
  const schemaOf = (document: unknown, path: string, method: string, status: string): unknown =>
    at(document, 'paths', path, method, 'responses', status, 'content', 'application/json', 'schema');

  const one = '/v1/customers/{customerId}';
  const erase = `${one}/permanent-deletion`;
  const nobody = '/v1/customers/nobody';
  const scopes = (names: string): string => `grant_type=client_credentials&scope=${names}`;

  test.each([
    { method: 'get', path: one, status: 200, target: '/v1/customers/crm-10042' },
    { method: 'get', path: one, status: 200, target: '/v1/customers/cust_DaraExample0000000000004' },
    { method: 'get', path: one, status: 404, target: nobody },
    { method: 'get', path: '/v1/customers', status: 200, target: '/v1/customers?limit=100' },
    { method: 'get', path: '/v1/customers', status: 200, target: '/v1/customers?email=nobody%40example.com' },
    { method: 'post', path: '/v1/customers', status: 200, target: '/v1/customers', body: '{"source_id":"crm-10042"}' },
    { method: 'post', path: erase, status: 200, target: '/v1/customers/crm-10042/permanent-deletion' },
    { method: 'post', path: erase, status: 404, target: `${nobody}/permanent-deletion` },
    { method: 'delete', path: one, status: 404, target: nobody },
    { method: 'post', path: '/v1/oauth/token', status: 200, target: '/v1/oauth/token', body: scopes('customers') },
    { method: 'post', path: '/v1/oauth/token', status: 400, target: '/v1/oauth/token', body: scopes('a,b') },
  ])('$method $target $status', ({ method, path, status, target, body }) => {
    const answer = answered(method.toUpperCase(), target, body);
    const document = path === '/v1/oauth/token' ? oauth : customers;
    expect(answer.status).toBe(status);
    expect(faults(document, schemaOf(document, path, method, String(status)), JSON.parse(answer.body))).toEqual([]);
  });

  test('DELETE has no body to describe', () => {
    expect(at(customers, 'paths', one, 'delete', 'responses', '204')).not.toHaveProperty('content');
    expect(answered('DELETE', '/v1/customers/crm-10042')).toMatchObject({ status: 204, body: '' });
  });

  test('the errors without an endpoint of their own fit the common Error object', () => {
    const error = at(customers, 'components', 'schemas', 'Error');
    for (const answer of [
      answered('GET', '/v1/nowhere'),
      answered('PUT', '/v1/customers'),
      answered('GET', '/v1/customers?page=0'),
    ]) {
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(faults(customers, error, JSON.parse(answer.body))).toEqual([]);
    }
  });

  test('the checker sees what is missing, of another type, unlisted or no date', () => {
    const deletion = schemaOf(customers, erase, 'post', '200');
    const wrong = { id: 'del_1', created_at: 'today', data_json: { customer: '1' } };
    expect(faults(customers, deletion, wrong)).toEqual(
      expect.arrayContaining(['$.status: missing', '$.created_at: date', '$.data_json.customer: string']),
    );
    const person = schemaOf(customers, one, 'get', '200');
    expect(faults(customers, person, { summary: null, loyalty: null, referrals: null, object: 'person' })).toEqual([
      '$.object: enum',
    ]);
    expect(faults(customers, person, { object: 'customer', summary: {} })).toEqual(
      expect.arrayContaining(['$.summary.redemptions: missing', '$.loyalty: missing']),
    );
    expect(faults(customers, undefined, {})).toEqual(['$: no schema']);
  });
});
