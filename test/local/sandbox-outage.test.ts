import { beforeEach, describe, expect, test } from 'vitest';
import { openSandbox, type Sandbox, type SandboxAnswer, Unreachable } from '../../infra/local/sandbox/sandbox.ts';
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

describe('an outage', () => {
  test('of the kind error answers HTML, does nothing, and ends', () => {
    sandbox.outage('error');
    const answer = get(key(1));
    expect(answer.status).toBe(500);
    expect(answer.headers['content-type']).toContain('text/html');
    expect(() => json(answer)).toThrow(SyntaxError);
    sandbox.outage(undefined);
    expect(get(key(1)).headers).toMatchObject({ 'x-rate-limit-remaining': '99' });
  });

  test.each(['down', 'hang'] as const)('of the kind %s gives no answer and does nothing', outage => {
    sandbox.outage(outage);
    const target = '/v1/customers/crm-10042/permanent-deletion';
    const post = () => sandbox.respond({ method: 'POST', target, headers: key(1), body: '' });
    expect(post).toThrow(Unreachable);
    expect(post).toThrow(expect.objectContaining({ outage }));
    expect(sandbox.deletions()).toEqual([]);
    sandbox.outage(undefined);
    expect(post().status).toBe(200);
  });
});

describe('the log of calls', () => {
  test('tells what came, how it ended and for whom, and no identifier', () => {
    get(key(1));
    now += 5;
    get({}, '/v1/customers?email=ada%40example.com');
    token(key(3));
    get(key(1), '/v1/nowhere');
    sandbox.outage('error');
    get(key(1));
    sandbox.outage('down');
    expect(() => get(key(1))).toThrow(Unreachable);
    expect(sandbox.calls()).toEqual([
      { at: START, method: 'GET', kind: 'get', status: 200, project: 'main' },
      { at: START + 5, method: 'GET', kind: 'list', status: 401, project: null },
      { at: START + 5, method: 'POST', kind: 'token', status: 200, project: 'shop' },
      { at: START + 5, method: 'GET', kind: 'unknown', status: 404, project: 'main' },
      { at: START + 5, method: 'GET', kind: 'get', status: 500, project: null },
      { at: START + 5, method: 'GET', kind: 'get', status: 0, project: null },
    ]);
  });
});
