import { describe, expect, it } from 'vitest';
import { parseRateHeaders } from '../../lambda/quota/rate-headers.ts';

const now = Date.UTC(2026, 10, 24, 12);
const epoch = (ms: number) => String((now + ms) / 1000);
const nothing = {
  limit: undefined,
  remaining: undefined,
  resetAt: undefined,
  retryAt: undefined,
  exhausted: false,
  ofCycle: false,
};

describe('the rate headers of an answer', () => {
  it('are nothing where there are none', () => {
    expect(parseRateHeaders({}, now)).toEqual(nothing);
  });

  it('say what is allowed, what is left and when it begins anew', () => {
    const headers = {
      'x-rate-limit-limit': '100',
      'x-rate-limit-remaining': '0',
      'x-rate-limit-retry': epoch(30_000),
      'x-rate-limit-type': 'api_calls',
    };
    const at = now + 30_000;
    expect(parseRateHeaders(headers, now)).toEqual({ ...nothing, limit: 100, remaining: 0, resetAt: at, retryAt: at });
  });

  it.each([
    ['Retry-After', { 'retry-after': '40', 'x-rate-limit-retry': epoch(9000) }, 40_000],
    ['X-Rate-Limit-Retry', { 'retry-after': '9', 'x-rate-limit-retry': epoch(40_000) }, 40_000],
    ['Retry-After alone', { 'retry-after': '1' }, 1000],
    ['X-Rate-Limit-Retry alone', { 'x-rate-limit-retry': epoch(1000) }, 1000],
  ])('tell to wait until the later: %s', (_, headers, wait) => {
    expect(parseRateHeaders(headers, now).retryAt).toBe(now + wait);
  });

  it.each([
    ['a reset that is over', { 'x-rate-limit-retry': epoch(-1000) }],
    ['a reset of this very moment', { 'x-rate-limit-retry': epoch(0) }],
    ['a wait of nothing', { 'retry-after': '0' }],
  ])('tell of no wait for %s', (_, headers) => {
    expect(parseRateHeaders(headers, now)).toMatchObject({ retryAt: undefined, exhausted: false });
  });

  it('keep a reset that is over, for nobody to wait for', () => {
    expect(parseRateHeaders({ 'x-rate-limit-retry': epoch(-1000) }, now).resetAt).toBe(now - 1000);
  });

  it.each([
    ['an hour', { 'retry-after': '3600' }, false],
    ['more than an hour', { 'retry-after': '3601' }, true],
    ['more than an hour until the reset', { 'x-rate-limit-retry': epoch(3_601_000) }, true],
    ['a cycle that is used up', { 'x-rate-limit-type': 'api_calls_cycle' }, true],
    ['another kind of limit', { 'x-rate-limit-type': 'bulk_api_calls' }, false],
  ])('call a person for %s: %j %s', (_, headers, exhausted) => {
    expect(parseRateHeaders(headers, now).exhausted).toBe(exhausted);
  });

  it('of the cycle say so, since their numbers are not those of the minute', () => {
    const headers = { 'x-rate-limit-type': 'api_calls_cycle', 'x-rate-limit-limit': '100000' };
    expect(parseRateHeaders(headers, now)).toMatchObject({ ofCycle: true, limit: 100_000 });
  });

  it.each(['', ' 5', '5 ', '-5', '1.5', '1e3', '0x10', 'soon', '5, 6', '1234567890123'])('leave out %j', text => {
    const headers = {
      'x-rate-limit-limit': text,
      'x-rate-limit-remaining': text,
      'x-rate-limit-retry': text,
      'retry-after': text,
    };
    expect(parseRateHeaders(headers, now)).toEqual(nothing);
  });
});
