import { describe, expect, test } from 'vitest';
import { openSandbox, type SandboxResponse, Unreachable } from '../../infra/local/sandbox/sandbox.ts';
import { freshSandbox, type Headers, json, KEYS, key, START } from '../support/sandbox.ts';

const fresh = freshSandbox();
const { call, token } = fresh;
const get = (headers: Headers, target = '/v1/customers/crm-10042') => call('GET', target, undefined, headers);

function bearerOf(answer: SandboxResponse): Headers {
  return { authorization: `Bearer ${/"access_token":"(\w+)"/.exec(answer.body)?.[1]}` };
}

describe('sandbox keys', () => {
  test.each([
    [{}],
    [key(1, 2)],
    [{ 'x-app-id': 'app-1' }],
    [{ 'x-app-token': 'token-1' }],
    [{ 'x-app-id': 'app-9', 'x-app-token': '' }],
    [{ authorization: 'Bearer nonsense', ...key(1) }],
    [{ authorization: `Basic ${btoa('app-1:token-1')}` }],
  ])('authentication: %j is a 401 without rate-limit headers', headers => {
    const answer = get(headers);
    expect(answer.status).toBe(401);
    expect(json(answer)).toEqual({ code: 401, key: 'unauthorized', message: 'Unauthorized' });
    expect(Object.keys(answer.headers)).toEqual(['content-type']);
  });

  test('keys: can be revoked, added and given another token', () => {
    expect([1, 2, 3].map(n => get(key(n)).status)).toEqual([200, 200, 404]);
    fresh.sandbox.revoke('app-1');
    fresh.sandbox.revoke('app-unknown');
    expect([1, 2].map(n => get(key(n)).status)).toEqual([401, 200]);
    fresh.sandbox.addKey({ appId: 'app-1', appToken: 'token-8', project: 'main' });
    expect([get(key(1)).status, get(key(1, 8)).status]).toEqual([401, 200]);
    fresh.sandbox.addKey({ appId: 'app-4', appToken: 'token-4', project: 'new' });
    expect(get(key(4)).status).toBe(404);
    expect(fresh.sandbox.projects()).toEqual(['main', 'shop', 'new']);
  });

  test.each([
    ['accept', 'text/html', 406],
    ['accept', 'text/html, application/json;q=0.9', 200],
    ['accept', '*/*', 200],
    ['content-type', 'text/plain', 415],
    ['content-type', 'Application/JSON; charset=utf-8', 200],
  ])('media types: %s: %s is answered with %i', (name, value, status) => {
    const answer = get({ ...key(1), [name]: value });
    const body = status === 200 ? { object: 'customer' } : { code: status };
    expect([answer.status, json(answer)]).toEqual([status, expect.objectContaining(body)]);
  });

  test('media types: a body needs its content type, and a token request needs a form', () => {
    const post = { method: 'POST', target: '/v1/customers', headers: key(1), body: '{}' };
    expect(fresh.sandbox.respond(post).status).toBe(415);
    expect(token({ ...key(1), 'content-type': 'application/json' }).status).toBe(415);
    expect(fresh.sandbox.customers()).toHaveLength(6);
  });
});

describe('sandbox tokens', () => {
  test('token: is valid for 900 s in the project of its key', () => {
    fresh.now += 500;
    const granted = token(key(1));
    expect(granted.status).toBe(200);
    expect(json(granted)).toEqual({
      access_token: expect.stringMatching(/^\w{48}$/),
      client_id: 'app-1',
      expires_at: START / 1000 + 900,
      expires_in: 900,
      scope: 'customers',
      token_type: 'Bearer',
    });
    expect(get(bearerOf(granted)).status).toBe(200);
    expect(get(bearerOf(token(key(3)))).status).toBe(404);
    fresh.now += 899_499;
    expect(get(bearerOf(granted)).status).toBe(200);
    fresh.now += 1;
    expect(get(bearerOf(granted)).status).toBe(401);
  });

  test('token: a new token leaves the earlier ones valid until they expire', () => {
    const first = token(key(1));
    fresh.now += 600_000;
    const second = token(key(1), 'grant_type=client_credentials&scope=api+customers');
    expect(json(second)).toMatchObject({ scope: 'api customers' });
    expect(get(bearerOf(first)).status).toBe(200);
    fresh.now += 300_000;
    token(key(1));
    expect([get(bearerOf(first)).status, get(bearerOf(second)).status]).toEqual([401, 200]);
  });

  test('token: ends with its key, but survives a change of the key’s own token', () => {
    const granted = token(key(1));
    fresh.sandbox.addKey({ appId: 'app-1', appToken: 'token-8', project: 'main' });
    expect(get(bearerOf(granted)).status).toBe(200);
    fresh.sandbox.revoke('app-1');
    expect(get(bearerOf(granted)).status).toBe(401);
  });

  test.each([
    ['grant_type=client_credentials', 'missing_parameters'],
    ['scope=customers', 'missing_parameters'],
    ['grant_type=password&scope=customers', 'invalid_grant_type'],
    ['grant_type=client_credentials&scope=api,customers', 'invalid_scope'],
    ['grant_type=client_credentials&scope=customers+everything', 'invalid_scope'],
  ])('token: the request %j is refused as %s', (body, error) => {
    const answer = token(key(1), body);
    expect([answer.status, json(answer)]).toEqual([400, { code: 400, key: error, message: expect.any(String) }]);
  });

  test('token: a wrong key or another token is a 401', () => {
    expect(token(key(1, 2)).status).toBe(401);
    expect(token(bearerOf(token(key(1)))).status).toBe(401);
  });
});

describe('sandbox rate limit', () => {
  const limitTo = (calls: number): void => fresh.open({ calls, periodSeconds: 60 });

  test('window: counts down, refuses, and starts again when it ends', () => {
    limitTo(2);
    fresh.now += 20_001;
    const rate = (remaining: string, minutes = 1) => ({
      'x-rate-limit-limit': '2',
      'x-rate-limit-remaining': remaining,
      'x-rate-limit-retry': String(START / 1000 + 60 * minutes),
    });
    expect(get(key(1)).headers).toEqual({ 'content-type': expect.any(String), ...rate('1') });
    expect(get(key(2)).headers).toMatchObject(rate('0'));
    const refused = get(key(1));
    expect(refused.status).toBe(429);
    expect(json(refused)).toEqual({ code: 429, message: 'Too many requests hit the API too quickly.' });
    expect(refused.headers).toMatchObject({ ...rate('0'), 'retry-after': '40' });
    fresh.now += 39_998;
    expect(get(key(1)).headers).toMatchObject({ 'retry-after': '1' });
    fresh.now += 1;
    expect(get(key(1)).headers).toMatchObject(rate('1', 2));
  });

  test('limit: each project has its own, and unauthenticated calls do not count', () => {
    limitTo(1);
    get(key(1, 9));
    expect([1, 2, 3].map(n => get(key(n)).status)).toEqual([200, 429, 404]);
  });

  test('limit: every kind of answer carries the headers, and a refused call changes nothing', () => {
    limitTo(3);
    expect(get(key(1), '/v1/nowhere').headers).toHaveProperty('x-rate-limit-remaining', '2');
    expect(token(key(1), '').headers).toHaveProperty('x-rate-limit-remaining', '1');
    const gone = call('DELETE', '/v1/customers/crm-10042');
    expect([gone.status, gone.headers['x-rate-limit-remaining']]).toEqual([204, '0']);
    expect(call('POST', '/v1/customers/crm-10043/permanent-deletion').status).toBe(429);
    expect(fresh.sandbox.deletions()).toEqual([]);
  });

  test('limit: is 100 calls in 60 s by default', () => {
    const sandbox = openSandbox({ now: () => START, keys: KEYS });
    const answer = sandbox.respond({ method: 'GET', target: '/v1/customers', headers: key(1), body: '' });
    const retry = String(START / 1000 + 60);
    expect(answer.headers).toMatchObject({ 'x-rate-limit-limit': '100', 'x-rate-limit-retry': retry });
  });
});

describe('sandbox outages', () => {
  test('outage error: answers with HTML, changes nothing, and ends', () => {
    fresh.sandbox.outage('error');
    const answer = get(key(1));
    expect(answer.status).toBe(500);
    expect(answer.headers['content-type']).toContain('text/html');
    expect(() => json(answer)).toThrow(SyntaxError);
    fresh.sandbox.outage(undefined);
    expect(get(key(1)).headers).toMatchObject({ 'x-rate-limit-remaining': '99' });
  });

  test.each(['down', 'hang'] as const)('outage %s: sends no response and changes nothing', outage => {
    fresh.sandbox.outage(outage);
    const post = () => call('POST', '/v1/customers/crm-10042/permanent-deletion');
    expect(post).toThrow(Unreachable);
    expect(post).toThrow(expect.objectContaining({ outage }));
    expect(fresh.sandbox.deletions()).toEqual([]);
    fresh.sandbox.outage(undefined);
    expect(post().status).toBe(200);
  });

  test('call log: records kind, status and project of each call, and no identifier', () => {
    get(key(1));
    fresh.now += 5;
    get({}, '/v1/customers?email=ada%40example.com');
    token(key(3));
    get(key(1), '/v1/nowhere');
    fresh.sandbox.outage('error');
    get(key(1));
    fresh.sandbox.outage('down');
    expect(() => get(key(1))).toThrow(Unreachable);
    expect(fresh.sandbox.calls()).toEqual([
      { at: START, method: 'GET', kind: 'get', status: 200, project: 'main' },
      { at: START + 5, method: 'GET', kind: 'list', status: 401, project: null },
      { at: START + 5, method: 'POST', kind: 'token', status: 200, project: 'shop' },
      { at: START + 5, method: 'GET', kind: 'unknown', status: 404, project: 'main' },
      { at: START + 5, method: 'GET', kind: 'get', status: 500, project: null },
      { at: START + 5, method: 'GET', kind: 'get', status: 0, project: null },
    ]);
  });
});
