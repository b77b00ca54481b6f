import { describe, expect, it } from 'vitest';
import { breakerFor, initialRateLimit, reserve } from '../../lambda/quota/rate-limit.ts';
import { failing, learn, quota, wish } from '../support/pace-clock.ts';
import { answered, hour, minute, now, second, unanswered } from '../support/pace-heard.ts';

describe('calls that were under way when it was closed', () => {
  const sentAt = now - 1;
  const closed = learn(initialRateLimit, answered(429));

  it('make no step longer, so that one incident is one step', () => {
    let pace = closed;
    for (let one = 0; one < 5; one += 1) pace = learn(pace, answered(429), { sentAt, now: now + one });
    expect(pace.breaker).toMatchObject({ trips: 0, openUntil: now + 4 + minute });
    let failed = failing(initialRateLimit, now);
    for (let one = 0; one < 5; one += 1) failed = learn(failed, answered(500), { sentAt });
    expect(failed.breaker).toMatchObject({ trips: 0, openUntil: now + 10 * second });
  });

  it('keep it closed for longer when they say so, and never for less', () => {
    const longer = learn(closed, answered(429, { 'retry-after': '90' }), { sentAt });
    expect(longer.breaker?.openUntil).toBe(now + 90 * second);
    expect(learn(closed, answered(429, { 'retry-after': '5' }), { sentAt })).toBe(closed);
    const unpaid = learn(closed, answered(402), { sentAt });
    expect(unpaid.breaker).toMatchObject({ code: 'quota-exhausted', openUntil: now + hour });
    let late = unpaid;
    for (const receipt of ['a', 'b', 'a', 'b', 'a']) late = learn(late, unanswered, { receipt, sentAt });
    expect(late.breaker).toEqual(unpaid.breaker);
  });

  it('do not open it, however good', () => {
    expect(learn(closed, answered(200), { sentAt })).toBe(closed);
    const failed = failing(initialRateLimit, now);
    expect(learn(failed, answered(200), { sentAt })).toEqual({ notBefore: 0, breaker: failed.breaker });
  });
});

describe('a refused key', () => {
  it.each([401, 403])('is held after a %i, and no other', status => {
    const closed = learn(initialRateLimit, answered(status));
    expect(closed.breaker).toMatchObject({ code: 'key-refused', keyHash: 'key-1' });
    expect(reserve(closed, wish(now), quota)).toEqual({ kind: 'held', until: now + minute, code: 'key-refused' });
    const other = reserve(closed, wish(now, 'key-2'), quota);
    expect(other).toMatchObject({ kind: 'reserved', probe: false, calls: 2, at: now });
    expect(other).not.toHaveProperty('next.closed');
    expect(breakerFor(closed, 'key-1')).toBeDefined();
    expect(breakerFor(closed, 'key-2')).toBeUndefined();
  });

  it('that was a token is held alone after a 401, since a new token may do', () => {
    const closed = learn(initialRateLimit, answered(401), { byToken: true });
    expect(breakerFor(closed, 'key-1')).toBeDefined();
    expect(breakerFor(closed, 'key-2')).toBeUndefined();
  });

  it('that was a token closes the project to all after a 403: every process has a token of its own', () => {
    const closed = learn(initialRateLimit, answered(403), { byToken: true });
    expect(breakerFor(closed, 'key-1')).toBeDefined();
    expect(breakerFor(closed, 'key-2')).toBeDefined();
  });

  it.each([429, 402, 500])('is none after a %i', status => {
    const closed = failing(learn(initialRateLimit, answered(status)), now);
    expect(breakerFor(closed, 'key-2')).toBeDefined();
  });
});
