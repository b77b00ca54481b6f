import { describe, expect, test } from 'vitest';
import { ADA, callerOf, freshSandbox, json, PROJECT_KEYS } from '../support/sandbox-fresh.ts';

const fresh = freshSandbox(PROJECT_KEYS);
const call = callerOf(fresh);

describe('paths that are not what they look like', () => {
  test.each([
    '/v1/customers/../permanent-deletion',
    '/v1/customers/%2e%2e/permanent-deletion',
    '/v1/customers//permanent-deletion',
    '/v1/permanent-deletion',
    `//v1/customers/${ADA}/permanent-deletion`,
    `/v2/customers/${ADA}/permanent-deletion`,
    `http://sandbox/v1/customers/${ADA}/permanent-deletion`,
    '*',
    '',
  ])('POST %s is no endpoint, and its 404 says nothing of a customer', target => {
    const answer = call('POST', target);
    expect(answer.status).toBe(404);
    expect(json(answer)).toMatchObject({ code: 404 });
    expect(json(answer)).not.toHaveProperty('key');
    expect(json(answer)).not.toHaveProperty('resource_type');
    expect(fresh.sandbox.deletions()).toEqual([]);
  });

  test('a dot for an id makes the action the id', () => {
    expect(call('POST', '/v1/customers/./permanent-deletion').status).toBe(405);
  });

  test('an empty id lists everybody', () => {
    expect(json(call('GET', '/v1/customers/'))).toMatchObject({ object: 'list', total: 6 });
  });

  test('a dot segment in front of an id still reaches the person', () => {
    expect(call('POST', `/v1/customers/x/../${ADA}/permanent-deletion`).status).toBe(200);
  });

  test('a broken percent escape is a 400', () => {
    const answer = call('POST', '/v1/customers/100%25%zz/permanent-deletion');
    expect(answer.status).toBe(400);
    expect(json(answer)).toMatchObject({ code: 400, key: 'invalid_payload' });
  });
});
