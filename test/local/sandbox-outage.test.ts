import { describe, expect, test } from 'vitest';
import { Unreachable } from '../../infra/local/sandbox/sandbox.ts';
import { freshSandbox, getterOf, json, key, NUMBERED_KEYS, START, tokensOf } from '../support/sandbox-fresh.ts';

const fresh = freshSandbox(NUMBERED_KEYS);
const get = getterOf(fresh);
const token = tokensOf(fresh);

describe('an outage', () => {
  test('of the kind error answers HTML, does nothing, and ends', () => {
    fresh.sandbox.outage('error');
    const answer = get(key(1));
    expect(answer.status).toBe(500);
    expect(answer.headers['content-type']).toContain('text/html');
    expect(() => json(answer)).toThrow(SyntaxError);
    fresh.sandbox.outage(undefined);
    expect(get(key(1)).headers).toMatchObject({ 'x-rate-limit-remaining': '99' });
  });

  test.each(['down', 'hang'] as const)('of the kind %s gives no answer and does nothing', outage => {
    fresh.sandbox.outage(outage);
    const target = '/v1/customers/crm-10042/permanent-deletion';
    const post = () => fresh.sandbox.respond({ method: 'POST', target, headers: key(1), body: '' });
    expect(post).toThrow(Unreachable);
    expect(post).toThrow(expect.objectContaining({ outage }));
    expect(fresh.sandbox.deletions()).toEqual([]);
    fresh.sandbox.outage(undefined);
    expect(post().status).toBe(200);
  });
});

describe('the log of calls', () => {
  test('tells what came, how it ended and for whom, and no identifier', () => {
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
