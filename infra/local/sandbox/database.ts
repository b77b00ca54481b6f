import { DatabaseSync, type SQLTagStore } from 'node:sqlite';
import * as v from 'valibot';
import { isoNow, type SandboxContext } from './context.ts';
import { parseStoredCustomer, profileOf, type SandboxCustomer, type StoredCustomer } from './customer.ts';

const TABLES = `
  CREATE TABLE customers (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, source_id TEXT, email TEXT,
    created_at TEXT, updated_at TEXT, deleted_at TEXT, profile TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX customers_by_source_id ON customers (project, source_id) WHERE deleted_at IS NULL;
  CREATE INDEX customers_by_email ON customers (project, email);
  CREATE TABLE deletions (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, customer_id TEXT NOT NULL, source_id TEXT, at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE calls (
    at INTEGER NOT NULL, method TEXT NOT NULL, kind TEXT NOT NULL, status INTEGER NOT NULL, project TEXT
  ) STRICT;
  CREATE TABLE windows (project TEXT PRIMARY KEY, starts INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;
  CREATE TABLE tokens (token TEXT PRIMARY KEY, app_id TEXT NOT NULL, expires_at INTEGER NOT NULL) STRICT;
  PRAGMA user_version = 1;
`;

/** Added later: a file of an earlier version does not have it. */
const STAYING = `
  CREATE TABLE IF NOT EXISTS staying (
    project TEXT NOT NULL, customer_id TEXT NOT NULL, kind TEXT NOT NULL, total INTEGER NOT NULL,
    PRIMARY KEY (project, customer_id, kind)
  ) STRICT;
`;

/**
 * Opens the sandbox's SQLite file, or `:memory:`. In a new file it creates the tables and calls `fill`, both in one
 * transaction, so a file stays new if the process is killed in between. Committed data survives a SIGKILL. Throws SQLite's
 * error if the file cannot be opened or is no database.
 */
export function openDatabase(file: string, fill: (sql: SQLTagStore) => void): SQLTagStore {
  const database = new DatabaseSync(file, { timeout: 30_000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
  database.exec(STAYING);
  const sql = database.createTagStore();
  if (database.prepare('PRAGMA user_version').get()?.['user_version'] === 0) {
    transaction(sql, () => {
      database.exec(TABLES);
      fill(sql);
    });
  }
  return sql;
}

/** Runs `work` in a transaction and rolls back if it throws. */
export function transaction<Result>(sql: SQLTagStore, work: () => Result): Result {
  sql.db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    sql.db.exec('COMMIT');
    return result;
  } catch (error) {
    sql.db.exec('ROLLBACK');
    throw error;
  }
}

const deletionSchema = v.object({
  id: v.string(),
  project: v.string(),
  customer_id: v.string(),
  source_id: v.nullable(v.string()),
  at: v.number(),
});

/** One permanent deletion that took effect. */
export interface LoggedDeletion {
  readonly project: string;
  readonly customerId: string;
  /** The value at the time of deletion (renamed after a soft deletion); null if there was none. */
  readonly sourceId: string | null;
  /** The `del_…` id in the response. */
  readonly deletionId: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Logs a deletion. */
export function logDeletion(sql: SQLTagStore, deletion: LoggedDeletion): void {
  const { deletionId, project, customerId, sourceId, at } = deletion;
  sql.run`INSERT INTO deletions (id, project, customer_id, source_id, at)
    VALUES (${deletionId}, ${project}, ${customerId}, ${sourceId}, ${at})`;
}

/** Returns all deletions, oldest first. */
export function loggedDeletions(sql: SQLTagStore): LoggedDeletion[] {
  return sql.all`SELECT * FROM deletions ORDER BY rowid`.map(row => {
    const { id, project, customer_id, source_id, at } = v.parse(deletionSchema, row);
    return { project, customerId: customer_id, sourceId: source_id, deletionId: id, at };
  });
}

const callSchema = v.object({
  at: v.number(),
  method: v.string(),
  kind: v.string(),
  status: v.number(),
  project: v.nullable(v.string()),
});

/**
 * One call that reached the sandbox. `kind` is the kind of its route (`routes.ts`); `status` is 0 without a response
 * (outage `down` or `hang`); `project` is null for an unknown caller. Contains no identifier.
 */
export type LoggedCall = Readonly<v.InferOutput<typeof callSchema>>;

/** Logs a call. */
export function logCall(sql: SQLTagStore, call: LoggedCall): void {
  sql.run`INSERT INTO calls (at, method, kind, status, project)
    VALUES (${call.at}, ${call.method}, ${call.kind}, ${call.status}, ${call.project})`;
}

/** Returns all calls, oldest first. */
export function loggedCalls(sql: SQLTagStore): LoggedCall[] {
  return sql.all`SELECT * FROM calls ORDER BY rowid`.map(row => v.parse(callSchema, row));
}

/** Finds a customer of this project as GET does: by `id`, then by `source_id`; not a soft-deleted one. */
export function findCustomer(sql: SQLTagStore, project: string, idOrSourceId: string): StoredCustomer | undefined {
  const found = findErasable(sql, project, idOrSourceId);
  return found === undefined || found.deleted_at === null ? found : findBySourceId(sql, project, idOrSourceId);
}

/** Finds a customer as permanent deletion does: like GET, and a soft-deleted one by `id`. */
export function findErasable(sql: SQLTagStore, project: string, idOrSourceId: string): StoredCustomer | undefined {
  const byId = findById(sql, idOrSourceId);
  return byId?.project === project ? byId : findBySourceId(sql, project, idOrSourceId);
}

/** Returns the requested page of this project's customers, and the number of all matches. */
export function listCustomers(
  sql: SQLTagStore,
  project: string,
  wanted: ListRequest,
): { page: StoredCustomer[]; total: number } {
  const rows =
    wanted.email === undefined
      ? sql.all`SELECT * FROM customers WHERE project = ${project} AND deleted_at IS NULL ORDER BY created_at DESC, rowid DESC`
      : sql.all`SELECT * FROM customers WHERE project = ${project} AND email = ${wanted.email} AND deleted_at IS NULL
          ORDER BY created_at DESC, rowid DESC`;
  const ordered = wanted.oldestFirst ? rows.reverse() : rows;
  const start = (wanted.page - 1) * wanted.limit;
  return { page: ordered.slice(start, start + wanted.limit).map(parseStoredCustomer), total: rows.length };
}

/** The requested page. `email` is compared exactly and case-sensitively, absent means all customers; `page` starts at 1. */
export interface ListRequest {
  readonly email?: string;
  readonly limit: number;
  readonly page: number;
  readonly oldestFirst: boolean;
}

/** Finds a customer of any project by `id`, soft-deleted or not; ids are unique across projects. */
export function findById(sql: SQLTagStore, id: string): StoredCustomer | undefined {
  return parseFound(sql.get`SELECT * FROM customers WHERE id = ${id}`);
}

/** Returns all customers of all projects in order of registration, including soft-deleted ones. */
export function allCustomers(sql: SQLTagStore): StoredCustomer[] {
  return sql.all`SELECT * FROM customers ORDER BY rowid`.map(parseStoredCustomer);
}

/** Finds a customer of this project by `source_id`; not a soft-deleted one. */
function findBySourceId(sql: SQLTagStore, project: string, sourceId: string): StoredCustomer | undefined {
  return parseFound(
    sql.get`SELECT * FROM customers WHERE project = ${project} AND source_id = ${sourceId} AND deleted_at IS NULL`,
  );
}

function parseFound(row: unknown): StoredCustomer | undefined {
  return row === undefined ? undefined : parseStoredCustomer(row);
}

/**
 * Creates or updates a customer and returns it (Voucherify docs, Create Customer). If the `id`, or else the `source_id`,
 * exists in the project, that customer is updated and keeps the fields that are not given; otherwise a new one is created.
 * Throws if the `id` belongs to another project or to a soft-deleted customer.
 */
export function upsertCustomer(context: SandboxContext, project: string, given: SandboxCustomer): StoredCustomer {
  const before = findToUpdate(context.sql, project, given);
  const after = before === undefined ? buildCreated(context, project, given) : buildUpdated(context, before, given);
  const { id, source_id, email, created_at, updated_at, profile } = after;
  context.sql.run`INSERT INTO customers (id, project, source_id, email, created_at, updated_at, profile)
    VALUES (${id}, ${project}, ${source_id}, ${email}, ${created_at}, ${updated_at}, ${JSON.stringify(profile)})
    ON CONFLICT (id) DO UPDATE SET email = excluded.email, updated_at = excluded.updated_at, profile = excluded.profile`;
  return after;
}

/**
 * Soft-deletes a customer, as a plain DELETE does: it is no longer found, and its `source_id` is renamed, so that the
 * value is free again (example of Voucherify's `customer.deleted` event). The row remains until a permanent deletion.
 * Returns false if the `id` is unknown or already soft-deleted.
 */
export function softDeleteCustomer(sql: SQLTagStore, id: string, at: string): boolean {
  const done = sql.run`UPDATE customers SET deleted_at = ${at}, source_id = source_id || '_deleted' || ${at}
    WHERE id = ${id} AND deleted_at IS NULL`;
  return done.changes === 1;
}

/** Removes a customer after a permanent deletion: at once, or when it is no longer shown. */
export function removeCustomer(context: SandboxContext, id: string): void {
  const { shownUntil, shownMs, now } = context;
  if (!shownUntil.has(id)) shownUntil.set(id, now() + shownMs);
  removeDeleted(context);
}

/** Removes the permanently deleted customers that are no longer shown. */
export function removeDeleted({ sql, now, shownUntil }: SandboxContext): void {
  for (const [id, until] of shownUntil) {
    if (until > now()) continue;
    sql.run`DELETE FROM customers WHERE id = ${id}`;
    shownUntil.delete(id);
  }
}

function findToUpdate(sql: SQLTagStore, project: string, given: SandboxCustomer): StoredCustomer | undefined {
  const taken = given.id === undefined ? undefined : findById(sql, given.id);
  if (taken !== undefined && (taken.project !== project || taken.deleted_at !== null)) {
    throw new Error(`the customer id ${taken.id} is taken`);
  }
  return taken ?? (given.source_id === undefined ? undefined : findBySourceId(sql, project, given.source_id));
}

function buildCreated(context: SandboxContext, project: string, given: SandboxCustomer): StoredCustomer {
  return {
    id: given.id ?? `cust_${context.random()}`,
    project,
    source_id: given.source_id ?? null,
    email: given.email ?? null,
    created_at: given.created_at === undefined ? isoNow(context) : given.created_at,
    updated_at: null,
    deleted_at: null,
    profile: profileOf(given),
  };
}

function buildUpdated(context: SandboxContext, before: StoredCustomer, given: SandboxCustomer): StoredCustomer {
  return {
    ...before,
    email: given.email ?? before.email,
    updated_at: isoNow(context),
    profile: { ...before.profile, ...profileOf(given) },
  };
}
