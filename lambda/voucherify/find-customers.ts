import { emailSpellings, isSameEmail } from '../domain/email.ts';
import { type Candidate, type Identifier, isUsable } from '../domain/erasure.ts';
import { type CallFailure, unprovenFailure } from './classify.ts';
import type { VoucherifyClient } from './client.ts';
import { type Customer, parseLookUp, parsePage } from './responses.ts';

/** The result for one identifier: customers, no match, or an identifier that cannot be looked up. */
export type LookUpFinding =
  | { readonly kind: 'found'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'no-match' }
  | { readonly kind: 'not-identifiable' }
  | CallFailure;

/** Looks up one spelling with the given client, unless that look-up is already complete. */
export type LookUpOnce = (
  spelling: string,
  lookUp: (voucherify: VoucherifyClient) => Promise<LookUpFinding>,
) => Promise<LookUpFinding>;

export interface LookUpContext {
  readonly once: LookUpOnce;
  readonly now: () => number;
  readonly until: number;
  /** Whether there are already more candidates than may be deleted, so that the rest need not be read. */
  readonly isTooMany: (candidates: readonly Candidate[]) => boolean;
  /** Maximum number of pages of one spelling that one attempt can read. */
  readonly mostPages: number;
}

/** Looks up one identifier and keeps only exact matches. */
export async function findCustomers(identifier: Identifier, lookUps: LookUpContext): Promise<LookUpFinding> {
  if (identifier.kind !== 'phone' && !isUsable(identifier)) return { kind: 'not-identifiable' };
  switch (identifier.kind) {
    case 'customer_id':
      return findById(identifier.value, lookUps);
    case 'source_id':
      return findBySourceId(identifier.value, lookUps);
    case 'email':
      return findByEmail(identifier.value, lookUps);
    case 'phone':
      return { kind: 'not-identifiable' };
  }
}

/** Returns the calls that these look-ups need, with one page for each e-mail. */
export function lookUpCalls(identifiers: readonly Identifier[]): number {
  const calls = identifiers.filter(isUsable).map(one => (one.kind === 'email' ? emailSpellings(one.value).length : 1));
  return calls.reduce((sum, count) => sum + count, 0);
}

/** A soft-deleted customer is not shown, and may still be purged under its own id (Voucherify docs, Team settings). */
async function findById(id: string, { once, now, until }: LookUpContext): Promise<LookUpFinding> {
  return once(id, async voucherify => {
    const lookUp = parseLookUp(await voucherify.lookUp(id, until), now());
    if (lookUp.kind === 'no-match') return { kind: 'found', candidates: [{ id, seen: false }] };
    if (lookUp.kind !== 'customer') return lookUp;
    // The path takes a source_id as well: another customer's may equal the requested id.
    return lookUp.customer.id === id ? found(lookUp.customer) : { kind: 'no-match' };
  });
}

async function findBySourceId(sourceId: string, { once, now, until }: LookUpContext): Promise<LookUpFinding> {
  return once(sourceId, async voucherify => {
    const lookUp = parseLookUp(await voucherify.lookUp(sourceId, until), now());
    if (lookUp.kind !== 'customer') return lookUp;
    if (lookUp.customer.source_id === sourceId) return found(lookUp.customer);
    // It is the id of a customer with another source_id, so the value cannot be looked up as a source_id.
    return { kind: lookUp.customer.id === sourceId ? 'not-identifiable' : 'no-match' };
  });
}

function found(customer: Customer): LookUpFinding {
  return { kind: 'found', candidates: [seen(customer)] };
}

/** Voucherify does not say how it compares addresses: every spelling is looked up, and the results are compared here. */
async function findByEmail(email: string, lookUps: LookUpContext): Promise<LookUpFinding> {
  const candidates = new Map<string, Candidate>();
  for (const spelling of emailSpellings(email)) {
    const found = await lookUps.once(spelling, voucherify => findBySpelling(spelling, email, lookUps, voucherify));
    if (found.kind === 'retry' || found.kind === 'review') return found;
    if (found.kind === 'found') for (const one of found.candidates) candidates.set(one.id, one);
  }
  return candidates.size === 0 ? { kind: 'no-match' } : { kind: 'found', candidates: [...candidates.values()] };
}

async function findBySpelling(
  spelling: string,
  email: string,
  lookUps: LookUpContext,
  voucherify: VoucherifyClient,
): Promise<LookUpFinding> {
  const candidates = new Map<string, Candidate>();
  const matches = (row: Customer) => isSameEmail(row.email, email);
  const failure = await readPages(spelling, { ...lookUps, voucherify }, candidates, matches);
  return failure ?? { kind: 'found', candidates: [...candidates.values()] };
}

/** Highest page number (Voucherify OpenAPI, List customers). */
const lastPage = 99;

/**
 * Read to the end before anything is deleted, since deleting shifts the pages. A short page is not the end: that is
 * when as many rows were read as the largest `total` of all pages. A page without a new row before that means that the
 * list shrank in the meantime or contradicts itself. A customer may be missing, so it is read again from the beginning.
 */
async function readPages(
  email: string,
  { voucherify, now, until, isTooMany, mostPages }: LookUpContext & { readonly voucherify: VoucherifyClient },
  candidates: Map<string, Candidate>,
  matches: (customer: Customer) => boolean,
): Promise<CallFailure | undefined> {
  const rows = new Set<string>();
  let total = 0;
  let largestPage = 1;
  for (let page = 1; page <= lastPage && !isTooMany([...candidates.values()]); page += 1) {
    const reply = await voucherify.listByEmail(email, page, until);
    const answer = parsePage(reply, now());
    if (answer.kind !== 'page') return answer;
    for (const row of answer.customers.filter(matches)) candidates.set(row.id, seen(row));
    total = Math.max(total, answer.total);
    const before = rows.size;
    for (const { id } of answer.customers) rows.add(id);
    const isNew = rows.size > before;
    if (rows.size >= total && !(isNew && answer.has_more === true)) return undefined;
    if (!isNew) return unprovenFailure('incomplete-list');
    largestPage = Math.max(largestPage, answer.customers.length);
    const neverFits = total > mostPages * largestPage && !isTooMany([...candidates.values()]);
    if (neverFits) return { kind: 'review', code: 'quota-too-small', mayHaveExecuted: false, stop: true };
  }
  return { kind: 'review', code: 'too-many-matches', mayHaveExecuted: false, stop: true };
}

function seen({ id, created_at: createdAt }: Customer): Candidate {
  return typeof createdAt === 'string' ? { id, seen: true, createdAt } : { id, seen: true };
}
