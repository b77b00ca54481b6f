import { describe, expect, test } from 'vitest';
import {
  abandonCallbacks,
  type CallbackRecord,
  callbackPeriodMs,
  claimCallback,
  dueDuringCallbacks,
  isCallbackDue,
  isVerificationDue,
  needsNoPersonalData,
  noCallbackYet,
  pinsKeptUntil,
  queueAfterCallbacks,
  recordCallback,
  unverifiedPins,
  wasCallbackGivenUp,
} from '../../lambda/receipts/closing.ts';
import type { ProjectProgress, Receipt, ReceiptQueue } from '../../lambda/receipts/receipt.ts';
import { closed, now, receiptOf } from '../support/receipt-builders.ts';

const day = 86_400_000;

/** A closed receipt whose callback is due at `at`. */
function owing(more: Partial<Receipt> = {}): Receipt {
  return { ...closed(receiptOf({ hasCallbacks: true })), queue: 'callback', nextAttemptAt: now, ...more };
}

function telling(receipt: Receipt, more: Partial<CallbackRecord> = {}): Receipt {
  const change = { now, targets: 2, delivered: [], refused: [], retryAt: now + 1000, ...more };
  const next = recordCallback(receipt, change);
  if (next === undefined) throw new Error('the rules refuse this');
  return next;
}

describe('callback without an address', () => {
  test('state: ends without a refused target', () => {
    const end = abandonCallbacks(owing({ callbackState: { tries: 2, delivered: [0], refused: [] } }), now + 1000);
    expect(end).toMatchObject({ queue: 'verify', nextAttemptAt: now + 60_000 });
    expect(end?.callbackState).toEqual({ tries: 2, delivered: [0], refused: [], endedAt: now + 1000 });
    expect(abandonCallbacks(owing(), now)?.callbackState).toEqual({
      tries: 0,
      delivered: [],
      refused: [],
      endedAt: now,
    });
  });

  test('receipt with another reason to wait: is not affected', () => {
    expect(abandonCallbacks(owing({ queue: 'sign' }), now)).toBeUndefined();
    expect(abandonCallbacks(owing({ state: 'open' }), now)).toBeUndefined();
  });
});

describe('due callback', () => {
  test('time: is due from the stored time on', () => {
    expect(isCallbackDue(owing(), now)).toBe(true);
    expect(isCallbackDue(owing({ nextAttemptAt: now + 1 }), now)).toBe(false);
  });

  test.each<[string, Partial<Receipt>]>([
    ['an open receipt', { state: 'open' }],
    ['a receipt in review', { state: 'needs-review' }],
    ['a receipt in another queue', { queue: 'erase' }],
  ])('%s: is not due', (_, change) => {
    expect(isCallbackDue(owing(change), now)).toBe(false);
    expect(claimCallback(owing(change), now, now + 60_000)).toBeUndefined();
  });

  test('nothing to wait for: is not due', () => {
    const over = closed(receiptOf());
    expect(isCallbackDue(over, now)).toBe(false);
    const { nextAttemptAt: _, ...timeless } = owing();
    expect(isCallbackDue(timeless, now)).toBe(false);
    expect(recordCallback(over, { now, targets: 1, delivered: [0], refused: [], retryAt: now })).toBeUndefined();
  });

  test('claim: moves the time, for one worker at a time', () => {
    const before = owing();
    const claim = claimCallback(before, now, now + 60_000);
    expect(claim).toEqual({ ...before, nextAttemptAt: now + 60_000, revision: before.revision + 1 });
    expect(claim && claimCallback(claim, now + 59_999, now + day)).toBeUndefined();
    expect(claim && claimCallback(claim, now + 60_000, now + day)).toBeDefined();
  });
});

describe('callback result', () => {
  test('open targets: wait for the next try, and delivered ones are stored', () => {
    const first = telling(owing(), { delivered: [1] });
    expect(first).toMatchObject({ queue: 'callback', nextAttemptAt: now + 1000 });
    expect(first.callbackState).toEqual({ tries: 1, delivered: [1], refused: [], retryAt: now + 1000 });
    expect(needsNoPersonalData(first)).toBe(false);
    const second = telling(first, { now: now + 1000, retryAt: now + 5000 });
    expect(second.callbackState).toEqual({ tries: 2, delivered: [1], refused: [], retryAt: now + 5000 });
  });

  test('last target delivered: ends', () => {
    const first = telling(owing(), { delivered: [1] });
    const end = telling(first, { now: now + 1000, delivered: [0] });
    expect(end.callbackState).toEqual({ tries: 2, delivered: [0, 1], refused: [], endedAt: now + 1000 });
    expect(end).toMatchObject({ queue: 'verify', nextAttemptAt: now + 60_000 });
    expect(needsNoPersonalData(end)).toBe(true);
    expect(wasCallbackGivenUp(end, 2)).toBe(false);
  });

  test('only refused targets left: ends as given up', () => {
    const end = telling(owing(), { delivered: [1], refused: [0] });
    expect(end.callbackState).toEqual({ tries: 1, delivered: [1], refused: [0], endedAt: now });
    expect(needsNoPersonalData(end)).toBe(true);
    expect(wasCallbackGivenUp(end, 2)).toBe(true);
  });

  test('some delivered: is not given up', () => {
    expect(wasCallbackGivenUp(telling(owing(), { refused: [0] }), 2)).toBe(false);
    expect(wasCallbackGivenUp(owing(), 2)).toBe(false);
  });

  test('repeated success: counts a target once', () => {
    const first = telling(owing(), { delivered: [1] });
    expect(telling(first, { delivered: [1] }).callbackState).toMatchObject({ tries: 2, delivered: [1], refused: [] });
  });

  test('deadline: at least seven days, at most eight', () => {
    expect(callbackPeriodMs).toBeGreaterThanOrEqual(7 * day);
    const last = telling(owing(), { now: now + callbackPeriodMs - 1, retryAt: now });
    expect(last).toMatchObject({ queue: 'callback', callbackState: { retryAt: now + callbackPeriodMs - 1 } });
    const end = telling(owing(), { now: now + callbackPeriodMs });
    expect(end.callbackState?.endedAt).toBe(now + callbackPeriodMs);
    expect(wasCallbackGivenUp(end, 2)).toBe(true);
    expect(wasCallbackGivenUp(telling(owing(), { now: now + callbackPeriodMs, delivered: [0, 1] }), 2)).toBe(false);
  });

  test('late Retry-After: moves the last try to the end at most', () => {
    const first = telling(owing(), { retryAt: now + 100 * day });
    expect(first.callbackState?.retryAt).toBe(now + callbackPeriodMs);
    expect(telling(owing(), { retryAt: now - 1 }).nextAttemptAt).toBe(now);
  });

  test('verification before the next try: the receipt is due for it, and the callback is not', () => {
    const first = telling(owing(), { retryAt: now + day });
    expect(first).toMatchObject({ queue: 'callback', nextAttemptAt: now + 60_000 });
    expect(isVerificationDue(first, now + 60_000)).toBe(true);
    expect(isCallbackDue(first, now + day - 1)).toBe(false);
    expect(isCallbackDue(first, now + day)).toBe(true);
  });

  test('outcome: is not changed', () => {
    const before = owing();
    for (const after of [telling(before), telling(before, { refused: [0, 1] })]) {
      const { queue, nextAttemptAt, callbackState, revision, ...rest } = after;
      const { queue: _, nextAttemptAt: __, revision: first, ...erasure } = before;
      expect(rest).toEqual(erasure);
      expect(revision).toBe(first + 1);
    }
  });

  test('no targets: ends at once', () => {
    const end = telling(owing(), { targets: 0 });
    expect(end.callbackState).toEqual({ ...noCallbackYet, tries: 1, endedAt: now });
    expect(wasCallbackGivenUp(end, 0)).toBe(false);
  });

  test('missing closing time: starts now', () => {
    const { closedAt: _, ...timeless } = owing();
    expect(telling(timeless).nextAttemptAt).toBe(now + 1000);
  });
});

const minute = 60_000;
const erased = (...times: readonly number[]): ProjectProgress => ({
  ...{ state: 'erased', pins: times.length, mayHaveExecuted: false },
  deletions: times.map((at, pin) => ({ project: 'main', pin, proof: 'deleted', at })),
});
const looked: NonNullable<Receipt['verification']> = { tries: 1, absent: [], lookAt: now };

describe('time of a verification', () => {
  test('several deletions: a minute after the last one', () => {
    const receipt = { ...closed(receiptOf()), projects: { main: erased(now, now + 9, now + 5) } };
    expect(queueAfterCallbacks(receipt, now)).toEqual({ queue: 'verify', nextAttemptAt: now + 9 + minute });
  });

  test.each<[boolean, ReceiptQueue, number, number]>([
    [true, 'verify', now, now],
    [false, 'verify', now + 1, now],
    [true, 'callback', now, now],
    [false, 'callback', now + 1, now],
    [false, 'callback', now, now + 1],
    [false, 'sign', now, now],
  ])('due %s: queue %s, next step at %i, look at %i', (isDue, queue, nextAttemptAt, lookAt) => {
    const receipt = { ...closed(receiptOf()), queue, nextAttemptAt, verification: { ...looked, lookAt } };
    expect(isVerificationDue(receipt, now)).toBe(isDue);
    const { nextAttemptAt: _, ...timeless } = receipt;
    expect(isVerificationDue(timeless, now)).toBe(false);
  });

  test('nothing deleted: is never due, and callbacks go on', () => {
    const receipt: Receipt = { ...receiptOf({ state: 'no-match', queue: 'callback' }) };
    expect(isVerificationDue(receipt, now)).toBe(false);
    expect(dueDuringCallbacks(receipt, now + 7)).toBe(now + 7);
  });
});

describe('customers left to verify', () => {
  const projects = { main: erased(now, now), us: erased(now, now) };
  const receipt: Receipt = { ...closed(receiptOf()), projects };

  test('before the first look: are all that were deleted', () => {
    expect([...unverifiedPins(receipt)]).toEqual([
      ['main', [0, 1]],
      ['us', [0, 1]],
    ]);
  });

  test('absent ones: are left out in their project only', () => {
    const absent = [{ project: 'main', pin: 0 }];
    expect([...unverifiedPins({ ...receipt, verification: { ...looked, absent } })]).toEqual([
      ['main', [1]],
      ['us', [0, 1]],
    ]);
    const others = [0, 1].map(pin => ({ project: 'us', pin }));
    expect([...unverifiedPins({ ...receipt, verification: { ...looked, absent: others } })]).toEqual([
      ['main', [0, 1]],
    ]);
  });

  test('still present: their pins are kept for 30 days, and otherwise not', () => {
    const shown: Receipt = { ...receipt, verification: { tries: 1, absent: [], result: 'stillPresent', at: now } };
    expect(pinsKeptUntil(shown)).toBe(now + 30 * 24 * 60 * minute);
    expect(pinsKeptUntil({ ...shown, verification: { tries: 1, absent: [], result: 'absent', at: now } })).toBe(
      undefined,
    );
    expect(pinsKeptUntil(receipt)).toBeUndefined();
  });
});
