import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import type { BreakerEffect } from '../../lambda/quota/rate-limit.ts';
import {
  type CallFailure,
  classify,
  parseDeletion,
  parseLookUp,
  parsePage,
  parseRateHeaders,
} from '../../lambda/voucherify/responses.ts';
import { hour, minute, now, rateHeaders, second } from '../support/quota-world.ts';
import { done, html, notFound, outcome, pin, response } from '../support/voucherify-responses.ts';

const epoch = (ms: number) => String((now + ms) / second);

const close: BreakerEffect = { kind: 'close' };
const count: BreakerEffect = { kind: 'count' };
const open = (code: 'voucherify-429' | 'quota-exhausted' | 'key-refused', blocks: 'project' | 'key' | 'credentials') =>
  ({ kind: 'open', code, blocks }) as const;
const retry = (code: string, more: object = {}) => ({
  kind: 'retry',
  code,
  mayHaveExecuted: false,
  stop: false,
  ...more,
});
const stopped = (code: string, ms: number, alarm: string) => retry(code, { stop: true, notBefore: now + ms, alarm });
const review = (code: string) => ({ kind: 'review', code, mayHaveExecuted: false, stop: true });
const statuses = (first: readonly number[], outcome: (code: string) => object, breaker: BreakerEffect) =>
  first.map(status => [status, outcome(`voucherify-${status}`), breaker] as const);

const table: readonly (readonly [number, object, BreakerEffect])[] = [
  ...statuses([400, 405, 406, 415, 422], review, close),
  ...statuses([408, 409, 423, 425], code => retry(code, { mayHaveExecuted: true }), close),
  ...statuses([500, 502, 503, 504, 520, 599], code => retry(code, { mayHaveExecuted: true }), count),
  // Undocumented: they need review if they repeat.
  ...statuses(
    [201, 202, 204, 206, 404, 410, 413, 418, 451],
    code => retry(code, { mayHaveExecuted: true, unproven: true }),
    close,
  ),
  [401, stopped('voucherify-401', minute, 'voucherify-key-refused'), open('key-refused', 'credentials')],
  [403, stopped('voucherify-403', minute, 'voucherify-key-refused'), open('key-refused', 'key')],
  [402, stopped('voucherify-402', hour, 'voucherify-quota-exhausted'), open('quota-exhausted', 'project')],
];

describe('status of a response', () => {
  test.each(table)('%i: decides what the attempt does and what the breaker does', (status, outcome, breaker) => {
    for (const body of ['', html, { code: status, key: 'invalid_payload' }, { status: 'DONE' }]) {
      expect(classify(response(status, body), now)).toMatchObject({ outcome, breaker, status });
    }
  });

  test('200: returns its JSON; without JSON it proves nothing and raises an alarm', () => {
    const outcome = { kind: 'ok', json: { id: 1 } };
    expect(classify(response(200, { id: 1 }), now)).toMatchObject({ outcome, breaker: close });
    const unproven = retry('not-json', { mayHaveExecuted: true, unproven: true, alarm: 'unproven-response' });
    for (const body of ['', html, '{"status":"DONE"']) {
      expect(classify(response(200, body), now)).toMatchObject({ outcome: unproven, breaker: close });
    }
  });

  test.each([
    ['a deletion', 200, done, '"status":"DONE"', '"status":"FAILED","status":"DONE"', 'not-json'],
    ['an inner object', 200, done, '"customer":1', '"customer":0,"custom\\u0065r":1', 'not-json'],
    ['a 404', 404, notFound, '"key":"not_found"', '"key":"unauthorized","key":"not_found"', 'voucherify-404'],
    ['a 400', 400, { key: 'multiple_requests' }, '"key":', '"key":"invalid","key":', 'voucherify-400'],
  ])('duplicate key in %s: proves nothing', (_, status, body, part, twice, code) => {
    const text = JSON.stringify(body);
    const duplicate = text.replace(part, twice);
    expect(JSON.parse(duplicate)).toEqual(body);
    expect(classify(response(status, text), now).outcome).not.toMatchObject({ kind: 'review' });
    const { outcome } = classify(response(status, duplicate), now);
    expect(outcome).toMatchObject(status === 400 ? { kind: 'review', code } : { kind: 'retry', code, unproven: true });
  });

  test('exact integers: keep their digits', () => {
    const { outcome } = classify(response(200, '{"source_id":12345678901234567890}'), now);
    expect(outcome).toEqual({ kind: 'ok', json: { source_id: 12_345_678_901_234_567_890n } });
  });

  test('400 of a concurrent operation: is retried', () => {
    const outcome = retry('voucherify-400', { mayHaveExecuted: true });
    const concurrent = response(400, { code: 400, key: 'multiple_requests' });
    expect(classify(concurrent, now)).toMatchObject({ outcome, breaker: close });
  });

  test('key of a concurrent operation with another status: changes nothing', () => {
    const body = { key: 'multiple_requests' };
    expect(classify(response(422, body), now)).toMatchObject({ outcome: review('voucherify-422'), breaker: close });
    expect(classify(response(500, body), now)).toMatchObject({ breaker: count });
  });

  test('any status: keeps nothing of the response', () => {
    const body = { ...notFound, code: 500, status: 'ada@example.com', key: 'ada@example.com' };
    for (const status of [201, 400, 401, 402, 403, 404, 409, 429, 500]) {
      const result = classify(response(status, body, { 'x-name': 'ada@example.com' }), now);
      expect(JSON.stringify(result)).not.toContain('example');
    }
  });
});

describe('404', () => {
  test.each([notFound, { key: 'not_found', resource_type: 'customer' }])('of a customer: is not a failure', body => {
    expect(classify(response(404, body), now)).toMatchObject({ outcome: { kind: 'not-found' }, breaker: close });
    expect(classify(response(410, body), now)).toMatchObject({ outcome: { kind: 'retry', unproven: true } });
  });

  test.each([
    ['another resource', { ...notFound, resource_type: 'voucher' }],
    ['no resource', { ...notFound, resource_type: undefined }],
    ['another key', { ...notFound, key: 'resource_not_found' }],
    ['no key', { ...notFound, key: undefined }],
    ['HTML', html],
    ['an empty body', ''],
    ['null', 'null'],
    ['a list', [notFound]],
  ])('with %s: does not show that the customer is absent', (_, body) => {
    const outcome = retry('voucherify-404', { mayHaveExecuted: true, unproven: true });
    expect(classify(response(404, body), now).outcome).toEqual(outcome);
  });
});

describe('no response', () => {
  const none = (code: Extract<HttpResult, { kind: 'no-response' }>['code'], mayHaveExecuted: boolean) =>
    classify({ kind: 'no-response', code, mayHaveExecuted }, now);

  test.each([
    ['not-connected', false, true],
    ['timed-out', false, true],
    ['timed-out', true, false],
    ['connection-lost', true, false],
    ['redirected', true, false],
  ] as const)('%s, may have executed: %s: is retried', (code, mayHaveExecuted, stop) => {
    expect(none(code, mayHaveExecuted)).toEqual({
      outcome: retry(code, { mayHaveExecuted, stop, retryBy: now + 14 * minute }),
      breaker: count,
      status: 0,
    });
  });

  test('too large: needs review if it repeats, and shows that the project can be called', () => {
    const outcome = retry('too-large', { mayHaveExecuted: true, unproven: true });
    expect(none('too-large', true)).toEqual({ outcome, breaker: close, status: 0 });
  });
});

describe('project that does not respond', () => {
  const most = 14 * minute;

  test.each([
    ['connection error', { kind: 'no-response', code: 'tls-failed', mayHaveExecuted: false } as const],
    ['503', response(503, '')],
  ])('%s: raises an alarm once all calls have failed for 14 minutes, and is tried again then', (_, result) => {
    const alarmOf = (failingSince?: number) => {
      const { outcome } = classify(result, now, failingSince);
      return 'alarm' in outcome ? outcome.alarm : undefined;
    };
    expect(alarmOf(now - most)).toBe('voucherify-unreachable');
    expect([alarmOf(now - most + 1), alarmOf()]).toEqual([undefined, undefined]);
    expect(classify(result, now, now - minute).outcome).toMatchObject({ retryBy: now + 13 * minute });
  });

  test('any other response: raises no such alarm', () => {
    for (const status of [200, 404, 409]) {
      expect(classify(response(status, {}), now, 0).outcome).not.toMatchObject({ alarm: 'voucherify-unreachable' });
    }
  });
});

describe('429', () => {
  const throttled = (headers: Record<string, string>) => classify(response(429, '', headers), now);

  test.each<[string, Record<string, string>, number | undefined]>([
    ['no header', {}, undefined],
    ['Retry-After', { 'retry-after': '7' }, 7 * second],
    ['X-Rate-Limit-Retry', { 'x-rate-limit-retry': epoch(9 * second) }, 9 * second],
    ['both, the first later', { 'retry-after': '40', 'x-rate-limit-retry': epoch(9 * second) }, 40 * second],
    ['both, the second later', { 'retry-after': '7', 'x-rate-limit-retry': epoch(50 * second) }, 50 * second],
    ['a reset in the past', { 'x-rate-limit-retry': epoch(-minute) }, undefined],
    ['a wait of zero', { 'retry-after': '0' }, undefined],
    ['a date', { 'retry-after': 'Tue, 24 Nov 2026 12:10:00 GMT' }, undefined],
    ['exactly an hour', { 'retry-after': '3600' }, hour],
  ])('with %s', (_, headers, waitMs) => {
    const until = waitMs === undefined ? undefined : now + waitMs;
    expect(throttled(headers)).toMatchObject({
      outcome: retry('voucherify-429', { stop: true, notBefore: until ?? now + minute }),
      breaker: { ...open('voucherify-429', 'project'), until },
    });
  });

  test.each<[string, Record<string, string>]>([
    ['more than an hour in Retry-After', { 'retry-after': '3601' }],
    ['more than an hour in X-Rate-Limit-Retry', { 'x-rate-limit-retry': epoch(hour + second) }],
    ['an impossible time', { 'x-rate-limit-retry': '999999999999' }],
    ['the type of the billing cycle', { 'x-rate-limit-type': 'api_calls_cycle', 'retry-after': '7' }],
  ])('with %s: the quota is exhausted, one call per hour, and an alarm', (_, headers) => {
    expect(throttled(headers)).toMatchObject({
      outcome: stopped('voucherify-429', hour, 'voucherify-quota-exhausted'),
      breaker: open('quota-exhausted', 'project'),
    });
  });
});

describe('rate-limit headers', () => {
  const unknown = { limit: undefined, remaining: undefined, resetAt: undefined, retryAt: undefined };
  const none = { ...unknown, exhausted: false, ofCycle: false };

  test('all present: are parsed', () => {
    const at = now + 30 * second;
    const numbers = rateHeaders(100, 0, 30 * second);
    const parsed = { ...none, limit: 100, remaining: 0, resetAt: at, retryAt: at };
    expect(parseRateHeaders({ ...numbers, 'x-rate-limit-type': 'api_calls' }, now)).toEqual(parsed);
    expect(classify(response(200, {}, numbers), now).rateHeaders).toEqual(parsed);
  });

  test('billing cycle: is marked, because its numbers are not those of a minute', () => {
    const headers = { 'x-rate-limit-type': 'api_calls_cycle', 'x-rate-limit-limit': '100000' };
    expect(parseRateHeaders(headers, now)).toMatchObject({ ofCycle: true, exhausted: true, limit: 100_000 });
  });

  test('less than none remaining: is none', () => {
    for (const text of ['-5', '-12'])
      expect(parseRateHeaders({ 'x-rate-limit-remaining': text }, now)).toEqual({ ...none, remaining: 0 });
    expect(parseRateHeaders({ 'x-rate-limit-remaining': '-5 calls' }, now)).toEqual(none);
  });

  test.each(['', ' 5', '5 ', '--5', '1.5', '1e3', '0x10', 'soon', '5, 6', '1234567890123'])(
    '%j: is no number',
    text => {
      const names = ['x-rate-limit-limit', 'x-rate-limit-remaining', 'x-rate-limit-retry', 'retry-after'];
      expect(parseRateHeaders(Object.fromEntries(names.map(name => [name, text])), now)).toEqual(none);
    },
  );
});

test('failure: names a code of this service only', () => {
  const failure = classify(response(500, 'ada@example.com'), now).outcome as CallFailure;
  expect(Object.keys(failure).toSorted()).toEqual(['code', 'kind', 'mayHaveExecuted', 'retryBy', 'stop']);
});

const unproven = (code: string) => ({
  ...{ kind: 'retry', code, mayHaveExecuted: true, stop: false, unproven: true, alarm: 'unproven-response' },
});

describe('deletion', () => {
  const parsed = (body: unknown) => parseDeletion(outcome(200, body), pin);
  const without = (field: keyof typeof done) =>
    Object.fromEntries(Object.entries(done).filter(([name]) => name !== field));
  const counted = (customer: unknown) => ({ ...done, data_json: { ...done.data_json, customer } });

  test('documented response: is proof and is returned as received', () => {
    expect(parsed(done)).toEqual({ kind: 'deleted', received: done });
    for (const object of ['pernament_deletion', 'permanent_deletion']) {
      expect(parsed({ ...done, object })).toEqual({ kind: 'deleted', received: { ...done, object } });
    }
  });

  test.each([
    ['an empty object', {}],
    ['null', 'null'],
    ['a string', '"DONE"'],
    ['a list', [done]],
    ['an object inside another', { deletion: done }],
    ['no status', without('status')],
    ['a null status', { ...done, status: null }],
    ['a running status', { ...done, status: 'IN_PROGRESS' }],
    ['a status in lower case', { ...done, status: 'done' }],
    ['a status with a space', { ...done, status: 'DONE ' }],
    ['a list as status', { ...done, status: ['DONE'] }],
    ['no related_object_id', without('related_object_id')],
    ['a null related_object_id', { ...done, related_object_id: null }],
    ['a list as related_object_id', { ...done, related_object_id: [pin] }],
    ['no data_json', without('data_json')],
    ['a null data_json', { ...done, data_json: null }],
    ['an empty data_json', { ...done, data_json: {} }],
    ['a list as data_json', { ...done, data_json: [1] }],
    ['no customer counted', counted(0)],
    ['two customers counted', counted(2)],
    ['the count as a string', counted('1')],
    ['true as the count', counted(true)],
    ['a null count', counted(null)],
  ])('%s: is no proof', (_, body) => {
    expect(parsed(body)).toEqual(unproven('unproven-deletion'));
  });

  test('no JSON: has its own code', () => {
    expect(parsed(html)).toEqual(unproven('not-json'));
  });

  test.each(['cust_0000000000000000000000Z9', pin.toLowerCase(), `${pin}0`, 'crm-10042', ''])(
    'related_object_id %j: another customer was deleted, whatever the rest says',
    related_object_id => {
      const code = 'wrong-customer-deleted';
      const wrong = { kind: 'review', code, mayHaveExecuted: true, stop: true, alarm: code };
      expect(parsed({ ...done, related_object_id })).toEqual(wrong);
      expect(parsed({ ...counted(0), related_object_id, status: 'FAILED' })).toEqual(wrong);
    },
  );

  test.each(['id', 'created_at', 'related_object', 'object'] as const)('%s: is optional', field => {
    expect(parsed(without(field))).toEqual({ kind: 'deleted', received: without(field) });
    expect(parsed({ ...done, [field]: null })).toEqual({ kind: 'deleted', received: without(field) });
  });

  test('undocumented fields and values: are not kept', () => {
    const data_json = { customer: 1, orders: 0, events: 10 ** 9, segments: null, daily: 'Ada', list: [], half: 0.5 };
    const odd = { id: 'del_ada@example.com', created_at: 'yesterday', related_object: 'Ada Example', object: 'a@b.c' };
    const names = { 'ada@example.com': 1, 'Ada Example': 2 };
    expect(parsed({ ...done, ...odd, customer: { name: 'Ada' }, data_json: { ...data_json, ...names } })).toEqual({
      kind: 'deleted',
      received: { status: 'DONE', related_object_id: pin, data_json: { customer: 1, orders: 0, events: 10 ** 9 } },
    });
  });

  test('random response: is proof only with status, id and count together', () => {
    const odd = fc.oneof(fc.jsonValue(), fc.constantFrom('DONE', pin, 1, '1', null));
    const fields = { status: odd, related_object_id: odd, data_json: fc.oneof(odd, fc.record({ customer: odd })) };
    const body = fc.oneof(fc.record(fields, { requiredKeys: [] }), fc.jsonValue());
    const at = (value: unknown, name: string): unknown =>
      typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
    let proved = 0;
    fc.assert(
      fc.property(body, fc.boolean(), (random, isNearly) => {
        const sent = isNearly && typeof random === 'object' && random !== null ? { ...done, ...random } : random;
        const facts = [at(sent, 'status'), at(sent, 'related_object_id'), at(at(sent, 'data_json'), 'customer')];
        const isProof = JSON.stringify(facts) === JSON.stringify(['DONE', pin, 1]);
        expect(parsed(JSON.stringify(sent)).kind === 'deleted').toBe(isProof);
        proved += Number(isProof);
      }),
      { seed: 20261124, numRuns: 3000 },
    );
    expect(proved).toBeGreaterThan(30);
  });
});

const person = { id: pin, source_id: 'crm-1', email: 'ada@example.com', created_at: '2025-01-01T00:00:00Z' };

/** Values that are not a customer. */
const unreadable: readonly (readonly [string, unknown])[] = [
  ['a string', 'cust_1'],
  ['null', null],
  ['no id', { ...person, id: undefined }],
  ['an empty id', { ...person, id: '' }],
  ['a number as id', { ...person, id: 7 }],
  ['an id of another form', { ...person, id: 'crm-1' }],
  ['an unconfirmed customer', { ...person, id: 'ucust_0000000000000000000000A1' }],
  ['a path in the id', { ...person, id: `${pin}/../x` }],
  ['a line break in the id', { ...person, id: `${pin}\n` }],
  ['only the prefix', { ...person, id: 'cust_' }],
  ['an endless id', { ...person, id: `cust_${'a'.repeat(600)}` }],
];

describe('look-up', () => {
  const parsed = (body: unknown) => parseLookUp(outcome(200, body));

  test('customer: only the fields that decide are kept', () => {
    const more = { name: 'Ada', phone: '+1 555', metadata: { a: 1 } };
    expect(parsed({ ...person, ...more })).toEqual({ kind: 'customer', customer: person });
  });

  test.each([{ id: pin }, { id: pin, source_id: null, email: null, created_at: null }, { ...person, created_at: 5 }])(
    '%j: is a customer',
    customer => {
      expect(parsed(customer)).toEqual({ kind: 'customer', customer });
    },
  );

  test.each(unreadable)('%s: is unreadable', (_, body) => {
    expect(parsed(body === 'cust_1' ? '"cust_1"' : body)).toEqual(unproven('unreadable-customer'));
  });

  test('too large: needs review, because a retry cannot succeed', () => {
    const { outcome: failure } = classify({ kind: 'no-response', code: 'too-large', mayHaveExecuted: true }, 0);
    const review = { kind: 'review', code: 'response-too-large', mayHaveExecuted: false, stop: true };
    expect(parseLookUp(failure)).toEqual(review);
    expect(parsePage(failure)).toEqual(review);
    expect(parseDeletion(failure, pin)).toMatchObject({ kind: 'retry', unproven: true });
  });

  test('404 of a customer: no match', () => {
    expect(parseLookUp(outcome(404, notFound))).toEqual({ kind: 'no-match' });
    expect(parsed(notFound)).toEqual(unproven('unreadable-customer'));
  });
});

describe('page of a list', () => {
  const parsed = (more: object) => parsePage(outcome(200, { object: 'list', customers: [person], total: 1, ...more }));

  test('documented response: customers, total and has_more', () => {
    const page = { customers: [person, { id: 'cust_2' }], total: 250, has_more: true };
    expect(parsed(page)).toEqual({ kind: 'page', ...page });
    expect(parsed({ customers: [], total: 0 })).toEqual({ kind: 'page', customers: [], total: 0 });
  });

  test.each(unreadable)('row with %s: the whole page is unreadable', (_, row) => {
    expect(parsed({ customers: [person, row, person] })).toEqual(unproven('unreadable-customer'));
  });

  test.each([
    ['no total', { total: undefined }],
    ['a null total', { total: null }],
    ['a string as total', { total: '1' }],
    ['a negative total', { total: -1 }],
    ['a fraction as total', { total: 0.5 }],
    ['no list', { customers: undefined }],
    ['an object as list', { customers: { 0: person } }],
  ])('%s: is unreadable', (_, more) => {
    expect(parsed(more)).toEqual(unproven('unreadable-list'));
  });

  test('404 of a customer: is not a list', () => {
    expect(parsePage(outcome(404, notFound))).toEqual(unproven('unexpected-404'));
  });
});
