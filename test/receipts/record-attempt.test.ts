import { describe, expect, test } from 'vitest';
import { type ProjectProgress, requestReview } from '../../lambda/receipts/receipt.ts';
import { lookUpsOf } from '../../lambda/receipts/record-attempt.ts';
import { claimReceipt } from '../../lambda/receipts/transitions.ts';
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
  record,
  unidentifiable,
  withProgress,
} from '../support/attempt-results.ts';

// test/erasure and test/receipts/sequences.test.ts test the same function through the service and in random order.
const pinnedOnce = withProgress(claimedOnce(), 'main', { pins: 1 });
const two = claimedOnce({}, ['main', 'us']);
const day = 86_400_000;

describe('final result', () => {
  test('receipt: is closed and expires after 762 days, in whole seconds', () => {
    const next = mustRecord(pinnedOnce, { main: erased }, { now: now + 1 });
    expect(next).toEqual({
      ...pinnedOnce,
      queue: 'verify',
      nextAttemptAt: now + 60_000,
      revision: pinnedOnce.revision + 1,
      state: 'erased',
      closedAt: now + 1,
      expiresAt: (now + 762 * day) / 1000 + 1,
      lastResult: 'erased',
      unrecordedClaims: 0,
      projects: { main: { state: 'erased', pins: 1, mayHaveExecuted: false, deletions: [keptDeletion()] } },
    });
    expect(JSON.stringify(next)).not.toContain('cust_');
  });

  test.each([
    ['erased', erased, erased],
    ['erased', erased, noMatch],
    ['erased', unidentifiable, erased],
    ['no-match', noMatch, noMatch],
    ['not-identifiable', noMatch, unidentifiable],
    ['not-identifiable', unidentifiable, noMatch],
    ['not-identifiable', unidentifiable, unidentifiable],
  ] as const)('overall outcome: is %s', (state, main, us) => {
    expect(record(two, { main, us })).toMatchObject({ state, lastResult: state });
  });

  test.each([
    ['no callbacks: is not due', { hasCallbacks: false, repliedInProgress: true }, false, 'verify'],
    ['final outcome in this reply: is not due', { hasCallbacks: true, repliedInProgress: false }, true, 'verify'],
    ['no reply yet: is due', { hasCallbacks: true, repliedInProgress: false }, false, 'callback'],
    ['earlier reply in progress: is due', { hasCallbacks: true, repliedInProgress: true }, false, 'callback'],
    ['earlier in progress, now final: is due', { hasCallbacks: true, repliedInProgress: true }, true, 'callback'],
  ] as const)('callback, %s', (_, facts, repliesNow, queue) => {
    const next = mustRecord({ ...pinnedOnce, ...facts }, { main: erased }, { repliesNow });
    expect(next).toMatchObject({ queue, nextAttemptAt: now + (queue === 'verify' ? 60_000 : 1000) });
  });
});

test('outcome that the reply cannot express: is sent by a callback', () => {
  const receipt = claimedOnce({ hasCallbacks: true });
  const replied = { repliesNow: true, callbackOnlyOutcomes: ['not-identifiable'] } as const;
  const told = mustRecord(receipt, { main: unidentifiable }, replied);
  expect(told.queue).toBe('callback');
  expect(told).not.toHaveProperty('firstReply');
  expect(mustRecord(receipt, { main: noMatch }, replied)).toMatchObject({
    queue: 'sign',
    firstReply: { as: 'outcome' },
  });
});

test.each(['no-match', 'not-identifiable'] as const)('result %s: is accepted only if every pin was known', kind => {
  const result = (knownPins: number) => ({ kind, deletions: [], knownPins }) as const;
  expect(record(pinnedOnce, { main: result(0) })).toBeUndefined();
  expect(record(pinnedOnce, { main: result(2) })).toBeUndefined();
  expect(record(pinnedOnce, { main: result(1) })).toMatchObject({ state: kind });
  expect(record(claimedOnce(), { eu: result(0) })).toBeUndefined();
  const pinnedInUs = withProgress(two, 'us', { pins: 1 });
  expect(record(pinnedInUs, { main: noMatch, us: result(0) })).toBeUndefined();
  expect(record(pinnedInUs, { main: noMatch, us: erased })).toMatchObject({ state: 'erased' });
});

describe('refused look-ups', () => {
  const refused = { pins: 1, refusedLookUps: ['voucherify-400'] };
  const partial = (more = {}) =>
    ({ kind: 'partial', code: 'voucherify-400', deletions: [deletion()], mayHaveExecuted: false, ...more }) as const;

  test('partial result: needs review with its code, after the other projects have ended', () => {
    const receipt = withProgress(two, 'main', refused);
    const waiting = mustRecord(receipt, { main: partial(), us: later() });
    expect(waiting).toMatchObject({ state: 'open', projects: { main: { deletions: [keptDeletion()] } } });
    expect(mustRecord(receipt, { main: partial(), us: noMatch })).toMatchObject({
      state: 'needs-review',
      reason: 'voucherify-400',
    });
  });

  test('erased: is not accepted before the refused look-ups are repeated', () => {
    for (const kind of ['erased', 'no-match', 'not-identifiable'] as const) {
      const result = { kind, deletions: [], knownPins: 1 } as const;
      expect(record(withProgress(claimedOnce(), 'main', refused), { main: result })).toBeUndefined();
    }
  });

  test('late worker that erased an earlier set of pins: does not close the receipt', () => {
    const receipt = withProgress(claimedOnce({ claims: 2 }), 'main', { pins: 2, refusedLookUps: [] });
    const result = (knownPins: number) => ({ main: { kind: 'erased', deletions: [deletion()], knownPins } as const });
    expect(record(receipt, result(1), { claim: 1 })).toBeUndefined();
    expect(record(receipt, result(2), { claim: 1 })).toMatchObject({ state: 'erased' });
  });
});

describe('unfinished result', () => {
  test('receipt: is postponed, and the claims without a result start again', () => {
    const next = mustRecord({ ...pinnedOnce, unrecordedClaims: 4 }, { main: later() });
    const postponed = { nextAttemptAt: now + 30_000, lastResult: 'voucherify-503', unrecordedClaims: 0 };
    expect(next).toEqual({ ...pinnedOnce, revision: pinnedOnce.revision + 1, ...postponed });
  });

  test.each([
    [30_000, {}, {}],
    [50_000, {}, { notBefore: now + 50_000 }],
    [70_000, { notBefore: now + 70_000 }, { notBefore: now + 50_000 }],
    [30_000, { notBefore: now + 10 }, {}],
  ])('next attempt in %i ms: is the latest of the backoff and the time of each project', (ms, main, us) => {
    expect(mustRecord(two, { main: later(main), us: later(us) }).nextAttemptAt).toBe(now + ms);
  });

  test('last result: is that of the first project to be tried again', () => {
    const next = mustRecord(two, { main: erased, us: later({ code: 'voucherify-500' }) });
    expect(next).toMatchObject({ state: 'open', lastResult: 'voucherify-500', nextAttemptAt: now + 30_000 });
  });

  test('attempt that only the quota stopped: continues as soon as the quota allows, and any other later', () => {
    const limited = later({ code: 'rate-limited', resumable: true, notBefore: now + 10 });
    const nextAt = (main: typeof limited, us: typeof limited) => mustRecord(two, { main, us }).nextAttemptAt;
    expect(nextAt(limited, limited)).toBe(now + 10);
    expect(nextAt(limited, later({ code: 'rate-limited', resumable: true, notBefore: now + 20 }))).toBe(now + 20);
    for (const change of [{ code: 'voucherify-503' }, { resumable: false }]) {
      const other = later({ code: 'rate-limited', resumable: true, ...change });
      expect(nextAt(limited, other)).toBe(now + 30_000);
      expect(nextAt(other, limited)).toBe(now + 30_000);
    }
    expect(nextAt(later({ retryBy: now + 20_000 }), later({ retryBy: now + 25_000 }))).toBe(now + 20_000);
  });

  test('responses without proof: are counted once for an attempt', () => {
    const count = (main: ReturnType<typeof later>, us: ReturnType<typeof later>) =>
      mustRecord({ ...two, unprovenCount: 1 }, { main, us }).unprovenCount;
    const unproven = later({ unproven: true });
    expect(count(unproven, later())).toBe(2);
    expect(count(unproven, unproven)).toBe(2);
    expect(count(later({ unproven: false }), later())).toBe(1);
  });

  test('number of matches: is kept until another review says it again', () => {
    const matched = (progress: Partial<ProjectProgress>, main: ReturnType<typeof later>) =>
      mustRecord(withProgress(claimedOnce(), 'main', progress), { main }).projects['main'];
    const open = { state: 'open', pins: 0, mayHaveExecuted: false, deletions: [] };
    expect(matched({}, human('too-many-matches', { matched: 7 }))).toStrictEqual({ ...open, matched: 7 });
    expect(matched({ matched: 7 }, later())).toStrictEqual({ ...open, matched: 7 });
    expect(matched({ matched: 7 }, human())).toStrictEqual({ ...open, matched: 7 });
    expect(matched({}, human())).toStrictEqual(open);
  });

  test('legal holds: of all projects are stored', () => {
    const three = claimedOnce({}, ['main', 'us', 'eu']);
    const held = human('legal-hold', { holds: ['mac-1', 'mac-2'] });
    const next = mustRecord(three, { main: later(), us: held, eu: human('legal-hold') });
    const holds = ['mac-1', 'mac-2'].map(hold => ({ hold, from: now + 1000 }));
    expect(next).toMatchObject({ state: 'needs-review', queue: 'held' });
    expect(next.legalHolds).toStrictEqual(holds);
  });

  test('completed look-ups: are stored as the receipt counts them, and those of a late worker are not', () => {
    const lookUps = { appIdHmac: 'mac', results: [] };
    const one = { ...lookUps, results: [{ identifier: 0, spelling: 'a', identifiable: true, candidates: [] }] };
    const results = {
      main: later({ lookUps: one }),
      us: later({ lookUps }),
      eu: later({ lookUps: one }),
      asia: erased,
    };
    const recording = { claim: 1, results, now, retryAt: now, repliesNow: false };
    const counted = withProgress(withProgress(two, 'main', { lookedUp: 1 }), 'us', { lookedUp: 0 });
    expect(lookUpsOf(counted, recording)).toEqual([
      { project: 'main', lookUps: one },
      { project: 'us', lookUps: undefined },
    ]);
    expect(lookUpsOf(withProgress(two, 'main', { lookedUp: 2 }), recording)).toEqual([]);
    expect(lookUpsOf({ ...counted, claims: 2 }, recording)).toEqual([]);
  });

  test('projects: keep their own proofs, and a closed one does not change', () => {
    const proof = { deletions: [deletion(1, { project: 'us' })], mayHaveExecuted: true };
    const first = mustRecord(two, { main: erased, us: later(proof) });
    const open = { state: 'open', pins: 0, mayHaveExecuted: true, deletions: [keptDeletion(1, { project: 'us' })] };
    expect(first).toMatchObject({ state: 'open', projects: { main: { state: 'erased' }, us: open } });
    const second = mustRecord(first, { main: noMatch, us: later(), eu: erased });
    expect(second.projects).toEqual(first.projects);
    expect(mustRecord(second, { us: noMatch })).toMatchObject({ state: 'erased' });
    expect(mustRecord(two, { main: noMatch })).toMatchObject({ state: 'open', nextAttemptAt: now + 30_000 });
  });

  test('repeated proof: the first one is kept', () => {
    const first = mustRecord(pinnedOnce, { main: later({ deletions: [deletion()] }) });
    const deletions = [deletion(0, { proof: 'gone', at: now + 9 }), deletion(1)];
    const again = mustRecord(first, { main: { kind: 'erased', deletions } });
    expect(again.projects['main']?.deletions).toEqual([keptDeletion(), keptDeletion(1)]);
  });

  test.each([true, false])('reply sent (%s): is stored', repliesNow => {
    for (const main of [later(), human()]) {
      expect(mustRecord(pinnedOnce, { main }, { repliesNow }).repliedInProgress).toBe(repliesNow);
      const before = { ...pinnedOnce, repliedInProgress: true };
      expect(mustRecord(before, { main }, { repliesNow }).repliedInProgress).toBe(true);
    }
  });
});

describe('overtaken worker', () => {
  const pinnedInTwo = withProgress(claimedOnce({ nextAttemptAt: now }, ['main', 'us']), 'main', { pins: 1 });
  const overtaken = claimReceipt(pinnedInTwo, now, now + 60_000)!;

  test.each([
    ['retry', later()],
    ['retry with a proof', later({ deletions: erased.deletions, mayHaveExecuted: true })],
    ['no match', { ...noMatch, knownPins: 1 }],
    ['not identifiable', { ...unidentifiable, knownPins: 1 }],
    ['review', human('voucherify-400')],
  ] as const)('%s: is ignored', (_, main) => {
    for (const claim of [0, 1, 3]) {
      expect(record(overtaken, { main, us: erased }, { claim })).toBeUndefined();
      expect(record(overtaken, { main, us: noMatch }, { claim })).toBeUndefined();
    }
  });

  test('all deletions proved, or a wrong customer deleted: is recorded', () => {
    const first = { claim: 1 };
    expect(record(overtaken, { main: erased, us: erased }, first)).toMatchObject({ state: 'erased' });
    const wrong = human('wrong-customer-deleted', { mayHaveExecuted: true });
    const next = mustRecord(overtaken, { main: wrong, us: noMatch }, first);
    expect(next).toMatchObject({ state: 'needs-review', reason: 'wrong-customer-deleted', queue: 'needs-review' });
    expect(next.projects).toMatchObject({ main: { state: 'open', mayHaveExecuted: true }, us: { state: 'open' } });
  });
});

describe('nothing to record', () => {
  const results = [erased, { ...noMatch, knownPins: 1 }, later(), human(), human('wrong-customer-deleted')];
  const receipts = [
    mustRecord(pinnedOnce, { main: erased }),
    mustRecord(claimedOnce(), { main: noMatch }),
    requestReview(pinnedOnce, 'too-many-matches'),
    requestReview(pinnedOnce, 'wrong-customer-deleted'),
  ];
  test.each(receipts.map(receipt => [receipt.state, receipt] as const))('receipt: is %s', (_, receipt) => {
    for (const main of results) {
      const next = record(receipt, { main });
      // A receipt in review must not be retried after it deleted a wrong customer.
      const isWrong = main.kind === 'review' && main.code === 'wrong-customer-deleted';
      const isKnown = receipt.reason === 'wrong-customer-deleted';
      if (!isWrong || isKnown || receipt.state !== 'needs-review') expect(next).toBeUndefined();
      else expect(next).toEqual(requestReview(receipt, 'wrong-customer-deleted'));
    }
  });
});
