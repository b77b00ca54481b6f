import { describe, expect, test } from 'vitest';
import {
  claimedOnce,
  deletion,
  erased,
  keptDeletion,
  mustRecord,
  noMatch,
  now,
  record,
  unidentifiable,
  withProgress,
} from '../support/attempt-results.ts';

const pinnedOnce = withProgress(claimedOnce(), 'main', { pins: 1 });
const two = claimedOnce({}, ['main', 'us']);
const day = 86_400_000;

describe('final result', () => {
  test('receipt: is closed and expires after 762 days, in whole seconds', () => {
    const next = mustRecord(pinnedOnce, { main: erased }, { now: now + 1 });
    expect(next).toEqual({
      ...pinnedOnce,
      queue: 'sign',
      nextAttemptAt: now + 1,
      revision: pinnedOnce.revision + 1,
      state: 'erased',
      closedAt: now + 1,
      expiresAt: (now + 762 * day) / 1000 + 1,
      lastResult: 'erased',
      unrecordedClaims: 0,
      projects: { main: { state: 'erased', pins: 1, mayHaveExecuted: false, deletions: [keptDeletion()] } },
    });
  });

  test.each([
    ['erased', erased, erased, 'erased'],
    ['erased', erased, noMatch, 'erased'],
    ['erased', unidentifiable, erased, 'erased'],
    ['no-match', noMatch, noMatch, 'no-match'],
    ['not-identifiable', noMatch, unidentifiable, 'not-identifiable'],
    ['not-identifiable', unidentifiable, noMatch, 'not-identifiable'],
    ['not-identifiable', unidentifiable, unidentifiable, 'not-identifiable'],
  ] as const)('overall outcome: is %s', (_, main, us, state) => {
    expect(record(two, { main, us })).toMatchObject({ state, lastResult: state });
  });

  test('stored deletion: has no customer id and is otherwise unchanged', () => {
    const gone = deletion(1, { proof: 'gone' });
    const { received: _, ...without } = gone;
    const next = mustRecord(pinnedOnce, { main: { kind: 'erased', deletions: [deletion(), without] } });
    expect(next.projects['main']?.deletions).toEqual([keptDeletion(), without]);
    expect(JSON.stringify(next)).not.toContain('cust_');
  });

  test.each([
    ['no callbacks', { hasCallbacks: false, answeredInProgress: true }, false, 'sign'],
    ['final outcome in this reply: is not due', { hasCallbacks: true, answeredInProgress: false }, true, 'sign'],
    ['no reply yet: is due', { hasCallbacks: true, answeredInProgress: false }, false, 'callback'],
    ['earlier reply in progress: is due', { hasCallbacks: true, answeredInProgress: true }, false, 'callback'],
    [
      'earlier reply in progress, final one now: is due',
      { hasCallbacks: true, answeredInProgress: true },
      true,
      'callback',
    ],
  ] as const)('callback: %s', (_, facts, repliesNow, queue) => {
    const next = mustRecord({ ...pinnedOnce, ...facts }, { main: erased }, { repliesNow: repliesNow });
    expect(next.queue).toBe(queue);
    expect(next.nextAttemptAt).toBe(now + 1000);
  });

  test('one project: does not close the others', () => {
    const next = mustRecord(two, { main: noMatch });
    expect(next).toMatchObject({ state: 'open', nextAttemptAt: now + 30_000, queue: 'erase' });
    expect(next.expiresAt).toBeUndefined();
    expect(mustRecord(next, { us: erased })).toMatchObject({ state: 'erased' });
    expect(mustRecord(two, {})).toMatchObject({ state: 'open' });
  });
});

describe('no match', () => {
  test.each(['no-match', 'not-identifiable'] as const)(
    '%s: is accepted only from a worker that knew every pin',
    kind => {
      const said = (knownPins: number) => ({ main: { kind, deletions: [], knownPins } as const });
      expect(record(pinnedOnce, said(0))).toBeUndefined();
      expect(record(pinnedOnce, said(2))).toBeUndefined();
      expect(record(pinnedOnce, said(1))).toMatchObject({ state: kind });
      expect(record(claimedOnce(), { eu: { kind, deletions: [], knownPins: 0 } })).toBeUndefined();
    },
  );

  test('pins in another project unknown: is rejected', () => {
    const receipt = withProgress(two, 'us', { pins: 1 });
    expect(record(receipt, { main: noMatch, us: noMatch })).toBeUndefined();
    expect(record(receipt, { main: noMatch, us: erased })).toMatchObject({ state: 'erased' });
  });
});
