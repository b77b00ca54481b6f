import {
  type Candidate,
  type Identifier,
  isUsable,
  type LookUpResult,
  type LookUpResults,
  spellingsOf,
  type UnmatchedKind,
} from '../domain/erasure.ts';
import { type CallFailure, needsReview, retryLater } from './classify.ts';
import { type Finding, findCustomers, type LookUpContext } from './find-customers.ts';

export interface ResolveRequest {
  readonly identifiers: readonly Identifier[];
  /** When the erasure was requested: a customer created later is not affected. */
  readonly submittedAt: number;
  /** Most customers that one request may delete in one project. */
  readonly maxCustomers: number;
  /** The look-ups that earlier attempts completed. They are not repeated. */
  readonly lookUps?: LookUpResults | undefined;
  /** The ids of customers that are pinned already. They count towards `maxCustomers` and are not returned again. */
  readonly pinned?: ReadonlySet<string>;
}

/** What the look-ups of one project have shown. */
export type Resolved =
  /** `ifAbsent`: the result if no candidate exists, because none was seen. */
  | { readonly kind: 'found'; readonly candidates: readonly Candidate[]; readonly ifAbsent?: Unmatched }
  /** Nothing was found, and Voucherify refused at least one look-up: see {@link refusedCodes}. */
  | { readonly kind: 'refused' }
  | Unmatched
  | CallFailure;

/** `createdLater`: at least this many customers were found but created after the request. */
export interface Unmatched {
  readonly kind: UnmatchedKind;
  readonly createdLater?: number;
}

export interface Resolution {
  readonly resolved: Resolved;
  /** All completed look-ups, also those of earlier attempts; the same object if none was added. */
  readonly lookUps: LookUpResults;
}

interface ResolveContext extends Omit<LookUpContext, 'isTooMany'> {
  readonly appIdHmac: (appId: string) => string;
}

/** The state of a request without completed look-ups. */
export const noLookUps: LookUpResults = { appIdHmac: '', results: [] };

/**
 * Returns the customers that the identifiers of one request match in one project: the union of all look-ups of all
 * attempts, without those created after the request. Deletes nothing. A look-up that Voucherify refuses does not block
 * the others. Every other failure is returned instead of a partial result, together with the look-ups that are complete.
 */
export async function resolve(request: ResolveRequest, context: ResolveContext): Promise<Resolution> {
  let lookUps = request.lookUps ?? noLookUps;
  const isTooMany = (candidates: readonly Candidate[]) => exceedsLimit(affected(candidates, request), request);
  for (const [index, identifier] of request.identifiers.entries()) {
    for (const spelling of spellingsOf(identifier)) {
      if (lookUps.results.some(result => result.identifier === index && result.spelling === spelling)) continue;
      const finding = await findCustomers(identifier, spelling, { ...context, isTooMany });
      if (finding.kind !== 'complete') return { resolved: finding, lookUps };
      // The time of the request never changes, so a newer customer is counted and dropped at once.
      const candidates = affected(finding.candidates, request);
      const createdLater = finding.candidates.length - candidates.length;
      const { refused } = finding;
      const more = { ...(refused && { refused }), ...(createdLater > 0 && { createdLater }) };
      const result = { identifier: index, spelling, identifiable: finding.identifiable, candidates, ...more };
      const added = addLookUp(lookUps, result, finding, context);
      lookUps = added.lookUps;
      if (added.isOtherApp) return { resolved: retryLater('app-id-changed', { stop: true }), lookUps };
    }
  }
  return { resolved: combine(request, lookUps.results), lookUps };
}

/**
 * Adds a completed look-up. A look-up with another app id may be of another project: it discards all earlier ones, and
 * the attempt must look up the earlier identifiers again.
 */
function addLookUp(
  lookUps: LookUpResults,
  result: LookUpResult,
  { appIds }: Extract<Finding, { kind: 'complete' }>,
  { appIdHmac }: ResolveContext,
): { readonly lookUps: LookUpResults; readonly isOtherApp: boolean } {
  const [appId = '', ...others] = appIds;
  if (others.length > 0) return { lookUps, isOtherApp: true };
  const hmac = appIdHmac(appId);
  const isOtherApp = lookUps.results.length > 0 && hmac !== lookUps.appIdHmac;
  const results = isOtherApp ? [result] : [...lookUps.results, result];
  return { lookUps: { appIdHmac: hmac, results }, isOtherApp };
}

/** Returns the codes of the look-ups that Voucherify refused. */
export function refusedCodes({ results }: LookUpResults): readonly string[] {
  return results.flatMap(result => result.refused ?? []);
}

/**
 * Returns the look-ups that a retry need not repeat: all but the refused ones. Their customers are pinned, so they are
 * left out.
 */
export function withoutRefused({ appIdHmac, results }: LookUpResults): LookUpResults {
  const kept = results.filter(result => result.refused === undefined);
  return { appIdHmac, results: kept.map(result => ({ ...result, candidates: [] })) };
}

/** Returns the look-ups of a retry that found nothing new: the others are repeated after a review. */
export function withoutFound({ appIdHmac, results }: LookUpResults): LookUpResults {
  return {
    appIdHmac,
    results: results.filter(({ refused, candidates }) => refused === undefined && candidates.length === 0),
  };
}

/** Combines completed look-ups. There is no match only if every identifier that can be looked up was looked up. */
function combine(request: ResolveRequest, results: readonly LookUpResult[]): Resolved {
  const candidates = new Map<string, Candidate>();
  for (const candidate of results.flatMap(result => result.candidates)) {
    if (candidates.get(candidate.id)?.seen !== true) candidates.set(candidate.id, candidate);
  }
  const customers = [...candidates.values()].filter(({ id }) => request.pinned?.has(id) !== true);
  if (customers.some(one => Number.isNaN(createdAt(one)))) return needsReview('created-at-missing');
  if (exceedsLimit(customers, request)) return needsReview('too-many-matches', { matched: customers.length });
  const unmatched = unmatchedBy(request, results);
  if (customers.length > 0) {
    const ifAbsent = customers.some(({ seen }) => seen) ? {} : { ifAbsent: unmatched };
    return { kind: 'found', candidates: customers, ...ifAbsent };
  }
  if (results.some(result => result.refused !== undefined)) return { kind: 'refused' };
  return unmatched;
}

function unmatchedBy({ identifiers }: ResolveRequest, results: readonly LookUpResult[]): Unmatched {
  const isUsableOrPhone = (one: Identifier) => one.kind === 'phone' || isUsable(one);
  const isComplete = results.length > 0 && results.every(result => result.identifiable);
  const kind = isComplete && identifiers.every(isUsableOrPhone) ? 'no-match' : 'not-identifiable';
  const createdLater = Math.max(0, ...results.map(result => result.createdLater ?? 0));
  if (createdLater === 0) return { kind };
  return { kind: kind === 'no-match' ? 'created-later' : kind, createdLater };
}

/** Returns the customers that existed when the erasure was requested, and those whose time of creation cannot be read. */
function affected(candidates: readonly Candidate[], { submittedAt }: ResolveRequest): readonly Candidate[] {
  return candidates.filter(one => !(createdAt(one) > submittedAt));
}

function exceedsLimit(customers: readonly Candidate[], { maxCustomers, pinned }: ResolveRequest): boolean {
  const added = customers.filter(({ id }) => pinned?.has(id) !== true).length;
  return added > 0 && added + (pinned?.size ?? 0) > maxCustomers;
}

const isoTimestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Epoch milliseconds; NaN when it cannot be read or was never set. An unseen customer has no time; its id is an exact match.
 */
function createdAt({ seen, createdAt: text = '' }: Candidate): number {
  if (!seen) return 0;
  const at = isoTimestamp.test(text) ? Date.parse(text) : Number.NaN;
  return at > 0 ? at : Number.NaN;
}
