import type { Deletion, FinalKind, LookUpResults, UnmatchedKind } from '../domain/erasure.ts';
import { closeReceipt } from './closing.ts';
import {
  hasRefusedLookUps,
  holdReceipt,
  isRefusalDecided,
  isWithdrawn,
  legalHold,
  nextRevision,
  type ProjectProgress,
  type Receipt,
  requestReview,
  wrongCustomerDeleted,
} from './receipt.ts';
import type { SideWrites } from './store.ts';

/** The result of one attempt in one project. */
export type ProjectResult =
  | { readonly kind: 'erased'; readonly deletions: readonly Deletion[]; readonly knownPins?: number }
  | {
      readonly kind: UnmatchedKind;
      readonly deletions: readonly [];
      readonly knownPins: number;
      /** At least this many customers were found, but created after the request. */
      readonly createdLater?: number;
    }
  | (Unfinished & {
      readonly kind: 'retry';
      readonly notBefore?: number;
      readonly retryBy?: number;
      readonly unproven?: boolean;
    })
  /** Everything that was found is erased, but Voucherify refused look-ups. */
  | (Unfinished & { readonly kind: 'partial' })
  /** `matched`: at least this many customers were found, and these were too many. `holds`: the ids of legal holds. */
  | (Unfinished & { readonly kind: 'review'; readonly matched?: number; readonly holds?: readonly string[] });

interface Unfinished {
  readonly code: string;
  readonly deletions: readonly Deletion[];
  /** Indexes of pins without a customer. */
  readonly absent?: readonly number[];
  /** Indexes of pins that were never seen, and of which it is unknown whether they were deleted. */
  readonly unseenUnproven?: readonly number[];
  readonly mayHaveExecuted: boolean;
  /** Completed look-ups that replace the stored ones; the next attempt continues from them. Empty: it starts again. */
  readonly lookUps?: LookUpResults;
  /** Whether the next attempt continues where this one stopped. */
  readonly resumable?: boolean;
}

/** After this many attempts with a response that proves nothing, the receipt needs review. */
export const maxUnproven = 3;

export interface AttemptRecord {
  /** The number of the claim under which the attempt works: `claims` when it started. */
  readonly claim: number;
  readonly results: Readonly<Record<string, ProjectResult>>;
  readonly now: number;
  /** When to retry if this attempt does not finish the erasure. */
  readonly retryAt: number;
  /** Whether the reply to the current request tells the platform the outcome. */
  readonly repliesNow: boolean;
  /** Outcomes that the platform's reply cannot express. */
  readonly callbackOnlyOutcomes?: readonly FinalKind[] | undefined;
}

/** Records the result of an attempt: closes the receipt, moves it to review, or postpones it. */
export function recordAttempt(receipt: Receipt, recording: AttemptRecord): Receipt | undefined {
  if (receipt.state === 'needs-review') return recordWrongCustomer(receipt, recording);
  if (receipt.state !== 'open') return undefined;
  const results = usableResults(Object.entries(recording.results), receipt.claims !== recording.claim);
  if (results === undefined) return undefined;
  if (results.some(([project, result]) => overlooksPins(receipt.projects[project], result))) return undefined;
  const byProject = new Map(results);
  const projects = Object.entries(receipt.projects).map(([project, progress]) => {
    const result = byProject.get(project);
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
 * Returns the completed look-ups to store with a recorded result: only those that the receipt counts, so none of a late
 * worker.
 */
export function lookUpsOf(next: Receipt, { claim, results }: AttemptRecord): NonNullable<SideWrites['lookUps']> {
  if (next.claims !== claim) return [];
  return Object.entries(results).flatMap(([project, result]) => {
    const lookUps = 'lookUps' in result ? result.lookUps : undefined;
    if (lookUps === undefined || next.projects[project]?.lookedUp !== lookUps.results.length) return [];
    return [{ project, lookUps: lookUps.results.length === 0 ? undefined : lookUps }];
  });
}

type Results = readonly (readonly [project: string, result: ProjectResult])[];

/** From a late worker, uses only results that stay true: everything is erased, or the wrong customer was deleted. */
function usableResults(results: Results, late: boolean): Results | undefined {
  if (!late || results.every(([, result]) => result.kind === 'erased')) return results;
  const wrong = results.filter(([, result]) => reviewCode([result]) === wrongCustomerDeleted);
  return wrong.length === 0 ? undefined : wrong;
}

/** An attempt may finish a project only if it knew every stored pin, and if no look-up is left that was refused. */
function overlooksPins(progress: ProjectProgress | undefined, result: ProjectResult): boolean {
  const isFinished = result.kind !== 'retry' && result.kind !== 'review' && result.kind !== 'partial';
  if (isFinished && progress !== undefined && hasRefusedLookUps(progress)) return true;
  return 'knownPins' in result && progress?.pins !== result.knownPins;
}

function progressAfter(before: ProjectProgress, result: ProjectResult): ProjectProgress {
  if (before.state !== 'open') return before;
  const known = new Set(before.deletions.map(deletion => deletion.pin));
  const fresh = result.deletions.filter(deletion => !known.has(deletion.pin)).map(withoutCustomer);
  const deletions = [...before.deletions, ...fresh];
  if (result.kind === 'retry' || result.kind === 'review' || result.kind === 'partial') {
    const { lookUps, matched }: Pick<Unfinished, 'lookUps'> & { readonly matched?: number } = result;
    return {
      ...before,
      ...(lookUps && { lookedUp: lookUps.results.length }),
      ...(matched && { matched }),
      deletions,
      ...union('absent', before, result),
      ...union('unseenUnproven', before, result),
      mayHaveExecuted: before.mayHaveExecuted || result.mayHaveExecuted,
    };
  }
  const createdLater = 'createdLater' in result ? { createdLater: result.createdLater } : {};
  return { ...before, ...createdLater, deletions, state: result.kind };
}

/** Returns the indexes of one kind before and after an attempt; nothing if there are none. */
function union<Kind extends 'absent' | 'unseenUnproven'>(kind: Kind, before: ProjectProgress, result: Unfinished) {
  const indexes = [...new Set([...(before[kind] ?? []), ...(result[kind] ?? [])])];
  return indexes.length === 0 ? {} : { [kind]: indexes };
}

function conclude(next: Receipt, results: readonly ProjectResult[], recording: AttemptRecord): Receipt {
  const isUnproven = results.some(result => 'unproven' in result && result.unproven === true);
  const unproven = next.unprovenCount + (isUnproven ? 1 : 0);
  const counted = { ...next, unprovenCount: unproven, unrecordedClaims: 0 };
  if (isWithdrawn(next)) return closeAs(counted, 'refused', recording);
  const states = Object.values(next.projects).map(progress => progress.state);
  if (!states.includes('open')) return closeAs(counted, combined(states), recording);
  const code = reviewCode(results);
  if (isRefusalDecided(next) && code !== wrongCustomerDeleted) return closeAs(counted, 'refused', recording);
  const replied = { ...counted, repliedInProgress: next.repliedInProgress || recording.repliesNow };
  if (code === legalHold) return holdReceipt(replied, holdsOf(results), recording.now);
  if (code !== undefined) return requestReview(replied, code);
  const partial = results.find(result => result.kind === 'partial');
  // Another project may still continue: the review waits for it.
  const isWaiting = results.some(result => result.kind === 'retry');
  if (partial !== undefined && !isWaiting) return requestReview(replied, partial.code);
  return unproven < maxUnproven
    ? postponeAttempt(replied, results, recording)
    : requestReview(replied, 'unproven-responses');
}

/** Returns why the receipt needs review. A wrong deletion takes precedence over every other reason. */
function reviewCode(results: readonly ProjectResult[]): string | undefined {
  const codes = results.flatMap(result => (result.kind === 'review' ? [result.code] : []));
  return codes.find(code => code === wrongCustomerDeleted) ?? codes[0];
}

function holdsOf(results: readonly ProjectResult[]): readonly string[] {
  return results.flatMap(result => ('holds' in result && result.holds) || []);
}

/** Changes the reason of a receipt in review, so that an operator cannot retry it after a wrong deletion. */
function recordWrongCustomer(receipt: Receipt, { results }: AttemptRecord): Receipt | undefined {
  const isWrong = reviewCode(Object.values(results)) === wrongCustomerDeleted;
  return isWrong && receipt.reason !== wrongCustomerDeleted ? requestReview(receipt, wrongCustomerDeleted) : undefined;
}

function postponeAttempt(receipt: Receipt, results: readonly ProjectResult[], { retryAt }: AttemptRecord): Receipt {
  const retries = results.filter(result => result.kind === 'retry');
  const [first] = retries;
  // An attempt that only the quota interrupted continues as soon as the quota allows it. Nothing failed: no backoff.
  const isInterrupted =
    retries.length > 0 && retries.every(result => result.code === 'rate-limited' && result.resumable === true);
  const notBefore = Math.max(...retries.map(result => result.notBefore ?? 0));
  const retryBy = Math.min(...retries.map(result => result.retryBy ?? Number.POSITIVE_INFINITY));
  const nextAttemptAt = isInterrupted ? notBefore : Math.max(Math.min(retryAt, retryBy), notBefore);
  return nextRevision(receipt, { nextAttemptAt, ...(first === undefined ? {} : { lastResult: first.code }) });
}

function closeAs(
  receipt: Receipt,
  state: FinalKind,
  { now, repliesNow, callbackOnlyOutcomes }: AttemptRecord,
): Receipt {
  return closeReceipt(receipt, { state, now, replied: repliesNow && callbackOnlyOutcomes?.includes(state) !== true });
}

/** The outcome of a receipt is the first of these that one of its projects has, and otherwise no match. */
const precedence = ['erased', 'not-identifiable', 'created-later'] as const;

function combined(states: readonly ProjectProgress['state'][]): FinalKind {
  return precedence.find(kind => states.includes(kind)) ?? 'no-match';
}

/** Removes the customer's id, which a receipt must not contain. */
function withoutCustomer(deletion: Deletion): Deletion {
  if (deletion.received === undefined) return deletion;
  const { related_object_id: _, ...received } = deletion.received;
  return { ...deletion, received };
}
