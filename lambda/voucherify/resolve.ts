import type { Candidate, LookUpResult, LookUpResults, UnmatchedKind } from '../domain/erasure.ts';
import { type Identifier, isSameEmail, isUsable, spellingsOf } from '../domain/identifiers.ts';
import type { VoucherifyClient } from './client.ts';
import { type CallFailure, type Customer, needsReview, retryLater, unprovenFailure } from './responses.ts';

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

/** The customers that one look-up found, and the app ids of its calls; or why it is not complete. */
type Finding =
  | {
      readonly kind: 'complete';
      readonly candidates: readonly Candidate[];
      /** False if the value cannot be looked up as this kind of identifier. */
      readonly identifiable: boolean;
      /** The code of a refusal: see {@link orRefused}. */
      readonly refused?: string;
      readonly appIds: ReadonlySet<string>;
    }
  | CallFailure;

interface LookUpContext {
  readonly voucherify: VoucherifyClient;
  readonly until: number;
  /** Whether there are already more candidates than may be deleted, so that the rest need not be read. */
  readonly isTooMany: (candidates: readonly Candidate[]) => boolean;
  /** Whether a response without proof is refused, because the attempts before had the same. */
  readonly isLastTry?: boolean;
  /** Maximum number of pages of one spelling that one attempt can read. */
  readonly mostPages: number;
  readonly subjectHmac: (identifier: Identifier) => string;
}

/** Looks up one spelling of an identifier and keeps only exact matches. */
async function findCustomers({ kind, value }: Identifier, spelling: string, context: LookUpContext): Promise<Finding> {
  if (kind === 'email') return findByEmail(spelling, value, context);
  const { result, appId } = await context.voucherify.lookUp(value, context.until);
  const appIds = new Set([appId]);
  if (result.kind === 'retry' || result.kind === 'review') return orRefused(result, appIds, context);
  const customer = result.kind === 'customer' ? result.customer : undefined;
  if (kind === 'source_id' && isOtherSpelling(customer?.source_id, value)) {
    return orRefused(needsReview('source-id-spelling'), appIds, context);
  }
  if (customer !== undefined && !isAsked(customer, value)) {
    return orRefused(unprovenFailure('unasked-customer'), appIds, context);
  }
  const found =
    kind === 'customer_id' ? matchById(value, customer, context) : matchBySourceId(value, customer, context);
  return { kind: 'complete', appIds, ...found };
}

/**
 * Returns a failed look-up that says nothing about other identities as complete, so that it does not block them: Voucherify
 * refuses the value, the record cannot be read, or no response of the last try proves anything. Other failures are returned
 * unchanged.
 */
function orRefused(failure: CallFailure, appIds: ReadonlySet<string>, { isLastTry }: LookUpContext): Finding {
  const refused = { kind: 'complete', candidates: [], identifiable: true, appIds } as const;
  const { kind, code } = failure;
  if (kind === 'review' || code === 'unreadable-customer') return { ...refused, refused: code };
  return isLastTry === true && failure.unproven === true ? { ...refused, refused: 'unproven-responses' } : failure;
}

type Match = Pick<Extract<Finding, { kind: 'complete' }>, 'candidates' | 'identifiable'>;

/**
 * A soft-deleted customer is not shown, and may still be purged under its own id (Voucherify docs, Team settings). The path
 * also takes a source_id: another customer's may equal the requested id, which then cannot be looked up.
 */
function matchById(id: string, customer: Customer | undefined, context: LookUpContext): Match {
  if (customer === undefined) return { candidates: [{ id, seen: false }], identifiable: true };
  return customer.id === id
    ? { candidates: [seen(customer, context)], identifiable: true }
    : { candidates: [], identifiable: false };
}

/** Whether a response can be about this value: it has it as its id or as its source_id. */
function isAsked({ id, source_id }: Customer, value: string): boolean {
  return id === value || source_id === value;
}

/** Whether two source_ids differ only by type, case or Unicode normal form: then they may belong to the same person. */
function isOtherSpelling(found: unknown, requested: string): boolean {
  if (found === requested || !['string', 'number', 'bigint'].includes(typeof found)) return false;
  const fold = (text: string) => text.normalize('NFC').toLowerCase();
  return fold(String(found)) === fold(requested);
}

/** If the value is the id of a customer with another source_id, it cannot be looked up as a source_id. */
function matchBySourceId(sourceId: string, customer: Customer | undefined, context: LookUpContext): Match {
  if (customer?.source_id === sourceId) return { candidates: [seen(customer, context)], identifiable: true };
  return { candidates: [], identifiable: customer?.id !== sourceId };
}

/** Highest page number (Voucherify OpenAPI, List customers). */
const lastPage = 99;

/**
 * Lists the customers with an address in one spelling. The list is read to the end before anything is deleted, since
 * deleting shifts the pages. A short page is not the end: that is when as many rows were read as the largest `total` of
 * all pages. A page without a new row before that means that the list shrank in the meantime or contradicts itself. A
 * customer may be missing, so it is read again from the beginning.
 */
async function findByEmail(spelling: string, email: string, context: LookUpContext): Promise<Finding> {
  const { voucherify, until, isTooMany, mostPages } = context;
  const candidates = new Map<string, Candidate>();
  const [rows, appIds] = [new Set<string>(), new Set<string>()];
  const tooMany = () => isTooMany([...candidates.values()]);
  let total = 0;
  let largestPage = 1;
  for (let page = 1; page <= lastPage && !tooMany(); page += 1) {
    const { result, appId } = await voucherify.listByEmail(spelling, page, until);
    appIds.add(appId);
    if (result.kind !== 'page') return orRefused(result, appIds, context);
    for (const row of result.customers) if (isSameEmail(row.email, email)) candidates.set(row.id, seen(row, context));
    total = Math.max(total, result.total);
    const before = rows.size;
    for (const { id } of result.customers) rows.add(id);
    const isNew = rows.size > before;
    const isMore = result.has_more === true && (isNew || rows.size === 0);
    if (rows.size >= total && !isMore) {
      return { kind: 'complete', candidates: [...candidates.values()], identifiable: true, appIds };
    }
    if (!isNew) return orRefused(unprovenFailure('incomplete-list'), appIds, context);
    largestPage = Math.max(largestPage, result.customers.length);
    if (total > mostPages * largestPage && !tooMany()) return needsReview('quota-too-small');
  }
  return needsReview('too-many-matches', { matched: candidates.size });
}

function seen(customer: Customer, { subjectHmac }: LookUpContext): Candidate {
  const { id, created_at: createdAt, source_id, email } = customer;
  const hmacOf = (kind: 'source_id' | 'email', value: unknown) =>
    ['string', 'number', 'bigint'].includes(typeof value) ? [subjectHmac({ kind, value: String(value) })] : [];
  const subjectHmacs = [...hmacOf('source_id', source_id), ...hmacOf('email', email)];
  return { id, seen: true, ...(typeof createdAt === 'string' && { createdAt }), subjectHmacs };
}
