import { describe, expect, it } from 'vitest';
import { parseDeletion } from '../../lambda/voucherify/responses.ts';
import { now, pin, reply } from '../support/erasing-answers.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const epoch = (at: number) => String(at / second);
const judge = (headers: Record<string, string>) =>
  parseDeletion(reply(429, { code: '429', message: 'Too many requests hit the API too quickly.' }, headers), pin, now);
const throttled = { kind: 'retry', code: 'voucherify-429', mayHaveExecuted: false, stop: true };

describe('a 429', () => {
  it.each<[string, Record<string, string>, number]>([
    ['no header', {}, minute],
    ['Retry-After alone', { 'retry-after': '7' }, 7 * second],
    ['X-Rate-Limit-Retry alone', { 'x-rate-limit-retry': epoch(now + 9 * second) }, 9 * second],
    ['the later in Retry-After', { 'retry-after': '40', 'x-rate-limit-retry': epoch(now + 9 * second) }, 40 * second],
    [
      'the later in X-Rate-Limit-Retry',
      { 'retry-after': '7', 'x-rate-limit-retry': epoch(now + 50 * second) },
      50 * second,
    ],
    ['a reset that is over', { 'x-rate-limit-retry': epoch(now - minute) }, minute],
    ['a reset that is over and a wait', { 'retry-after': '7', 'x-rate-limit-retry': epoch(now - minute) }, 7 * second],
    ['a wait of nothing', { 'retry-after': '0' }, minute],
    ['a date', { 'retry-after': 'Tue, 24 Nov 2026 12:10:00 GMT' }, minute],
    ['words', { 'retry-after': 'soon', 'x-rate-limit-retry': 'retry' }, minute],
    ['a negative wait', { 'retry-after': '-5' }, minute],
    ['a fraction', { 'retry-after': '1.5' }, minute],
    ['nothing in them', { 'retry-after': '', 'x-rate-limit-retry': '' }, minute],
    ['two values', { 'retry-after': '5, 500' }, minute],
    ['a limit of calls', { 'retry-after': '7', 'x-rate-limit-type': 'api_calls' }, 7 * second],
    ['exactly an hour', { 'retry-after': '3600' }, hour],
  ])('with %s puts off that long', (_, headers, wait) => {
    expect(judge(headers)).toEqual({ ...throttled, notBefore: now + wait });
  });

  it.each<[string, Record<string, string>]>([
    ['more than an hour in Retry-After', { 'retry-after': '3601' }],
    ['more than an hour in X-Rate-Limit-Retry', { 'x-rate-limit-retry': epoch(now + hour + second) }],
    ['weeks', { 'retry-after': '999999999999' }],
    ['an epoch that cannot be', { 'x-rate-limit-retry': '999999999999' }],
    ['the cycle used up', { 'x-rate-limit-type': 'api_calls_cycle' }],
    ['the cycle used up and a short wait', { 'x-rate-limit-type': 'api_calls_cycle', 'retry-after': '7' }],
  ])('with %s is tried once an hour, and a person is paged', (_, headers) => {
    const alarm = 'voucherify-quota-exhausted';
    expect(judge(headers)).toEqual({ ...throttled, notBefore: now + hour, alarm });
  });

  it.each(['9999999999999', '1'.repeat(40), '1e9', '0x10', ' 5'])('with the absurd number %j waits a minute', text => {
    expect(judge({ 'retry-after': text, 'x-rate-limit-retry': text })).toEqual({
      ...throttled,
      notBefore: now + minute,
    });
  });
});
