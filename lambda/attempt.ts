import { type AttemptInput, type ClientFor, eraseInProject } from './erase-in-project.ts';
import type { FinalKind, Outcome } from './erasure.ts';
import type { Alarm } from './failure.ts';
import type { Services } from './parts.ts';
import { updateReceipt } from './receipts/advance.ts';
import { outcomeOf } from './receipts/answering.ts';
import { isFinal, needsNoPersonalData, type ProjectProgress, type Receipt } from './receipts/receipt.ts';
import { lookUpsOf, type ProjectResult, recordAttempt } from './receipts/result.ts';
import type { PersonalDataWithPins } from './receipts/store.ts';
import type { ExpectedCalls } from './voucherify/gate.ts';

export interface AttemptRequest {
  /** The receipt under the claim that this attempt is made for. */
  readonly receipt: Receipt;
  readonly personalData: PersonalDataWithPins;
  /** When the attempt must be over, in epoch milliseconds. */
  readonly until: number;
  /** Opened by {@link clientsFor}. */
  readonly clientFor: ClientFor;
  /** Whether the platform is answered with what comes out of it. */
  readonly repliesNow: boolean;
  /** Outcomes that this answer has no word for. */
  readonly callbackOnlyOutcomes?: readonly FinalKind[];
}

/** The ways of one attempt, each opened once: what was reserved on it is used by it. */
export function clientsFor(receipt: Receipt, fresh: boolean, services: Services): ClientFor {
  const opened = new Map<string, ReturnType<ClientFor>>();
  return project => {
    if (!opened.has(project))
      opened.set(project, services.projects.get(project)?.attempt({ receipt: receipt.id, fresh }));
    return opened.get(project);
  };
}

export interface FirstReservation {
  /** False when every project that is still open is held: then nothing could be done. */
  readonly isReserved: boolean;
  /** Until when, in epoch milliseconds. */
  readonly heldUntil: number;
}

/** Reserves the first calls in every project that is still open, before the attempt begins. */
export async function reserveFirstCalls(
  receipt: Receipt,
  clientFor: ClientFor,
  callsIn: (progress: ProjectProgress | undefined) => ExpectedCalls,
  until: number,
): Promise<FirstReservation> {
  const reserve = (project: string) => clientFor(project)?.reserve(callsIn(receipt.projects[project]), until);
  const held = await Promise.all(openProjects(receipt).map(reserve));
  const heldUntil = Math.min(...held.map(one => one?.until ?? 0));
  return { isReserved: held.some(one => one === undefined), heldUntil };
}

/** The projects in which something is left to do. */
export function openProjects({ projects }: Receipt): readonly string[] {
  return Object.keys(projects).filter(project => projects[project]?.state === 'open');
}

export interface AttemptOutcome {
  /** The receipt as it stands after the attempt. */
  readonly receipt: Receipt;
  readonly outcome: Outcome;
}

/**
 * Resolve, pin, delete, outcome, once, in every project that is still open; then closes the receipt, puts it off or
 * asks for a person. Safe to run again and to run twice at once. Throws `unavailable` when the store fails: the receipt
 * then stays open and the sweep comes back to it.
 */
export async function attempt(work: AttemptRequest, services: Services): Promise<AttemptOutcome> {
  const { now, store, log } = services;
  const generation = work.receipt.claims;
  const { receipt, results } = await eraseEverywhere(work, services);
  const recording = {
    generation,
    results,
    now: now(),
    retryAt: retryAt(generation, services),
    repliesNow: work.repliesNow,
    callbackOnlyOutcomes: work.callbackOnlyOutcomes ?? [],
  };
  const { receipt: standing, done } = await updateReceipt(
    store,
    receipt,
    before => recordAttempt(before, recording),
    next => ({ deletePersonalData: needsNoPersonalData(next), lookUps: lookUpsOf(next, recording) }),
  );
  const outcome = outcomeOf(standing, now());
  const code = standing.lastResult ?? 'superseded';
  // Closed by this very write: whoever was overtaken sees the same outcome and must not count it again.
  const event = done && isFinal(standing.state) ? 'closed' : 'attempt';
  log({ event, platform: standing.platform, receipt: standing.id, outcome: outcome.kind, code });
  if (done && standing.state === 'needs-review') logAlarm('needs-review', standing, services);
  return { receipt: standing, outcome: done ? withCustomerIds(outcome, results) : outcome };
}

interface Erased {
  readonly receipt: Receipt;
  readonly results: Readonly<Record<string, ProjectResult>>;
}

/** One project after the other, each with its share of the time, so that a slow one does not starve the next. */
async function eraseEverywhere(work: AttemptRequest, services: Services): Promise<Erased> {
  const open = openProjects(work.receipt);
  const results: Record<string, ProjectResult> = {};
  let handle: AttemptInput = work;
  for (const [index, project] of open.entries()) {
    const now = services.now();
    const until = now + (work.until - now) / (open.length - index);
    const erased = await eraseInProject(project, { ...handle, until }, services);
    for (const raised of erased.alarms) logAlarm(raised, work.receipt, services);
    results[project] = erased.result;
    handle = { ...handle, receipt: erased.receipt };
    // For a receipt that has hit somebody else nothing more is posted, anywhere.
    if (erased.alarms.includes('wrong-customer-deleted')) break;
  }
  return { receipt: handle.receipt, results };
}

/** Full jitter over an exponential backoff, capped at an hour. */
function retryAt(claims: number, { now, random, times }: Services): number {
  const step = Math.min(3_600_000, times.backoffMs * 2 ** Math.min(claims - 1, 30));
  return now() + Math.floor(random() * step);
}

/** The receipt keeps no customer's id; the answer to this very request may show it. */
function withCustomerIds(outcome: Outcome, results: Readonly<Record<string, ProjectResult>>): Outcome {
  if (!('deletions' in outcome)) return outcome;
  const fresh = Object.values(results).flatMap(result => result.deletions);
  const same = (a: { project: string; pin: number }, b: typeof a) => a.project === b.project && a.pin === b.pin;
  return { ...outcome, deletions: outcome.deletions.map(kept => fresh.find(one => same(one, kept)) ?? kept) };
}

function logAlarm(code: Alarm, receipt: Receipt, { log }: Services): void {
  log({ event: 'alarm', alarm: code, platform: receipt.platform, receipt: receipt.id });
}
