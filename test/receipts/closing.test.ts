import { describe, expect, test } from 'vitest';
import {
  abandonCallbacks,
  type CallbackRecord,
  claimCallback,
  dueDuringCallbacks,
  isCallbackDue,
  isVerificationDue,
  needsNoPersonalData,
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
});

describe('callback result', () => {
  test('last target delivered: ends', () => {
    const first = telling(owing(), { delivered: [1] });
    const end = telling(first, { now: now + 1000, delivered: [0] });
    expect(end.callbackState).toEqual({ tries: 2, delivered: [0, 1], refused: [], endedAt: now + 1000 });
    expect(end).toMatchObject({ queue: 'verify', nextAttemptAt: now + 60_000 });
    expect(needsNoPersonalData(end)).toBe(true);
    expect(wasCallbackGivenUp(end, 2)).toBe(false);
  });

  test('some delivered: is not given up', () => {
    expect(wasCallbackGivenUp(telling(owing(), { refused: [0] }), 2)).toBe(false);
    expect(wasCallbackGivenUp(owing(), 2)).toBe(false);
  });

  test('repeated success: counts a target once', () => {
    const first = telling(owing(), { delivered: [1] });
    expect(telling(first, { delivered: [1] }).callbackState).toMatchObject({ tries: 2, delivered: [1], refused: [] });
  });

  test('verification before the next try: the receipt is due for it, and the callback is not', () => {
    const first = telling(owing(), { retryAt: now + day });
    expect(first).toMatchObject({ queue: 'callback', nextAttemptAt: now + 60_000 });
    expect(isVerificationDue(first, now + 60_000)).toBe(true);
    expect(isCallbackDue(first, now + day - 1)).toBe(false);
    expect(isCallbackDue(first, now + day)).toBe(true);
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
});
