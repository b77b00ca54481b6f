import fc from 'fast-check';
import { claimCallback, recordCallback } from '../../../lambda/receipts/callback-state.ts';
import { markAnsweredInProgress, type Receipt, recordPins, requestReview } from '../../../lambda/receipts/receipt.ts';
import { type ProjectResult, recordAttempt } from '../../../lambda/receipts/record-attempt.ts';
import {
  claimReceipt,
  closeAsRefused,
  type DecisionInput,
  decideRefusal,
  decideRetry,
  newRequestDecided,
  postponeReceipt,
  storeEvidence,
} from '../../../lambda/receipts/transitions.ts';

/** One thing that a worker does to a receipt of which it may hold an old version. */
export interface Step {
  readonly name: string;
  /** How many versions ago it read the receipt. */
  readonly age: number;
  readonly laterMs: number;
  /** The change that it makes over whatever stands by now. */
  readonly change: (held: Receipt, now: number) => (standing: Receipt) => Receipt | undefined;
  /** What it records, by project. */
  readonly results?: Readonly<Record<string, ProjectResult>>;
}

export const projects = ['main', 'us'];

/** Any step with any result, true or not: the rules must hold for all of them. */
export function anyStep(): fc.Arbitrary<Step> {
  const worker = {
    age: fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat({ max: 6 })),
    laterMs: fc.constantFrom(0, 1, 30_000, 60_000, 600_000, 9 * 86_400_000),
  };
  return fc
    .record({
      ...worker,
      deed: fc.oneof(asking, ...steps.map(arbitrary => ({ arbitrary, weight: 4 })), {
        arbitrary: recording(),
        weight: 30,
      }),
    })
    .map(({ deed: [name, change, results = {}], ...rest }) => ({ ...rest, name, change, results }));
}

type Deed = readonly [name: string, change: Step['change'], results?: Step['results']];

const someIndices = fc.subarray([0, 1, 2]);

const steps: readonly fc.Arbitrary<Deed>[] = [
  fc.constant<Deed>(['claim', (_, now) => standing => claimReceipt(standing, now, now + 60_000)]),
  fc.constant<Deed>(['put off', (_, now) => standing => postponeReceipt(standing, now, now + 300_000)]),
  fc.constant<Deed>(['answer that it is open', () => markAnsweredInProgress]),
  fc
    .tuple(fc.constantFrom(...projects), fc.integer({ min: 1, max: 3 }))
    .map(
      ([project, pins]): Deed => [
        `pin ${pins} in ${project}`,
        held => standing => recordPins(standing, held.claims, project, pins),
      ],
    ),
  fc.constant<Deed>(['let it go on', (_, now) => standing => decideRetry(standing, decision('retry', now))]),
  fc.constant<Deed>(['refuse it', (_, now) => standing => decideRefusal(standing, decision('refuse', now))]),
  fc.constant<Deed>([
    'allow a new request',
    (_, now) => standing => newRequestDecided(standing, decision('new-request', now)),
  ]),
  fc.constant<Deed>(['close it as refused', (_, now) => standing => closeAsRefused(standing, now)]),
  fc.constant<Deed>(['sign it', () => standing => storeEvidence(standing, 'a.compact.jws')]),
  fc.constant<Deed>(['begin to call back', (_, now) => standing => claimCallback(standing, now, now + 60_000)]),
  fc
    .tuple(someIndices, someIndices, fc.integer({ min: 0, max: 3 }))
    .map(
      ([delivered, refused, targets]): Deed => [
        `call back: taken by ${delivered}, refused by ${refused} of ${targets}`,
        (_, now) => standing => recordCallback(standing, { now, targets, delivered, refused, retryAt: now + 60_000 }),
      ],
    ),
];

function decision(what: DecisionInput['action'], at: number): DecisionInput {
  return { at, actor: 'ada', action: what, reason: 'a drill' };
}

const asking = fc.constant<Deed>([
  'ask for a person',
  () => standing => (standing.state === 'open' ? requestReview(standing, 'lost') : undefined),
]);

function recording(): fc.Arbitrary<Deed> {
  const results = fc
    .subarray(projects, { minLength: 1 })
    .chain(some => fc.record(Object.fromEntries(some.map(project => [project, result(project)]))));
  return fc.tuple(results, fc.boolean()).map(([found, repliesNow]): Deed => {
    const kinds = Object.entries(found).map(([project, { kind }]) => `${kind} in ${project}`);
    const change: Step['change'] = (held, now) => standing =>
      recordAttempt(standing, {
        generation: held.claims,
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
    { arbitrary: fc.record({ kind: fc.constant('review' as const), ...unfinished }), weight: 1 },
  );
}
