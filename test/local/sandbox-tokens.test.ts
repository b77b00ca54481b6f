import { describe, expect, test } from 'vitest';
import type { SandboxAnswer } from '../../infra/local/sandbox/sandbox.ts';
import { freshSandbox, getterOf, json, key, NUMBERED_KEYS, START, tokensOf } from '../support/sandbox-fresh.ts';

const fresh = freshSandbox(NUMBERED_KEYS);
const get = getterOf(fresh);
const token = tokensOf(fresh);

function bearerOf(answer: SandboxAnswer): Record<string, string> {
  return { authorization: `Bearer ${/"access_token":"(\w+)"/.exec(answer.body)?.[1]}` };
}

describe('bearer tokens', () => {
  test('are granted for 900 s and open what their key opens', () => {
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

  test('outlive other grants, and those that expired are forgotten', () => {
    const first = token(key(1));
    fresh.now += 600_000;
    const second = token(key(1), 'grant_type=client_credentials&scope=api+customers');
    expect(json(second)).toMatchObject({ scope: 'api customers' });
    expect(get(bearerOf(first)).status).toBe(200);
    fresh.now += 300_000;
    token(key(1));
    expect(get(bearerOf(first)).status).toBe(401);
    expect(get(bearerOf(second)).status).toBe(200);
  });

  test('die with their key but not with its old token', () => {
    const granted = token(key(1));
    fresh.sandbox.addKey({ appId: 'app-1', appToken: 'token-8', project: 'main' });
    expect(get(bearerOf(granted)).status).toBe(200);
    fresh.sandbox.revoke('app-1');
    expect(get(bearerOf(granted)).status).toBe(401);
  });

  test.each([
    ['', 'missing_parameters'],
    ['grant_type=client_credentials', 'missing_parameters'],
    ['scope=customers', 'missing_parameters'],
    ['grant_type=password&scope=customers', 'invalid_grant_type'],
    ['grant_type=client_credentials&scope=api,customers', 'invalid_scope'],
    ['grant_type=client_credentials&scope=customers+everything', 'invalid_scope'],
  ])('are refused for %j: %s', (body, error) => {
    const answer = token(key(1), body);
    expect(answer.status).toBe(400);
    expect(json(answer)).toEqual({ code: 400, key: error, message: expect.any(String) });
  });

  test('are not had for a wrong key, nor for another token', () => {
    expect(token(key(1, 2)).status).toBe(401);
    const granted = token(key(1));
    expect(token(bearerOf(granted)).status).toBe(401);
  });
});
