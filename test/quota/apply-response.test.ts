import { describe, expect, it } from 'vitest';
import { applyResponse } from '../../lambda/quota/rate-headers.ts';
import { initialRateLimit, type RateLimitState } from '../../lambda/quota/rate-limit.ts';
import { answered, heard, hour, minute, now, rate, second, unanswered } from '../support/pace-heard.ts';

const quota = { share: 0.5, limit: 100, periodMs: minute };
const hearing = (headers: Readonly<Record<string, string>>, pace: RateLimitState = initialRateLimit, of = quota) =>
  applyResponse(pace, heard(answered(200, headers)), of);

describe('the limit', () => {
  it('is not written down where an answer says nothing of it', () => {
    expect(hearing({})).toBe(initialRateLimit);
    expect(hearing({ 'x-rate-limit-remaining': '3' })).toBe(initialRateLimit);
    expect(hearing({ 'x-rate-limit-limit': '0' })).toBe(initialRateLimit);
  });

  it('is learnt once, and then nothing is written any more', () => {
    const pace = hearing(rate(2000, 1999, 30 * second));
    expect(pace).toEqual({ notBefore: 0, limit: 2000, periodMs: minute });
    expect(hearing(rate(2000, 1998, 30 * second), pace)).toBe(pace);
  });

  it('that settings say already is not written down', () => {
    expect(hearing(rate(100, 99, 30 * second))).toBe(initialRateLimit);
  });

  it('that a row holds without a period is that of settings', () => {
    const pace = { notBefore: 0, limit: 100 };
    expect(hearing(rate(100, 99, 30 * second), pace)).toBe(pace);
    expect(hearing(rate(100, 99, 30 * minute), pace).periodMs).toBe(hour);
  });

  it('follows Voucherify up and down', () => {
    const pace = hearing(rate(2000, 1999, 30 * second), hearing(rate(100, 99, 30 * second)));
    expect(pace.limit).toBe(2000);
    expect(hearing(rate(10, 9, 30 * second), pace).limit).toBe(10);
  });

  it.each([
    ['a second more than ninety', 91 * second, hour],
    ['the whole hour', hour, hour],
    ['ninety seconds', 90 * second, minute],
    ['what is over', -second, minute],
    ['more than an hour', hour + second, minute],
  ])('whose reset lies %s ahead', (_, resetMs, periodMs) => {
    expect(hearing(rate(100, 99, resetMs)).periodMs ?? quota.periodMs).toBe(periodMs);
  });

  it('stays hourly when the reset comes near, and where settings say so', () => {
    const pace = hearing(rate(100, 99, 20 * minute));
    expect(hearing(rate(100, 60, 5 * second), pace)).toBe(pace);
    const hourly = { ...quota, periodMs: hour };
    expect(hearing(rate(50, 49, 5 * second), initialRateLimit, hourly).periodMs).toBe(hour);
  });

  it('of the cycle is not taken for that of the minute', () => {
    const headers = { ...rate(100_000, 3, 20 * minute), 'x-rate-limit-type': 'api_calls_cycle' };
    expect(hearing(headers)).toBe(initialRateLimit);
  });

  it.each([200, 404, 400, 401, 402, 403, 429, 500, 503])('is learnt from a %i as well', status => {
    const pace = applyResponse(initialRateLimit, heard(answered(status, rate(50, 40, 30 * second))), quota);
    expect(pace).toMatchObject({ limit: 50, periodMs: minute });
  });
});

describe('what is left for the shop', () => {
  it.each([
    ['less than its share of a minute', rate(100, 49, 30 * second), 30 * second],
    ['nothing', rate(100, 0, 30 * second), 30 * second],
    ['less than its share of an hour', rate(100, 49, 40 * minute), 40 * minute],
  ])('being %s, everybody waits for the reset', (_, headers, wait) => {
    expect(hearing(headers).reservedForShopUntil).toBe(now + wait);
  });

  it.each([
    ['its share', rate(100, 50, 30 * second)],
    ['unknown', { 'x-rate-limit-limit': '100', 'x-rate-limit-retry': String(now / 1000 + 30) }],
    ['too little until a time that is over', rate(100, 0, -second)],
    ['too little until a time that cannot be', rate(100, 0, 40 * 24 * hour)],
    ['too little until nobody says when', { 'x-rate-limit-limit': '100', 'x-rate-limit-remaining': '0' }],
  ])('being %s, nobody waits', (_, headers) => {
    expect(hearing(headers).reservedForShopUntil).toBeUndefined();
  });

  it('is nothing to wait for where all of the limit is ours', () => {
    expect(
      hearing(rate(100, 0, 30 * second), initialRateLimit, { ...quota, share: 1 }).reservedForShopUntil,
    ).toBeUndefined();
  });

  it('is written down once until the same reset, and again for a later one', () => {
    const pace = hearing(rate(100, 20, 30 * second));
    expect(hearing(rate(100, 19, 30 * second), pace)).toBe(pace);
    expect(hearing(rate(100, 19, 10 * second), pace)).toBe(pace);
    expect(hearing(rate(100, 10, 45 * second), pace).reservedForShopUntil).toBe(now + 45 * second);
  });
});

describe('failures in a row', () => {
  const failing = (pace: RateLimitState, receipt: string, result = unanswered) =>
    applyResponse(pace, heard(result, { receipt }), quota);

  it.each([
    ['connection errors', { kind: 'no-answer', code: 'not-connected', mayHaveExecuted: false } as const],
    ['time-outs', unanswered],
    ['500s', answered(500)],
    ['503s', answered(503)],
  ])('that are %s close the project at the fifth, over two receipts', (_, result) => {
    let pace = initialRateLimit;
    for (const receipt of ['a', 'a', 'a', 'b']) pace = failing(pace, receipt, result);
    expect(pace).toEqual({ notBefore: 0, failures: { count: 4, receipts: ['a', 'b'] } });
    expect(failing(pace, 'b', result).breaker).toEqual({
      code: 'failures',
      trips: 0,
      openUntil: now + 10 * second,
      openedAt: now,
    });
  });

  it('of one receipt close nothing, however many: it may be poison', () => {
    let pace = initialRateLimit;
    for (let one = 0; one < 20; one += 1) pace = failing(pace, 'a');
    expect(pace.breaker).toBeUndefined();
    expect(failing(pace, 'b').breaker?.code).toBe('failures');
  });

  it('keep no more than two receipts', () => {
    let pace = initialRateLimit;
    for (const receipt of ['a', 'b', 'c', 'd']) pace = failing(pace, receipt);
    expect(pace.failures).toEqual({ count: 4, receipts: ['c', 'd'] });
  });

  it.each([200, 201, 204, 404, 400, 409, 422])('begin anew after an answer of %i', status => {
    let pace = initialRateLimit;
    for (const receipt of ['a', 'b', 'c', 'd']) pace = failing(pace, receipt);
    expect(applyResponse(pace, heard(answered(status)), quota)).toEqual(initialRateLimit);
  });

  it('are not counted among refusals, which say something else', () => {
    let pace = initialRateLimit;
    for (const receipt of ['a', 'b', 'c', 'd']) pace = failing(pace, receipt);
    const refused = applyResponse(pace, heard(answered(429)), quota);
    expect(refused.breaker?.code).toBe('voucherify-429');
    expect(refused.failures?.count).toBe(4);
  });
});
