import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { openSqliteStore } from '../../../infra/local/sqlite-store.ts';
import { claimCallback, needsNoPersonalData, recordCallback } from '../../../lambda/receipts/closing.ts';
import {
  acceptedAppIdHmac,
  createReceipt,
  isFinal,
  markRepliedInProgress,
  type Receipt,
  recordPins,
  requestReview,
} from '../../../lambda/receipts/receipt.ts';
import { type ProjectResult, recordAttempt } from '../../../lambda/receipts/record-attempt.ts';
import { type ReceiptStore, updateReceipt } from '../../../lambda/receipts/store.ts';
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
import { type Outcome, propertyViolations } from '../support/measures.ts';
import { erasurePart } from '../support/watched-store.ts';

/** One step of a worker, which may have an old version of the receipt. */
interface Step {
  readonly name: string;
  /** Age of the worker's version, in versions. */
  readonly age: number;
  readonly laterMs: number;
  /** Returns the change to apply to the current receipt. */
  readonly change: (own: Receipt, now: number) => (current: Receipt) => Receipt | undefined;
  /** The results that it records, by project. */
  readonly results?: Readonly<Record<string, ProjectResult>>;
}

const projects = ['main', 'us'];

/** Generates any step with any result, true or false: the rules must hold for all. */
function anyStep(): fc.Arbitrary<Step> {
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
  fc.constant<StepChange>(['mark as answered in progress', () => markRepliedInProgress]),
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

/** The receipt before each command. */
interface Model {
  before: Receipt;
}

interface Real {
  readonly store: ReceiptStore;
  /** Every version that a worker may still have in memory. */
  readonly versions: Receipt[];
  now: number;
}

const start = Date.UTC(2026, 10, 24, 12);

/** Generates command sequences of several workers, each with its own version of the receipt; `closed` counts final receipts. */
function sequences(closed: { count: number }) {
  const commands = fc.commands([anyStep().map(step => new Command(step))], { maxCommands: 40, size: 'max' });
  return fc.asyncProperty(commands, fc.boolean(), async (some, hasCallbacks) => {
    const store = openSqliteStore(':memory:');
    const first = receiptOf(hasCallbacks);
    await store.accept(first, { reference: '', scope: '', identifiers: [], callbacks: [] });
    const model: Model = { before: first };
    try {
      await fc.asyncModelRun(() => ({ model, real: { store, versions: [first], now: start } }), some);
    } finally {
      store.close();
    }
    if (isFinal(model.before.state)) closed.count += 1;
  });
}

function receiptOf(hasCallbacks: boolean): Receipt {
  const facts = {
    id: 'receipt',
    platform: 'ketch',
    payloadHmac: 'payload',
    subjectHmacs: ['subject'],
    lookUpCalls: 1,
    authentication: { scheme: 'shared-secret', secret: 'current' },
    receivedAt: start,
    submittedAt: start,
    hasCallbacks,
  };
  return createReceipt(facts, projects, { attemptAt: start + 15_000, attemptFollows: true });
}

/** Applies the change as the program does: to the worker's version, and again to the stored one if that is newer. */
class Command implements fc.AsyncCommand<Model, Real> {
  readonly step: Step;

  constructor(step: Step) {
    this.step = step;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const { age, laterMs, change } = this.step;
    real.now += laterMs;
    const own = real.versions.at(-1 - (age % real.versions.length)) ?? model.before;
    await updateReceipt(real.store, own, change(own, real.now), next => ({
      deletePersonalData: needsNoPersonalData(next),
    }));
    const after = (await real.store.read(own.id)) ?? model.before;
    verifyStep(model.before, after);
    verifyNoMatch(model.before, after, this.step);
    if (needsNoPersonalData(after) && (await real.store.readPersonalData(own.id)) !== undefined)
      throw new Error('personal data is kept although nothing needs it');
    model.before = after;
    real.versions.push(after);
  }

  toString(): string {
    return `${this.step.name}, ${this.step.age} versions late, ${this.step.laterMs} ms later`;
  }
}

/** A project may end without a match only if the attempt knew every stored pin. */
function verifyNoMatch(before: Receipt, after: Receipt, { name, results = {} }: Step): void {
  for (const [project, result] of Object.entries(results)) {
    const { state, pins } = before.projects[project] ?? {};
    const isEnded = state === 'open' && after.projects[project]?.state !== 'open';
    if (isEnded && 'knownPins' in result && result.knownPins !== pins)
      throw new Error(`${name}: ${project} ended without a match although ${pins} pins are stored`);
  }
}

/** Throws if a command broke a rule of the receipts. */
function verifyStep(before: Receipt, after: Receipt): void {
  const violated = (what: string) => {
    throw new Error(`${what}: ${JSON.stringify(before)} became ${JSON.stringify(after)}`);
  };
  const wasFinal = isFinal(before.state);
  if (wasFinal && !isDeepStrictEqual(erasurePart(before), erasurePart(after))) violated('a closed receipt changed');
  const decided = (after.decisions?.length ?? 0) > (before.decisions?.length ?? 0);
  if (before.state === 'needs-review' && after.state !== 'needs-review' && !decided)
    violated('review ended without a decision');
  if ((after.expiresAt !== undefined) !== isFinal(after.state)) violated('expires while open');
  if (after.state === 'open' && after.queue !== 'erase') violated('open but in no queue');
  if (before.queue === undefined && after.queue !== undefined) violated('returned to a queue');
  const ends = Object.values(after.projects).map(({ state }) => state);
  const isPartial = !wasFinal && isFinal(after.state) && after.state !== 'refused' && ends.includes('open');
  if (isPartial) verifyPartial(after, violated);
  for (const [project, { pins, state, refusedLookUps = [], lookUpAgain = false }] of Object.entries(before.projects)) {
    const now = after.projects[project];
    if (pins > 0 && !lookUpAgain && now?.pins !== pins) violated('pins changed');
    if (refusedLookUps.length > 0 && !lookUpAgain && now?.state !== 'open') violated('a refused look-up was forgotten');
    if (state !== 'open' && now?.state !== state) violated('the result of a project changed');
    if (acceptedAppIdHmac(before, project) !== undefined && acceptedAppIdHmac(after, project) === undefined)
      violated('the key that an operator accepted was forgotten');
  }
}

/** A receipt may be closed while a project is open only if an operator accepted that, and if nothing is left to delete. */
function verifyPartial({ state, decisions, projects: all }: Receipt, violated: (what: string) => void): void {
  if (decisions?.at(-1)?.action !== 'accept-partial') violated('closed while a project is open');
  for (const { state: its, pins, deletions, absent = [], unseenUnproven = [] } of Object.values(all)) {
    const settled = new Set([...deletions.map(({ pin }) => pin), ...absent, ...unseenUnproven]);
    if (its === 'open' && settled.size < pins) violated('a partial result was accepted before every pin was settled');
  }
  const isProved = Object.values(all).some(({ deletions }) => deletions.length > 0);
  if ((state === 'erased') !== isProved) violated('the partial result is not what is proved');
}

/** Runs generated command sequences; the outcome counts those that ended with a closed receipt. */
export async function runRules(seed: number, numRuns: number): Promise<Outcome> {
  const closed = { count: 0 };
  const details = await fc.check(sequences(closed), { seed, numRuns });
  return { violations: propertyViolations(details), runs: details.numRuns, closed: closed.count };
}
