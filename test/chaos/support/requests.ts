import type { SandboxCustomer } from '../../../infra/local/sandbox/sandbox.ts';
import type { Random } from './random.ts';

/** A customer to erase, in one project. */
export interface RegisteredCustomer {
  readonly project: string;
  /** The `cust_…` id from the sandbox. */
  readonly id: string;
  readonly customer: SandboxCustomer;
}

/** A request of the platform, with its expected result, which only the harness knows. */
export interface TestRequest {
  readonly uid: string;
  readonly identities: readonly Identity[];
  /** Whole seconds, as Ketch sends them. */
  readonly submittedAt: number;
  readonly callbacks: number;
  /** All customers to erase. */
  readonly customers: readonly RegisteredCustomer[];
  /** Voucherify calls that it needs without faults. */
  readonly needed: number;
  /** Whether anything can be looked up at all. */
  readonly identifiable: boolean;
}

interface Identity {
  readonly identitySpace: string;
  readonly identityFormat: string;
  readonly identityValue: string;
}

export interface CustomerRegistry {
  readonly projects: readonly [string, ...string[]];
  readonly random: Random;
  /** Registers a customer long before any request; returns the id. */
  readonly register: (customer: SandboxCustomer, project: string) => string;
  readonly softDelete: (id: string) => void;
}

/** One delivery of a request, in milliseconds after the start. */
export type Delivery = readonly [at: number, request: TestRequest];

/** The kind of customer of a request: how it is found, or not found. */
export type CustomerKind = 'source' | 'email' | 'many' | 'several' | 'customer' | 'soft' | 'no-match' | 'phone';

/** Registers the customers of one request; returns the request to send at `at`. */
export function newRequest(number: number, at: number, registry: CustomerRegistry): TestRequest {
  const draw = registry.random.next();
  const what = shares.find(([, below]) => draw < below)?.[0] ?? 'phone';
  return newRequestOf(what, number, at, registry);
}

const shares: readonly (readonly [CustomerKind, number])[] = [
  ['source', 0.82],
  ['email', 0.9],
  ['customer', 0.94],
  ['soft', 0.96],
  ['no-match', 0.98],
];

export function newRequestOf(what: CustomerKind, number: number, at: number, registry: CustomerRegistry): TestRequest {
  const { random } = registry;
  const callbacks = random.chance(0.7) ? 1 + random.below(2) : 0;
  return {
    uid: random.uuid(),
    submittedAt: Math.floor(at / 1000),
    callbacks,
    ...contentBuilders[what](number, registry),
  };
}

/** Returns another request for the same customers, with another id. */
export function repeatedRequest(request: TestRequest, at: number, { random }: CustomerRegistry): TestRequest {
  return { ...request, uid: random.uuid(), submittedAt: Math.floor(at / 1000) };
}

type RequestContent = Pick<TestRequest, 'identities' | 'customers' | 'needed' | 'identifiable'>;

const contentBuilders: Readonly<Record<CustomerKind, (number: number, registry: CustomerRegistry) => RequestContent>> =
  {
    source: bySource,
    email: byEmail,
    many: byManyIdentifiers,
    several: bySeveral,
    customer: byCustomerId,
    soft: softDeleted,
    'no-match': (number, { projects }) => ({
      ...identifiedBy([identity('account_id', `unknown-${number}`)], []),
      needed: projects.length,
    }),
    phone: () => ({ ...identifiedBy([identity('phone', '+15550100')], []), needed: 0, identifiable: false }),
  };

function bySource(number: number, registry: CustomerRegistry): RequestContent {
  const source = `source-${number}`;
  const customers = chosenProjects(registry).map(project =>
    registerCustomer({ source_id: source, orders: number % 3 }, project, registry),
  );
  const needed = registry.projects.length + 2 * customers.length;
  return { ...identifiedBy([identity('account_id', source)], customers), needed };
}

/** Up to three customers with one address; half of the requests spell it differently. */
function byEmail(number: number, registry: CustomerRegistry): RequestContent {
  const email = `person-${number}@example.com`;
  const [sent, spellings] = registry.random.chance(0.5) ? [email, 1] : [`Person-${number}@Example.com`, 2];
  const customers = chosenProjects(registry).flatMap(project =>
    Array.from({ length: 1 + registry.random.below(3) }, (_, twin) =>
      registerCustomer({ source_id: `mail-${number}-${twin}`, email }, project, registry),
    ),
  );
  const needed = registry.projects.length * spellings + 2 * customers.length;
  return { ...identifiedBy([identity('email', sent)], customers), needed };
}

/** Six ids, and two addresses in a different spelling; the first id and the last address match a customer. */
function byManyIdentifiers(number: number, registry: CustomerRegistry): RequestContent {
  const sources = Array.from({ length: 6 }, (_, at) => `many-${number}-${at}`);
  const emails = ['a', 'b'].map(letter => `Many-${number}-${letter}@Example.com`);
  const customers = chosenProjects(registry).flatMap(project => [
    registerCustomer({ source_id: sources[0] ?? '' }, project, registry),
    registerCustomer({ source_id: `many-${number}`, email: (emails[1] ?? '').toLowerCase() }, project, registry),
  ]);
  const identities = [
    ...sources.map(source => identity('account_id', source)),
    ...emails.map(email => identity('email', email)),
  ];
  return { ...identifiedBy(identities, customers), needed: registry.projects.length * 10 + 2 * customers.length };
}

/** Two ids and an address, each of another customer. */
function bySeveral(number: number, registry: CustomerRegistry): RequestContent {
  const [project] = registry.projects;
  const sources = ['a', 'b'].map(letter => `several-${number}-${letter}`);
  const email = `several-${number}@example.com`;
  const customers = [
    ...sources.map(source => registerCustomer({ source_id: source }, project, registry)),
    registerCustomer({ source_id: `several-${number}-c`, email }, project, registry),
  ];
  const identities = [...sources.map(source => identity('account_id', source)), identity('email', email)];
  return { ...identifiedBy(identities, customers), needed: 3 * registry.projects.length + 2 * customers.length };
}

function byCustomerId(number: number, registry: CustomerRegistry): RequestContent {
  const [project] = registry.projects;
  const one = registerCustomer({ source_id: `id-${number}` }, project, registry);
  // A deletion is also sent once to a project that does not know the id.
  return { ...identifiedBy([identity('customer', one.id)], [one]), needed: 2 * registry.projects.length + 1 };
}

/** A look-up no longer finds this id, but the data still exists. */
function softDeleted(number: number, registry: CustomerRegistry): RequestContent {
  const found = byCustomerId(number, registry);
  for (const { id } of found.customers) registry.softDelete(id);
  return found;
}

/** Returns the first project, and each other one with a probability of 0.7. */
function chosenProjects({ projects: [first, ...others], random }: CustomerRegistry): readonly string[] {
  return [first, ...others.filter(() => random.chance(0.7))];
}

function registerCustomer(
  customer: SandboxCustomer,
  project: string,
  { register }: CustomerRegistry,
): RegisteredCustomer {
  return { project, customer, id: register(customer, project) };
}

function identifiedBy(identities: readonly Identity[], customers: readonly RegisteredCustomer[]) {
  return { identities, customers, identifiable: true };
}

function identity(identitySpace: string, identityValue: string): Identity {
  return { identitySpace, identityFormat: 'raw', identityValue };
}
