import { type Identifier, isUsable } from '../erasure.ts';
import { type Customer, judgeLookUp, judgePage } from './answer.ts';
import { pageSize, type Voucherify } from './client.ts';
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
}

/** Looks one identifier up and keeps only what it matches exactly. */
export async function findCustomers(identifier: Identifier, lookUps: LookUps): Promise<Found> {
  if (!isUsable(identifier)) return { kind: 'not-identifiable' };
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
  const spellings = ({ value }: Identifier) => new Set([value, value.toLowerCase()]).size;
  const calls = identifiers.filter(isUsable).map(one => (one.kind === 'email' ? spellings(one) : 1));
  return calls.reduce((sum, count) => sum + count, 0);
}

/** A soft-deleted customer is not shown, and may still be purged under its own id (Voucherify docs, Team settings). */
async function findById(id: string, { voucherify, now, until }: LookUps): Promise<Found> {
  const reply = await voucherify.lookUp(id, until);
  const lookUp = judgeLookUp(reply, now());
  if (lookUp.kind === 'nobody') return { kind: 'found', candidates: [{ seen: false, id, appId: reply.appId }] };
  if (lookUp.kind !== 'customer') return lookUp;
  // The path takes a source_id as well: somebody else's may equal the id that was asked for.
  return lookUp.customer.id === id ? seen([lookUp.customer], reply.appId) : { kind: 'nobody' };
}

async function findBySourceId(sourceId: string, { voucherify, now, until }: LookUps): Promise<Found> {
  const reply = await voucherify.lookUp(sourceId, until);
  const lookUp = judgeLookUp(reply, now());
  if (lookUp.kind !== 'customer') return lookUp;
  if (lookUp.customer.source_id === sourceId) return seen([lookUp.customer], reply.appId);
  // It is the id of somebody who is known by another source_id: the value cannot be looked up as what it is.
  return { kind: lookUp.customer.id === sourceId ? 'not-identifiable' : 'nobody' };
}

/** Voucherify does not say whether it compares letter case: asked as given and lower-cased, and compared again here. */
async function findByEmail(email: string, lookUps: LookUps): Promise<Found> {
  const candidates = new Map<string, Candidate>();
  for (const spelling of new Set([email, email.toLowerCase()])) {
    const rows = await allPages(spelling, lookUps);
    if (!Array.isArray(rows)) return rows;
    for (const row of rows) if (isSameEmail(row.customer.email, email)) candidates.set(row.id, row);
  }
  return candidates.size === 0 ? { kind: 'nobody' } : { kind: 'found', candidates: [...candidates.values()] };
}

/** The same in both cases: the Kelvin sign lower-cased is a k, and yet another person's address. */
function isSameEmail(stored: unknown, asked: string): boolean {
  if (typeof stored !== 'string') return false;
  const [one, other] = [stored.trim(), asked.trim()];
  return one.toLowerCase() === other.toLowerCase() && one.toUpperCase() === other.toUpperCase();
}

type Row = Extract<Candidate, { seen: true }>;

/** Highest page there is (Voucherify OpenAPI, List customers). */
const lastPage = 99;

/** Read to the end before anything is deleted, since deleting shifts the pages. */
async function allPages(email: string, { voucherify, now, until }: LookUps): Promise<Row[] | Trouble> {
  const rows: Row[] = [];
  for (let page = 1; page <= lastPage; page += 1) {
    const reply = await voucherify.listByEmail(email, page, until);
    const answer = judgePage(reply, now());
    if (answer.kind !== 'page') return answer;
    rows.push(...answer.customers.map(customer => row(customer, reply.appId)));
    if (answer.customers.length < pageSize || rows.length >= answer.total) return rows;
  }
  return { kind: 'human', code: 'too-many-matches', effect: 'none', stop: true };
}

function row(customer: Customer, appId: string): Row {
  return { seen: true, id: customer.id, customer, appId };
}

function seen(customers: readonly Customer[], appId: string): Found {
  return { kind: 'found', candidates: customers.map(customer => row(customer, appId)) };
}
