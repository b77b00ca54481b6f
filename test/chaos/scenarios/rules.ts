import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { openSqliteStore } from '../../../infra/local/sqlite-store.ts';
import { needsNoPersonalData } from '../../../lambda/receipts/closing.ts';
import { acceptedAppIdHmac, createReceipt, isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import { type ReceiptStore, updateReceipt } from '../../../lambda/receipts/store.ts';
import { type Outcome, propertyViolations } from '../support/measures.ts';
import { anyStep, projects, type Step } from '../support/rule-steps.ts';
import { erasurePart } from '../support/watched-store.ts';

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
