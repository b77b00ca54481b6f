import fc from 'fast-check';
import { claimCallback, recordCallback } from '../../../lambda/receipts/closing.ts';
import { markAnsweredInProgress, type Receipt, recordPins, requestReview } from '../../../lambda/receipts/receipt.ts';
import { type ProjectResult, recordAttempt } from '../../../lambda/receipts/record-attempt.ts';
import {
  claimReceipt,
  closeAsPartial,
  closeAsRefused,
  type DecisionInput,
  decideAcceptPartial,
  decideRefusal,
  decideRetry,
  newRequestDecided,
  postponeReceipt,
  storeEvidence,
} from '../../../lambda/receipts/transitions.ts';

/** One step of a worker, which may have an old version of the receipt. */
export interface Step {
  readonly name: string;
  /** Age of the worker's version, in versions. */
  readonly age: number;
  readonly laterMs: number;
  /** Returns the change to apply to the current receipt. */
  readonly change: (own: Receipt, now: number) => (current: Receipt) => Receipt | undefined;
  /** The results that it records, by project. */
  readonly results?: Readonly<Record<string, ProjectResult>>;
}

export const projects = ['main', 'us'];

/** Generates any step with any result, true or false: the rules must hold for all. */
export function anyStep(): fc.Arbitrary<Step> {
  const worker = {
    age: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat({ max: 6 })),
    laterMs: fc.constantFrom(0, 1, 30_000, 60_000, 600_000, 9 * 86_400_000),
  };
  return fc
    .record({
      ...worker,
      stepChange: fc.oneof(
        { arbitrary: asking, weight: 4 },
        { arbitrary: fc.oneof(...steps), weight: 40 },
        { arbitrary: pinning, weight: 20 },
        { arbitrary: recording(), weight: 30 },
      ),
    })
    .map(({ stepChange: [name, change, results = {}], ...rest }) => ({ ...rest, name, change, results }));
}

type StepChange = readonly [name: string, change: Step['change'], results?: Step['results']];

const someIndices = fc.subarray([0, 1, 2]);

const steps: readonly fc.Arbitrary<StepChange>[] = [
  fc.constant<StepChange>(['claim', (_, now) => current => claimReceipt(current, now, now + 60_000)]),
  fc.constant<StepChange>(['postpone', (_, now) => current => postponeReceipt(current, now, now + 300_000)]),
  fc.constant<StepChange>(['mark as answered in progress', () => markAnsweredInProgress]),
  fc.constant<StepChange>(['decide to retry', (_, now) => current => decideRetry(current, decision('retry', now))]),
  fc.subarray(projects, { minLength: 1 }).map((some): StepChange => {
    const sameProject = Object.fromEntries(some.map(project => [project, 'hmac-of-the-new-app-id']));
    return [
      `decide to retry with the same project: ${some}`,
      (_, now) => current => decideRetry(current, { ...decision('retry', now), sameProject }),
    ];
  }),
  fc.constant<StepChange>([
    'decide to accept the partial result',
    (_, now) => current => decideAcceptPartial(current, decision('accept-partial', now)),
  ]),
  fc.constant<StepChange>(['close with the partial result', (_, now) => current => closeAsPartial(current, now)]),
  fc.constant<StepChange>(['decide to refuse', (_, now) => current => decideRefusal(current, decision('refuse', now))]),
  fc.constant<StepChange>([
    'allow a new request',
    (_, now) => current => newRequestDecided(current, decision('new-request', now)),
  ]),
  fc.constant<StepChange>(['close as refused', (_, now) => current => closeAsRefused(current, now)]),
  fc.constant<StepChange>(['store the evidence', () => current => storeEvidence(current, 'a.compact.jws')]),
  fc.constant<StepChange>(['claim the callbacks', (_, now) => current => claimCallback(current, now, now + 60_000)]),
  fc
    .tuple(someIndices, someIndices, fc.integer({ min: 0, max: 3 }))
    .map(
      ([delivered, refused, targets]): StepChange => [
        `record callbacks: ${delivered} delivered, ${refused} refused of ${targets}`,
        (_, now) => current => recordCallback(current, { now, targets, delivered, refused, retryAt: now + 60_000 }),
      ],
    ),
];

function decision(what: DecisionInput['action'], at: number): DecisionInput {
  return { at, actor: 'ada', action: what, reason: 'test' };
}

const pinning = fc
  .tuple(fc.constantFrom(...projects), fc.nat({ max: 3 }), fc.constantFrom([], [], ['voucherify-400']))
  .map(
    ([project, added, refused]): StepChange => [
      `pin ${added} in ${project}, ${refused.length} refused`,
      own => {
        const known = own.projects[project]?.pins ?? 0;
        return current => recordPins(current, own.claims, project, known + added, { known, refused });
      },
    ],
  );

const asking = fc.constant<StepChange>([
  'request a review',
  () => current => (current.state === 'open' ? requestReview(current, 'lost') : undefined),
]);

function recording(): fc.Arbitrary<StepChange> {
  const results = fc
    .subarray(projects, { minLength: 1 })
    .chain(some => fc.record(Object.fromEntries(some.map(project => [project, result(project)]))));
  return fc.tuple(results, fc.boolean()).map(([found, repliesNow]): StepChange => {
    const kinds = Object.entries(found).map(([project, { kind }]) => `${kind} in ${project}`);
    const change: Step['change'] = (own, now) => current =>
      recordAttempt(current, {
        claim: own.claims,
        results: found,
        now,
        retryAt: now + 30_000,
        repliesNow,
      });
    return [`record ${kinds.join(', ')}`, change, found];
  });
}

function result(project: string): fc.Arbitrary<ProjectResult> {
  const deletions = (count: number) =>
    Array.from({ length: count }, (_, pin) => ({ project, pin, at: 0, proof: 'gone' as const }));
  const unfinished = {
    code: fc.constantFrom('one', 'other'),
    deletions: fc.nat({ max: 2 }).map(deletions),
    unseenUnproven: fc.subarray([0, 1, 2]),
    mayHaveExecuted: fc.boolean(),
  };
  return fc.oneof(
    {
      arbitrary: fc.record({
        kind: fc.constant('erased' as const),
        deletions: fc.integer({ min: 1, max: 3 }).map(deletions),
      }),
      weight: 6,
    },
    {
      arbitrary: fc.record({
        kind: fc.constantFrom('no-match' as const, 'no-match' as const, 'not-identifiable' as const),
        deletions: fc.constant([] as const),
        knownPins: fc.nat({ max: 3 }),
      }),
      weight: 9,
    },
    { arbitrary: fc.record({ kind: fc.constant('retry' as const), ...unfinished, unproven: fc.boolean() }), weight: 3 },
    { arbitrary: fc.record({ kind: fc.constant('partial' as const), ...unfinished }), weight: 2 },
    { arbitrary: fc.record({ kind: fc.constant('review' as const), ...unfinished }), weight: 1 },
  );
}
