import { describe, expect, it } from 'vitest';
import {
  callBackForMs,
  calling,
  isOwed,
  type Told,
  told,
  untellable,
  untold,
  wasGivenUp,
} from '../../lambda/receipts/calling-back.ts';
import { forgets, type Receipt } from '../../lambda/receipts/receipt.ts';
import { closed, now, receiptOf } from '../support/receipt-builders.ts';

const day = 86_400_000;

/** A closed receipt whose platform is to be told from `at` on. */
function owing(more: Partial<Receipt> = {}): Receipt {
  return { ...closed(receiptOf({ hasCallbacks: true })), queue: 'call-back', nextAttemptAt: now, ...more };
}

function telling(receipt: Receipt, more: Partial<Told> = {}): Receipt {
  const change = { now, targets: 2, delivered: [], refused: [], retryAt: now + 1000, ...more };
  const next = told(receipt, change);
  if (next === undefined) throw new Error('the rules refuse this');
  return next;
}

describe('a platform that nobody knows how to reach any more', () => {
  it('ends, and nobody is said to have refused', () => {
    const end = untellable(owing({ callBack: { tries: 2, delivered: [0], refused: [] } }), now + 1000);
    expect(end).toMatchObject({ queue: 'sign', nextAttemptAt: now + 1000 });
    expect(end?.callBack).toEqual({ tries: 2, delivered: [0], refused: [], endedAt: now + 1000 });
    expect(untellable(owing(), now)?.callBack).toEqual({ tries: 0, delivered: [], refused: [], endedAt: now });
  });

  it('is none that waits for something else', () => {
    expect(untellable(owing({ queue: 'sign' }), now)).toBeUndefined();
    expect(untellable(owing({ state: 'open' }), now)).toBeUndefined();
  });
});

describe('a platform is to be told', () => {
  it('from the time on that the receipt waits for', () => {
    expect(isOwed(owing(), now)).toBe(true);
    expect(isOwed(owing({ nextAttemptAt: now + 1 }), now)).toBe(false);
  });

  it.each<[string, Partial<Receipt>]>([
    ['an open receipt', { state: 'open' }],
    ['one that waits for a person', { state: 'needs-human' }],
    ['one in another queue', { queue: 'erase' }],
  ])('not by %s', (_, change) => {
    expect(isOwed(owing(change), now)).toBe(false);
    expect(calling(owing(change), now, now + 60_000)).toBeUndefined();
  });

  it('not by one that waits for nothing', () => {
    const over = closed(receiptOf());
    expect(isOwed(over, now)).toBe(false);
    const { nextAttemptAt: _, ...timeless } = owing();
    expect(isOwed(timeless, now)).toBe(false);
    expect(told(over, { now, targets: 1, delivered: [0], refused: [], retryAt: now })).toBeUndefined();
  });

  it('by one worker at a time: a claim only moves the time', () => {
    const before = owing();
    const claim = calling(before, now, now + 60_000);
    expect(claim).toEqual({ ...before, nextAttemptAt: now + 60_000, revision: before.revision + 1 });
    expect(claim && calling(claim, now + 59_999, now + day)).toBeUndefined();
    expect(claim && calling(claim, now + 60_000, now + day)).toBeDefined();
  });
});

describe('telling', () => {
  it('waits for the next try, and remembers who has taken it', () => {
    const first = telling(owing(), { delivered: [1] });
    expect(first).toMatchObject({ queue: 'call-back', nextAttemptAt: now + 1000 });
    expect(first.callBack).toEqual({ tries: 1, delivered: [1], refused: [] });
    expect(forgets(first)).toBe(false);
    const second = telling(first, { now: now + 1000, retryAt: now + 5000 });
    expect(second.callBack).toEqual({ tries: 2, delivered: [1], refused: [] });
  });

  it('ends when the last target has taken it', () => {
    const first = telling(owing(), { delivered: [1] });
    const end = telling(first, { now: now + 1000, delivered: [0] });
    expect(end.callBack).toEqual({ tries: 2, delivered: [0, 1], refused: [], endedAt: now + 1000 });
    expect(end).toMatchObject({ queue: 'sign', nextAttemptAt: now + 1000 });
    expect(forgets(end)).toBe(true);
    expect(wasGivenUp(end, 2)).toBe(false);
  });

  it('ends, given up, when those that are left will never take it', () => {
    const end = telling(owing(), { delivered: [1], refused: [0] });
    expect(end.callBack).toEqual({ tries: 1, delivered: [1], refused: [0], endedAt: now });
    expect(forgets(end)).toBe(true);
    expect(wasGivenUp(end, 2)).toBe(true);
  });

  it('is not given up as long as it goes on', () => {
    expect(wasGivenUp(telling(owing(), { refused: [0] }), 2)).toBe(false);
    expect(wasGivenUp(owing(), 2)).toBe(false);
  });

  it('counts a target once, however often it says the same', () => {
    const first = telling(owing(), { delivered: [1] });
    expect(telling(first, { delivered: [1] }).callBack).toEqual({ tries: 2, delivered: [1], refused: [] });
  });

  it('goes on for at least seven days, and is given up after eight', () => {
    expect(callBackForMs).toBeGreaterThanOrEqual(7 * day);
    const last = telling(owing(), { now: now + callBackForMs - 1, retryAt: now });
    expect(last).toMatchObject({ queue: 'call-back', nextAttemptAt: now + callBackForMs - 1 });
    const end = telling(owing(), { now: now + callBackForMs });
    expect(end.callBack?.endedAt).toBe(now + callBackForMs);
    expect(wasGivenUp(end, 2)).toBe(true);
    expect(wasGivenUp(telling(owing(), { now: now + callBackForMs, delivered: [0, 1] }), 2)).toBe(false);
  });

  it('is never put off beyond its end: who wants to be asked later is asked a last time', () => {
    const first = telling(owing(), { retryAt: now + 100 * day });
    expect(first.nextAttemptAt).toBe(now + callBackForMs);
    expect(telling(owing(), { retryAt: now - 1 }).nextAttemptAt).toBe(now);
  });

  it('changes nothing that the receipt says of the erasure', () => {
    const before = owing();
    for (const after of [telling(before), telling(before, { refused: [0, 1] })]) {
      const { queue, nextAttemptAt, callBack, revision, ...rest } = after;
      const { queue: _, nextAttemptAt: __, revision: first, ...erasure } = before;
      expect(rest).toEqual(erasure);
      expect(revision).toBe(first + 1);
    }
  });

  it('of nobody at all ends at once', () => {
    const end = telling(owing(), { targets: 0 });
    expect(end.callBack).toEqual({ ...untold, tries: 1, endedAt: now });
    expect(wasGivenUp(end, 0)).toBe(false);
  });

  it('of a receipt without a time of closing begins now', () => {
    const { closedAt: _, ...timeless } = owing();
    expect(telling(timeless).nextAttemptAt).toBe(now + 1000);
  });
});
