import type { SQLTagStore } from 'node:sqlite';
import { isoNow, type SandboxContext } from './context.ts';
import { parseStoredCustomer, profileOf, type SandboxCustomer, type StoredCustomer } from './customer.ts';

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
