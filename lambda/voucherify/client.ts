import type { VersionedStore } from '../control/versioned-store.ts';
import { isPlainValue, isUsable } from '../domain/identifiers.ts';
import type { Send } from '../io/http-client.ts';
import type { ReadSecret } from '../io/secret-cache.ts';
import {
  createLimitedClient,
  type ExpectedCalls,
  type LimitedClient,
  type LimitedSend,
  type RateLimited,
  serialQueue,
} from '../quota/limited-client.ts';
import type { Quota } from '../quota/rate-limit.ts';
import { createRateLimiter } from '../quota/rate-limiter.ts';
import type { Receipt } from '../receipts/receipt.ts';
import type { ResidueCounts } from '../receipts/row-schemas.ts';
import { type Counting, type CountingClock, countActivities, countResidue, residueScopes } from './counts.ts';
import {
  apiKeyCredentials,
  apiKeyReader,
  type CredentialProvider,
  type CredentialResult,
  type Credentials,
  oauthCredentials,
} from './credentials.ts';
import type { ProjectSettings } from './project-settings.ts';
import {
  type CallFailure,
  type CallResult,
  type CustomerPage,
  classify,
  type DeletionResult,
  type LookUpResponse,
  parseDeletion,
  parseLookUp,
  parsePage,
  retryLater,
} from './responses.ts';

/** One Voucherify project in a process: its credentials and its rate limiter, shared by all attempts. */
export interface Project {
  /** Reads the rate-limit state in advance. Never throws. */
  prefetchRateLimit(): Promise<void>;
  /** Creates the client of one attempt. A fresh one belongs to the request path, which may use the burst. */
  client(receipt: ClientReceipt, fresh: boolean): ProjectClient;
}

/** What a client needs of a receipt: the calls that it still needs, and its id, by which the breaker counts failures. */
export type ClientReceipt = Pick<Receipt, 'id' | 'projects' | 'lookUpCalls'>;

export interface ProjectContext {
  readonly settings: { readonly projects: Readonly<Record<string, ProjectSettings>> };
  readonly readSecret: ReadSecret;
  readonly control: VersionedStore;
  readonly send: Send;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

const minute = 60_000;
const hour = 3_600_000;

/** Opens a project of the settings. Throws `RangeError` for an unknown project. */
export function openProject(name: string, { settings, readSecret, control, send, now, wait }: ProjectContext): Project {
  const project = settings.projects[name];
  if (project === undefined) throw new RangeError('project: not in settings');
  const readCredentials = credentialProviderFor(name, project, { readSecret, now });
  const rateLimiter = createRateLimiter(name, quotaFromSettings(project), control);
  const shared = { send, now, wait, queue: serialQueue(), rateLimiter };
  const residueCredentials = credentialProviderFor(name, project, { readSecret, now }, residueScopes);
  const counting = { now, wait, ...(project.residue === true && { residueCredentials }) };
  return {
    prefetchRateLimit: rateLimiter.prefetch,
    client: (receipt, fresh) => {
      const expected = expectedCalls(receipt, name);
      const limited = createLimitedClient({ ...shared, receipt: receipt.id, fresh });
      return createProjectClient(project.baseUrl, readCredentials, limited, expected, counting);
    },
  };
}

/**
 * Returns the calls that a receipt still needs in a project. Most requests find one customer, so its deletion is reserved
 * together with the look-ups. Each deletion of a pin that this attempt did not resolve is preceded by a GET.
 */
export function expectedCalls(
  { projects, lookUpCalls }: Pick<ClientReceipt, 'projects' | 'lookUpCalls'>,
  project: string,
  justResolved: boolean = false,
): ExpectedCalls {
  const progress = projects[project];
  const lookUps = Math.max(0, lookUpCalls - (progress?.lookedUp ?? 0));
  if (progress === undefined || progress.pins === 0) return { calls: lookUps + 1 };
  const { pins, deletions, absent = [], lookUpAgain } = progress;
  const deletionCalls = pins - deletions.length - absent.length;
  if (lookUpAgain) return { calls: lookUps + 2 * deletionCalls + 2 };
  return justResolved ? { calls: deletionCalls } : { calls: 2 * deletionCalls, inPairs: true };
}

/** Returns the credential provider that settings name. */
export function credentialProviderFor(
  name: string,
  { auth, baseUrl }: ProjectSettings,
  { readSecret, now }: Pick<ProjectContext, 'readSecret' | 'now'>,
  scopes?: string,
): CredentialProvider {
  const readKeys = apiKeyReader(name, readSecret);
  return auth === 'oauth' ? oauthCredentials(baseUrl, readKeys, now, scopes) : apiKeyCredentials(readKeys);
}

/** Returns the quota of a project from its settings. */
export function quotaFromSettings({ quotaShare, callsPerMinute, quotaPeriod }: ProjectSettings): Quota {
  return { share: quotaShare, limit: callsPerMinute, periodMs: quotaPeriod === 'hour' ? hour : minute };
}

/** The result of a call, and the app id that it was made with; empty if there were no credentials. */
export interface VoucherifyResponse<Result> {
  readonly result: Result;
  readonly appId: string;
}

/** The calls of one Voucherify project. None throws; `until` is the call's deadline in epoch milliseconds. */
export interface VoucherifyClient {
  /** `GET /v1/customers/{id or source_id}` */
  lookUp(idOrSourceId: string, until: number): Promise<VoucherifyResponse<LookUpResponse>>;
  /** `GET /v1/customers?email=`, one page. */
  listByEmail(email: string, page: number, until: number): Promise<VoucherifyResponse<CustomerPage>>;
  /** `POST /v1/customers/{id}/permanent-deletion` */
  deletePermanently(customerId: string, until: number): Promise<VoucherifyResponse<DeletionResult>>;
}

/** Rows per page: the maximum (Voucherify OpenAPI, List customers). */
const pageSize = 100;

/** A look-up. Customers with metadata exceed the default response limit. */
const get = { method: 'GET', repeatable: true, maxResponseBytes: 4_194_304 } as const;

/** The rate-limited client of one attempt. It expects the calls that the receipt still needs in this project. */
export interface ProjectClient extends VoucherifyClient, Pick<LimitedClient, 'capacity' | 'expectCalls' | 'release'> {
  /** Reserves the first calls before the attempt starts; returns the reason if they are rate-limited. */
  reserve(until: number): Promise<RateLimited | undefined>;
  /** Counts the activities on the first page of each customer, with spare calls, at most until `until`. */
  countActivities(customerIds: readonly string[], until: number): Promise<number | string>;
  /** Counts what Voucherify lists for customers, at most until `until`. Only if the settings of the project ask for it. */
  readonly countResidue?: (customerIds: readonly string[], until: number) => Promise<ResidueCounts>;
}

/** What counting needs: the time and, where the settings ask for what Voucherify lists, credentials with more scopes. */
interface CountingOptions extends Pick<CountingClock, 'now' | 'wait'> {
  readonly residueCredentials?: CredentialProvider;
}

function counter<Count>(
  count: (customerIds: readonly string[], counting: Counting) => Promise<Count>,
  counting: Omit<Counting, 'ask' | 'until'> & { readonly readCredentials: CredentialProvider },
  send: LimitedSend,
) {
  return (customerIds: readonly string[], until: number) => {
    const ask = async (url: URL) => {
      const { outcome } = await sendWithCredentials({ ...get, url, until }, counting.readCredentials, send);
      return outcome;
    };
    return count(customerIds, { ...counting, ask, until });
  };
}

/** Creates the client of one project for one attempt. */
function createProjectClient(
  baseUrl: string,
  readCredentials: CredentialProvider,
  limited: LimitedClient,
  expected: ExpectedCalls,
  { residueCredentials, ...clock }: CountingOptions,
): ProjectClient {
  // Credentials are read once for an attempt. A failure is reported by the next call, and then read again.
  let known: CredentialResult | undefined;
  const readOnce: CredentialProvider = async (send, until, refused) => {
    const result = refused === undefined && known !== undefined ? known : await readCredentials(send, until, refused);
    known = result.kind === 'credentials' ? result : undefined;
    return result;
  };
  return {
    ...createVoucherifyClient(baseUrl, readOnce, limited.send),
    countActivities: counter(countActivities, { baseUrl, ...clock, readCredentials: readOnce }, limited.sendSpare),
    ...(residueCredentials && {
      countResidue: counter(
        countResidue,
        { baseUrl, ...clock, readCredentials: residueCredentials },
        limited.sendSpare,
      ),
    }),
    capacity: limited.capacity,
    expectCalls: limited.expectCalls,
    release: limited.release,
    reserve: async until => {
      const credentials = await readOnce(limited.send, until);
      if (credentials.kind === 'credentials') {
        // Only now, so that the token request is not one of them.
        limited.expectCalls(expected);
        return limited.reserve(credentials.headers, until);
      }
      if (credentials.kind === 'rate-limited' && credentials.until !== undefined) return credentials;
      known = credentials;
      return undefined;
    },
  };
}

/** Creates a client that sends its calls with `send`. */
export function createVoucherifyClient(
  baseUrl: string,
  readCredentials: CredentialProvider,
  send: LimitedSend,
): VoucherifyClient {
  const request = (call: Call) => sendWithCredentials(call, readCredentials, send);
  return {
    lookUp: async (id, until) => {
      const { outcome, appId } = await request({ ...get, url: customerUrl(baseUrl, id), until });
      return { result: parseLookUp(outcome), appId };
    },
    listByEmail: async (email, page, until) => {
      const { outcome, appId } = await request({ ...get, url: listUrl(baseUrl, email, page), until });
      return { result: parsePage(outcome), appId };
    },
    deletePermanently: async (id, until) => {
      // Not repeatable: the pin is looked up before the deletion is sent again.
      const { outcome, appId } = await request({ method: 'POST', url: deletionUrl(baseUrl, id), until });
      return { result: parseDeletion(outcome, id), appId };
    },
  };
}

interface Call {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly until: number;
  readonly maxResponseBytes?: number;
  readonly repeatable?: boolean;
}

/** Reads rejected credentials again once, since they may have been rotated; the same ones are not sent twice. */
async function sendWithCredentials(
  call: Call,
  readCredentials: CredentialProvider,
  send: LimitedSend,
): Promise<Pick<CallResult, 'outcome'> & { readonly appId: string }> {
  const first = await readCredentials(send, call.until);
  if (first.kind !== 'credentials') return { outcome: failureOf(first), appId: '' };
  const result = await send({ ...call, headers: headers(first) }, classify);
  if (!('status' in result)) return { outcome: failureOf(result), appId: first.appId };
  if (result.status !== 401) return { outcome: result.outcome, appId: first.appId };
  const second = await readCredentials(send, call.until, first);
  if (second.kind !== 'credentials' || isSame(first, second)) return { outcome: result.outcome, appId: first.appId };
  const repeated = await send({ ...call, headers: headers(second) }, classify);
  return { outcome: 'status' in repeated ? repeated.outcome : failureOf(repeated), appId: second.appId };
}

/** Returns the failure of a call that was not sent: nothing was executed, and another call now would fail too. */
function failureOf(reason: Exclude<CredentialResult, Credentials>): CallFailure {
  if (reason.kind !== 'rate-limited') return reason;
  const { code, until } = reason;
  return retryLater(code, { stop: true, ...(until === undefined ? {} : { notBefore: until }) });
}

function isSame(a: Credentials, b: Credentials): boolean {
  return JSON.stringify(a.headers) === JSON.stringify(b.headers);
}

/** Voucherify docs, Versioning: the version is pinned, so that the project's own setting has no effect. */
function headers(credentials: Credentials): Record<string, string> {
  return { ...credentials.headers, Accept: 'application/json', 'X-Voucherify-API-Version': 'v2018-08-01' };
}

/** Returns the URL of a deletion. Throws `RangeError` for an id that would not stay in its own path segment. */
export function deletionUrl(baseUrl: string, customerId: string): URL {
  return customerUrl(baseUrl, customerId, '/permanent-deletion');
}

/** `URL` resolves `.` and `..` even when they are encoded, so they are rejected. */
function customerUrl(baseUrl: string, id: string, rest: string = ''): URL {
  if (!isPlainValue(id)) throw new RangeError('customer id: cannot be part of a path');
  return new URL(`/v1/customers/${encodeURIComponent(id)}${rest}`, baseUrl);
}

/** Throws `RangeError` for a blank e-mail, which could list all customers. */
function listUrl(baseUrl: string, email: string, page: number): URL {
  if (!isUsable({ kind: 'email', value: email })) throw new RangeError('email: cannot be part of a query');
  const url = new URL('/v1/customers', baseUrl);
  url.search = new URLSearchParams({ email, limit: String(pageSize), page: String(page) }).toString();
  return url;
}
