import { describe, expect, it } from 'vitest';
import { answeredOpen, outcomeOf } from '../../lambda/receipts/answering.ts';
import { asksHuman, forgets, isFinal, type Receipt } from '../../lambda/receipts/receipt.ts';
import { claimedOnce, erased, keptDeletion, mustRecord, now, withProgress } from '../support/erasing-receipts.ts';

const finals = ['erased', 'no-match', 'not-identifiable', 'refused'] as const;

describe('the note that a platform was told it is not finished', () => {
  const receipt = claimedOnce();
  it('is made once, and only while that is true', () => {
    const next = answeredOpen(receipt);
    expect(next).toEqual({ ...receipt, revision: 2, answeredOpen: true });
    expect(next && answeredOpen(next)).toBeUndefined();
    expect(answeredOpen({ ...receipt, state: 'needs-human' })).toMatchObject({
      state: 'needs-human',
      answeredOpen: true,
    });
    for (const state of finals) expect(answeredOpen({ ...receipt, state })).toBeUndefined();
  });
});

describe('asking a person', () => {
  it('takes the receipt from the work and puts it where it is counted, oldest first', () => {
    const receipt = claimedOnce();
    const next = asksHuman(receipt, 'too-many-matches');
    const reason = 'too-many-matches';
    const waits = { queue: 'needs-human', nextAttemptAt: receipt.receivedAt };
    expect(next).toEqual({ ...receipt, ...waits, revision: 2, state: 'needs-human', reason, lastResult: reason });
  });
});

describe('how a receipt stands', () => {
  const minutes = (count: number) => count * 60_000;
  const closed = mustRecord(withProgress(claimedOnce(), 'main', { pins: 1 }), { main: erased });

  it.each([
    ['without a due time', undefined, now + minutes(15)],
    ['due in a month', now + minutes(40_000), now + minutes(15)],
    ['due in a quarter of an hour', now + minutes(15), now + minutes(15)],
    ['due before that', now + minutes(2), now + minutes(2)],
    ['overdue', now - minutes(2), now - minutes(2)],
  ])('while it is open, %s', (_, dueAt, expectedAt) => {
    const open: Receipt = claimedOnce(dueAt === undefined ? {} : { dueAt });
    expect(outcomeOf(open, now)).toEqual({ kind: 'in-progress', expectedAt });
    expect(outcomeOf(asksHuman(open, 'other'), now)).toEqual({ kind: 'needs-human', expectedAt });
  });

  it('once it is closed is what was proved, at the time it was closed, for ever', () => {
    const outcome = { kind: 'erased', at: now + 1000, deletions: [keptDeletion()] };
    expect(outcomeOf(closed, now + 1000)).toEqual(outcome);
    expect(outcomeOf(closed, now + minutes(1_000_000))).toEqual(outcome);
  });

  it('that was closed without a time, as no writer of ours does, is as of now', () => {
    const { closedAt: _, ...undated } = closed;
    expect(outcomeOf(undated, now + 5)).toMatchObject({ kind: 'erased', at: now + 5 });
  });

  it('tells the final states from those that go on', () => {
    expect([...finals].every(isFinal)).toBe(true);
    expect(isFinal('open') || isFinal('needs-human')).toBe(false);
  });

  it('lets the identifiers be forgotten only when it is closed and no callback is owed', () => {
    expect(forgets(closed)).toBe(true);
    expect(forgets({ ...closed, queue: 'call-back' })).toBe(false);
    expect(forgets(claimedOnce())).toBe(false);
    const { queue: _, ...odd } = claimedOnce();
    expect(forgets(odd)).toBe(false);
    expect(forgets({ ...odd, state: 'needs-human' })).toBe(false);
  });
});
