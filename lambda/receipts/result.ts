import type { Deletion, FinalKind, LookUpResults } from '../erasure.ts';
import type { Alarm } from '../failure.ts';
import { closeReceipt } from './closing.ts';
import { isRefusalDecided, nextRevision, type ProjectProgress, type Receipt, requestReview } from './receipt.ts';
import type { SideWrites } from './store.ts';

/** What one attempt found out in one project. */
export type ProjectResult =
  | { readonly kind: 'erased'; readonly deletions: readonly Deletion[] }
  | { readonly kind: 'no-match' | 'not-identifiable'; readonly deletions: readonly []; readonly knownPins: number }
  | (Unfinished & { readonly kind: 'retry'; readonly notBefore?: number; readonly unproven?: boolean })
  | (Unfinished & { readonly kind: 'review' });

interface Unfinished {
  readonly code: string;
  readonly deletions: readonly Deletion[];
  /** Pins that name nobody, by index. */
  readonly absent?: readonly number[];
  readonly mayHaveExecuted: boolean;
  /** Completed look-ups that replace those that are kept: the next attempt goes on from them. None of them: starts anew. */
  readonly lookUps?: LookUpResults;
  /** The next attempt goes on where this one stopped. */
  readonly resumable?: boolean;
}

/** The code of a deletion that hit somebody else. */
export const wrongCustomerDeleted = 'wrong-customer-deleted' satisfies Alarm;

/** Answers that said 200 and proved nothing, after which a person must look. */
export const maxUnproven = 3;

export interface AttemptRecord {
  /** `claims` as it stood when the attempt began: somebody who claimed since has the say. */
  readonly generation: number;
  readonly results: Readonly<Record<string, ProjectResult>>;
  readonly now: number;
  /** When to come back if this does not finish it. */
  readonly retryAt: number;
  /** Whether the platform gets the outcome in the answer to this very request. */
  readonly repliesNow: boolean;
  /** Outcomes that its answer has no word for. */
  readonly callbackOnlyOutcomes?: readonly FinalKind[];
}

/** The result of an attempt: closes the receipt, asks for a person, or puts it off. */
export function recordAttempt(receipt: Receipt, recording: AttemptRecord): Receipt | undefined {
  if (receipt.state === 'needs-review') return recordWrongCustomer(receipt, recording);
  if (receipt.state !== 'open') return undefined;
  const results = usableResults(Object.entries(recording.results), receipt.claims !== recording.generation);
  if (results === undefined) return undefined;
  if (results.some(([project, result]) => overlooksPins(receipt.projects[project], result))) return undefined;
  const told = new Map(results);
  const projects = Object.entries(receipt.projects).map(([project, progress]) => {
    const result = told.get(project);
    return [project, result === undefined ? progress : progressAfter(progress, result)] as const;
  });
  const next = { ...receipt, projects: Object.fromEntries(projects) };
  return conclude(
    next,
    results.map(([, result]) => result),
    recording,
  );
}

/**
 * The completed look-ups that are stored with a recorded result: only those that the receipt counts, so none of a late
 * worker.
 */
export function lookUpsOf(next: Receipt, { generation, results }: AttemptRecord): NonNullable<SideWrites['lookUps']> {
  if (next.claims !== generation) return [];
  return Object.entries(results).flatMap(([project, result]) => {
    const lookUps = 'lookUps' in result ? result.lookUps : undefined;
    if (lookUps === undefined || next.projects[project]?.lookedUp !== lookUps.results.length) return [];
    return [{ project, lookUps: lookUps.results.length === 0 ? undefined : lookUps }];
  });
}

type Results = readonly (readonly [project: string, result: ProjectResult])[];

/** Of a late worker only what stays true counts: that all is erased, or that somebody else was deleted. */
function usableResults(results: Results, late: boolean): Results | undefined {
  if (!late || results.every(([, result]) => result.kind === 'erased')) return results;
  const wrong = results.filter(([, result]) => result.kind === 'review' && result.code === wrongCustomerDeleted);
  return wrong.length === 0 ? undefined : wrong;
}

/** "Nobody" may only be said by an attempt that knew of every pin that is stored. */
function overlooksPins(progress: ProjectProgress | undefined, result: ProjectResult): boolean {
  return 'knownPins' in result && progress?.pins !== result.knownPins;
}

function progressAfter(before: ProjectProgress, result: ProjectResult): ProjectProgress {
  if (before.state !== 'open') return before;
  const known = new Set(before.deletions.map(deletion => deletion.pin));
  const fresh = result.deletions.filter(deletion => !known.has(deletion.pin)).map(withoutCustomer);
  const deletions = [...before.deletions, ...fresh];
  if (result.kind === 'retry' || result.kind === 'review') {
    const absent = [...new Set([...(before.absent ?? []), ...(result.absent ?? [])])];
    const none = absent.length === 0 ? {} : { absent };
    const lookedUp = result.lookUps === undefined ? {} : { lookedUp: result.lookUps.results.length };
    return {
      ...before,
      ...lookedUp,
      deletions,
      ...none,
      mayHaveExecuted: before.mayHaveExecuted || result.mayHaveExecuted,
    };
  }
  return { ...before, deletions, state: result.kind };
}

function conclude(next: Receipt, results: readonly ProjectResult[], recording: AttemptRecord): Receipt {
  const unproven = next.unprovenCount + (results.some(isUnproven) ? 1 : 0);
  const counted = { ...next, unprovenCount: unproven, unrecordedClaims: 0 };
  const states = Object.values(next.projects).map(progress => progress.state);
  if (!states.includes('open')) return closeAs(counted, combined(states), recording);
  const human = reviewCode(results);
  if (isRefusalDecided(next) && human !== wrongCustomerDeleted) return closeAs(counted, 'refused', recording);
  const told = { ...counted, answeredInProgress: next.answeredInProgress || recording.repliesNow };
  if (human !== undefined) return requestReview(told, human);
  return unproven < maxUnproven ? postponeAttempt(told, results, recording) : requestReview(told, 'unproven-responses');
}

/** That somebody else was deleted outweighs every other reason. */
function reviewCode(results: readonly ProjectResult[]): string | undefined {
  const codes = results.flatMap(result => (result.kind === 'review' ? [result.code] : []));
  return codes.find(code => code === wrongCustomerDeleted) ?? codes[0];
}

/** Whoever already waits for a person must not be retried after somebody else was deleted for it. */
function recordWrongCustomer(receipt: Receipt, { results }: AttemptRecord): Receipt | undefined {
  const isWrong = reviewCode(Object.values(results)) === wrongCustomerDeleted;
  return isWrong && receipt.reason !== wrongCustomerDeleted ? requestReview(receipt, wrongCustomerDeleted) : undefined;
}

function postponeAttempt(receipt: Receipt, results: readonly ProjectResult[], { retryAt }: AttemptRecord): Receipt {
  const later = results.filter(result => result.kind === 'retry');
  const [first] = later;
  // What the quota alone interrupted goes on when the quota allows it: nothing failed, so nothing backs off.
  const isInterrupted =
    later.length > 0 && later.every(result => result.code === 'rate-limited' && result.resumable === true);
  const notBefore = Math.max(...later.map(result => result.notBefore ?? 0));
  const nextAttemptAt = isInterrupted ? notBefore : Math.max(retryAt, notBefore);
  return nextRevision(receipt, { nextAttemptAt, ...(first === undefined ? {} : { lastResult: first.code }) });
}

function isUnproven(result: ProjectResult): boolean {
  return result.kind === 'retry' && result.unproven === true;
}

function closeAs(
  receipt: Receipt,
  state: FinalKind,
  { now, repliesNow, callbackOnlyOutcomes = [] }: AttemptRecord,
): Receipt {
  return closeReceipt(receipt, { state, now, answered: repliesNow && !callbackOnlyOutcomes.includes(state) });
}

/** Erased in any project is erased; else not identifiable in any is not identifiable; else there is no match. */
function combined(states: readonly ProjectProgress['state'][]): FinalKind {
  if (states.includes('erased')) return 'erased';
  return states.includes('not-identifiable') ? 'not-identifiable' : 'no-match';
}

/** A receipt keeps no customer's id. */
function withoutCustomer(deletion: Deletion): Deletion {
  if (deletion.received === undefined) return deletion;
  const { related_object_id: _, ...received } = deletion.received;
  return { ...deletion, received };
}
