import { describe, expect, it } from 'vitest';
import {
  isFinal,
  markAnsweredInProgress,
  needsNoPersonalData,
  outcomeOf,
  type Receipt,
  requestReview,
} from '../../lambda/receipts/receipt.ts';
import { claimedOnce, erased, keptDeletion, mustRecord, now, withProgress } from '../support/erasing-receipts.ts';

const finals = ['erased', 'no-match', 'not-identifiable', 'refused'] as const;

describe('markAnsweredInProgress', () => {
  const receipt = claimedOnce();
  it('open receipt: is marked once', () => {
    const next = markAnsweredInProgress(receipt);
    expect(next).toEqual({ ...receipt, revision: 2, answeredInProgress: true });
    expect(next && markAnsweredInProgress(next)).toBeUndefined();
    expect(markAnsweredInProgress({ ...receipt, state: 'needs-review' })).toMatchObject({
      state: 'needs-review',
      answeredInProgress: true,
    });
    for (const state of finals) expect(markAnsweredInProgress({ ...receipt, state })).toBeUndefined();
  });
});

describe('review', () => {
  it('receipt: leaves the queue and is listed, oldest first', () => {
    const receipt = claimedOnce();
    const next = requestReview(receipt, 'too-many-matches');
    const reason = 'too-many-matches';
    const waits = { queue: 'needs-review', nextAttemptAt: receipt.receivedAt };
    expect(next).toEqual({ ...receipt, ...waits, revision: 2, state: 'needs-review', reason, lastResult: reason });
  });
});

describe('outcome', () => {
  const minutes = (count: number) => count * 60_000;
  const closed = mustRecord(withProgress(claimedOnce(), 'main', { pins: 1 }), { main: erased });

  it.each([
    ['without a due time', undefined, now + minutes(15)],
    ['due in a month', now + minutes(40_000), now + minutes(15)],
    ['due in a quarter of an hour', now + minutes(15), now + minutes(15)],
    ['due before that', now + minutes(2), now + minutes(2)],
    ['overdue', now - minutes(2), now - minutes(2)],
  ])('open receipt: %s', (_, dueAt, expectedAt) => {
    const open: Receipt = claimedOnce(dueAt === undefined ? {} : { dueAt });
    expect(outcomeOf(open, now)).toEqual({ kind: 'in-progress', expectedAt });
    expect(outcomeOf(requestReview(open, 'other'), now)).toEqual({ kind: 'needs-review', expectedAt });
  });

  it('closed receipt: is the proved outcome at the closing time', () => {
    const outcome = { kind: 'erased', at: now + 1000, deletions: [keptDeletion()] };
    expect(outcomeOf(closed, now + 1000)).toEqual(outcome);
    expect(outcomeOf(closed, now + minutes(1_000_000))).toEqual(outcome);
  });

  it('missing closing time: is now', () => {
    const { closedAt: _, ...undated } = closed;
    expect(outcomeOf(undated, now + 5)).toMatchObject({ kind: 'erased', at: now + 5 });
  });

  it('final states: are separate from open ones', () => {
    expect([...finals].every(isFinal)).toBe(true);
    expect(isFinal('open') || isFinal('needs-review')).toBe(false);
  });

  it('identifiers: may be deleted only after closing without a pending callback', () => {
    expect(needsNoPersonalData(closed)).toBe(true);
    expect(needsNoPersonalData({ ...closed, queue: 'callback' })).toBe(false);
    expect(needsNoPersonalData(claimedOnce())).toBe(false);
    const { queue: _, ...odd } = claimedOnce();
    expect(needsNoPersonalData(odd)).toBe(false);
    expect(needsNoPersonalData({ ...odd, state: 'needs-review' })).toBe(false);
  });
});
