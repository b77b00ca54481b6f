import { beforeEach, describe, expect, test } from 'vitest';
import { openSandbox, type Sandbox, type SandboxAnswer } from '../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../infra/local/sandbox/seeded-customers.ts';

const START = Date.parse('2026-01-15T12:00:00.000Z');
const KEYS = [
  { appId: 'app-1', appToken: 'token-1', project: 'main' },
  { appId: 'app-2', appToken: 'token-2', project: 'main' },
  { appId: 'app-3', appToken: 'token-3', project: 'shop' },
];
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const GRANT = 'grant_type=client_credentials&scope=customers';

let now = START;
let sandbox: Sandbox;

beforeEach(() => {
  now = START;
  sandbox = openSandbox({ now: () => now, keys: KEYS, seed: seededCustomers });
});

function get(headers: Record<string, string>, target = '/v1/customers/crm-10042'): SandboxAnswer {
  return sandbox.respond({ method: 'GET', target, headers, body: '' });
}

function token(headers: Record<string, string>, body = GRANT): SandboxAnswer {
  return sandbox.respond({ method: 'POST', target: '/v1/oauth/token', headers: { ...FORM, ...headers }, body });
}

function key(n: number, token = n): Record<string, string> {
  return { 'x-app-id': `app-${n}`, 'x-app-token': `token-${token}` };
}

function json(answer: SandboxAnswer): unknown {
  return JSON.parse(answer.body);
}

describe('keys', () => {
  test.each([
    [{}],
    [key(1, 2)],
    [{ 'x-app-id': 'app-1' }],
    [{ 'x-app-token': 'token-1' }],
    [{ 'x-app-id': 'app-9', 'x-app-token': '' }],
    [{ authorization: 'Bearer nonsense', ...key(1) }],
    [{ authorization: `Basic ${btoa('app-1:token-1')}` }],
  ])('%j is answered 401, without a word on any limit', headers => {
    const answer = get(headers);
    expect(answer.status).toBe(401);
    expect(json(answer)).toEqual({ code: 401, key: 'unauthorized', message: 'Unauthorized' });
    expect(Object.keys(answer.headers)).toEqual(['content-type']);
  });

  test('several open the same project, each its own project', () => {
    expect(get(key(1)).status).toBe(200);
    expect(get(key(2)).status).toBe(200);
    expect(get(key(3)).status).toBe(404);
  });

  test('can be revoked, added and given another token', () => {
    sandbox.revoke('app-1');
    sandbox.revoke('app-unknown');
    expect(get(key(1)).status).toBe(401);
    expect(get(key(2)).status).toBe(200);
    sandbox.addKey({ appId: 'app-1', appToken: 'token-8', project: 'main' });
    expect(get(key(1)).status).toBe(401);
    expect(get(key(1, 8)).status).toBe(200);
    sandbox.addKey({ appId: 'app-4', appToken: 'token-4', project: 'new' });
    expect(get(key(4)).status).toBe(404);
    expect(sandbox.projects()).toEqual(['main', 'shop', 'new']);
  });
});

describe('media types', () => {
  test.each([
    ['accept', 'text/html', 406],
    ['accept', 'text/html, application/json;q=0.9', 200],
    ['accept', '*/*', 200],
    ['content-type', 'text/plain', 415],
    ['content-type', 'Application/JSON; charset=utf-8', 200],
  ])('%s: %s is answered %i', (name, value, status) => {
    const answer = get({ ...key(1), [name]: value });
    expect([answer.status, json(answer)]).toEqual([
      status,
      expect.objectContaining(status === 200 ? { object: 'customer' } : { code: status }),
    ]);
  });

  test('a body must say what it is, and a token wants a form', () => {
    const post = { method: 'POST', target: '/v1/customers', headers: key(1), body: '{}' };
    expect(sandbox.respond(post).status).toBe(415);
    expect(token({ ...key(1), 'content-type': 'application/json' }).status).toBe(415);
    expect(sandbox.customers()).toHaveLength(6);
  });
});
