import { describe, expect, test } from 'vitest';
import { isRefusalDecided, maxCustomersFor, type Receipt, requestReview } from '../../lambda/receipts/receipt.ts';
import {
  claimReceipt,
  closeAsRefused,
  type DecisionInput,
  decideRefusal,
  decideRetry,
  storeEvidence,
} from '../../lambda/receipts/transitions.ts';
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

const decided: DecisionInput = { at: now + 1000, actor: 'ada', action: 'retry', reason: 'it was looked at' };
const refusal: DecisionInput = { ...decided, action: 'refuse', reason: 'ordered by a thief' };
const asked = (reason = 'too-many-matches') => requestReview(claimedOnce({ unprovenCount: 2 }), reason);

function must(receipt: Receipt | undefined): Receipt {
  if (receipt === undefined) throw new Error('the rules refuse this');
  return receipt;
}

describe('retry', () => {
  test('review: continues now, with actor, time and reason stored', () => {
    const next = must(decideRetry(asked(), decided));
    expect(next).toMatchObject({
      state: 'open',
      queue: 'erase',
      nextAttemptAt: now + 1000,
      unprovenCount: 0,
      unrecordedClaims: 0,
      decisions: [{ ...decided, reviewReason: 'too-many-matches' }],
    });
    expect(next).not.toHaveProperty('reason');
    expect(claimReceipt(next, now + 1000, now + 61_000)).toMatchObject({ state: 'open', claims: 2 });
  });

  test('customer limit: is raised until the next decision', () => {
    const raised = must(decideRetry(asked(), { ...decided, maxCustomers: 9 }));
    expect(maxCustomersFor(raised)).toBe(9);
    const again = must(decideRetry(requestReview(raised, 'unproven-responses'), decided));
    expect(maxCustomersFor(again)).toBe(9);
    expect(maxCustomersFor(asked())).toBeUndefined();
  });

  test('waiting receipt: is attempted, called back or signed now', () => {
    for (const queue of ['erase', 'callback', 'sign'] as const) {
      const waits = claimedOnce({
        queue,
        state: queue === 'erase' ? 'open' : 'erased',
        nextAttemptAt: now + 3_600_000,
        unrecordedClaims: 0,
      });
      expect(decideRetry(waits, decided)).toMatchObject({ queue, nextAttemptAt: now + 1000, decisions: [decided] });
    }
    expect(decideRetry(claimedOnce({ nextAttemptAt: now }), decided)).toMatchObject({ nextAttemptAt: now });
  });

  test('claimed receipt: waits for the end of the claim', () => {
    const held = claimedOnce({ nextAttemptAt: now + 60_000 });
    const next = must(decideRetry(held, decided));
    expect(next).toMatchObject({ nextAttemptAt: now + 60_000, decisions: [decided] });
    // One that the pace has put off for long after such a claim is brought forward all the same.
    expect(decideRetry({ ...held, nextAttemptAt: now + 3_600_000 }, decided)).toMatchObject({
      nextAttemptAt: now + 61_000,
    });
    const refused = must(decideRefusal(next, refusal));
    expect(closeAsRefused(refused, now + 59_999)).toBeUndefined();
    expect(closeAsRefused(refused, now + 60_000)).toMatchObject({ state: 'refused' });
  });

  test('wrong customer deleted, or signed receipt: is refused', () => {
    expect(decideRetry(asked('wrong-customer-deleted'), decided)).toBeUndefined();
    const refused = must(decideRefusal(asked('wrong-customer-deleted'), refusal));
    expect(decideRetry(refused, decided)).toBeUndefined();
    const { queue: _, nextAttemptAt: __, ...done } = claimedOnce({ state: 'erased', evidence: 'a.b.c' });
    expect(decideRetry(done, decided)).toBeUndefined();
  });
});

describe('refusal', () => {
  test('open receipt: waits for the sweep to close it, and cannot be claimed', () => {
    const next = must(decideRefusal(asked(), refusal));
    expect(next).toMatchObject({
      state: 'open',
      queue: 'erase',
      nextAttemptAt: now + 1000,
      reason: 'too-many-matches',
      decisions: [{ ...refusal, reviewReason: 'too-many-matches' }],
    });
    expect(isRefusalDecided(next)).toBe(true);
    expect(claimReceipt(next, now + 1000, now + 61_000)).toBeUndefined();
    expect(closeAsRefused(next, now + 999)).toBeUndefined();
    expect(closeAsRefused(next, now + 1000)).toMatchObject({
      state: 'refused',
      queue: 'sign',
      closedAt: now + 1000,
      lastResult: 'refused',
    });
  });

  test('claimed receipt: waits for the end of the claim', () => {
    expect(decideRefusal(claimedOnce({ nextAttemptAt: now + 15_000 }), refusal)).toMatchObject({
      nextAttemptAt: now + 15_000,
    });
    expect(decideRefusal(claimedOnce({ nextAttemptAt: now + 3_600_000 }), refusal)).toMatchObject({
      nextAttemptAt: now + 61_000,
    });
  });

  test('withdrawal: is possible until it is closed', () => {
    const back = must(decideRetry(must(decideRefusal(claimedOnce(), refusal)), decided));
    expect(isRefusalDecided(back)).toBe(false);
    const stopped = must(decideRetry(must(decideRefusal(asked(), refusal)), decided));
    expect(stopped).not.toHaveProperty('reason');
    expect(stopped.decisions?.map(({ reviewReason }) => reviewReason)).toEqual([
      'too-many-matches',
      'too-many-matches',
    ]);
    expect(closeAsRefused(back, now + 1e9)).toBeUndefined();
  });

  test('second refusal, or closed receipt: is rejected', () => {
    const next = must(decideRefusal(claimedOnce(), refusal));
    expect(decideRefusal(next, refusal)).toBeUndefined();
    const closed = must(closeAsRefused(next, now + 1e9));
    expect(decideRefusal(closed, refusal)).toBeUndefined();
    expect(decideRefusal(claimedOnce({ state: 'erased' }), refusal)).toBeUndefined();
  });

  test('waiting platform: gets a callback', () => {
    const next = must(decideRefusal(claimedOnce({ hasCallbacks: true, answeredInProgress: true }), refusal));
    expect(closeAsRefused(next, now + 1e9)).toMatchObject({ state: 'refused', queue: 'callback' });
  });

  test('worker without a result: is recorded as possibly deleted', () => {
    const posting = withProgress(claimedOnce(), 'main', { pins: 1 });
    const closed = must(closeAsRefused(must(decideRefusal(posting, refusal)), now + 1e9));
    expect(closed.projects['main']).toMatchObject({ state: 'open', pins: 1, mayHaveExecuted: true });
  });
});

describe('result recorded after a refusal', () => {
  const two = ['main', 'us'];
  const refused = (more: Partial<Receipt> = {}) => must(decideRefusal(claimedOnce(more, two), refusal));

  test('all erased: is closed as erased', () => {
    expect(mustRecord(refused(), { main: erased, us: noMatch })).toMatchObject({ state: 'erased' });
  });

  test('not all erased: is closed as refused with its deletions', () => {
    const closed = mustRecord(refused(), { main: erased, us: later() });
    expect(closed).toMatchObject({ state: 'refused', queue: 'verify' });
    expect(closed.projects['main']?.deletions).toEqual([keptDeletion()]);
    expect(mustRecord(refused(), { main: human(), us: later() })).toMatchObject({ state: 'refused' });
  });

  test('wrong customer deleted: needs review', () => {
    const wrong = human('wrong-customer-deleted', { deletions: [deletion()] });
    expect(mustRecord(refused(), { main: wrong })).toMatchObject({ state: 'needs-review' });
  });
});

test('signature: only after the receipt is closed and called back', () => {
  for (const receipt of [claimedOnce(), claimedOnce({ state: 'erased', queue: 'callback' })]) {
    expect(storeEvidence(receipt, 'a.b.c')).toBeUndefined();
  }
});
