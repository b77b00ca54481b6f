import { describe, expect, test } from 'vitest';
import { freshSandbox, getterOf, json, key, NUMBERED_KEYS, tokensOf } from '../support/sandbox-fresh.ts';

const fresh = freshSandbox(NUMBERED_KEYS);
const get = getterOf(fresh);
const token = tokensOf(fresh);

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
    fresh.sandbox.revoke('app-1');
    fresh.sandbox.revoke('app-unknown');
    expect(get(key(1)).status).toBe(401);
    expect(get(key(2)).status).toBe(200);
    fresh.sandbox.addKey({ appId: 'app-1', appToken: 'token-8', project: 'main' });
    expect(get(key(1)).status).toBe(401);
    expect(get(key(1, 8)).status).toBe(200);
    fresh.sandbox.addKey({ appId: 'app-4', appToken: 'token-4', project: 'new' });
    expect(get(key(4)).status).toBe(404);
    expect(fresh.sandbox.projects()).toEqual(['main', 'shop', 'new']);
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
    expect(fresh.sandbox.respond(post).status).toBe(415);
    expect(token({ ...key(1), 'content-type': 'application/json' }).status).toBe(415);
    expect(fresh.sandbox.customers()).toHaveLength(6);
  });
});
