import { onTestFinished } from 'vitest';
import { embeddedSecrets } from '../../infra/local/embedded-secrets.ts';
import { openSandbox, type Sandbox, type SandboxCustomer, Unreachable } from '../../infra/local/sandbox/sandbox.ts';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';
import { countLookUpCalls, type Identifier, type IdentifierKind } from '../../lambda/domain/erasure.ts';
import { type AttemptOutcome, attempt, clientsFor } from '../../lambda/erasure/attempt.ts';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import type { LogLine } from '../../lambda/io/log.ts';
import { createReceipt, type Receipt } from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { type Adapters, createServices, type Services } from '../../lambda/services.ts';
import { parseSettings } from '../../lambda/settings.ts';
import type { SweepResult } from '../../lambda/sweep/backlog.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import type { VoucherifyClient } from '../../lambda/voucherify/client.ts';
import { resolve } from '../../lambda/voucherify/resolve.ts';

export const start = Date.UTC(2026, 10, 24, 12);
const longAgo = '2025-01-01T00:00:00.000Z';

/** Stands between us and the sandbox; `pass` is the sandbox's own answer. */
type Meddle = (call: HttpCall, pass: () => HttpResult) => HttpResult | Promise<HttpResult>;

export interface ErasingOptions {
  readonly projects?: readonly string[];
  readonly customersPerRequest?: number;
  readonly random?: () => number;
  /** The limit of the sandbox; plenty where nothing is said. */
  readonly limit?: { readonly calls: number; readonly periodSeconds: number };
  /** Has the last word on the ports. */
  readonly change?: (ports: Adapters) => Partial<Adapters>;
}

type Store = ReturnType<typeof openSqliteStore>;

/** The erasing side without any platform: services over a store and the sandbox's own `respond`, and a clock that stands. */
export interface ErasingHouse {
  readonly clock: { now: number };
  readonly sandbox: Sandbox;
  readonly store: Store;
  readonly services: Services;
  readonly lines: readonly LogLine[];
  /** Texts by design name; may be changed while it runs. */
  readonly secrets: Record<string, string>;
  /** Every call that went out, as method and path. */
  readonly sent: readonly string[];
  meddle: Meddle | undefined;
  /** Registers somebody who has been there for long. */
  person(customer: SandboxCustomer, project?: string): string;
  /** A new receipt for these identifiers; `attempted` as the request line stores it before its own attempt. */
  accept(identifiers: readonly Identifier[], facts?: Facts): Promise<Receipt>;
  /** A new receipt and the attempt of the request line. */
  ask(identifiers: readonly Identifier[], facts?: Omit<Facts, 'attempted'>): Promise<AttemptOutcome>;
  /** A sweep now, or `at` a later time. */
  sweep(at?: number): Promise<SweepResult>;
  /** Moves the clock to when the receipt is due, at most an hour ahead, and sweeps. */
  sweepWhenDue(id: string): Promise<Receipt>;
  receipt(id: string): Promise<Receipt>;
  /** The ids of the customers that were deleted, in order, by the sandbox's own log. */
  deleted(): readonly string[];
  alarms(): readonly string[];
  /** Done by itself when the test is over. */
  close(): void;
}

interface Facts {
  readonly attempted?: boolean;
  readonly submittedAt?: number;
  readonly hasCallbacks?: boolean;
  readonly dueAt?: number;
}

export function one(kind: IdentifierKind, value: string): readonly Identifier[] {
  return [{ kind, value }];
}

/** Opens a house and closes it when the test is over. */
export function erasingHouse(options: ErasingOptions = {}): ErasingHouse {
  const { projects = ['main'], random = () => 0.5, limit = { calls: plenty, periodSeconds: 60 } } = options;
  const clock = { now: start };
  const now = () => clock.now;
  const keys = projects.map(project => ({ project, appId: `app-${project}`, appToken: `token-${project}` }));
  const sandbox = openSandbox({ now, keys, limit, random: counting() });
  const store = openSqliteStore(':memory:');
  const [lines, sent] = [[] as LogLine[], [] as string[]];
  const secrets: Record<string, string> = { 'erasure/pepper': 'pepper-of-the-tests-with-more-than-43-characters' };
  for (const { project, ...key } of keys) secrets[`erasure/voucherify/${project}`] = JSON.stringify(key);
  const ports: Adapters = {
    settings: settingsOf(projects, options.customersPerRequest ?? 5),
    store,
    control: store.control,
    readSecret: (name, how) => embeddedSecrets(secrets)(name, how),
    send: async call => {
      sent.push(`${call.method} ${call.url.pathname}${call.url.search}`);
      const pass = () => passed(sandbox, call);
      return house.meddle === undefined ? pass() : house.meddle(call, pass);
    },
    sendCallback: async () => ({ kind: 'no-answer', code: 'not-connected', mayHaveExecuted: false }),
    now,
    random,
    wait: async () => undefined,
    log: line => lines.push(line),
  };
  const services = createServices({ ...ports, ...options.change?.(ports) });
  let receipts = 0;
  const house: ErasingHouse = {
    clock,
    sandbox,
    store,
    services,
    lines,
    secrets,
    sent,
    meddle: undefined,
    person: (customer, project = projects[0] ?? '') => sandbox.register({ created_at: longAgo, ...customer }, project),
    accept: async (identifiers, facts = {}) => {
      receipts += 1;
      const receipt = receiptOf(`receipt-${receipts}`, projects, clock.now, identifiers, facts);
      const kept = { reference: `reference-${receipts}`, scope: '', identifiers, callbacks: [] };
      await services.store.accept(receipt, kept);
      return receipt;
    },
    ask: async (identifiers, facts = {}) =>
      attemptNow(await house.accept(identifiers, { ...facts, attempted: true }), services),
    sweep: (at = clock.now) => {
      clock.now = at;
      return sweep(services, at + 50_000);
    },
    sweepWhenDue: async id => {
      const { nextAttemptAt = clock.now } = await house.receipt(id);
      await house.sweep(Math.max(clock.now, nextAttemptAt));
      return house.receipt(id);
    },
    receipt: async id => requireReceipt(await store.read(id)),
    deleted: () => sandbox.deletions().map(deletion => deletion.customerId),
    alarms: () => lines.flatMap(line => line.alarm ?? []),
    close: () => {
      if (closed) return;
      closed = true;
      store.close();
      sandbox.close();
    },
  };
  let closed = false;
  onTestFinished(house.close);
  return house;
}

/** The attempt that the request line makes of a receipt that it has just stored. */
export async function attemptNow(receipt: Receipt, services: Services, budgetMs = 7000): Promise<AttemptOutcome> {
  const kept = await services.store.readPersonalData(receipt.id);
  if (kept === undefined) throw new Error(`no identifiers are kept for ${receipt.id}`);
  const clients = clientsFor(receipt, true, services);
  return attempt(
    {
      receipt,
      personalData: kept,
      clients,
      until: services.now() + budgetMs,
      repliesNow: true,
      callbackOnlyOutcomes: [],
    },
    services,
  );
}

function receiptOf(
  id: string,
  projects: readonly string[],
  receivedAt: number,
  identifiers: readonly Identifier[],
  facts: Facts,
): Receipt {
  const { attempted = false, submittedAt = receivedAt, hasCallbacks = false, dueAt } = facts;
  const plain = { id, platform: 'generic', payloadHmac: 'payload', subjectHmacs: [`subject-of-${id}`] };
  return createReceipt(
    {
      ...plain,
      lookUpCalls: countLookUpCalls(identifiers),
      authentication: { scheme: 'test', secret: 'current' },
      receivedAt,
      submittedAt,
      hasCallbacks,
      ...(dueAt === undefined ? {} : { dueAt }),
    },
    projects,
    { attemptAt: receivedAt + (attempted ? 15_000 : 0), attemptFollows: attempted },
  );
}

function requireReceipt(receipt: Receipt | undefined): Receipt {
  if (receipt === undefined) throw new Error('no such receipt');
  return receipt;
}

/** The calls of one attempt to a project. */
export function callsTo(house: ErasingHouse, project = 'main'): VoucherifyClient {
  const receipt = receiptOf('receipt-0', [project], start, [], {});
  const client = house.services.projects.get(project)?.client(receipt, true);
  if (client === undefined) throw new Error(`no project ${project}`);
  return client;
}

/** A store whose verbs may be replaced. */
export function changedStore(change: (store: ReceiptStore) => Partial<ReceiptStore>): ErasingOptions {
  return { change: ({ store }) => ({ store: { ...store, ...change(store) } }) };
}

/** More calls and requests than any test makes. */
const plenty = 1_000_000;

/** Returns settings without effective limits. */
function settingsOf(projects: readonly string[], customersPerRequest: number): Adapters['settings'] {
  const named = Object.fromEntries(
    projects.map(name => [
      name,
      { baseUrl: `https://${name}.api.voucherify.io`, quotaShare: 1, callsPerMinute: plenty },
    ]),
  );
  return parseSettings(
    JSON.stringify({ projects: named, platforms: {}, limits: { customersPerRequest, requestsPerHour: plenty } }),
    'deployed',
  );
}

/** Returns the sandbox's response as the HTTP client would. */
export function passed(sandbox: Sandbox, { method, url, headers, body = '' }: HttpCall): HttpResult {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  try {
    const answer = sandbox.respond({ method, target: `${url.pathname}${url.search}`, headers: lower, body });
    return { kind: 'answer', ...answer };
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return {
      kind: 'no-answer',
      code: error.outage === 'hang' ? 'timed-out' : 'connection-lost',
      mayHaveExecuted: true,
    };
  }
}

/** Ids that are the same in every run. */
function counting(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return String(count).padStart(24, 'A');
  };
}

export const id = (letter: string) => `cust_${letter.repeat(24)}`;
export const [ada, ben, cleo] = [id('A'), id('B'), id('C')];
export const iso = (at: number) => new Date(at).toISOString();

/** What the identifiers of a request submitted then name in the sandbox. */
export async function resolved(
  house: ErasingHouse,
  identifiers: readonly Identifier[],
  maxCustomers = 5,
  submittedAt = start,
) {
  const context = {
    voucherify: callsTo(house),
    appIdHmac: (appId: string) => appId,
    until: start + 10_000,
    mostPages: 99,
  };
  return (await resolve({ identifiers, submittedAt, maxCustomers }, context)).resolved;
}

/** The same, as the customers' ids and whether each was seen. */
export async function found(house: ErasingHouse, identifiers: readonly Identifier[], submittedAt = start) {
  const answer = await resolved(house, identifiers, 5, submittedAt);
  return answer.kind === 'found' ? answer.candidates.map(({ id: one, seen }) => [one, seen]) : answer.kind;
}
