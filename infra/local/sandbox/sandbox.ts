import type { SQLTagStore } from 'node:sqlite';
import { softDeleteCustomer, upsertCustomer } from './change-customers.ts';
import type { SandboxCustomer, StoredCustomer } from './customer.ts';
import { openDatabase } from './database.ts';
import { allCustomers } from './find-customers.ts';
import { openSandboxKeys, type SandboxKey } from './keys.ts';
import { type LoggedCall, type LoggedDeletion, loggedCalls, loggedDeletions } from './logs.ts';
import type { SandboxAnswer, SandboxRequest } from './message.ts';
import type { Outage } from './outage.ts';
import { randomId } from './random-id.ts';
import { sandboxResponse } from './respond.ts';
import { isoNow, type RateLimit, type SandboxContext } from './world.ts';

export type { SandboxCustomer, StoredCustomer } from './customer.ts';
export type { SandboxKey } from './keys.ts';
export type { LoggedCall, LoggedDeletion } from './logs.ts';
export type { SandboxAnswer, SandboxRequest } from './message.ts';
export { type Outage, Unreachable } from './outage.ts';

export interface SandboxOptions {
  /** The SQLite file that keeps people, logs, tokens and spent quota across restarts; absent: in memory. */
  readonly file?: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly keys: readonly SandboxKey[];
  /** For each project; absent: 100 calls in 60 s. */
  readonly limit?: RateLimit;
  /** People of the first key's project, registered only when the file is new. */
  readonly seed?: readonly SandboxCustomer[];
  /** 24 letters and digits, never the same twice; absent: from `node:crypto`. */
  readonly random?: () => string;
}

/** A stand-in for Voucherify's API, as far as erasing people needs it. */
export interface Sandbox {
  /**
   * Answers a request to the API.
   * @throws {Unreachable} in an outage `down` or `hang`, where no answer would come.
   */
  respond(request: SandboxRequest): SandboxAnswer;
  /**
   * Creates a person, or refreshes the one with this `id` or `source_id`; returns their `cust_…` id.
   * @throws when the project never had a key, or the given `id` is another project's or a soft-deleted person's.
   */
  register(customer: SandboxCustomer, project: string): string;
  /**
   * Does to the person what a plain DELETE does.
   * @throws when nobody has this `id`, or they were soft-deleted before.
   */
  softDelete(id: string): void;
  /** The projects that have ever had a key, the first key's project first. */
  projects(): readonly string[];
  /** Everybody who is left, soft-deleted people included. */
  customers(): readonly StoredCustomer[];
  /** Every permanent deletion that took effect, oldest first. */
  deletions(): readonly LoggedDeletion[];
  /** Every call that reached the API, oldest first. */
  calls(): readonly LoggedCall[];
  /** Lets a key in, or gives the key of this `appId` another token. */
  addKey(key: SandboxKey): void;
  /** Deletes a key and with it its tokens. */
  revoke(appId: string): void;
  /** Begins an outage, or ends it when undefined. A new process begins without one. */
  outage(mode: Outage | undefined): void;
  /** Closes the file; nothing else may be called afterwards. */
  close(): void;
}

/**
 * Opens a sandbox over its file.
 * @throws the error of SQLite when the file cannot be opened.
 */
export function openSandbox(options: SandboxOptions): Sandbox {
  const world = worldOf(options);
  const { sql, keys } = world;
  let outage: Outage | undefined;
  return {
    respond: request => sandboxResponse(world, request, outage),
    register: (customer, project) => register(world, customer, project),
    softDelete: id => softDelete(world, id),
    projects: keys.projects,
    customers: () => allCustomers(sql),
    deletions: () => loggedDeletions(sql),
    calls: () => loggedCalls(sql),
    addKey: keys.add,
    revoke: keys.revoke,
    outage(mode) {
      outage = mode;
    },
    close: () => sql.db.close(),
  };
}

function worldOf(options: SandboxOptions): SandboxContext {
  const { file = ':memory:', now, limit = { calls: 100, periodSeconds: 60 }, seed = [], random = randomId } = options;
  const keys = openSandboxKeys(options.keys);
  const over = (sql: SQLTagStore): SandboxContext => ({ sql, keys, now, random, limit });
  const [first = ''] = keys.projects();
  const sql = openDatabase(file, fresh => {
    for (const person of seed) {
      register(over(fresh), person, first);
    }
  });
  return over(sql);
}

function register(world: SandboxContext, customer: SandboxCustomer, project: string): string {
  if (!world.keys.projects().includes(project)) {
    throw new Error(`the sandbox has no project ${project}`);
  }
  return upsertCustomer(world, project, customer).id;
}

function softDelete(world: SandboxContext, id: string): void {
  if (!softDeleteCustomer(world.sql, id, isoNow(world))) {
    throw new Error(`nobody has the customer id ${id}`);
  }
}
