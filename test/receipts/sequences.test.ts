import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  isFinal,
  markRepliedInProgress,
  type Receipt,
  recordPins,
  requestReview,
} from '../../lambda/receipts/receipt.ts';
import { maxUnproven, type ProjectResult, recordAttempt } from '../../lambda/receipts/record-attempt.ts';
import {
  claimReceipt,
  closeAsPartial,
  closeAsRefused,
  decideAcceptPartial,
  decideRefusal,
  decideRetry,
  maxUnrecordedClaims,
  postponeReceipt,
  storeEvidence,
} from '../../lambda/receipts/transitions.ts';
import { claimedOnce, deletion, now } from '../support/attempt-results.ts';

const projects = ['main', 'us'];
const codes = ['voucherify-503', 'wrong-customer-deleted', 'pins-missing'];

type Step =
  | { readonly do: 'claim' | 'postpone'; readonly wait: number }
  | {
      readonly do: 'pin';
      readonly claimOffset: number;
      readonly project: string;
      readonly pins: number;
      readonly refused: readonly string[];
    }
  | {
      readonly do: 'record';
      readonly claimOffset: number;
      readonly results: { readonly main?: ProjectResult; readonly us?: ProjectResult };
      readonly repliesNow: boolean;
    }
  | { readonly do: 'answer-open' | 'ask-human' | 'retry' | 'refuse' | 'accept' | 'close-decided' | 'sign' };

const deletions = fc.uniqueArray(fc.nat(2), { maxLength: 2 }).map(pins => pins.map(index => deletion(index)));
const unfinished = { code: fc.constantFrom(...codes), deletions, mayHaveExecuted: fc.boolean() };
const erased = fc.record({ kind: fc.constant('erased' as const), deletions });
const noMatch = fc.record({
  // One project that is not identifiable decides for both, so it is drawn less often.
  kind: fc.constantFrom('no-match' as const, 'no-match' as const, 'no-match' as const, 'not-identifiable' as const),
  deletions: fc.constant([] as const),
  knownPins: fc.nat(2),
});
const later = fc.record({ kind: fc.constant('retry' as const), unproven: fc.boolean(), ...unfinished });
const partial = fc.record({ kind: fc.constant('partial' as const), ...unfinished });
const human = fc.record({ kind: fc.constant('review' as const), ...unfinished });
const result: fc.Arbitrary<ProjectResult> = fc.oneof(
  { weight: 2, arbitrary: erased },
  { weight: 4, arbitrary: noMatch },
  { weight: 2, arbitrary: later },
  { weight: 1, arbitrary: human },
  { weight: 1, arbitrary: partial },
);
/** Mostly of the worker that holds the claim, sometimes of one before it or of one that never was. */
const claimOffset = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -2, max: 1 }));
const wait = fc.constantFrom(0, 15_000, 60_000);
const claim = fc.record({ do: fc.constantFrom('claim' as const, 'postpone' as const), wait });
const project = fc.constantFrom(...projects, 'eu');
const pin = fc.record({
  do: fc.constant('pin' as const),
  claimOffset,
  project,
  pins: fc.integer({ min: 0, max: 3 }),
  refused: fc.constantFrom([], [], ['voucherify-400']),
});
const record = fc.record({
  do: fc.constant('record' as const),
  claimOffset,
  results: fc.record({ main: result, us: result }, { requiredKeys: [] }),
  repliesNow: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: claim },
  { weight: 2, arbitrary: pin },
  { weight: 6, arbitrary: record },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('answer-open' as const, 'ask-human' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('retry' as const, 'refuse' as const, 'accept' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('close-decided' as const, 'sign' as const) }) },
);

interface World {
  receipt: Receipt;
  time: number;
}

function taken(world: World, one: Step): Receipt | undefined {
  const { receipt } = world;
  switch (one.do) {
    case 'claim':
      world.time += one.wait;
      return claimReceipt(receipt, world.time, world.time + 60_000);
    case 'postpone':
      world.time += one.wait;
      return postponeReceipt(receipt, world.time, world.time + 5000);
    case 'pin':
      return recordPins(receipt, receipt.claims + one.claimOffset, one.project, one.pins, {
        known: Math.min(one.pins, receipt.projects[one.project]?.pins ?? 0),
        refused: one.refused,
      });
    case 'answer-open':
      return markRepliedInProgress(receipt);
    case 'ask-human':
      return receipt.state === 'open' ? requestReview(receipt, 'identifiers-missing') : undefined;
    case 'retry':
      return decideRetry(receipt, { at: world.time, actor: 'ada', action: 'retry', reason: 'a drill' });
    case 'refuse':
      return decideRefusal(receipt, { at: world.time, actor: 'ada', action: 'refuse', reason: 'a drill' });
    case 'accept':
      return decideAcceptPartial(receipt, {
        at: world.time,
        actor: 'ada',
        action: 'accept-partial',
        reason: 'a drill',
      });
    case 'close-decided':
      world.time += 60_000;
      return closeAsRefused(receipt, world.time) ?? closeAsPartial(receipt, world.time);
    case 'sign':
      return storeEvidence(receipt, 'a.compact.jws');
    case 'record': {
      const { results, repliesNow } = one;
      const times = { now: world.time, retryAt: world.time + 30_000 };
      return recordAttempt(receipt, {
        claim: receipt.claims + one.claimOffset,
        results,
        repliesNow: repliesNow,
        ...times,
      });
    }
  }
}

/** What no single change may do. */
function judge(before: Receipt, after: Receipt, one: Step): void {
  if (isFinal(before.state)) judgeClosed(before, after);
  expect((after.decisions ?? []).slice(0, before.decisions?.length ?? 0), 'a decision was lost').toEqual(
    before.decisions ?? [],
  );
  expect(after.revision).toBe(before.revision + 1);
  expect(after.claims - before.claims).toBe(one.do === 'claim' && after.state === 'open' ? 1 : 0);
  for (const project of ['main', 'us'] as const) {
    const [was, is] = [before.projects[project], after.projects[project]];
    if (was === undefined || is === undefined) throw new Error('a project was lost');
    if (was.pins > 0 && was.lookUpAgain !== true) expect(is.pins, 'pins were written twice').toBe(was.pins);
    expect(is.pins, 'pins were lost').toBeGreaterThanOrEqual(was.pins);
    if (was.refusedLookUps?.length && was.lookUpAgain !== true)
      expect([is.state, is.refusedLookUps], 'a refused look-up was forgotten').toEqual(['open', was.refusedLookUps]);
    if (was.state !== 'open') expect(is, 'a finished project was changed').toEqual(was);
    if (was.mayHaveExecuted) expect(is.mayHaveExecuted, 'a possible effect was forgotten').toBe(true);
    expect(is.deletions.slice(0, was.deletions.length), 'a proof was lost or changed').toEqual(was.deletions);
    expect(new Set(is.deletions.map(({ pin }) => pin)).size).toBe(is.deletions.length);
    if (was.state === 'open' && (is.state === 'no-match' || is.state === 'not-identifiable')) {
      const said = one.do === 'record' ? one.results[project] : undefined;
      expect(said, 'noMatch was said without knowing of every pin').toMatchObject({ knownPins: was.pins });
    }
  }
  if (one.do === 'record' && one.claimOffset !== 0) judgeLate(Object.values(one.results));
}

/** After closing, only the callback state and the signature change. The signature comes last and once. */
function judgeClosed(before: Receipt, after: Receipt): void {
  const erasure = ({ revision, queue, nextAttemptAt, decisions, evidence, ...rest }: Receipt) => rest;
  expect(erasure(after), 'a closed receipt was changed').toEqual(erasure(before));
  expect(before.evidence, 'a signed receipt was changed').toBeUndefined();
}

function judgeLate(results: readonly ProjectResult[]): void {
  const wrong = results.some(one => one.kind === 'review' && one.code === 'wrong-customer-deleted');
  expect(wrong || results.every(({ kind }) => kind === 'erased'), 'a late worker was listened to').toBe(true);
}

/** What holds of every receipt. */
function judgeStanding(receipt: Receipt, time: number): void {
  const { state, queue, nextAttemptAt, closedAt, expiresAt } = receipt;
  const states = projects.map(project => receipt.projects[project]?.state);
  if (isFinal(state)) {
    if (state === 'refused') expect(receipt.decisions?.at(-1)?.action).toMatch(/refuse|retry/);
    else if (receipt.decisions?.some(({ action }) => action === 'accept-partial') && states.includes('open')) {
      const deletions = projects.flatMap(project => receipt.projects[project]?.deletions ?? []);
      expect(state).toBe(deletions.length > 0 ? 'erased' : 'not-identifiable');
    } else {
      expect(states).not.toContain('open');
      expect(state === 'erased').toBe(states.includes('erased'));
    }
    expect(queue === 'callback' ? receipt.hasCallbacks : true).toBe(true);
    expect(queue === undefined, 'closed, not signed, and noMatch comes back').toBe(receipt.evidence !== undefined);
    expect(expiresAt).toBe(Math.ceil(((closedAt ?? 0) + 762 * 86_400_000) / 1000));
  } else {
    expect(states).toContain('open');
    expect([queue, closedAt, expiresAt]).toEqual([state === 'open' ? 'erase' : 'needs-review', undefined, undefined]);
    expect(nextAttemptAt).toBeLessThanOrEqual(time + 60_000);
    expect(receipt.unprovenCount).toBeLessThan(state === 'open' ? maxUnproven : maxUnproven + 1);
  }
  expect(receipt.unrecordedClaims).toBeLessThanOrEqual(Math.min(receipt.claims, maxUnrecordedClaims));
  expect(JSON.stringify(receipt)).not.toContain('cust_');
}

test('random sequence of changes, any order and worker: breaks no rule', () => {
  const reached = new Map<string, number>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.boolean(), (steps, hasCallbacks) => {
      const world: World = { receipt: claimedOnce({ hasCallbacks }, projects), time: now };
      for (const one of steps) {
        const before = world.receipt;
        const frozen = JSON.stringify(before);
        const after = taken(world, one);
        expect(JSON.stringify(before), 'a receipt was changed in place').toBe(frozen);
        if (after === undefined) continue;
        judge(before, after, one);
        judgeStanding(after, world.time);
        world.receipt = after;
      }
      reached.set(world.receipt.state, (reached.get(world.receipt.state) ?? 0) + 1);
    }),
    { seed: 20261124, numRuns: 3000 },
  );
  // Otherwise the property would hold of nothing.
  for (const state of ['open', 'needs-review', 'erased', 'no-match', 'refused'])
    expect(reached.get(state)).toBeGreaterThan(20);
});
