import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import {
  addResidue,
  type DecisionInput,
  decideEraseAgain,
  endEraseAgain,
  isSignatureDue,
  newRequestDecided,
  storeEvidence,
} from '../../lambda/receipts/transitions.ts';
import { claimedOnce, must, now, withProgress } from '../support/attempt-results.ts';

describe('decision about a closed receipt', () => {
  const decided = { at: now + 1000, actor: 'ada', reason: 'it was looked at' };
  const again: DecisionInput = { ...decided, action: 'erase-again' };
  const day = 86_400_000;
  const { queue: _, nextAttemptAt: __, ...done } = claimedOnce({ state: 'erased', closedAt: now, evidence: 'a.b.c' });
  const verification = { tries: 9, absent: [], result: 'stillPresent', at: now } as const;
  const present: Receipt = { ...done, verification };

  test('new request: once, and only when the receipt is closed', () => {
    const renewed: DecisionInput = { ...decided, action: 'new-request' };
    const next = must(newRequestDecided(done, renewed));
    expect(next).toStrictEqual({ ...done, revision: 2, newRequest: renewed });
    expect(newRequestDecided(next, renewed)).toBeUndefined();
    expect(newRequestDecided(claimedOnce(), renewed)).toBeUndefined();
  });

  test('erase again: once, while the pins are kept, and not while the signature is due', () => {
    const next = must(decideEraseAgain(present, again));
    const look = { ...verification, lookAt: now + 1000 };
    const looks = { queue: 'verify', nextAttemptAt: now + 1000, verification: look };
    expect(next).toStrictEqual({ ...present, revision: 2, eraseAgain: again, ...looks });
    expect(decideEraseAgain(next, again)).toBeUndefined();
    expect(decideEraseAgain(present, { ...again, at: now + 30 * day - 1 })).toBeDefined();
    expect(decideEraseAgain(present, { ...again, at: now + 30 * day })).toBeUndefined();
    expect(decideEraseAgain(done, again)).toBeUndefined();
    expect(decideEraseAgain({ ...present, queue: 'sign' }, again)).toBeUndefined();
    expect(decideEraseAgain({ ...present, queue: 'callback' }, again)).toMatchObject({ queue: 'callback' });
  });

  test('erased again: a signed receipt leaves its queue, and another one is signed or called back', () => {
    const decidedOn = must(decideEraseAgain(present, again));
    const ended = must(endEraseAgain(decidedOn, now + 5000));
    expect(ended).toStrictEqual({ ...present, revision: 3, eraseAgain: again });
    expect(endEraseAgain(ended, now + 5000)).toBeUndefined();
    const { eraseAgain: _undecided, ...undecided } = decidedOn;
    expect(endEraseAgain(undecided, now)).toBeUndefined();
    const { evidence: _none, ...unsigned } = decidedOn;
    expect(endEraseAgain(unsigned, now + 5000)).toMatchObject({ queue: 'sign', nextAttemptAt: now + 5000 });
    const { verification: _unknown, ...unverified } = decidedOn;
    expect(endEraseAgain(unverified, now)).toBeUndefined();
    const callbackState = { tries: 1, delivered: [], refused: [], retryAt: now + 9000 };
    const calling = must(endEraseAgain({ ...decidedOn, queue: 'callback', callbackState }, now + 5000));
    expect(calling).toMatchObject({ queue: 'callback', nextAttemptAt: now + 9000 });
  });

  test('counts after the deletion: are stored for the projects that were counted before', () => {
    const names = ['main', 'us', 'eu'];
    const first = withProgress(claimedOnce({}, names), 'main', { residue: { before: { vouchers: 2 } } });
    const counted = withProgress(first, 'us', { residue: { before: {} } });
    const next = addResidue(counted, { main: { vouchers: 0 }, eu: { vouchers: 0 } }, now);
    const residue = { before: { vouchers: 2 }, after: { vouchers: 0 }, at: now };
    expect(next.projects).toStrictEqual({ ...counted.projects, main: { ...counted.projects['main'], residue } });
  });
});

describe('signature', () => {
  const waiting = claimedOnce({ state: 'erased', queue: 'sign', nextAttemptAt: now });

  test('closed and called back: is due at its time, once', () => {
    expect([now - 1, now].map(at => isSignatureDue(waiting, at))).toEqual([false, true]);
    const { queue: _, nextAttemptAt: __, ...signed } = waiting;
    expect(storeEvidence(waiting, 'a.b.c')).toStrictEqual({ ...signed, revision: 2, evidence: 'a.b.c' });
    expect(isSignatureDue(signed, now)).toBe(false);
  });

  test.each<Partial<Receipt>>([
    { state: 'open', queue: 'sign' },
    { queue: 'callback' },
    { queue: 'erase', state: 'open' },
  ])('%j: is neither due nor stored', change => {
    expect(isSignatureDue({ ...waiting, ...change }, now)).toBe(false);
    expect(storeEvidence({ ...waiting, ...change }, 'a.b.c')).toBeUndefined();
  });
});
