import type { SQLTagStore } from 'node:sqlite';
import { type StoredCustomer, storedCustomer } from './customer.ts';

/** A person of this project whom GET finds: by `id` first, then by `source_id`; soft-deleted people are not found. */
export function findCustomer(sql: SQLTagStore, project: string, idOrSourceId: string): StoredCustomer | undefined {
  const found = findErasable(sql, project, idOrSourceId);
  return found === undefined || found.deleted_at === null ? found : findBySourceId(sql, project, idOrSourceId);
}

/** A person whom permanent deletion finds: as GET does, and soft-deleted people by their `id`. */
export function findErasable(sql: SQLTagStore, project: string, idOrSourceId: string): StoredCustomer | undefined {
  const byId = findById(sql, idOrSourceId);
  return byId?.project === project ? byId : findBySourceId(sql, project, idOrSourceId);
}

/** The one page of this project's people that was asked for, newest first, and how many match in all. */
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
  return { page: ordered.slice(start, start + wanted.limit).map(storedCustomer), total: rows.length };
}

/** Which part of the list: `email` is compared exactly and case-sensitively, absent means everybody; `page` counts from 1. */
export interface ListRequest {
  readonly email?: string;
  readonly limit: number;
  readonly page: number;
  readonly oldestFirst: boolean;
}

/** The person who has this `id` in any project, soft-deleted or not; ids are unique over all projects. */
export function findById(sql: SQLTagStore, id: string): StoredCustomer | undefined {
  return known(sql.get`SELECT * FROM customers WHERE id = ${id}`);
}

/** Everybody of every project, soft-deleted people included, in the order of registration. */
export function allCustomers(sql: SQLTagStore): StoredCustomer[] {
  return sql.all`SELECT * FROM customers ORDER BY rowid`.map(storedCustomer);
}

/** The person of this project who has this `source_id` and is not soft-deleted. */
export function findBySourceId(sql: SQLTagStore, project: string, sourceId: string): StoredCustomer | undefined {
  return known(
    sql.get`SELECT * FROM customers WHERE project = ${project} AND source_id = ${sourceId} AND deleted_at IS NULL`,
  );
}

function known(row: unknown): StoredCustomer | undefined {
  return row === undefined ? undefined : storedCustomer(row);
}
