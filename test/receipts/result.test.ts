import { describe, expect, it } from 'vitest';
import { mostUnproven } from '../../lambda/receipts/result.ts';
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
  record,
  unidentifiable,
  withProgress,
} from '../support/erasing-receipts.ts';

const pinnedOnce = withProgress(claimedOnce(), 'main', { pins: 1 });
const two = claimedOnce({}, ['main', 'us']);
const day = 86_400_000;

describe('a result that finishes', () => {
  it('closes the receipt, and only then it may expire: after 762 days, in whole seconds', () => {
    const next = mustRecord(pinnedOnce, { main: erased }, { now: now + 1 });
    const { queue: _, nextAttemptAt: __, ...rest } = pinnedOnce;
    expect(next).toEqual({
      ...rest,
      revision: pinnedOnce.revision + 1,
      state: 'erased',
      closedAt: now + 1,
      expiresAt: (now + 762 * day) / 1000 + 1,
      lastResult: 'erased',
      unrecordedClaims: 0,
      projects: { main: { state: 'erased', pins: 1, tried: false, deletions: [keptDeletion()] } },
    });
  });

  it.each([
    ['erased', erased, erased, 'erased'],
    ['erased', erased, nobody, 'erased'],
    ['erased', unidentifiable, erased, 'erased'],
    ['no-match', nobody, nobody, 'no-match'],
    ['no-match', nobody, unidentifiable, 'no-match'],
    ['not-identifiable', unidentifiable, unidentifiable, 'not-identifiable'],
  ] as const)('is %s in all from its projects', (_, main, us, state) => {
    expect(record(two, { main, us })).toMatchObject({ state, lastResult: state });
  });

  it('keeps no customer id, and a deletion without an answer as it is', () => {
    const gone = deletion(1, { proof: 'gone' });
    const { received: _, ...without } = gone;
    const next = mustRecord(pinnedOnce, { main: { kind: 'erased', deletions: [deletion(), without] } });
    expect(next.projects['main']?.deletions).toEqual([keptDeletion(), without]);
    expect(JSON.stringify(next)).not.toContain('cust_');
  });

  it.each([
    ['no callbacks', { hasCallbacks: false, answeredOpen: true }, false, undefined],
    ['told in this answer', { hasCallbacks: true, answeredOpen: false }, true, undefined],
    ['never told anything', { hasCallbacks: true, answeredOpen: false }, false, 'call-back'],
    ['told before that it goes on', { hasCallbacks: true, answeredOpen: true }, false, 'call-back'],
    ['told before, and again now', { hasCallbacks: true, answeredOpen: true }, true, 'call-back'],
  ] as const)('owes a callback or not: %s', (_, facts, answersNow, queue) => {
    const next = mustRecord({ ...pinnedOnce, ...facts }, { main: erased }, { answersNow });
    expect(next.queue).toBe(queue);
    expect(next.nextAttemptAt).toBe(queue === undefined ? undefined : now + 1000);
  });

  it('of one project does not close the others', () => {
    const next = mustRecord(two, { main: nobody });
    expect(next).toMatchObject({ state: 'open', nextAttemptAt: now + 30_000, queue: 'erase' });
    expect(next.expiresAt).toBeUndefined();
    expect(mustRecord(next, { us: erased })).toMatchObject({ state: 'erased' });
    expect(mustRecord(two, {})).toMatchObject({ state: 'open' });
  });
});

describe('a result that does not', () => {
  it('puts the receipt off and starts the counting of claims anew', () => {
    const next = mustRecord({ ...pinnedOnce, unrecordedClaims: 4 }, { main: later() });
    expect(next).toEqual({
      ...pinnedOnce,
      revision: pinnedOnce.revision + 1,
      nextAttemptAt: now + 30_000,
      lastResult: 'voucherify-503',
      unrecordedClaims: 0,
    });
    expect(next.expiresAt).toBeUndefined();
  });

  it('waits for the latest of the backoff and what any project asks for', () => {
    const at = (...times: (number | undefined)[]) => {
      const [main, us] = times.map(notBefore => later(notBefore === undefined ? {} : { notBefore }));
      return mustRecord(two, { main: main ?? nobody, us: us ?? nobody }).nextAttemptAt;
    };
    expect(at(undefined, now + 50_000)).toBe(now + 50_000);
    expect(at(now + 70_000, now + 50_000)).toBe(now + 70_000);
    expect(at(now + 10, undefined)).toBe(now + 30_000);
  });

  it('keeps proofs and effects of one project while another goes on', () => {
    const first = mustRecord(two, {
      main: erased,
      us: later({ tried: true, deletions: [deletion(1, { project: 'us' })] }),
    });
    expect(first.state).toBe('open');
    expect(first.projects).toEqual({
      main: { state: 'erased', pins: 0, tried: false, deletions: [keptDeletion()] },
      us: { state: 'open', pins: 0, tried: true, deletions: [keptDeletion(1, { project: 'us' })] },
    });
    const second = mustRecord(first, { us: later() });
    expect(second.projects['us']).toMatchObject({ tried: true, deletions: [keptDeletion(1, { project: 'us' })] });
    expect(mustRecord(second, { us: nobody })).toMatchObject({ state: 'erased' });
  });

  it('takes a proof once, and the first one stands', () => {
    const first = mustRecord(pinnedOnce, { main: later({ deletions: [deletion()] }) });
    const again = mustRecord(first, {
      main: { kind: 'erased', deletions: [deletion(0, { proof: 'gone', at: now + 9 }), deletion(1)] },
    });
    expect(again.projects['main']?.deletions).toEqual([keptDeletion(), keptDeletion(1)]);
  });

  it('is not taken of a project that the receipt does not know', () => {
    const next = mustRecord(pinnedOnce, { main: later(), eu: erased });
    expect(next.projects).toEqual(pinnedOnce.projects);
    expect(mustRecord(pinnedOnce, { eu: erased })).toMatchObject({ state: 'open' });
  });

  it('never reopens what is closed in a project', () => {
    const first = mustRecord(two, { main: nobody, us: later() });
    const next = mustRecord(first, { main: erased, us: later() });
    expect(next.projects['main']).toEqual(first.projects['main']);
  });

  it.each([true, false])('notes that the platform was told so, where it was (%s)', answersNow => {
    expect(mustRecord(pinnedOnce, { main: later() }, { answersNow }).answeredOpen).toBe(answersNow);
    expect(mustRecord(pinnedOnce, { main: human() }, { answersNow }).answeredOpen).toBe(answersNow);
    const told = { ...pinnedOnce, answeredOpen: true };
    expect(mustRecord(told, { main: later() }, { answersNow }).answeredOpen).toBe(true);
  });

  it('asks a person where one project must, and keeps what the others proved', () => {
    const next = mustRecord(two, { main: erased, us: human('too-many-matches', { tried: true }) });
    expect(next).toMatchObject({
      state: 'needs-human',
      reason: 'too-many-matches',
      queue: 'needs-human',
      unrecordedClaims: 0,
    });
    expect(next.projects).toMatchObject({ main: { state: 'erased' }, us: { state: 'open', tried: true } });
    expect(mustRecord(two, { main: later(), us: human() })).toMatchObject({
      state: 'needs-human',
      reason: 'voucherify-400',
    });
  });

  it('asks a person after three answers without proof, however they are spread', () => {
    let receipt = pinnedOnce;
    for (let count = 1; count < mostUnproven; count += 1) {
      receipt = mustRecord(receipt, { main: later({ unproven: true }) });
      expect(receipt).toMatchObject({ state: 'open', unproven: count });
      receipt = mustRecord(receipt, { main: later() });
      expect(receipt).toMatchObject({ state: 'open', unproven: count });
    }
    const last = mustRecord(receipt, { main: later({ unproven: true }) });
    expect(last).toMatchObject({ state: 'needs-human', reason: 'unproven-answers', unproven: mostUnproven });
  });
});

describe('nobody', () => {
  it.each(['no-match', 'not-identifiable'] as const)('(%s) is said only by who knew of every pin', kind => {
    const said = (knownPins: number) => ({ main: { kind, deletions: [], knownPins } as const });
    expect(record(pinnedOnce, said(0))).toBeUndefined();
    expect(record(pinnedOnce, said(2))).toBeUndefined();
    expect(record(pinnedOnce, said(1))).toMatchObject({ state: kind });
    expect(record(claimedOnce(), { eu: { kind, deletions: [], knownPins: 0 } })).toBeUndefined();
  });

  it('in one project cannot be said by who overlooked pins in another', () => {
    const receipt = withProgress(two, 'us', { pins: 1 });
    expect(record(receipt, { main: nobody, us: nobody })).toBeUndefined();
    expect(record(receipt, { main: nobody, us: erased })).toMatchObject({ state: 'erased' });
  });
});
