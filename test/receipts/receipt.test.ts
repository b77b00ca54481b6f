import { describe, expect, it } from 'vitest';
import {
  answeredOpen,
  asksHuman,
  claimed,
  forgets,
  isFinal,
  mostUnrecordedClaims,
  opened,
  outcomeOf,
  pinned,
  postponed,
  type Receipt,
} from '../../lambda/receipts/receipt.ts';
import { claimedOnce, erased, keptDeletion, mustRecord, now, withProgress } from '../support/erasing-receipts.ts';

const finals = ['erased', 'no-match', 'not-identifiable', 'refused'] as const;
const untouched = { state: 'open', pins: 0, tried: false, deletions: [] };

describe('a new receipt', () => {
  it.each([
    [true, 1],
    [false, 0],
  ])(
    'waits for its first attempt; whether its writer makes it (%s) decides on the first claim',
    (attemptFollows, claims) => {
      const { id, platform, payloadMac, subjectMacs, authentication, receivedAt, submittedAt, hasCallbacks } =
        claimedOnce();
      const facts = { id, platform, payloadMac, subjectMacs, authentication, receivedAt, submittedAt, hasCallbacks };
      expect(opened(facts, ['main', 'us'], { attemptAt: now + 7, attemptFollows })).toEqual({
        ...facts,
        v: 1,
        revision: 1,
        state: 'open',
        queue: 'erase',
        nextAttemptAt: now + 7,
        answeredOpen: false,
        claims,
        unrecordedClaims: claims,
        unproven: 0,
        projects: { main: untouched, us: untouched },
      });
    },
  );
});

describe('a claim', () => {
  const due = claimedOnce({ nextAttemptAt: now });

  it('only moves the next attempt and counts', () => {
    const next = claimed(due, now, now + 60_000);
    expect(next).toEqual({ ...due, revision: 2, claims: 2, unrecordedClaims: 2, nextAttemptAt: now + 60_000 });
  });

  it('takes only what is due', () => {
    expect(claimed(due, now - 1, now + 60_000)).toBeUndefined();
    expect(claimed(due, now + 1, now + 60_000)).toBeDefined();
    const { nextAttemptAt: _, ...never } = due;
    expect(claimed(never, now, now + 60_000)).toBeUndefined();
  });

  it.each([...finals, 'needs-human'] as const)('never takes what is %s', state => {
    expect(claimed({ ...due, state }, now, now + 60_000)).toBeUndefined();
  });

  it('is the last one after five without a result: a person is asked instead', () => {
    const standing = { ...due, claims: 9, unrecordedClaims: mostUnrecordedClaims - 1 };
    const fifth = claimed(standing, now, now);
    expect(fifth).toMatchObject({ state: 'open', unrecordedClaims: 5, claims: 10 });
    expect(fifth && claimed(fifth, now, now + 60_000)).toMatchObject({
      state: 'needs-human',
      reason: 'claims-without-result',
      queue: 'needs-human',
      claims: 10,
    });
  });

  it('after one without a result remembers that its deletions may have had their effect', () => {
    const pins = withProgress(
      withProgress(claimedOnce({ nextAttemptAt: now }, ['main', 'us']), 'main', { pins: 1 }),
      'us',
      {},
    );
    expect(claimed(pins, now, now)?.projects).toEqual({ main: { ...untouched, pins: 1, tried: true }, us: untouched });
    const poison = { ...pins, unrecordedClaims: mostUnrecordedClaims };
    expect(claimed(poison, now, now)).toMatchObject({ state: 'needs-human', projects: { main: { tried: true } } });
    const quiet = { ...pins, unrecordedClaims: 0 };
    expect(claimed(quiet, now, now)?.projects).toEqual(pins.projects);
  });

  it('does not come about by being put off', () => {
    expect(postponed(due, now, now + 60_000)).toEqual({ ...due, revision: 2, nextAttemptAt: now + 60_000 });
    expect(postponed(due, now - 1, now + 60_000)).toBeUndefined();
    for (const state of [...finals, 'needs-human'] as const)
      expect(postponed({ ...due, state }, now, now)).toBeUndefined();
  });
});

describe('pins', () => {
  const receipt = claimedOnce({}, ['main', 'us']);

  it('are counted for one project', () => {
    const next = pinned(receipt, 1, 'us', 2);
    expect(next).toEqual({ ...receipt, revision: 2, projects: { main: untouched, us: { ...untouched, pins: 2 } } });
  });

  it('are written once', () => {
    const first = pinned(receipt, 1, 'main', 1);
    expect(first && pinned(first, 1, 'main', 2)).toBeUndefined();
    expect(first && pinned(first, 1, 'us', 1)).toBeDefined();
  });

  it.each([0, 2])('are written only by the worker with the last claim, not by generation %i', generation => {
    expect(pinned(receipt, generation, 'main', 1)).toBeUndefined();
  });

  it.each([...finals, 'needs-human'] as const)('are not written once the receipt is %s', state => {
    expect(pinned({ ...receipt, state }, 1, 'main', 1)).toBeUndefined();
  });

  it('are not written in a project that is finished', () => {
    const finished = withProgress(receipt, 'main', { state: 'no-match' });
    expect(pinned(finished, 1, 'main', 1)).toBeUndefined();
    expect(pinned(finished, 1, 'us', 1)).toBeDefined();
  });

  it('are not written for a project that the receipt does not know', () => {
    expect(pinned(receipt, 1, 'eu', 1)).toBeUndefined();
  });
});

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
