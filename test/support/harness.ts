import { createHmac } from 'node:crypto';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { embeddedSecrets, localSigner } from '../../infra/local/embedded-secrets.ts';
import { openSandbox, type Sandbox, type SandboxCustomer, Unreachable } from '../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../infra/local/sandbox/seeded-customers.ts';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';
import type { Alarm } from '../../lambda/domain/failure.ts';
import { countLookUpCalls, type Identifier, type IdentifierKind } from '../../lambda/domain/identifiers.ts';
import { type AttemptOutcome, attempt, clientsFor, reserveFirstCalls } from '../../lambda/erasure/attempt.ts';
import { eventsHandler } from '../../lambda/events.ts';
import { createHttpClient, type HttpCall, type HttpResult } from '../../lambda/io/http-client.ts';
import { jsonLog, type LogLine } from '../../lambda/io/log.ts';
import { createReceipt, type Receipt } from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { type Adapters, createServices, type Services } from '../../lambda/services.ts';
import { parseSettings } from '../../lambda/settings.ts';
import type { SweepResult } from '../../lambda/sweep/backlog.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import type { ProjectClient } from '../../lambda/voucherify/client.ts';
import { webhookHandler } from '../../lambda/webhook.ts';
import { type Answer, eventOf, invoke, type Wire } from './event.ts';

/** The time of the dated fixtures. */
export const fixtureTime = Date.parse('2026-01-15T12:00:00Z');

/** The time at which a harness without a platform starts. */
export const start = Date.UTC(2026, 10, 24, 12);

export interface HarnessOptions {
  /** The `platforms` part of the settings. With it, the sandbox has the seeded customers and evidence is signed. */
  readonly platforms?: Readonly<Record<string, unknown>>;
  /** The `reappearance` part of the settings. */
  readonly reappearance?: Readonly<Record<string, unknown>>;
  /** The `limits` part of the settings. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Settings that every project gets besides its name. */
  readonly project?: Readonly<Record<string, unknown>>;
  /** Names of the projects; all of them are in the sandbox. */
  readonly projects?: readonly string[];
  /** Secrets that replace the default ones, by their name in the design. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly at?: number;
  /** Customers of the first project, created long ago unless they say otherwise. */
  readonly customers?: readonly SandboxCustomer[];
  /** The rate limit of the sandbox; practically none by default. */
  readonly limit?: { readonly calls: number; readonly periodSeconds: number };
  /** How long the sandbox returns customers after their deletion, in milliseconds. */
  readonly shownMs?: number;
  /** The origin of Voucherify, which is then called over HTTP instead of the sandbox. */
  readonly baseUrl?: string;
  /** The store's file. */
  readonly file?: string;
  readonly random?: () => number;
  /** Whether a wait moves the clock; by default it takes no time. */
  readonly waitsOnClock?: boolean;
  /** Replaces adapters. */
  readonly change?: (adapters: Adapters) => Partial<Adapters>;
}

/** Handles a call to the sandbox; `pass` returns the sandbox's own result. */
type Intercept = (call: HttpCall, pass: () => HttpResult) => HttpResult | Promise<HttpResult>;

/** Facts of a receipt that a test stores itself. */
interface ReceiptOptions {
  /** Whether the request path attempts it at once. */
  readonly attempted?: boolean;
  readonly submittedAt?: number;
  readonly hasCallbacks?: boolean;
  readonly dueAt?: number;
}

/** The services of both functions over an SQLite store, a sandbox Voucherify and a clock that the test moves. */
export interface Harness {
  readonly clock: { now: number };
  readonly services: Services;
  readonly sandbox: Sandbox;
  readonly store: ReturnType<typeof openSqliteStore>;
  /** By name in the design; a test may change them at any time. */
  readonly secrets: Record<string, string>;
  /** The log as text. */
  readonly logText: readonly string[];
  /** The log. */
  readonly lines: readonly LogLine[];
  /** Every call to Voucherify, as method, path and query. */
  readonly sent: readonly string[];
  intercept: Intercept | undefined;
  alarms(): readonly Alarm[];
  /** The ids of the deleted customers, in order. */
  deleted(): readonly string[];
  /** Registers a customer that was created long ago, and returns its id. */
  addCustomer(customer: SandboxCustomer, project?: string): string;
  /** Stores a receipt for these identifiers. */
  accept(identifiers: readonly Identifier[], options?: ReceiptOptions): Promise<Receipt>;
  /** Stores a receipt and attempts it as the request path does. */
  erase(identifiers: readonly Identifier[], options?: Omit<ReceiptOptions, 'attempted'>): Promise<AttemptOutcome>;
  /** Sends a request through the webhook's handler. */
  send(wire: Wire): Promise<Answer>;
  /** Sends an event of a customer through its handler, signed as Voucherify does unless it has other headers. */
  sendEvent(body: string, change?: Partial<Wire>): Promise<Answer>;
  /** Sweeps now, or at a later time. */
  sweep(at?: number): Promise<SweepResult>;
  /** Sweeps now, and when the verification of what this closed is due. */
  sweepAndVerify(): Promise<SweepResult>;
  /** Moves the clock to when the receipt is due, and sweeps. */
  sweepWhenDue(id: string): Promise<Receipt>;
  receipt(id: string): Promise<Receipt>;
  /** Every receipt that was accepted. */
  receipts(): Promise<readonly Receipt[]>;
  /** Closes the store and the sandbox; also done when the test ends. */
  close(): void;
}

const createdLongAgo = (customer: SandboxCustomer) => ({ created_at: '2025-01-01T00:00:00.000Z', ...customer });
/** Signs the events of every project. */
export const eventSecret = 'event-secret-of-the-tests-1a2b3c';
const pepper = 'pepper-of-the-tests-with-more-than-43-characters';
/** More calls and requests than any test makes. */
const plenty = 1_000_000;
const sweepMs = 55_000;

/** Creates a harness that closes when the test ends. */
export function createHarness(options: HarnessOptions = {}): Harness {
  const harness = openHarness(options);
  onTestFinished(harness.close);
  return harness;
}

/** Creates a harness that the caller closes. */
export function openHarness(options: HarnessOptions = {}): Harness {
  const { projects = ['main'], platforms, file = ':memory:', random = () => 0.5 } = options;
  const clock = { now: options.at ?? (platforms === undefined ? start : fixtureTime) };
  const now = () => clock.now;
  const keys = projects.map(project => ({ project, appId: `app-${project}`, appToken: `token-${project}` }));
  const seed = options.customers?.map(createdLongAgo) ?? (platforms === undefined ? [] : seededCustomers);
  const limit = options.limit ?? { calls: plenty, periodSeconds: 60 };
  const sandbox = openSandbox({ now, keys, seed, limit, random: countingIds(), shownMs: options.shownMs ?? 0 });
  const store = openSqliteStore(file);
  const secrets: Record<string, string> = { 'erasure/pepper': pepper };
  for (const { project, ...key } of keys) secrets[`erasure/voucherify/${project}`] = JSON.stringify(key);
  for (const { project } of keys) secrets[`erasure/events/${project}`] = JSON.stringify({ current: eventSecret });
  Object.assign(secrets, options.secrets);
  const [lines, logText, sent, accepted] = [[] as LogLine[], [] as string[], [] as string[], new Set<string>()];
  const writeText = jsonLog(text => logText.push(text), now);
  const http = createHttpClient(now);
  const adapters: Adapters = {
    settings: settingsOf(options, projects),
    store: recordingAccepted(store, accepted),
    control: store.control,
    readSecret: (name, how) => embeddedSecrets(secrets)(name, how),
    send: async call => {
      if (!call.url.hostname.endsWith('api.voucherify.io')) return http(call);
      sent.push(`${call.method} ${call.url.pathname}${call.url.search}`);
      const pass = () => sandboxResult(sandbox, call);
      return harness.intercept === undefined ? pass() : harness.intercept(call, pass);
    },
    sendCallback: platforms === undefined ? async () => notConnected : http,
    now,
    random,
    wait: async ms => {
      if (options.waitsOnClock === true) clock.now += ms;
    },
    log: line => {
      lines.push(line);
      writeText(line);
    },
    ...(platforms && { signer: localSigner(file === ':memory:' ? file : join(dirname(file), 'evidence-key.pem')) }),
  };
  const services = createServices({ ...adapters, ...options.change?.(adapters) });
  const handler = webhookHandler(() => services);
  const events = eventsHandler(() => services);
  const read = async (id: string) => required(await store.read(id));
  let [receipts, isClosed] = [0, false];
  const harness: Harness = {
    ...{ clock, services, sandbox, store, secrets, logText, lines, sent, intercept: undefined },
    alarms: () => lines.flatMap(line => line.alarm ?? []),
    deleted: () => sandbox.deletions().map(deletion => deletion.customerId),
    addCustomer: (customer, project = projects[0] ?? '') => sandbox.register(createdLongAgo(customer), project),
    accept: async (identifiers, facts = {}) => {
      receipts += 1;
      const receipt = newReceipt(`receipt-${receipts}`, projects, clock.now, identifiers, facts);
      const personalData = { reference: `reference-${receipts}`, scope: '', identifiers, callbacks: [] };
      await services.store.accept(receipt, personalData);
      return receipt;
    },
    erase: async (identifiers, facts = {}) =>
      attemptNow(await harness.accept(identifiers, { ...facts, attempted: true }), services),
    send: wire => invoke(handler, eventOf(wire)),
    sendEvent: (body, change = {}) =>
      invoke(
        events,
        eventOf({
          method: 'POST',
          path: '/events/main',
          headers: { 'x-voucherify-signature': createHmac('sha256', eventSecret).update(body).digest('hex') },
          body,
          ...change,
        }),
      ),
    sweep: (at = clock.now) => {
      clock.now = at;
      return sweep(services, at + sweepMs);
    },
    sweepAndVerify: async () => {
      await harness.sweep();
      return harness.sweep(clock.now + 60_000);
    },
    sweepWhenDue: async id => {
      const { nextAttemptAt = clock.now } = await read(id);
      await harness.sweep(Math.max(clock.now, nextAttemptAt));
      return read(id);
    },
    receipt: read,
    receipts: () => Promise.all([...accepted].map(read)),
    close: () => {
      if (isClosed) return;
      isClosed = true;
      store.close();
      sandbox.close();
    },
  };
  return harness;
}

const notConnected = { kind: 'no-response', code: 'not-connected', mayHaveExecuted: false } as const;

/** Without a platform, no limit has an effect but the one on customers per request. */
function settingsOf(
  { platforms, reappearance, limits = {}, baseUrl, project = {} }: HarnessOptions,
  projects: readonly string[],
) {
  const named = projects.map(name => [
    name,
    { baseUrl: baseUrl ?? `https://${name}.api.voucherify.io`, quotaShare: 1, callsPerMinute: plenty, ...project },
  ]);
  const defaults = platforms === undefined ? { customersPerRequest: 5, requestsPerHour: plenty } : {};
  const settings = {
    projects: Object.fromEntries(named),
    platforms: platforms ?? {},
    limits: { ...defaults, ...limits },
    ...(reappearance && { reappearance }),
  };
  return parseSettings(JSON.stringify(settings), 'local');
}

/** A store cannot list its receipts, so the ids are recorded when they are accepted. */
function recordingAccepted(store: ReceiptStore, accepted: Set<string>): ReceiptStore {
  return {
    ...store,
    accept: async (receipt, ...personalData) => {
      const result = await store.accept(receipt, ...personalData);
      accepted.add(receipt.id);
      return result;
    },
  };
}

function newReceipt(
  id: string,
  projects: readonly string[],
  receivedAt: number,
  identifiers: readonly Identifier[],
  { attempted = false, submittedAt = receivedAt, hasCallbacks = false, dueAt }: ReceiptOptions,
): Receipt {
  const facts = {
    ...{ id, platform: 'generic', payloadHmac: 'payload', subjectHmacs: [`subject-of-${id}`] },
    lookUpCalls: countLookUpCalls(identifiers),
    authentication: { scheme: 'test', secret: 'current' },
    ...{ receivedAt, submittedAt, hasCallbacks },
    ...(dueAt === undefined ? {} : { dueAt }),
  };
  const attemptAt = receivedAt + (attempted ? 15_000 : 0);
  return createReceipt(facts, projects, { attemptAt, attemptFollows: attempted });
}

/** Attempts a receipt as the request path does after it has stored it. */
export async function attemptNow(receipt: Receipt, services: Services, budgetMs = 7000): Promise<AttemptOutcome> {
  const personalData = required(await services.store.readPersonalData(receipt.id));
  const clients = clientsFor(receipt, { fresh: true }, services);
  const until = services.now() + budgetMs;
  await reserveFirstCalls(receipt, clients, until);
  return attempt({ receipt, personalData, clients, until, repliesNow: true, callbackOnlyOutcomes: [] }, services);
}

/** Returns the client of one attempt of the request path. */
export function clientOf({ services }: Harness, project = 'main', receiptId = 'receipt-0'): ProjectClient {
  const receipt = newReceipt(receiptId, [project], start, [], {});
  return required(services.projects.get(project)?.client(receipt, true));
}

/** Options for a store with replaced methods. */
export function changedStore(change: (store: ReceiptStore) => Partial<ReceiptStore>): HarnessOptions {
  return { change: ({ store }) => ({ store: { ...store, ...change(store) } }) };
}

/** Options for a signer that first does something, which may throw. */
export function beforeSigning(act: () => unknown): HarnessOptions {
  return {
    change: ({ signer }) => ({
      signer: {
        publicKey: () => signer!.publicKey(),
        sign: async bytes => {
          await act();
          return signer!.sign(bytes);
        },
      },
    }),
  };
}

/** Options for a store that counts the writes which reserve calls of the project `main`. */
export function countedReservations() {
  let writes = 0;
  const options: HarnessOptions = {
    change: ({ control }) => ({
      control: {
        ...control,
        advance: (key, ...more) => {
          if (key === 'rate-limit#main') writes += 1;
          return control.advance(key, ...more);
        },
      },
    }),
  };
  return { options, writes: () => writes };
}

/** Returns the sandbox's response as the HTTP client returns it. */
export function sandboxResult(sandbox: Sandbox, { method, url, headers, body = '' }: HttpCall): HttpResult {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  try {
    return {
      kind: 'response',
      ...sandbox.respond({ method, target: `${url.pathname}${url.search}`, headers: lower, body }),
    };
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    const code = error.outage === 'hang' ? 'timed-out' : 'connection-lost';
    return { kind: 'no-response', code, mayHaveExecuted: true };
  }
}

/** What a receipt in review has. */
export function inReview(reason: string, main?: object) {
  return { state: 'needs-review', reason, ...(main && { projects: { main } }) };
}

/** Adds a key of a project to the sandbox, and stores it as that of the project `main`. */
export function replaceKey({ sandbox, secrets }: Harness, project = 'main', appId = 'app-new'): void {
  const key = { appId, appToken: `token-of-${appId}` };
  sandbox.addKey({ ...key, project });
  secrets['erasure/voucherify/main'] = JSON.stringify(key);
}

export function one(kind: IdentifierKind, value: string): readonly Identifier[] {
  return [{ kind, value }];
}

/** Returns ids that are the same in every run. */
function countingIds(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return String(count).padStart(24, 'A');
  };
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not found');
  return value;
}

export const id = (letter: string) => `cust_${letter.repeat(24)}`;
export const [ada, ben, cleo] = [id('A'), id('B'), id('C')];
/** The id of the nth of a crowd. */
export const crowdId = (index: number) => `cust_${String(index).padStart(24, '0')}`;

/** So many people, each asked about by a receipt of their own. */
export async function crowd(harness: Harness, count: number, first = 1): Promise<readonly Receipt[]> {
  const receipts: Receipt[] = [];
  for (let index = first; index < first + count; index += 1) {
    harness.addCustomer({ id: crowdId(index), source_id: `crm-${index}` });
    receipts.push(await harness.accept(one('source_id', `crm-${index}`)));
  }
  return receipts;
}

/** The states of these receipts now. */
export async function states(harness: Harness, receipts: readonly Receipt[]): Promise<readonly Receipt['state'][]> {
  return Promise.all(receipts.map(async ({ id: one }) => (await harness.receipt(one)).state));
}

export const iso = (at: number) => new Date(at).toISOString();
