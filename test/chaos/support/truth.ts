import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import type { Ask, Person } from './people.ts';

/** What really happened, recorded by the harness and not by the program. */
export interface Truth {
  readonly asks: ReadonlyMap<string, Ask>;
  /** The violations, each with its request. */
  readonly violations: readonly string[];
  ask(ask: Ask): void;
  violated(what: string, uid?: string): void;
  /** An operator decided that a request is not to be done. */
  refused(uid: string): void;
  /** Adds an event to a request's history, which is printed with a violation. */
  note(uid: string, event: string): void;
  /** A customer registered after the request, so it must not be erased. */
  newcomer(customerId: string, uid: string): void;
  /** Returns the requests for a customer. */
  asksFor(customerId: string): readonly Ask[];
  /** A customer was deleted permanently, by the program or by the shop. */
  removed(customerId: string, by: 'program' | 'others'): void;
  /** The shop soft-deleted a customer: from now on it is found only by id. */
  hid(customerId: string): void;
  /** A look-up at their id was answered 404. */
  absent(customerId: string): void;
  isGone(customerId: string): boolean;
  /** Whether a look-up would find them. */
  isThere(customerId: string): boolean;
  wasRemovedByOthers(customerId: string): boolean;
  /** Judges a receipt at the moment at which it is closed. */
  closed(ask: Ask, receipt: Receipt): void;
}

/** Maximum number of events that are kept for one request. */
const longestStory = 60;

export function newTruth(now: () => number, start: number): Truth {
  const asks = new Map<string, Ask>();
  const owners = new Map<string, Ask[]>();
  const stories = new Map<string, string[]>();
  const gone = new Map<string, 'program' | 'others'>();
  const hidden = new Set<string>();
  const absent = new Set<string>();
  const newcomers = new Map<string, string>();
  const refusals = new Set<string>();
  const violations: string[] = [];
  const truth: Truth = {
    asks,
    violations,
    ask: ask => {
      asks.set(ask.uid, ask);
      for (const { id } of ask.people) owners.set(id, [...(owners.get(id) ?? []), ask]);
    },
    violated: (what, uid) => {
      const story = uid === undefined ? [] : (stories.get(uid) ?? []);
      violations.push([`${what}${uid === undefined ? '' : ` (${uid})`}`, ...story].join('\n    '));
    },
    refused: uid => refusals.add(uid),
    note: (uid, event) => {
      const story = stories.get(uid) ?? [];
      stories.set(uid, story);
      if (story.length < longestStory) story.push(`${((now() - start) / 1000).toFixed(3)} s  ${event}`);
    },
    newcomer: (id, uid) => {
      // Whoever is still there only refreshes what is known of them.
      if (!owners.has(id)) newcomers.set(id, uid);
      truth.note(uid, `${id} signs up`);
    },
    asksFor: id => owners.get(id) ?? [],
    removed: (id, by) => {
      if (by === 'program' && newcomers.has(id)) truth.violated(`wrong: ${id} is another one`, newcomers.get(id));
      if (gone.has(id)) truth.violated(`${id} was deleted twice`, owners.get(id)?.[0]?.uid);
      gone.set(id, by);
    },
    hid: id => hidden.add(id),
    absent: id => absent.add(id),
    isGone: id => gone.has(id),
    isThere: id => !gone.has(id) && !hidden.has(id),
    wasRemovedByOthers: id => gone.get(id) === 'others',
    closed: (ask, receipt) => {
      if (receipt.state !== 'refused') judgeClosed(ask, receipt, { truth, gone, hidden, absent, owners });
      else if (!refusals.has(ask.uid)) truth.violated('refused by nobody', ask.uid);
    },
  };
  return truth;
}

interface Known {
  readonly truth: Truth;
  readonly gone: ReadonlyMap<string, 'program' | 'others'>;
  readonly hidden: ReadonlySet<string>;
  readonly absent: ReadonlySet<string>;
  readonly owners: ReadonlyMap<string, readonly Ask[]>;
}

function judgeClosed(ask: Ask, receipt: Receipt, { truth, gone, hidden, absent, owners }: Known): void {
  const there = ask.people.filter(({ id }) => !gone.has(id) && !hidden.has(id));
  const ours = (one: Person) => gone.get(one.id) === 'program' && (owners.get(one.id) ?? []).length === 1;
  for (const [project, { state, deletions }] of Object.entries(receipt.projects)) {
    const meant = ask.people.filter(one => one.project === project);
    const byId = ask.identities.some(({ identitySpace }) => identitySpace === 'customer');
    const proved = deletions.filter(({ proof }) => proof === 'gone').length;
    const confirmed = meant.filter(({ id }) => absent.has(id)).length;
    if (proved > confirmed) truth.violated('gone, and no look-up was answered 404', ask.uid);
    if (state === 'open') truth.violated(`closed while ${project} is open`, ask.uid);
    if (state === 'erased' && meant.length === 0 && !byId) truth.violated('erased where nobody was meant', ask.uid);
    if (state === 'erased' && there.some(one => meant.includes(one))) truth.violated('falsely erased', ask.uid);
    if (state !== 'erased' && there.some(one => meant.includes(one))) truth.violated(`missed: ${state}`, ask.uid);
    if (state !== 'erased' && meant.some(ours)) truth.violated(`somebody was deleted, and yet ${state}`, ask.uid);
  }
  const states = Object.values(receipt.projects).map(({ state }) => state);
  const erased = states.includes('erased');
  if (erased !== (receipt.state === 'erased')) truth.violated(`${states.join('+')} gave ${receipt.state}`, ask.uid);
  const expected = ask.identifiable ? 'no-match' : 'not-identifiable';
  if (!erased && receipt.state !== expected) truth.violated(`${receipt.state}, not ${expected}`, ask.uid);
}
