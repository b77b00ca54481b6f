import { isSameEmail } from '../domain/email.ts';
import type { Candidate, Identifier } from '../domain/erasure.ts';
import { type CallFailure, needsReview, unprovenFailure } from './classify.ts';
import type { VoucherifyClient } from './client.ts';
import type { Customer } from './responses.ts';

/** The customers that one look-up found, and the app ids of its calls; or why it is not complete. */
export type Finding =
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

export interface LookUpContext {
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
export async function findCustomers(
  { kind, value }: Identifier,
  spelling: string,
  context: LookUpContext,
): Promise<Finding> {
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
