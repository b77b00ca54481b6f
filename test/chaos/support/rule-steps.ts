import fc from 'fast-check';
import { answeredOpen } from '../../../lambda/receipts/answering.ts';
import { calling, told } from '../../../lambda/receipts/calling-back.ts';
import { claimed, pinned, postponed } from '../../../lambda/receipts/claiming.ts';
import {
  closedAsRefused,
  type Decided,
  newRequestDecided,
  refusalDecided,
  retried,
} from '../../../lambda/receipts/deciding.ts';
import { asksHuman, type Receipt } from '../../../lambda/receipts/receipt.ts';
import { type ProjectResult, recorded } from '../../../lambda/receipts/result.ts';
import { signed } from '../../../lambda/receipts/signing.ts';

/** One thing that a worker does to a receipt of which it may hold an old version. */
export interface Step {
  readonly name: string;
  /** How many versions ago it read the receipt. */
  readonly age: number;
  readonly laterMs: number;
  /** The change that it makes over whatever stands by now. */
  readonly change: (held: Receipt, now: number) => (standing: Receipt) => Receipt | undefined;
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
    .map(({ deed: [name, change], ...rest }) => ({ ...rest, name, change }));
}

type Deed = readonly [name: string, change: Step['change']];

const someIndices = fc.subarray([0, 1, 2]);

const steps: readonly fc.Arbitrary<Deed>[] = [
  fc.constant<Deed>(['claim', (_, now) => standing => claimed(standing, now, now + 60_000)]),
  fc.constant<Deed>(['put off', (_, now) => standing => postponed(standing, now, now + 300_000)]),
  fc.constant<Deed>(['answer that it is open', () => answeredOpen]),
  fc
    .tuple(fc.constantFrom(...projects), fc.integer({ min: 1, max: 3 }))
    .map(
      ([project, pins]): Deed => [
        `pin ${pins} in ${project}`,
        held => standing => pinned(standing, held.claims, project, pins),
      ],
    ),
  fc.constant<Deed>(['let it go on', (_, now) => standing => retried(standing, decision('retry', now))]),
  fc.constant<Deed>(['refuse it', (_, now) => standing => refusalDecided(standing, decision('refuse', now))]),
  fc.constant<Deed>([
    'allow a new request',
    (_, now) => standing => newRequestDecided(standing, decision('new-request', now)),
  ]),
  fc.constant<Deed>(['close it as refused', (_, now) => standing => closedAsRefused(standing, now)]),
  fc.constant<Deed>(['sign it', () => standing => signed(standing, 'a.compact.jws')]),
  fc.constant<Deed>(['begin to call back', (_, now) => standing => calling(standing, now, now + 60_000)]),
  fc
    .tuple(someIndices, someIndices, fc.integer({ min: 0, max: 3 }))
    .map(
      ([delivered, refused, targets]): Deed => [
        `call back: taken by ${delivered}, refused by ${refused} of ${targets}`,
        (_, now) => standing => told(standing, { now, targets, delivered, refused, retryAt: now + 60_000 }),
      ],
    ),
];

function decision(what: Decided['what'], at: number): Decided {
  return { at, by: 'ada', what, why: 'a drill' };
}

const asking = fc.constant<Deed>([
  'ask for a person',
  () => standing => (standing.state === 'open' ? asksHuman(standing, 'lost') : undefined),
]);

function recording(): fc.Arbitrary<Deed> {
  const results = fc
    .subarray(projects, { minLength: 1 })
    .chain(some => fc.record(Object.fromEntries(some.map(project => [project, result(project)]))));
  return fc.tuple(results, fc.boolean()).map(([found, answersNow]): Deed => {
    const kinds = Object.entries(found).map(([project, { kind }]) => `${kind} in ${project}`);
    const change: Step['change'] = (held, now) => standing =>
      recorded(standing, { generation: held.claims, results: found, now, retryAt: now + 30_000, answersNow });
    return [`record ${kinds.join(', ')}`, change];
  });
}

function result(project: string): fc.Arbitrary<ProjectResult> {
  const deletions = (count: number) =>
    Array.from({ length: count }, (_, pin) => ({ project, pin, at: 0, proof: 'gone' as const }));
  const unfinished = {
    code: fc.constantFrom('one', 'other'),
    deletions: fc.nat({ max: 2 }).map(deletions),
    tried: fc.boolean(),
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
    { arbitrary: fc.record({ kind: fc.constant('later' as const), ...unfinished, unproven: fc.boolean() }), weight: 3 },
    { arbitrary: fc.record({ kind: fc.constant('human' as const), ...unfinished }), weight: 1 },
  );
}
