import { describe, expect, test } from 'vitest';
import { openSandbox } from '../../infra/local/sandbox/sandbox.ts';
import { freshSandbox, getterOf, json, key, NUMBERED_KEYS, START, tokensOf } from '../support/sandbox-fresh.ts';

const fresh = freshSandbox(NUMBERED_KEYS);
const get = getterOf(fresh);
const token = tokensOf(fresh);
const limitTo = (calls: number): void => fresh.open({ calls, periodSeconds: 60 });

describe('the rate limit', () => {
  test('counts down in a fixed window, refuses, and opens again when the window ends', () => {
    limitTo(2);
    fresh.now += 20_001;
    const end = String(START / 1000 + 60);
    const standing = (remaining: string) => ({
      'x-rate-limit-limit': '2',
      'x-rate-limit-remaining': remaining,
      'x-rate-limit-retry': end,
    });
    expect(get(key(1)).headers).toEqual({ 'content-type': expect.any(String), ...standing('1') });
    expect(get(key(2)).headers).toMatchObject(standing('0'));
    const refused = get(key(1));
    expect(refused.status).toBe(429);
    expect(json(refused)).toEqual({ code: 429, message: 'Too many requests hit the API too quickly.' });
    expect(refused.headers).toMatchObject({ ...standing('0'), 'retry-after': '40' });
    fresh.now += 39_998;
    expect(get(key(1)).headers).toMatchObject({ 'retry-after': '1' });
    fresh.now += 1;
    expect(get(key(1)).headers).toMatchObject({
      'x-rate-limit-remaining': '1',
      'x-rate-limit-retry': String(START / 1000 + 120),
    });
  });

  test('is each project’s own, and strangers spend nothing', () => {
    limitTo(1);
    get(key(1, 9));
    expect(get(key(1)).status).toBe(200);
    expect(get(key(2)).status).toBe(429);
    expect(get(key(3)).status).toBe(404);
  });

  test('is told on every kind of answer to a known caller, and a refused call changes nothing', () => {
    limitTo(3);
    expect(get(key(1), '/v1/nowhere').headers).toHaveProperty('x-rate-limit-remaining', '2');
    expect(token(key(1), '').headers).toHaveProperty('x-rate-limit-remaining', '1');
    const gone = fresh.sandbox.respond({
      method: 'DELETE',
      target: '/v1/customers/crm-10042',
      headers: key(1),
      body: '',
    });
    expect([gone.status, gone.headers['x-rate-limit-remaining']]).toEqual([204, '0']);
    const target = '/v1/customers/crm-10043/permanent-deletion';
    expect(fresh.sandbox.respond({ method: 'POST', target, headers: key(1), body: '' }).status).toBe(429);
    expect(fresh.sandbox.deletions()).toEqual([]);
  });

  test('is 100 calls in 60 s unless told otherwise', () => {
    const sandbox = openSandbox({ now: () => START, keys: NUMBERED_KEYS });
    const answer = sandbox.respond({ method: 'GET', target: '/v1/customers', headers: key(1), body: '' });
    expect(answer.headers).toMatchObject({
      'x-rate-limit-limit': '100',
      'x-rate-limit-retry': String(START / 1000 + 60),
    });
  });
});
