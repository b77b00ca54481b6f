import { describe, expect, test } from 'vitest';
import type { ProjectProgress, Receipt, ReceiptQueue } from '../../lambda/receipts/receipt.ts';
import {
  dueDuringCallbacks,
  isVerificationDue,
  pinsKeptUntil,
  queueAfterCallbacks,
  unverifiedPins,
} from '../../lambda/receipts/verification.ts';
import { closed, now, receiptOf } from '../support/receipt-builders.ts';

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
