import { type Candidate, type Identifier, isUsable } from '../domain/erasure.ts';
import type { CallFailure } from './classify.ts';
import type { VoucherifyClient } from './client.ts';
import { findCustomers, type LookUpContext } from './find-customers.ts';
import type { LookUpProgress } from './look-up-progress.ts';

export interface ResolveRequest {
  readonly identifiers: readonly Identifier[];
  /** When the erasure was requested: a customer created later is not affected. */
  readonly submittedAt: number;
  /** Most customers that one request may delete in one project. */
  readonly maxCustomers: number;
}

export type Resolved =
  | { readonly kind: 'found'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'no-match' }
  | { readonly kind: 'not-identifiable' }
  | CallFailure;

interface Ways extends Omit<LookUpContext, 'isTooMany' | 'once'> {
  readonly voucherify: VoucherifyClient;
  readonly progress: LookUpProgress;
}

/**
 * Returns the customers that the identifiers of one request match in one project: the union of all look-ups of all
 * attempts, without those created after the request. Deletes nothing. Returns a failure rather than a partial result;
 * completed look-ups stay in the progress.
 */
export async function resolve(asked: ResolveRequest, { voucherify, progress, ...ways }: Ways): Promise<Resolved> {
  const isTooMany = (candidates: readonly Candidate[]) => meant(candidates, asked).length > asked.maxCustomers;
  // The time of the request never changes, so a newer customer can be dropped at once.
  const matters = (candidate: Candidate) => !(createdAt(candidate) > asked.submittedAt);
  const candidates = new Map<string, Candidate>();
  let isLookedUp = false;
  let isComplete = true;
  for (const [index, identifier] of asked.identifiers.entries()) {
    const once = progress.of(index, voucherify, matters);
    const found = await findCustomers(identifier, { ...ways, isTooMany, once });
    if (found.kind === 'retry' || found.kind === 'review') return found;
    if (found.kind !== 'not-identifiable') isLookedUp = true;
    else if (identifier.kind !== 'phone') isComplete = false;
    if (found.kind === 'found')
      for (const one of found.candidates) candidates.set(one.id, better(candidates.get(one.id), one));
  }
  const resolved = guarded([...candidates.values()], asked);
  return resolved.kind === 'no-match' && !(isLookedUp && isComplete) ? { kind: 'not-identifiable' } : resolved;
}

/** Returns the outcome of a project without a match, by its identifiers. */
export function endWithoutMatch(identifiers: readonly Identifier[]): 'no-match' | 'not-identifiable' {
  return identifiers.every(one => one.kind === 'phone' || isUsable(one)) ? 'no-match' : 'not-identifiable';
}

function better(known: Candidate | undefined, one: Candidate): Candidate {
  return known?.seen ? known : one;
}

function guarded(candidates: readonly Candidate[], asked: ResolveRequest): Resolved {
  if (candidates.some(one => Number.isNaN(createdAt(one)))) return needsReview('created-at-missing');
  const customers = meant(candidates, asked);
  if (customers.length > asked.maxCustomers) return needsReview('too-many-matches');
  return customers.length === 0 ? { kind: 'no-match' } : { kind: 'found', candidates: customers };
}

function meant(candidates: readonly Candidate[], { submittedAt }: ResolveRequest): readonly Candidate[] {
  return candidates.filter(one => createdAt(one) <= submittedAt);
}

const isoTimestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Epoch milliseconds; NaN when it cannot be read. An unseen customer has no time; its id is an exact match. */
function createdAt({ seen, createdAt: text = '' }: Candidate): number {
  if (!seen) return 0;
  return isoTimestamp.test(text) ? Date.parse(text) : Number.NaN;
}

function needsReview(code: string): CallFailure {
  return { kind: 'review', code, mayHaveExecuted: false, stop: true };
}
