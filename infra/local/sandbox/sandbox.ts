import { createHmac } from 'node:crypto';
import type { SQLTagStore } from 'node:sqlite';
import {
  isoNow,
  type Outage,
  openSandboxKeys,
  type RateLimit,
  randomId,
  requestId,
  type SandboxContext,
  type SandboxKey,
} from './context.ts';
import { customerBody, type SandboxCustomer, type StoredCustomer } from './customer.ts';
import {
  allCustomers,
  type LoggedCall,
  type LoggedDeletion,
  loggedCalls,
  loggedDeletions,
  openDatabase,
  softDeleteCustomer,
  upsertCustomer,
} from './database.ts';
import { sandboxResponse } from './respond.ts';
import type { SandboxRequest, SandboxResponse } from './responses.ts';

export type { SandboxKey } from './context.ts';
export { type Outage, Unreachable } from './context.ts';
export type { SandboxCustomer, StoredCustomer } from './customer.ts';
export type { LoggedCall, LoggedDeletion } from './database.ts';
export type { SandboxRequest, SandboxResponse } from './responses.ts';

export interface SandboxOptions {
  /** SQLite file that keeps customers, logs, tokens and quota across restarts; absent: in memory. */
  readonly file?: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly keys: readonly SandboxKey[];
  /** For each project; default: 100 calls in 60 s. */
  readonly limit?: RateLimit;
  /**
   * How long customers are still returned after their permanent deletion, in milliseconds; default: not at all. Voucherify
   * completes deletions in the background.
   */
  readonly shownMs?: number;
  /** Customers of the first key's project, registered only in a new file. */
  readonly seed?: readonly SandboxCustomer[];
  /** Returns 24 letters and digits, unique for each call; default: from `node:crypto`. */
  readonly random?: () => string;
}

/** A simulation of Voucherify's API, limited to what erasure needs. */
export interface Sandbox {
  /**
   * Responds to a request to the API.
   * @throws {Unreachable} in an outage `down` or `hang`, when there is no response.
   */
  respond(request: SandboxRequest): SandboxResponse;
  /**
   * Creates a customer, or updates the one with this `id` or `source_id`; returns its `cust_…` id.
   * @throws if the project never had a key, or the `id` belongs to another project or to a soft-deleted customer.
   */
  register(customer: SandboxCustomer, project: string): string;
  /**
   * Soft-deletes a customer, as a plain DELETE does.
   * @throws if the `id` is unknown or already soft-deleted.
   */
  softDelete(id: string): void;
  /** Returns the projects that have ever had a key, the first key's project first. */
  projects(): readonly string[];
  /** Returns all remaining customers, including soft-deleted ones, without those that are only still shown. */
  customers(): readonly StoredCustomer[];
  /** Returns all permanent deletions, oldest first. */
  deletions(): readonly LoggedDeletion[];
  /** Returns all calls that reached the API, oldest first. */
  calls(): readonly LoggedCall[];
  /** Adds a key, or replaces the token of the key with this `appId`. */
  addKey(key: SandboxKey): void;
  /** Deletes a key and its bearer tokens. */
  revoke(appId: string): void;
  /** Starts an outage, or ends it if undefined. A new process has none. */
  outage(mode: Outage | undefined): void;
  /** Returns the outage, if there is one. */
  currentOutage(): Outage | undefined;
  /** Sends a signed message for each customer that is created or updated from now on. */
  webhooks(secret: string, send: (message: WebhookMessage) => void): void;
  /** Closes the file. Call nothing else afterwards. */
  close(): void;
}

/** Opens a sandbox. Throws SQLite's error if the file cannot be opened. */
export function openSandbox(options: SandboxOptions): Sandbox {
  let changed: SandboxContext['changed'] = () => undefined;
  const context = openContext(options, customer => changed(customer));
  const { sql, keys } = context;
  let outage: Outage | undefined;
  return {
    respond: request => sandboxResponse(context, request, outage),
    register: (customer, project) => register(context, customer, project),
    softDelete: id => softDelete(context, id),
    projects: keys.projects,
    customers: () => allCustomers(sql).filter(({ id }) => !context.shownUntil.has(id)),
    deletions: () => loggedDeletions(sql),
    calls: () => loggedCalls(sql),
    addKey: keys.add,
    revoke: keys.revoke,
    outage(mode) {
      outage = mode;
    },
    currentOutage: () => outage,
    webhooks(secret, send) {
      changed = customer => send(customerMessage(context, customer, secret));
    },
    close: () => sql.db.close(),
  };
}

function openContext(options: SandboxOptions, changed: SandboxContext['changed']): SandboxContext {
  const { file = ':memory:', now, limit = { calls: 100, periodSeconds: 60 }, seed = [], random = randomId } = options;
  const { shownMs = 0 } = options;
  const shownUntil = new Map<string, number>();
  const keys = openSandboxKeys(options.keys);
  const over = (sql: SQLTagStore): SandboxContext => ({ sql, keys, now, random, limit, shownMs, shownUntil, changed });
  const [first = ''] = keys.projects();
  const sql = openDatabase(file, fresh => {
    for (const customer of seed) {
      register(over(fresh), customer, first);
    }
  });
  return over(sql);
}

function register(context: SandboxContext, customer: SandboxCustomer, project: string): string {
  if (!context.keys.projects().includes(project)) {
    throw new Error(`the sandbox has no project ${project}`);
  }
  const stored = upsertCustomer(context, project, customer);
  context.changed(stored);
  return stored.id;
}

function softDelete(context: SandboxContext, id: string): void {
  if (!softDeleteCustomer(context.sql, id, isoNow(context))) {
    throw new Error(`no customer has the id ${id}`);
  }
}

/** A message that a project webhook sends. */
export interface WebhookMessage {
  readonly project: string;
  readonly customerId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Returns the message about a created or updated customer: project webhook of version 2024-01-01, signed with the hex
 * HMAC-SHA256 of the body (Voucherify docs, Introduction to webhooks).
 */
export function customerMessage(context: SandboxContext, customer: StoredCustomer, secret: string): WebhookMessage {
  const at = isoNow(context);
  const type = customer.updated_at === null ? 'customer.created' : 'customer.updated';
  const ids = { entity_id: customer.id, group_id: requestId(context) };
  const body = JSON.stringify({
    id: `whs_${context.random()}`,
    project_id: `proj_${customer.project}`,
    created_at: at,
    type,
    data: { customer: customerBody(customer) },
    source: { id: 'wh_sandbox', object: 'webhook', target_url: '' },
    event: { id: `evcus_${context.random()}`, type, created_at: at, ...ids, event_source: { channel: 'API' } },
  });
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const headers = { 'Content-Type': 'application/json', 'x-voucherify-signature': signature };
  return { project: customer.project, customerId: customer.id, headers, body };
}
