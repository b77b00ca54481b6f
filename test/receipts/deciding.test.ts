import { describe, expect, it } from 'vitest';
import { claimReceipt } from '../../lambda/receipts/claiming.ts';
import {
  closeAsRefused,
  type DecisionInput,
  decideRefusal,
  decideRetry,
  maxCustomersFor,
} from '../../lambda/receipts/deciding.ts';
import { isRefusalDecided, type Receipt, requestReview } from '../../lambda/receipts/receipt.ts';
import { postponeSignature, storeEvidence } from '../../lambda/receipts/signing.ts';
import {
  claimedOnce,
  deletion,
  erased,
  human,
  keptDeletion,
  later,
  mustRecord,
  nobody,
  now,
  withProgress,
} from '../support/erasing-receipts.ts';

const decided: DecisionInput = { at: now + 1000, actor: 'ada', action: 'retry', reason: 'it was looked at' };
const refusal: DecisionInput = { ...decided, action: 'refuse', reason: 'ordered by a thief' };
const asked = (reason = 'too-many-matches') => requestReview(claimedOnce({ unprovenCount: 2 }), reason);

function must(receipt: Receipt | undefined): Receipt {
  if (receipt === undefined) throw new Error('the rules refuse this');
  return receipt;
}

describe('a retry', () => {
  it('lets a receipt that asked for a person go on, now, and keeps who, when, why and about what', () => {
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

  it('may raise how many customers are deleted for it, until another one says otherwise', () => {
    const raised = must(decideRetry(asked(), { ...decided, maxCustomers: 9 }));
    expect(maxCustomersFor(raised)).toBe(9);
    const again = must(decideRetry(requestReview(raised, 'unproven-responses'), decided));
    expect(maxCustomersFor(again)).toBe(9);
    expect(maxCustomersFor(asked())).toBeUndefined();
  });

  it('brings forward what waits for its time, its callback or its signature', () => {
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

  it('does not cut a claim short: whoever holds it may still be posting, and a refusal must wait for that', () => {
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

  it('never lets go what has deleted somebody else, nor touches what is signed', () => {
    expect(decideRetry(asked('wrong-customer-deleted'), decided)).toBeUndefined();
    const refused = must(decideRefusal(asked('wrong-customer-deleted'), refusal));
    expect(decideRetry(refused, decided)).toBeUndefined();
    const { queue: _, nextAttemptAt: __, ...done } = claimedOnce({ state: 'erased', evidence: 'a.b.c' });
    expect(decideRetry(done, decided)).toBeUndefined();
  });
});

describe('a refusal', () => {
  it('waits for the sweep, which closes the receipt, and nobody claims it any more', () => {
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

  it('of a receipt that somebody works on waits until the claim has run out', () => {
    expect(decideRefusal(claimedOnce({ nextAttemptAt: now + 15_000 }), refusal)).toMatchObject({
      nextAttemptAt: now + 15_000,
    });
    expect(decideRefusal(claimedOnce({ nextAttemptAt: now + 3_600_000 }), refusal)).toMatchObject({
      nextAttemptAt: now + 61_000,
    });
  });

  it('can be taken back as long as it is not done', () => {
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

  it('is made once, and not of what is closed', () => {
    const next = must(decideRefusal(claimedOnce(), refusal));
    expect(decideRefusal(next, refusal)).toBeUndefined();
    const closed = must(closeAsRefused(next, now + 1e9));
    expect(decideRefusal(closed, refusal)).toBeUndefined();
    expect(decideRefusal(claimedOnce({ state: 'erased' }), refusal)).toBeUndefined();
  });

  it('tells a platform that waits for a callback', () => {
    const next = must(decideRefusal(claimedOnce({ hasCallbacks: true, answeredInProgress: true }), refusal));
    expect(closeAsRefused(next, now + 1e9)).toMatchObject({ state: 'refused', queue: 'callback' });
  });

  it('does not hide what a worker without a result may have deleted', () => {
    const posting = withProgress(claimedOnce(), 'main', { pins: 1 });
    const closed = must(closeAsRefused(must(decideRefusal(posting, refusal)), now + 1e9));
    expect(closed.projects['main']).toMatchObject({ state: 'open', pins: 1, mayHaveExecuted: true });
  });
});

describe('a worker that comes back to a refusal', () => {
  const two = ['main', 'us'];
  const refused = (more: Partial<Receipt> = {}) => must(decideRefusal(claimedOnce(more, two), refusal));

  it('that has erased everybody closes it as what is true', () => {
    expect(mustRecord(refused(), { main: erased, us: nobody })).toMatchObject({ state: 'erased' });
  });

  it('that has not closes it as refused, with what it did delete', () => {
    const closed = mustRecord(refused(), { main: erased, us: later() });
    expect(closed).toMatchObject({ state: 'refused', queue: 'sign' });
    expect(closed.projects['main']?.deletions).toEqual([keptDeletion()]);
    expect(mustRecord(refused(), { main: human(), us: later() })).toMatchObject({ state: 'refused' });
  });

  it('that has deleted somebody else asks for a person all the same', () => {
    const wrong = human('wrong-customer-deleted', { deletions: [deletion()] });
    expect(mustRecord(refused(), { main: wrong })).toMatchObject({ state: 'needs-review' });
  });
});

it('only what is closed and told is signed', () => {
  for (const receipt of [claimedOnce(), claimedOnce({ state: 'erased', queue: 'callback' })]) {
    expect(storeEvidence(receipt, 'a.b.c')).toBeUndefined();
    expect(postponeSignature(receipt, now)).toBeUndefined();
  }
});
