import type { Deletion, FinalKind, LookUpResults } from '../erasure.ts';
import type { Alarm } from '../failure.ts';
import { closed } from './closing.ts';
import { asksHuman, changed, isRefusalDecided, type ProjectProgress, type Receipt } from './receipt.ts';
import type { Also } from './store.ts';

/** What one attempt found out in one project. */
export type ProjectResult =
  | { readonly kind: 'erased'; readonly deletions: readonly Deletion[] }
  | { readonly kind: 'no-match' | 'not-identifiable'; readonly deletions: readonly []; readonly knownPins: number }
  | (Unfinished & { readonly kind: 'later'; readonly notBefore?: number; readonly unproven?: boolean })
  | (Unfinished & { readonly kind: 'human' });

interface Unfinished {
  readonly code: string;
  readonly deletions: readonly Deletion[];
  /** Pins that name nobody, by index. */
  readonly absent?: readonly number[];
  readonly tried: boolean;
  /** Completed look-ups that replace those that are kept: the next attempt goes on from them. None of them: starts anew. */
  readonly lookUps?: LookUpResults;
  /** The next attempt goes on where this one stopped. */
  readonly resumable?: boolean;
}

/** The code of a deletion that hit somebody else. */
export const wrongCustomerDeleted = 'wrong-customer-deleted' satisfies Alarm;

/** Answers that said 200 and proved nothing, after which a person must look. */
export const mostUnproven = 3;

export interface Recording {
  /** `claims` as it stood when the attempt began: somebody who claimed since has the say. */
  readonly generation: number;
  readonly results: Readonly<Record<string, ProjectResult>>;
  readonly now: number;
  /** When to come back if this does not finish it. */
  readonly retryAt: number;
  /** Whether the platform gets the outcome in the answer to this very request. */
  readonly answersNow: boolean;
  /** Outcomes that its answer has no word for. */
  readonly toldByCallback?: readonly FinalKind[];
}

/** The result of an attempt: closes the receipt, asks for a person, or puts it off. */
export function recorded(receipt: Receipt, recording: Recording): Receipt | undefined {
  if (receipt.state === 'needs-human') return nowWrong(receipt, recording);
  if (receipt.state !== 'open') return undefined;
  const results = telling(Object.entries(recording.results), receipt.claims !== recording.generation);
  if (results === undefined) return undefined;
  if (results.some(([project, result]) => overlooksPins(receipt.projects[project], result))) return undefined;
  const told = new Map(results);
  const projects = Object.entries(receipt.projects).map(([project, progress]) => {
    const result = told.get(project);
    return [project, result === undefined ? progress : advanced(progress, result)] as const;
  });
  const next = { ...receipt, projects: Object.fromEntries(projects) };
  return concluded(
    next,
    results.map(([, result]) => result),
    recording,
  );
}

/**
 * The completed look-ups that are stored with a recorded result: only those that the receipt counts, so none of a late
 * worker.
 */
export function lookUpsOf(next: Receipt, { generation, results }: Recording): NonNullable<Also['lookUps']> {
  if (next.claims !== generation) return [];
  return Object.entries(results).flatMap(([project, result]) => {
    const lookUps = 'lookUps' in result ? result.lookUps : undefined;
    if (lookUps === undefined || next.projects[project]?.lookedUp !== lookUps.results.length) return [];
    return [{ project, lookUps: lookUps.results.length === 0 ? undefined : lookUps }];
  });
}

type Results = readonly (readonly [project: string, result: ProjectResult])[];

/** Of a late worker only what stays true counts: that all is erased, or that somebody else was deleted. */
function telling(results: Results, late: boolean): Results | undefined {
  if (!late || results.every(([, result]) => result.kind === 'erased')) return results;
  const wrong = results.filter(([, result]) => result.kind === 'human' && result.code === wrongCustomerDeleted);
  return wrong.length === 0 ? undefined : wrong;
}

/** "Nobody" may only be said by an attempt that knew of every pin that is stored. */
function overlooksPins(progress: ProjectProgress | undefined, result: ProjectResult): boolean {
  return 'knownPins' in result && progress?.pins !== result.knownPins;
}

function advanced(before: ProjectProgress, result: ProjectResult): ProjectProgress {
  if (before.state !== 'open') return before;
  const known = new Set(before.deletions.map(deletion => deletion.pin));
  const fresh = result.deletions.filter(deletion => !known.has(deletion.pin)).map(withoutCustomer);
  const deletions = [...before.deletions, ...fresh];
  if (result.kind === 'later' || result.kind === 'human') {
    const absent = [...new Set([...(before.absent ?? []), ...(result.absent ?? [])])];
    const none = absent.length === 0 ? {} : { absent };
    const lookedUp = result.lookUps === undefined ? {} : { lookedUp: result.lookUps.results.length };
    return { ...before, ...lookedUp, deletions, ...none, tried: before.tried || result.tried };
  }
  return { ...before, deletions, state: result.kind };
}

function concluded(next: Receipt, results: readonly ProjectResult[], recording: Recording): Receipt {
  const unproven = next.unproven + (results.some(isUnproven) ? 1 : 0);
  const counted = { ...next, unproven, unrecordedClaims: 0 };
  const states = Object.values(next.projects).map(progress => progress.state);
  if (!states.includes('open')) return ended(counted, combined(states), recording);
  const human = codeForHuman(results);
  if (isRefusalDecided(next) && human !== wrongCustomerDeleted) return ended(counted, 'refused', recording);
  const told = { ...counted, answeredOpen: next.answeredOpen || recording.answersNow };
  if (human !== undefined) return asksHuman(told, human);
  return unproven < mostUnproven ? putOff(told, results, recording) : asksHuman(told, 'unproven-answers');
}

/** That somebody else was deleted outweighs every other reason. */
function codeForHuman(results: readonly ProjectResult[]): string | undefined {
  const codes = results.flatMap(result => (result.kind === 'human' ? [result.code] : []));
  return codes.find(code => code === wrongCustomerDeleted) ?? codes[0];
}

/** Whoever already waits for a person must not be retried after somebody else was deleted for it. */
function nowWrong(receipt: Receipt, { results }: Recording): Receipt | undefined {
  const isWrong = codeForHuman(Object.values(results)) === wrongCustomerDeleted;
  return isWrong && receipt.reason !== wrongCustomerDeleted ? asksHuman(receipt, wrongCustomerDeleted) : undefined;
}

function putOff(receipt: Receipt, results: readonly ProjectResult[], { retryAt }: Recording): Receipt {
  const later = results.filter(result => result.kind === 'later');
  const [first] = later;
  // What the quota alone interrupted goes on when the quota allows it: nothing failed, so nothing backs off.
  const isInterrupted = later.length > 0 && later.every(result => result.code === 'paced' && result.resumable === true);
  const notBefore = Math.max(...later.map(result => result.notBefore ?? 0));
  const nextAttemptAt = isInterrupted ? notBefore : Math.max(retryAt, notBefore);
  return changed(receipt, { nextAttemptAt, ...(first === undefined ? {} : { lastResult: first.code }) });
}

function isUnproven(result: ProjectResult): boolean {
  return result.kind === 'later' && result.unproven === true;
}

function ended(receipt: Receipt, state: FinalKind, { now, answersNow, toldByCallback = [] }: Recording): Receipt {
  return closed(receipt, { state, now, answered: answersNow && !toldByCallback.includes(state) });
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
