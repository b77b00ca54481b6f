import { describe, expect, it } from 'vitest';
import {
  claimedOnce,
  deletion,
  erased,
  keptDeletion,
  mustRecord,
  nobody,
  now,
  record,
  unidentifiable,
  withProgress,
} from '../support/erasing-receipts.ts';

const pinnedOnce = withProgress(claimedOnce(), 'main', { pins: 1 });
const two = claimedOnce({}, ['main', 'us']);
const day = 86_400_000;

describe('final result', () => {
  it('receipt: is closed and expires after 762 days, in whole seconds', () => {
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

  it.each([
    ['erased', erased, erased, 'erased'],
    ['erased', erased, nobody, 'erased'],
    ['erased', unidentifiable, erased, 'erased'],
    ['no-match', nobody, nobody, 'no-match'],
    ['not-identifiable', nobody, unidentifiable, 'not-identifiable'],
    ['not-identifiable', unidentifiable, nobody, 'not-identifiable'],
    ['not-identifiable', unidentifiable, unidentifiable, 'not-identifiable'],
  ] as const)('overall outcome: is %s', (_, main, us, state) => {
    expect(record(two, { main, us })).toMatchObject({ state, lastResult: state });
  });

  it('stored deletion: has no customer id and is otherwise unchanged', () => {
    const gone = deletion(1, { proof: 'gone' });
    const { received: _, ...without } = gone;
    const next = mustRecord(pinnedOnce, { main: { kind: 'erased', deletions: [deletion(), without] } });
    expect(next.projects['main']?.deletions).toEqual([keptDeletion(), without]);
    expect(JSON.stringify(next)).not.toContain('cust_');
  });

  it.each([
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

  it('one project: does not close the others', () => {
    const next = mustRecord(two, { main: nobody });
    expect(next).toMatchObject({ state: 'open', nextAttemptAt: now + 30_000, queue: 'erase' });
    expect(next.expiresAt).toBeUndefined();
    expect(mustRecord(next, { us: erased })).toMatchObject({ state: 'erased' });
    expect(mustRecord(two, {})).toMatchObject({ state: 'open' });
  });
});

describe('no match', () => {
  it.each(['no-match', 'not-identifiable'] as const)('%s: is accepted only from a worker that knew every pin', kind => {
    const said = (knownPins: number) => ({ main: { kind, deletions: [], knownPins } as const });
    expect(record(pinnedOnce, said(0))).toBeUndefined();
    expect(record(pinnedOnce, said(2))).toBeUndefined();
    expect(record(pinnedOnce, said(1))).toMatchObject({ state: kind });
    expect(record(claimedOnce(), { eu: { kind, deletions: [], knownPins: 0 } })).toBeUndefined();
  });

  it('pins in another project unknown: is rejected', () => {
    const receipt = withProgress(two, 'us', { pins: 1 });
    expect(record(receipt, { main: nobody, us: nobody })).toBeUndefined();
    expect(record(receipt, { main: nobody, us: erased })).toMatchObject({ state: 'erased' });
  });
});
