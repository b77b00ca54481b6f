import { describe, expect, test } from 'vitest';
import { needsNoPersonalData, uncountedProjects } from '../../lambda/receipts/closing.ts';
import {
  acceptedAppIdHmac,
  createReceipt,
  deadlineUsedPercent,
  dueAtOf,
  holdCheckMs,
  holdReceipt,
  isClosingDecided,
  isFinal,
  isHeld,
  lookUpHmacs,
  markRepliedInProgress,
  maxCustomersFor,
  outcomeOf,
  type Receipt,
  recordPins,
  requestReview,
} from '../../lambda/receipts/receipt.ts';
import {
  claimReceipt,
  decideRefusal,
  maxUnrecordedClaims,
  postponeReceipt,
} from '../../lambda/receipts/transitions.ts';
import { claimedOnce, erased, keptDeletion, mustRecord, now, withProgress } from '../support/attempt-results.ts';

const finals = ['erased', 'no-match', 'not-identifiable', 'refused'] as const;

const untouched = { state: 'open', pins: 0, mayHaveExecuted: false, deletions: [] };

const day = 86_400_000;

const receipt = claimedOnce({ submittedAt: 1000, receivedAt: 5000 });

test.each([
  [true, 1],
  [false, 0],
])('new receipt that is attempted at once (%s): decides on the first claim', (attemptFollows, claims) => {
  const { id, platform, payloadHmac, subjectHmacs, lookUpCalls, authentication, ...rest } = claimedOnce();
  const { receivedAt, submittedAt, hasCallbacks } = rest;
  const subject = { id, platform, payloadHmac, subjectHmacs, lookUpCalls, authentication };
  const facts = { ...subject, receivedAt, submittedAt, hasCallbacks };
  expect(createReceipt(facts, ['main', 'us'], { attemptAt: now + 7, attemptFollows })).toEqual({
    ...facts,
    v: 1,
    revision: 1,
    state: 'open',
    queue: 'erase',
    nextAttemptAt: now + 7,
    repliedInProgress: false,
    claims,
    unrecordedClaims: claims,
    unprovenCount: 0,
    projects: { main: untouched, us: untouched },
  });
});

describe('claim', () => {
  const due = claimedOnce({ nextAttemptAt: now });

  test('due receipt: only moves the next attempt and counts', () => {
    const next = claimReceipt(due, now, now + 60_000);
    expect(next).toEqual({ ...due, revision: 2, claims: 2, unrecordedClaims: 2, nextAttemptAt: now + 60_000 });
  });

  test('receipt not due: is not claimed', () => {
    expect(claimReceipt(due, now - 1, now + 60_000)).toBeUndefined();
    expect(claimReceipt(due, now + 1, now + 60_000)).toBeDefined();
    const { nextAttemptAt: _, ...never } = due;
    expect(claimReceipt(never, now, now + 60_000)).toBeUndefined();
  });

  test.each([...finals, 'needs-review'] as const)('%s: is never claimed', state => {
    expect(claimReceipt({ ...due, state }, now, now + 60_000)).toBeUndefined();
  });

  test('five without a result: needs review instead', () => {
    const standing = { ...due, claims: 9, unrecordedClaims: maxUnrecordedClaims - 1 };
    const fifth = claimReceipt(standing, now, now);
    expect(fifth).toMatchObject({ state: 'open', unrecordedClaims: 5, claims: 10 });
    expect(fifth && claimReceipt(fifth, now, now + 60_000)).toMatchObject({
      state: 'needs-review',
      reason: 'claims-without-result',
      queue: 'needs-review',
      claims: 10,
    });
  });

  test('one without a result: deletions may have been executed', () => {
    const pins = withProgress(
      withProgress(claimedOnce({ nextAttemptAt: now }, ['main', 'us']), 'main', { pins: 1 }),
      'us',
      {},
    );
    expect(claimReceipt(pins, now, now)?.projects).toEqual({
      main: { ...untouched, pins: 1, mayHaveExecuted: true },
      us: untouched,
    });
    const poison = { ...pins, unrecordedClaims: maxUnrecordedClaims };
    expect(claimReceipt(poison, now, now)).toMatchObject({
      state: 'needs-review',
      projects: { main: { mayHaveExecuted: true } },
    });
    const ended = withProgress(pins, 'main', { state: 'erased' });
    expect(claimReceipt(ended, now, now)?.projects).toEqual(ended.projects);
    const quiet = { ...pins, unrecordedClaims: 0 };
    expect(claimReceipt(quiet, now, now)?.projects).toEqual(pins.projects);
  });

  test('postponed receipt: is not claimed', () => {
    expect(postponeReceipt(due, now, now + 60_000)).toEqual({ ...due, revision: 2, nextAttemptAt: now + 60_000 });
    expect(postponeReceipt(due, now - 1, now + 60_000)).toBeUndefined();
    for (const state of [...finals, 'needs-review'] as const)
      expect(postponeReceipt({ ...due, state }, now, now)).toBeUndefined();
  });
});

describe('pins', () => {
  const receipt = claimedOnce({}, ['main', 'us']);

  test('count: is stored for one project', () => {
    const next = recordPins(receipt, 1, 'us', 2);
    expect(next).toEqual({ ...receipt, revision: 2, projects: { main: untouched, us: { ...untouched, pins: 2 } } });
  });

  test('second write: is rejected', () => {
    const first = recordPins(receipt, 1, 'main', 1);
    expect(first && recordPins(first, 1, 'main', 2)).toBeUndefined();
    expect(first && recordPins(first, 1, 'us', 1)).toBeDefined();
  });

  test.each([0, 2])('claim %i: is rejected, because another worker claimed later', claim => {
    expect(recordPins(receipt, claim, 'main', 1)).toBeUndefined();
  });

  test.each([...finals, 'needs-review'] as const)('%s receipt: is rejected', state => {
    expect(recordPins({ ...receipt, state }, 1, 'main', 1)).toBeUndefined();
  });

  test('finished project: is rejected', () => {
    const finished = withProgress(receipt, 'main', { state: 'no-match' });
    expect(recordPins(finished, 1, 'main', 1)).toBeUndefined();
    expect(recordPins(finished, 1, 'us', 1)).toBeDefined();
  });

  test('unknown project: is rejected', () => {
    expect(recordPins(receipt, 1, 'eu', 1)).toBeUndefined();
  });

  test('further set: only after an operator decided to repeat refused look-ups', () => {
    const main = { pins: 1, refusedLookUps: ['voucherify-400'], lookedUp: 1 };
    const partial = withProgress(receipt, 'main', main);
    const known = { known: 1, refused: [] };
    expect(recordPins(partial, 1, 'main', 2, known)).toBeUndefined();
    expect(recordPins(withProgress(receipt, 'main', { pins: 1 }), 1, 'main', 2, known)).toBeUndefined();
    const none = withProgress(receipt, 'main', { ...main, pins: 0 });
    expect(recordPins(none, 1, 'main', 1)).toBeUndefined();
    const repeated = recordPins(withProgress(partial, 'main', { lookUpAgain: true }), 1, 'main', 2, known);
    const { lookedUp: _, ...counted } = { ...untouched, pins: 2, refusedLookUps: [], lookedUp: 0 };
    expect(repeated?.projects['main']).toStrictEqual({ ...counted, lookedUp: 0 });
  });

  test('look-ups that stay stored: are counted, and no others', () => {
    const first = recordPins(receipt, 1, 'main', 1, { refused: ['voucherify-400'], lookedUp: 2 });
    const main = { ...untouched, pins: 1, refusedLookUps: ['voucherify-400'], lookedUp: 2 };
    expect(first?.projects).toStrictEqual({ main, us: untouched });
    expect(recordPins(receipt, 1, 'main', 1)?.projects['main']).toStrictEqual({ ...untouched, pins: 1 });
  });
});

describe('what an operator decided', () => {
  const decision = { at: now, actor: 'ada', action: 'retry', reason: 'it was looked at' } as const;

  test('key of the same project: is the last one that was accepted for it', () => {
    const first = { ...decision, sameProject: { main: 'mac-1', us: 'mac-2' } };
    const second = { ...decision, sameProject: { main: 'mac-3' } };
    const decided = claimedOnce({ decisions: [first, second, decision] });
    expect(['main', 'us', 'eu', 'constructor'].map(name => acceptedAppIdHmac(decided, name))).toEqual([
      ...['mac-3', 'mac-2'],
      ...[undefined, undefined],
    ]);
    expect(acceptedAppIdHmac(claimedOnce(), 'main')).toBeUndefined();
    expect(maxCustomersFor(decided)).toBeUndefined();
  });

  test.each(['refuse', 'withdraw', 'accept-partial'] as const)(
    '%s: closes an open receipt, and only as long as it is the last decision',
    action => {
      const closing = { ...decision, action };
      expect(isClosingDecided(claimedOnce({ decisions: [decision, closing] }))).toBe(true);
      expect(isClosingDecided(claimedOnce({ decisions: [closing, decision] }))).toBe(false);
      for (const state of ['needs-review', 'erased'] as const)
        expect(isClosingDecided(claimedOnce({ decisions: [closing], state }))).toBe(false);
    },
  );

  test('withdrawal: the platform is told that it is refused, at its time', () => {
    const withdrawn = claimedOnce({ decisions: [decision, { ...decision, action: 'withdraw', at: now + 7 }] });
    expect(outcomeOf(withdrawn, now + 99)).toEqual({ kind: 'refused', at: now + 7, deletions: [] });
  });
});

describe('legal hold of a receipt', () => {
  test('hold: is stored with its start, and a further one only if the same is not in effect', () => {
    const held = holdReceipt(claimedOnce(), ['mac-1', 'mac-2'], now);
    const review = { state: 'needs-review', queue: 'held', nextAttemptAt: now + holdCheckMs, reason: 'legal-hold' };
    const [one, two] = ['mac-1', 'mac-2'].map(hold => ({ hold, from: now }));
    expect(held).toEqual({
      ...claimedOnce(),
      ...review,
      revision: 2,
      lastResult: 'legal-hold',
      legalHolds: [one, two],
    });
    const ended = { ...held, legalHolds: [{ ...one!, to: now + 5 }, two!] };
    const again = holdReceipt(ended, ['mac-1', 'mac-2', 'mac-3'], now + 9).legalHolds;
    const added = ['mac-1', 'mac-3'].map(hold => ({ hold, from: now + 9 }));
    expect(again).toEqual([...ended.legalHolds, ...added]);
  });

  test('held receipt: is one in review, until an operator decides', () => {
    const held = holdReceipt(claimedOnce(), ['mac-1'], now);
    const decided = decideRefusal(held, { at: now, actor: 'ada', action: 'refuse', reason: 'asked to' });
    expect([claimedOnce(), held, decided!, requestReview(held, 'other')].map(isHeld)).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });
});

describe('facts of a closed receipt', () => {
  test('look-up rows: name each identifier of the request and of the pinned customers once', () => {
    const receipt = claimedOnce({ resolvedHmacs: ['subject', 'resolved'] });
    expect(lookUpHmacs(receipt)).toEqual(['subject', 'resolved']);
    const { resolvedHmacs: _, ...without } = receipt;
    expect(lookUpHmacs(without)).toEqual(['subject']);
  });

  test('counts after the deletion: are missing where something was counted and deleted', () => {
    const counted = { residue: { before: { vouchers: 1 } }, deletions: [keptDeletion()] };
    const all = ['main', 'us', 'eu', 'asia'];
    const first = withProgress(claimedOnce({ state: 'erased' }, all), 'main', counted);
    const second = withProgress(first, 'us', { deletions: [keptDeletion()] });
    const third = withProgress(second, 'eu', { residue: counted.residue });
    const receipt = withProgress(third, 'asia', { ...counted, residue: { ...counted.residue, after: {} } });
    expect(uncountedProjects(receipt)).toStrictEqual(['main']);
    expect(uncountedProjects({ ...receipt, state: 'open' })).toStrictEqual([]);
  });
});

describe('markRepliedInProgress', () => {
  const receipt = claimedOnce();
  test('open receipt: is marked once', () => {
    const next = markRepliedInProgress(receipt);
    expect(next).toEqual({ ...receipt, revision: 2, repliedInProgress: true });
    expect(next && markRepliedInProgress(next)).toBeUndefined();
    expect(markRepliedInProgress({ ...receipt, state: 'needs-review' })).toMatchObject({
      state: 'needs-review',
      repliedInProgress: true,
    });
    for (const state of finals) expect(markRepliedInProgress({ ...receipt, state })).toBeUndefined();
  });
});

test('receipt in review: leaves the queue and is listed, oldest first', () => {
  const receipt = claimedOnce();
  const next = requestReview(receipt, 'too-many-matches');
  const reason = 'too-many-matches';
  const waits = { queue: 'needs-review', nextAttemptAt: receipt.receivedAt };
  expect(next).toEqual({ ...receipt, ...waits, revision: 2, state: 'needs-review', reason, lastResult: reason });
});

describe('outcome', () => {
  const minutes = (count: number) => count * 60_000;
  const closed = mustRecord(withProgress(claimedOnce(), 'main', { pins: 1 }), { main: erased });

  test.each([
    ['without a due time', undefined, now + minutes(15)],
    ['due in a month', now + minutes(40_000), now + minutes(15)],
    ['due in a quarter of an hour', now + minutes(15), now + minutes(15)],
    ['due before that', now + minutes(2), now + minutes(2)],
    ['overdue', now - minutes(2), now - minutes(2)],
  ])('open receipt: %s', (_, dueAt, expectedAt) => {
    const open: Receipt = claimedOnce(dueAt === undefined ? {} : { dueAt });
    expect(outcomeOf(open, now)).toEqual({ kind: 'in-progress', expectedAt });
    expect(outcomeOf(requestReview(open, 'other'), now)).toEqual({ kind: 'needs-review', expectedAt });
  });

  test('closed receipt: is the proved outcome at the closing time', () => {
    const outcome = { kind: 'erased', at: now + 1000, deletions: [keptDeletion()] };
    expect(outcomeOf(closed, now + 1000)).toEqual(outcome);
    expect(outcomeOf(closed, now + minutes(1_000_000))).toEqual(outcome);
  });

  test('missing closing time: is now', () => {
    const { closedAt: _, ...undated } = closed;
    expect(outcomeOf(undated, now + 5)).toMatchObject({ kind: 'erased', at: now + 5 });
  });

  test('final states: are separate from open ones', () => {
    expect([...finals].every(isFinal)).toBe(true);
    expect(isFinal('open') || isFinal('needs-review')).toBe(false);
  });

  test('identifiers: may be deleted only after closing without a pending callback', () => {
    expect(needsNoPersonalData(closed)).toBe(true);
    expect(needsNoPersonalData({ ...closed, queue: 'callback' })).toBe(false);
    expect(needsNoPersonalData(claimedOnce())).toBe(false);
    const { queue: _, ...odd } = claimedOnce();
    expect(needsNoPersonalData(odd)).toBe(false);
    expect(needsNoPersonalData({ ...odd, state: 'needs-review' })).toBe(false);
  });
});

describe('due date', () => {
  test('none given: is one month after submission', () => {
    expect(dueAtOf(receipt)).toBe(1000 + 30 * day);
    expect(deadlineUsedPercent(receipt, 1000 + 15 * day)).toBe(50);
    expect(deadlineUsedPercent(receipt, 1000 + 24 * day)).toBe(80);
    expect(deadlineUsedPercent(receipt, 1000 + 60 * day)).toBe(200);
  });

  test('given: is used, earlier or later', () => {
    expect(deadlineUsedPercent({ ...receipt, dueAt: 1000 + 10 * day }, 1000 + 5 * day)).toBe(50);
    expect(dueAtOf({ ...receipt, dueAt: 1000 + 45 * day })).toBe(1000 + 45 * day);
  });

  test('before submission: is not possible', () => {
    for (const dueAt of [0, 1000]) expect(dueAtOf({ ...receipt, dueAt })).toBe(1000 + 30 * day);
  });
});
