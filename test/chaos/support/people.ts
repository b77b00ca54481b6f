import type { SandboxCustomer } from '../../../infra/local/sandbox/sandbox.ts';
import type { Random } from './random.ts';

/** A customer to erase, in one project. */
export interface Person {
  readonly project: string;
  /** The `cust_…` id from the sandbox. */
  readonly id: string;
  readonly customer: SandboxCustomer;
}

/** A request of the platform, with its expected result, which only the harness knows. */
export interface Ask {
  readonly uid: string;
  readonly identities: readonly Identity[];
  /** Whole seconds, as Ketch sends them. */
  readonly submittedAt: number;
  readonly callbacks: number;
  /** All customers to erase. */
  readonly people: readonly Person[];
  /** Calls that it needs without faults. */
  readonly needed: number;
  /** Whether anything can be looked up at all. */
  readonly identifiable: boolean;
}

interface Identity {
  readonly identitySpace: string;
  readonly identityFormat: string;
  readonly identityValue: string;
}

export interface Town {
  readonly projects: readonly [string, ...string[]];
  readonly random: Random;
  /** Registers a customer long before any request; returns the id. */
  readonly register: (customer: SandboxCustomer, project: string) => string;
  readonly softDelete: (id: string) => void;
}

/** The kind of customer of a request: how it is found, or not found. */
export type What = 'source' | 'email' | 'many' | 'customer' | 'soft' | 'nobody' | 'phone';

/** Registers the customers of one request; returns the request to send at `at`. */
export function newAsk(number: number, at: number, town: Town): Ask {
  const draw = town.random.next();
  const what = shares.find(([, below]) => draw < below)?.[0] ?? 'phone';
  return newAskOf(what, number, at, town);
}

const shares: readonly (readonly [What, number])[] = [
  ['source', 0.82],
  ['email', 0.9],
  ['customer', 0.94],
  ['soft', 0.96],
  ['nobody', 0.98],
];

export function newAskOf(what: What, number: number, at: number, town: Town): Ask {
  const { random } = town;
  const callbacks = random.chance(0.7) ? 1 + random.below(2) : 0;
  return { uid: random.uuid(), submittedAt: Math.floor(at / 1000), callbacks, ...peopled[what](number, town) };
}

/** Returns another request for the same customers, with another id. */
export function askedTwice(ask: Ask, at: number, { random }: Town): Ask {
  return { ...ask, uid: random.uuid(), submittedAt: Math.floor(at / 1000) };
}

type Peopled = Pick<Ask, 'identities' | 'people' | 'needed' | 'identifiable'>;

const peopled: Readonly<Record<What, (number: number, town: Town) => Peopled>> = {
  source: bySource,
  email: byEmail,
  many: byManyIdentifiers,
  customer: byCustomerId,
  soft: softDeleted,
  nobody: (number, { projects }) => ({
    ...looked([identity('account_id', `nobody-${number}`)], []),
    needed: projects.length,
  }),
  phone: () => ({ ...looked([identity('phone', '+15550100')], []), needed: 0, identifiable: false }),
};

function bySource(number: number, town: Town): Peopled {
  const source = `source-${number}`;
  const people = some(town).map(project => person({ source_id: source, orders: number % 3 }, project, town));
  const needed = town.projects.length + people.length;
  return { ...looked([identity('account_id', source)], people), needed };
}

/** Up to three people of one address, which is asked for in another spelling than it is kept in. */
function byEmail(number: number, town: Town): Peopled {
  const email = `person-${number}@example.com`;
  const [asked, spellings] = town.random.chance(0.5) ? [email, 1] : [`Person-${number}@Example.com`, 2];
  const people = some(town).flatMap(project =>
    Array.from({ length: 1 + town.random.below(3) }, (_, twin) =>
      person({ source_id: `mail-${number}-${twin}`, email }, project, town),
    ),
  );
  const needed = town.projects.length * spellings + people.length;
  return { ...looked([identity('email', asked)], people), needed };
}

/** Six ids and two addresses in another spelling than they are kept in; the first and the last of them name somebody. */
function byManyIdentifiers(number: number, town: Town): Peopled {
  const sources = Array.from({ length: 6 }, (_, at) => `many-${number}-${at}`);
  const emails = ['a', 'b'].map(letter => `Many-${number}-${letter}@Example.com`);
  const people = some(town).flatMap(project => [
    person({ source_id: sources[0] ?? '' }, project, town),
    person({ source_id: `many-${number}`, email: (emails[1] ?? '').toLowerCase() }, project, town),
  ]);
  const identities = [
    ...sources.map(source => identity('account_id', source)),
    ...emails.map(email => identity('email', email)),
  ];
  return { ...looked(identities, people), needed: town.projects.length * 10 + people.length };
}

function byCustomerId(number: number, town: Town): Peopled {
  const [project] = town.projects;
  const one = person({ source_id: `id-${number}` }, project, town);
  // In a project that does not know the id it is posted once all the same.
  return { ...looked([identity('customer', one.id)], [one]), needed: 2 * town.projects.length };
}

/** No look-up finds this id any more, but the data still exists. */
function softDeleted(number: number, town: Town): Peopled {
  const found = byCustomerId(number, town);
  for (const { id } of found.people) town.softDelete(id);
  return found;
}

/** The first project, and often the others as well. */
function some({ projects: [first, ...others], random }: Town): readonly string[] {
  return [first, ...others.filter(() => random.chance(0.7))];
}

function person(customer: SandboxCustomer, project: string, { register }: Town): Person {
  return { project, customer, id: register(customer, project) };
}

function looked(identities: readonly Identity[], people: readonly Person[]) {
  return { identities, people, identifiable: true };
}

function identity(identitySpace: string, identityValue: string): Identity {
  return { identitySpace, identityFormat: 'raw', identityValue };
}
