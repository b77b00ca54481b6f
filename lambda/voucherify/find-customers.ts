import { emailSpellings, isSameEmail } from '../email.ts';
import { type Identifier, isUsable } from '../erasure.ts';
import { type Customer, judgeLookUp, judgePage } from './answer.ts';
import { pageSize, type Reply, type Voucherify } from './client.ts';
import type { Trouble } from './trouble.ts';

/** A customer that one identifier names. An unseen one was not shown to us and may have been deleted softly. */
export type Candidate =
  | { readonly seen: true; readonly id: string; readonly customer: Customer; readonly appId: string }
  | { readonly seen: false; readonly id: string; readonly appId: string };

/** What one identifier names: customers, nobody, or nothing that can be looked up. */
export type Found =
  | { readonly kind: 'found'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'not-identifiable' }
  | Trouble;

export interface LookUps {
  readonly voucherify: Voucherify;
  readonly now: () => number;
  readonly until: number;
  /** Whether these are more than may be deleted already, so that the rest need not be read. */
  readonly isTooMany: (candidates: readonly Candidate[]) => boolean;
}

/** Looks one identifier up and keeps only what it matches exactly. */
export async function findCustomers(identifier: Identifier, lookUps: LookUps): Promise<Found> {
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

/** Calls that looking these up takes, as far as it can be known before an e-mail's pages are seen. */
export function lookUpCalls(identifiers: readonly Identifier[]): number {
  const calls = identifiers.filter(isUsable).map(one => (one.kind === 'email' ? emailSpellings(one.value).length : 1));
  return calls.reduce((sum, count) => sum + count, 0);
}

/** A soft-deleted customer is not shown, and may still be purged under its own id (Voucherify docs, Team settings). */
async function findById(id: string, { voucherify, now, until }: LookUps): Promise<Found> {
  const reply = await voucherify.lookUp(id, until);
  const lookUp = judgeLookUp(reply, now());
  if (lookUp.kind === 'nobody') return { kind: 'found', candidates: [{ seen: false, id, appId: reply.appId }] };
  if (lookUp.kind !== 'customer') return lookUp;
  // The path takes a source_id as well: somebody else's may equal the id that was asked for.
  return lookUp.customer.id === id ? found(lookUp.customer, reply) : { kind: 'nobody' };
}

async function findBySourceId(sourceId: string, { voucherify, now, until }: LookUps): Promise<Found> {
  const reply = await voucherify.lookUp(sourceId, until);
  const lookUp = judgeLookUp(reply, now());
  if (lookUp.kind !== 'customer') return lookUp;
  if (lookUp.customer.source_id === sourceId) return found(lookUp.customer, reply);
  // It is the id of somebody who is known by another source_id: the value cannot be looked up as what it is.
  return { kind: lookUp.customer.id === sourceId ? 'not-identifiable' : 'nobody' };
}

function found(customer: Customer, { appId }: Reply): Found {
  return { kind: 'found', candidates: [seen(customer, appId)] };
}

/** Voucherify does not say how it compares addresses: every spelling is looked up, and what it returns compared here. */
async function findByEmail(email: string, lookUps: LookUps): Promise<Found> {
  const candidates = new Map<string, Candidate>();
  for (const spelling of emailSpellings(email)) {
    const trouble = await readPages(spelling, lookUps, candidates, row => isSameEmail(row.email, email));
    if (trouble !== undefined) return trouble;
  }
  return candidates.size === 0 ? { kind: 'nobody' } : { kind: 'found', candidates: [...candidates.values()] };
}

/** Highest page there is (Voucherify OpenAPI, List customers). */
const lastPage = 99;

/** Read to the end before anything is deleted, since deleting shifts the pages. */
async function readPages(
  email: string,
  { voucherify, now, until, isTooMany }: LookUps,
  candidates: Map<string, Candidate>,
  matches: (customer: Customer) => boolean,
): Promise<Trouble | undefined> {
  let read = 0;
  for (let page = 1; page <= lastPage && !isTooMany([...candidates.values()]); page += 1) {
    const reply = await voucherify.listByEmail(email, page, until);
    const answer = judgePage(reply, now());
    if (answer.kind !== 'page') return answer;
    for (const row of answer.customers.filter(matches)) candidates.set(row.id, seen(row, reply.appId));
    read += answer.customers.length;
    if (answer.customers.length < pageSize || read >= answer.total) return undefined;
  }
  return { kind: 'human', code: 'too-many-matches', effect: 'none', stop: true };
}

function seen(customer: Customer, appId: string): Candidate {
  return { seen: true, id: customer.id, customer, appId };
}
