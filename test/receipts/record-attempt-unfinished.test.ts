import { describe, expect, test } from 'vitest';
import { maxUnproven } from '../../lambda/receipts/record-attempt.ts';
import {
  claimedOnce,
  deletion,
  erased,
  human,
  keptDeletion,
  later,
  mustRecord,
  noMatch,
  now,
  withProgress,
} from '../support/attempt-results.ts';

const pinnedOnce = withProgress(claimedOnce(), 'main', { pins: 1 });
const two = claimedOnce({}, ['main', 'us']);

describe('unfinished result', () => {
  test('receipt: is postponed, and the claims without a result start again', () => {
    const next = mustRecord({ ...pinnedOnce, unrecordedClaims: 4 }, { main: later() });
    expect(next).toEqual({
      ...pinnedOnce,
      revision: pinnedOnce.revision + 1,
      nextAttemptAt: now + 30_000,
      lastResult: 'voucherify-503',
      unrecordedClaims: 0,
    });
    expect(next.expiresAt).toBeUndefined();
  });

  test('next attempt: is the latest of the backoff and every project’s time', () => {
    const at = (...times: (number | undefined)[]) => {
      const [main, us] = times.map(notBefore => later(notBefore === undefined ? {} : { notBefore }));
      return mustRecord(two, { main: main ?? noMatch, us: us ?? noMatch }).nextAttemptAt;
    };
    expect(at(undefined, now + 50_000)).toBe(now + 50_000);
    expect(at(now + 70_000, now + 50_000)).toBe(now + 70_000);
    expect(at(now + 10, undefined)).toBe(now + 30_000);
  });

  test('projects: keep their own proofs and possible deletions', () => {
    const first = mustRecord(two, {
      main: erased,
      us: later({ mayHaveExecuted: true, deletions: [deletion(1, { project: 'us' })] }),
    });
    expect(first.state).toBe('open');
    expect(first.projects).toEqual({
      main: { state: 'erased', pins: 0, mayHaveExecuted: false, deletions: [keptDeletion()] },
      us: { state: 'open', pins: 0, mayHaveExecuted: true, deletions: [keptDeletion(1, { project: 'us' })] },
    });
    const second = mustRecord(first, { us: later() });
    expect(second.projects['us']).toMatchObject({
      mayHaveExecuted: true,
      deletions: [keptDeletion(1, { project: 'us' })],
    });
    expect(mustRecord(second, { us: noMatch })).toMatchObject({ state: 'erased' });
  });

  test('repeated proof: the first one is kept', () => {
    const first = mustRecord(pinnedOnce, { main: later({ deletions: [deletion()] }) });
    const again = mustRecord(first, {
      main: { kind: 'erased', deletions: [deletion(0, { proof: 'gone', at: now + 9 }), deletion(1)] },
    });
    expect(again.projects['main']?.deletions).toEqual([keptDeletion(), keptDeletion(1)]);
  });

  test('unknown project: is ignored', () => {
    const next = mustRecord(pinnedOnce, { main: later(), eu: erased });
    expect(next.projects).toEqual(pinnedOnce.projects);
    expect(mustRecord(pinnedOnce, { eu: erased })).toMatchObject({ state: 'open' });
  });

  test('closed project: is never reopened', () => {
    const first = mustRecord(two, { main: noMatch, us: later() });
    const next = mustRecord(first, { main: erased, us: later() });
    expect(next.projects['main']).toEqual(first.projects['main']);
  });

  test.each([true, false])('reply sent: is stored (%s)', repliesNow => {
    expect(mustRecord(pinnedOnce, { main: later() }, { repliesNow: repliesNow }).answeredInProgress).toBe(repliesNow);
    expect(mustRecord(pinnedOnce, { main: human() }, { repliesNow: repliesNow }).answeredInProgress).toBe(repliesNow);
    const told = { ...pinnedOnce, answeredInProgress: true };
    expect(mustRecord(told, { main: later() }, { repliesNow: repliesNow }).answeredInProgress).toBe(true);
  });

  test('review in one project: puts the receipt in review and keeps the other proofs', () => {
    const next = mustRecord(two, { main: erased, us: human('too-many-matches', { mayHaveExecuted: true }) });
    expect(next).toMatchObject({
      state: 'needs-review',
      reason: 'too-many-matches',
      queue: 'needs-review',
      unrecordedClaims: 0,
    });
    expect(next.projects).toMatchObject({ main: { state: 'erased' }, us: { state: 'open', mayHaveExecuted: true } });
    expect(mustRecord(two, { main: later(), us: human() })).toMatchObject({
      state: 'needs-review',
      reason: 'voucherify-400',
    });
  });

  test('three unproven responses: need review, however they are spread', () => {
    let receipt = pinnedOnce;
    for (let count = 1; count < maxUnproven; count += 1) {
      receipt = mustRecord(receipt, { main: later({ unproven: true }) });
      expect(receipt).toMatchObject({ state: 'open', unprovenCount: count });
      receipt = mustRecord(receipt, { main: later() });
      expect(receipt).toMatchObject({ state: 'open', unprovenCount: count });
    }
    const last = mustRecord(receipt, { main: later({ unproven: true }) });
    expect(last).toMatchObject({ state: 'needs-review', reason: 'unproven-responses', unprovenCount: maxUnproven });
  });
});
