import { eraseInProject, type Handle, type WayTo } from './erase-in-project.ts';
import type { FinalKind, Outcome } from './erasure.ts';
import type { Alarm } from './failure.ts';
import type { Parts } from './parts.ts';
import { advance } from './receipts/advance.ts';
import { outcomeOf } from './receipts/answering.ts';
import { forgets, isFinal, type ProjectProgress, type Receipt } from './receipts/receipt.ts';
import { lookUpsOf, type ProjectResult, recorded } from './receipts/result.ts';
import type { KeptWithPins } from './receipts/store.ts';
import type { ExpectedCalls } from './voucherify/gate.ts';

export interface Work {
  /** The receipt under the claim that this attempt is made for. */
  readonly receipt: Receipt;
  readonly kept: KeptWithPins;
  /** When the attempt must be over, in epoch milliseconds. */
  readonly until: number;
  /** Opened by {@link waysOf}. */
  readonly wayTo: WayTo;
  /** Whether the platform is answered with what comes out of it. */
  readonly answersNow: boolean;
  /** Outcomes that this answer has no word for. */
  readonly toldByCallback?: readonly FinalKind[];
}

/** The ways of one attempt, each opened once: what was reserved on it is used by it. */
export function waysOf(receipt: Receipt, fresh: boolean, parts: Parts): WayTo {
  const opened = new Map<string, ReturnType<WayTo>>();
  return project => {
    if (!opened.has(project)) opened.set(project, parts.projects.get(project)?.attempt({ receipt: receipt.id, fresh }));
    return opened.get(project);
  };
}

export interface Admission {
  /** False when every project that is still open is held: then nothing could be done. */
  readonly admitted: boolean;
  /** Until when, in epoch milliseconds. */
  readonly heldUntil: number;
}

/** Reserves the first calls in every project that is still open, before the attempt begins. */
export async function admit(
  receipt: Receipt,
  wayTo: WayTo,
  callsIn: (progress: ProjectProgress | undefined) => ExpectedCalls,
  until: number,
): Promise<Admission> {
  const reserve = (project: string) => wayTo(project)?.admit(callsIn(receipt.projects[project]), until);
  const held = await Promise.all(openProjects(receipt).map(reserve));
  const heldUntil = Math.min(...held.map(one => one?.until ?? 0));
  return { admitted: held.some(one => one === undefined), heldUntil };
}

/** The projects in which something is left to do. */
export function openProjects({ projects }: Receipt): readonly string[] {
  return Object.keys(projects).filter(project => projects[project]?.state === 'open');
}

export interface Attempted {
  /** The receipt as it stands after the attempt. */
  readonly receipt: Receipt;
  readonly outcome: Outcome;
}

/**
 * Resolve, pin, delete, outcome, once, in every project that is still open; then closes the receipt, puts it off or
 * asks for a person. Safe to run again and to run twice at once. Throws `unavailable` when the store fails: the receipt
 * then stays open and the sweep comes back to it.
 */
export async function attempt(work: Work, parts: Parts): Promise<Attempted> {
  const { now, store, log } = parts;
  const generation = work.receipt.claims;
  const { receipt, results } = await eraseEverywhere(work, parts);
  const recording = {
    generation,
    results,
    now: now(),
    retryAt: retryAt(generation, parts),
    answersNow: work.answersNow,
    toldByCallback: work.toldByCallback ?? [],
  };
  const { receipt: standing, done } = await advance(
    store,
    receipt,
    before => recorded(before, recording),
    next => ({ forget: forgets(next), lookUps: lookUpsOf(next, recording) }),
  );
  const outcome = outcomeOf(standing, now());
  const code = standing.lastResult ?? 'overtaken';
  // Closed by this very write: whoever was overtaken sees the same outcome and must not count it again.
  const event = done && isFinal(standing.state) ? 'closed' : 'attempt';
  log({ event, platform: standing.platform, receipt: standing.id, outcome: outcome.kind, code });
  if (done && standing.state === 'needs-human') alarm('needs-human', standing, parts);
  return { receipt: standing, outcome: done ? withCustomers(outcome, results) : outcome };
}

interface Erased {
  readonly receipt: Receipt;
  readonly results: Readonly<Record<string, ProjectResult>>;
}

/** One project after the other, each with its share of the time, so that a slow one does not starve the next. */
async function eraseEverywhere(work: Work, parts: Parts): Promise<Erased> {
  const open = openProjects(work.receipt);
  const results: Record<string, ProjectResult> = {};
  let handle: Handle = work;
  for (const [index, project] of open.entries()) {
    const now = parts.now();
    const until = now + (work.until - now) / (open.length - index);
    const erased = await eraseInProject(project, { ...handle, until }, parts);
    for (const raised of erased.alarms) alarm(raised, work.receipt, parts);
    results[project] = erased.result;
    handle = { ...handle, receipt: erased.receipt };
    // For a receipt that has hit somebody else nothing more is posted, anywhere.
    if (erased.alarms.includes('wrong-customer-deleted')) break;
  }
  return { receipt: handle.receipt, results };
}

/** Full jitter over an exponential backoff, capped at an hour. */
function retryAt(claims: number, { now, random, times }: Parts): number {
  const step = Math.min(3_600_000, times.backoffMs * 2 ** Math.min(claims - 1, 30));
  return now() + Math.floor(random() * step);
}

/** The receipt keeps no customer's id; the answer to this very request may show it. */
function withCustomers(outcome: Outcome, results: Readonly<Record<string, ProjectResult>>): Outcome {
  if (!('deletions' in outcome)) return outcome;
  const fresh = Object.values(results).flatMap(result => result.deletions);
  const same = (a: { project: string; pin: number }, b: typeof a) => a.project === b.project && a.pin === b.pin;
  return { ...outcome, deletions: outcome.deletions.map(kept => fresh.find(one => same(one, kept)) ?? kept) };
}

function alarm(code: Alarm, receipt: Receipt, { log }: Parts): void {
  log({ event: 'alarm', alarm: code, platform: receipt.platform, receipt: receipt.id });
}
