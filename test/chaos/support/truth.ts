import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import type { RegisteredCustomer, TestRequest } from './requests.ts';

/** What really happened, as the harness records it, independently of the program. */
export interface Truth {
  readonly requests: ReadonlyMap<string, TestRequest>;
  /** The violations, each with its request. */
  readonly violations: readonly string[];
  add(request: TestRequest): void;
  /** Returns the number of Voucherify calls that all requests need without faults. */
  neededCalls(): number;
  violated(what: string, uid?: string): void;
  /** Records that an operator refuses a request. */
  refused(uid: string): void;
  /** Records that an operator accepts a partial result, without these customers that Voucherify refuses to show. */
  accepted(uid: string, unseen: readonly string[]): void;
  /** Adds an event to a request's history, which is printed with a violation. */
  note(uid: string, event: string): void;
  /** Records a customer that registered after the request, and so must not be erased. */
  newcomer(customerId: string, uid: string): void;
  /** Returns the requests for a customer. */
  requestsFor(customerId: string): readonly TestRequest[];
  /** Records a permanent deletion, by the program or by the shop. */
  removed(customerId: string, by: 'program' | 'others'): void;
  /** Records a soft deletion by the shop: from now on only the id finds the customer. */
  softDeleted(customerId: string): void;
  /** Records that a look-up of an id got a 404. */
  notFound(customerId: string): void;
  wasNotFound(customerId: string): boolean;
  isGone(customerId: string): boolean;
  /** Whether a look-up would find them. */
  canBeFound(customerId: string): boolean;
  wasRemovedByOthers(customerId: string): boolean;
  /** Verifies a receipt when it is closed. */
  closed(request: TestRequest, receipt: Receipt): void;
}

/** Maximum number of events that are kept for one request. */
const maxEvents = 60;

export function newTruth(now: () => number, start: number): Truth {
  const requests = new Map<string, TestRequest>();
  const owners = new Map<string, TestRequest[]>();
  const histories = new Map<string, string[]>();
  const gone = new Map<string, 'program' | 'others'>();
  const hidden = new Set<string>();
  const notFound = new Set<string>();
  const newcomers = new Map<string, string>();
  const refusals = new Set<string>();
  const acceptances = new Map<string, readonly string[]>();
  const violations: string[] = [];
  const truth: Truth = {
    requests,
    violations,
    neededCalls: () => [...requests.values()].reduce((sum, { needed }) => sum + needed, 0),
    add: request => {
      requests.set(request.uid, request);
      for (const { id } of request.customers) owners.set(id, [...(owners.get(id) ?? []), request]);
    },
    violated: (what, uid) => {
      const history = uid === undefined ? [] : (histories.get(uid) ?? []);
      violations.push([`${what}${uid === undefined ? '' : ` (${uid})`}`, ...history].join('\n    '));
    },
    refused: uid => refusals.add(uid),
    accepted: (uid, unseen) => acceptances.set(uid, unseen),
    note: (uid, event) => {
      const history = histories.get(uid) ?? [];
      histories.set(uid, history);
      if (history.length < maxEvents) history.push(`${((now() - start) / 1000).toFixed(3)} s  ${event}`);
    },
    newcomer: (id, uid) => {
      // If the customer still exists, a registration only updates it.
      if (!owners.has(id)) newcomers.set(id, uid);
      truth.note(uid, `${id} registers`);
    },
    requestsFor: id => owners.get(id) ?? [],
    removed: (id, by) => {
      if (by === 'program' && newcomers.has(id))
        truth.violated(`wrong: ${id} registered after the request`, newcomers.get(id));
      if (gone.has(id)) truth.violated(`${id} was deleted twice`, owners.get(id)?.[0]?.uid);
      gone.set(id, by);
    },
    softDeleted: id => hidden.add(id),
    notFound: id => notFound.add(id),
    wasNotFound: id => notFound.has(id),
    isGone: id => gone.has(id),
    canBeFound: id => !gone.has(id) && !hidden.has(id),
    wasRemovedByOthers: id => gone.get(id) === 'others',
    closed: (request, receipt) => {
      if (receipt.state !== 'refused')
        verifyClosed(request, receipt, { truth, gone, hidden, notFound, owners, newcomers, acceptances });
      else if (!refusals.has(request.uid)) truth.violated('refused without a decision', request.uid);
    },
  };
  return truth;
}

interface Known {
  readonly truth: Truth;
  readonly gone: ReadonlyMap<string, 'program' | 'others'>;
  readonly hidden: ReadonlySet<string>;
  readonly notFound: ReadonlySet<string>;
  readonly owners: ReadonlyMap<string, readonly TestRequest[]>;
  /** Customers that registered after a request, with its uid. */
  readonly newcomers: ReadonlyMap<string, string>;
  /** Customers that Voucherify refused to show when an operator accepted the partial result of a request, by its uid. */
  readonly acceptances: ReadonlyMap<string, readonly string[]>;
}

function verifyClosed(
  request: TestRequest,
  receipt: Receipt,
  { truth, gone, hidden, notFound, owners, newcomers, acceptances }: Known,
): void {
  const isAccepted = receipt.decisions?.at(-1)?.action === 'accept-partial' && acceptances.has(request.uid);
  const unseen = isAccepted ? (acceptances.get(request.uid) ?? []) : [];
  const there = request.customers.filter(({ id }) => !gone.has(id) && !hidden.has(id) && !unseen.includes(id));
  const ours = (one: RegisteredCustomer) => gone.get(one.id) === 'program' && (owners.get(one.id) ?? []).length === 1;
  for (const [project, { state, deletions }] of Object.entries(receipt.projects)) {
    const meant = request.customers.filter(one => one.project === project);
    const byId = request.identities.some(({ identitySpace }) => identitySpace === 'customer');
    const proved = deletions.filter(({ proof }) => proof === 'gone').length;
    const confirmed = meant.filter(({ id }) => notFound.has(id)).length;
    if (proved > confirmed) truth.violated('gone without a 404 on a look-up', request.uid);
    const isPartial = state === 'open' && isAccepted;
    if (state === 'open' && !isPartial) truth.violated(`closed while ${project} is open`, request.uid);
    if (state === 'erased' && meant.length === 0 && !byId)
      truth.violated('erased without a requested customer', request.uid);
    if (state === 'erased' && there.some(one => meant.includes(one))) truth.violated('falsely erased', request.uid);
    if (state !== 'erased' && there.some(one => meant.includes(one))) truth.violated(`missed: ${state}`, request.uid);
    if (state !== 'erased' && !isPartial && meant.some(ours))
      truth.violated(`deleted, but the result is ${state}`, request.uid);
  }
  const states = Object.values(receipt.projects).map(({ state }) => state);
  const isProved = isAccepted && Object.values(receipt.projects).some(({ deletions }) => deletions.length > 0);
  const erased = states.includes('erased') || isProved;
  if (erased !== (receipt.state === 'erased'))
    truth.violated(`${states.join('+')} resulted in ${receipt.state}`, request.uid);
  const hasNewcomer = [...newcomers.values()].includes(request.uid);
  const isSpared = receipt.state === 'created-later' && hasNewcomer;
  // A newcomer that has the old id as its source_id answers to it, so that the id no longer identifies a person.
  const isShadowed = request.identities.some(({ identitySpace }) => identitySpace === 'customer') && hasNewcomer;
  const noMatch = isSpared ? 'created-later' : 'no-match';
  const isIdentified = request.identifiable && !(isAccepted && states.includes('open'));
  const expected = isIdentified ? noMatch : 'not-identifiable';
  const isExpected = receipt.state === expected || (isShadowed && receipt.state === 'not-identifiable');
  if (!erased && !isExpected) truth.violated(`${receipt.state}, not ${expected}`, request.uid);
}
