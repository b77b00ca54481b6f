import { describe, expect, it } from 'vitest';
import type { VoucherifyReply } from '../../lambda/voucherify/client.ts';
import { parseDeletion, parseLookUp, parsePage } from '../../lambda/voucherify/responses.ts';
import { done, html, notFound, now, pin, reply } from '../support/erasing-answers.ts';

const minute = 60_000;
const judges = [
  ['a deletion', (one: VoucherifyReply) => parseDeletion(one, pin, now)],
  ['a look-up', (one: VoucherifyReply) => parseLookUp(one, now)],
  ['a page', (one: VoucherifyReply) => parsePage(one, now)],
] as const;

describe.each(judges)('%s', (name, judge) => {
  it.each([400, 405, 406, 415, 422])(
    'answered %i is our mistake: a person must look, and nothing more is sent',
    status => {
      const told = { kind: 'review', code: `voucherify-${status}`, mayHaveExecuted: false, stop: true };
      expect(judge(reply(status, { code: status, key: 'invalid_payload', message: 'Bad' }))).toEqual(told);
      expect(judge(reply(status, done))).toEqual(told);
    },
  );

  it.each([401, 403])('answered %i waits for another key and pages', status => {
    expect(judge(reply(status, { code: status, key: 'unauthorized' }))).toEqual({
      kind: 'retry',
      code: `voucherify-${status}`,
      mayHaveExecuted: false,
      stop: true,
      notBefore: now + minute,
      alarm: 'voucherify-key-refused',
    });
  });

  it('answered 402 waits an hour and pages', () => {
    expect(judge(reply(402, { code: 402 }))).toEqual({
      kind: 'retry',
      code: 'voucherify-402',
      mayHaveExecuted: false,
      stop: true,
      notBefore: now + 60 * minute,
      alarm: 'voucherify-quota-exhausted',
    });
  });

  it.each([500, 502, 503, 504, 520, 599])('answered %i may have had its effect', status => {
    for (const body of [html, done, { code: status }]) {
      const told = { kind: 'retry', code: `voucherify-${status}`, mayHaveExecuted: true, stop: false };
      expect(judge(reply(status, body))).toEqual(told);
    }
  });

  it.each([201, 202, 204, 206, 409, 410, 413, 418, 423, 451])('answered %d proves nothing, even as DONE', status => {
    const told = { kind: 'retry', code: `voucherify-${status}`, mayHaveExecuted: true, stop: false, unproven: true };
    expect(judge(reply(status, done))).toEqual(told);
    expect(judge(reply(status, { statusCode: status, error: 'Request Entity Too Large' }))).toEqual(told);
  });

  it.each([
    ['of another resource', { ...notFound, resource_type: 'voucher' }],
    ['without a resource', { ...notFound, resource_type: undefined }],
    ['with another key', { ...notFound, key: 'resource_not_found' }],
    ['without a key', { ...notFound, key: undefined }],
    ['of no endpoint', { code: 404, message: 'Resource not found' }],
    ['in HTML', html],
    ['with nothing', ''],
    ['with null', 'null'],
    ['with a list', [notFound]],
  ])('answered 404 %s denies nothing', (_, body) => {
    const told = { kind: 'retry', code: 'voucherify-404', mayHaveExecuted: true, stop: false, unproven: true };
    expect(judge(reply(404, body))).toEqual(told);
  });

  it.each([
    ['not-connected', false, true],
    ['timed-out', false, true],
    ['timed-out', true, false],
    ['connection-lost', true, false],
    ['redirected', true, false],
    ['too-large', true, false],
  ] as const)('without an answer (%s, may have executed: %s) is asked again', (code, mayHaveExecuted, stop) => {
    const lost = { result: { kind: 'no-answer', code, mayHaveExecuted }, appId: 'app-1' } as const;
    expect(judge(lost)).toEqual({ kind: 'retry', code, mayHaveExecuted, stop });
  });

  it.each([now + 90_000, undefined])('that was held back before it was sent waits that long (%s)', until => {
    const held = { kind: 'held', code: 'rate-limited', ...(until === undefined ? {} : { until }) } as const;
    const notBefore = until === undefined ? {} : { notBefore: until };
    const told = { kind: 'retry', code: 'rate-limited', mayHaveExecuted: false, stop: true, ...notBefore };
    expect(judge({ result: held, appId: 'app-1' })).toEqual(told);
  });

  it('without keys waits for them and pages', () => {
    expect(judge({ result: { kind: 'no-credentials' }, appId: '' })).toEqual({
      kind: 'retry',
      code: 'no-credentials',
      mayHaveExecuted: false,
      stop: true,
      alarm: 'secret-unusable',
    });
  });

  it('keeps nothing of what was answered', () => {
    const body = { ...notFound, code: 500, status: 'ada@example.com', key: 'ada@example.com' };
    for (const status of [201, 400, 401, 402, 403, 404, 409, 429, 500]) {
      expect(JSON.stringify(judge(reply(status, body, { 'x-name': 'ada@example.com' }))), name).not.toContain(
        'example',
      );
    }
  });
});

describe("Voucherify's own 404 for a customer", () => {
  it('is kept apart from trouble, and only a page must never have one', () => {
    expect(parseDeletion(reply(404, notFound), pin, now)).toEqual({ kind: 'not-found' });
    expect(parseLookUp(reply(404, notFound), now)).toEqual({ kind: 'no-match' });
    expect(parsePage(reply(404, notFound), now)).toMatchObject({
      kind: 'retry',
      code: 'unexpected-404',
      unproven: true,
    });
  });

  it('needs neither code, text nor ids', () => {
    const bare = { key: 'not_found', resource_type: 'customer' };
    expect(parseDeletion(reply(404, bare), pin, now)).toEqual({ kind: 'not-found' });
  });

  it('under another status is no 404', () => {
    expect(parseDeletion(reply(200, notFound), pin, now)).toMatchObject({ kind: 'retry', unproven: true });
    expect(parseLookUp(reply(200, notFound), now)).toMatchObject({ kind: 'retry', unproven: true });
    expect(parseDeletion(reply(410, notFound), pin, now)).toMatchObject({ kind: 'retry', unproven: true });
  });
});
