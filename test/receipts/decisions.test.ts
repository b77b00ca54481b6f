import { describe, expect, test } from 'vitest';
import {
  holdReceipt,
  isRefusalDecided,
  maxCustomersFor,
  type Receipt,
  requestReview,
} from '../../lambda/receipts/receipt.ts';
import {
  claimReceipt,
  closeAsPartial,
  closeAsRefused,
  type DecisionInput,
  decideAcceptPartial,
  decideRefusal,
  decideRetry,
  decideWithdrawal,
  isHoldCheckDue,
  recordHoldCheck,
} from '../../lambda/receipts/transitions.ts';
import {
  claimedOnce,
  deletion,
  erased,
  human,
  keptDeletion,
  later,
  must,
  mustRecord,
  noMatch,
  now,
  withProgress,
} from '../support/attempt-results.ts';

const decided: DecisionInput = { at: now + 1000, actor: 'ada', action: 'retry', reason: 'it was looked at' };
const refusal: DecisionInput = { ...decided, action: 'refuse', reason: 'ordered by a thief' };
const asked = (reason = 'too-many-matches') => requestReview(claimedOnce({ unprovenCount: 2 }), reason);

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

  test('decision on an open receipt: has no reason of a review, and repeats no refused look-up', () => {
    const partial = withProgress(claimedOnce(), 'main', { pins: 1, refusedLookUps: ['voucherify-400'] });
    const next = must(decideRetry(partial, decided));
    expect(next.decisions).toStrictEqual([decided]);
    expect(next.projects).toStrictEqual(partial.projects);
  });

  test('review after refused look-ups: only these are repeated', () => {
    const two = withProgress(claimedOnce({}, ['main', 'us']), 'main', { refusedLookUps: ['voucherify-400'] });
    const next = must(decideRetry(requestReview(two, 'voucherify-400'), decided));
    const { main, us } = two.projects;
    expect(next.projects).toStrictEqual({ main: { ...main, lookUpAgain: true }, us });
  });

  test('closed receipt: its next step is now, whatever its last claim', () => {
    const callbackState = { tries: 1, delivered: [], refused: [], retryAt: now + 9000 };
    const waits = { state: 'erased', nextAttemptAt: now + 9000, callbackState } as const;
    const next = (receipt: Partial<Receipt>) => must(decideRetry(claimedOnce(receipt), decided));
    const called = next({ ...waits, queue: 'callback' });
    expect(called).toMatchObject({ nextAttemptAt: now + 1000, callbackState: { tries: 1, retryAt: now + 1000 } });
    expect(next({ ...waits, queue: 'sign' })).toMatchObject({ nextAttemptAt: now + 1000, callbackState });
    const { callbackState: _, ...uncalled } = waits;
    expect(next({ ...uncalled, queue: 'callback' })).not.toHaveProperty('callbackState');
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
    const next = must(decideRefusal(claimedOnce({ hasCallbacks: true, repliedInProgress: true }), refusal));
    expect(closeAsRefused(next, now + 1e9)).toMatchObject({ state: 'refused', queue: 'callback' });
  });

  test('worker without a result: is recorded as possibly deleted, and one with a result is not', () => {
    const posting = withProgress(claimedOnce(), 'main', { pins: 1 });
    const closed = (receipt: Receipt) => must(closeAsRefused(must(decideRefusal(receipt, refusal)), now + 1e9));
    expect(closed(posting).projects['main']).toMatchObject({ state: 'open', pins: 1, mayHaveExecuted: true });
    expect(closed({ ...posting, unrecordedClaims: 0 }).projects).toStrictEqual(posting.projects);
  });

  test('platform that got no reply about the result: the evidence says accepted', () => {
    const closed = must(closeAsRefused(must(decideRefusal(claimedOnce({ hasCallbacks: true }), refusal)), now + 1e9));
    expect(closed.queue).toBe('callback');
    expect(closed).not.toHaveProperty('firstReply');
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

describe('partial result accepted by an operator', () => {
  const accepted: DecisionInput = { ...decided, action: 'accept-partial' };
  const names = ['main', 'us', 'eu'];
  const main = { pins: 2, deletions: [deletion(), deletion(1)], refusedLookUps: ['voucherify-400'] };
  const us = { pins: 2, absent: [0], unseenUnproven: [1] };
  const reviewed = (change: Parameters<typeof withProgress>[2] = {}, reason = 'voucherify-400') => {
    const first = withProgress(withProgress(claimedOnce({}, names), 'main', main), 'us', us);
    return requestReview(withProgress(first, 'eu', { state: 'no-match', ...change }), reason);
  };

  test('nothing left to delete: is closed by the sweep, and proves what was deleted', () => {
    const next = must(decideAcceptPartial({ ...reviewed(), hasCallbacks: true }, accepted));
    expect(next).toMatchObject({ state: 'open', queue: 'erase', nextAttemptAt: now + 1000 });
    expect(next.decisions).toStrictEqual([{ ...accepted, reviewReason: 'voucherify-400' }]);
    expect(closeAsPartial(next, now + 999)).toBeUndefined();
    expect(closeAsPartial(must(decideRetry(next, decided)), now + 1e9)).toBeUndefined();
    const closed = must(closeAsPartial(next, now + 1000));
    expect(closed).toMatchObject({ state: 'erased', queue: 'callback', projects: { us: { state: 'open' } } });
    expect(closed).not.toHaveProperty('firstReply');
  });

  test('no proof of a deletion: is closed as not identifiable', () => {
    const next = must(decideAcceptPartial(reviewed(), accepted));
    const unproved = withProgress(next, 'main', { deletions: [] });
    expect(closeAsPartial(unproved, now + 1000)).toMatchObject({ state: 'not-identifiable' });
  });

  test('customers that another attempt could delete, or a wrong deletion: cannot be accepted', () => {
    const open = { state: 'open' } as const;
    for (const change of [
      open,
      { ...open, pins: 1 },
      { ...open, ...main, pins: 3 },
      { ...open, ...main, lookUpAgain: true },
    ])
      expect(decideAcceptPartial(reviewed(change), accepted)).toBeUndefined();
    expect(decideAcceptPartial(reviewed({}, 'wrong-customer-deleted'), accepted)).toBeUndefined();
    expect(decideAcceptPartial({ ...reviewed(), state: 'open' }, accepted)).toBeUndefined();
  });
});

test('withdrawal by the platform, customer pinned in one project: is not possible, and before that it is', () => {
  const two = claimedOnce({}, ['main', 'us']);
  expect(decideWithdrawal(two, now)).toMatchObject({ state: 'open', reason: 'withdrawn', nextAttemptAt: now });
  for (const progress of [{ pins: 1 }, { pins: 1, deletions: [deletion()] }])
    expect(decideWithdrawal(withProgress(two, 'us', progress), now)).toBeUndefined();
});

describe('legal hold', () => {
  const held = holdReceipt(claimedOnce({ unprovenCount: 2 }), ['mac-1'], now);
  const due = now + 900_000;

  test('check: is due every 15 minutes as long as a hold is in effect', () => {
    expect([due - 1, due].map(at => isHoldCheckDue(held, at))).toEqual([false, true]);
    expect(isHoldCheckDue(claimedOnce({ nextAttemptAt: now }), due)).toBe(false);
    expect(recordHoldCheck(held, [], due - 1)).toBeUndefined();
    expect(recordHoldCheck(held, ['mac-1'], due)).toStrictEqual({ ...held, revision: 3, nextAttemptAt: due + 900_000 });
  });

  test('end: the receipt is attempted at once, and names the time', () => {
    const next = must(recordHoldCheck(held, [], due));
    const open = { state: 'open', queue: 'erase', nextAttemptAt: due, unprovenCount: 0, unrecordedClaims: 0 };
    expect(next).toMatchObject({ ...open, legalHolds: [{ hold: 'mac-1', from: now, to: due }] });
    expect(next).not.toHaveProperty('reason');
    const { legalHolds: _, ...unknown } = held;
    expect(recordHoldCheck(unknown, [], due)).toMatchObject(open);
  });
});
