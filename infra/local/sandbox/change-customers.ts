import type { SQLTagStore } from 'node:sqlite';
import { profileOf, type SandboxCustomer, type StoredCustomer } from './customer.ts';
import { findById, findBySourceId } from './find-customers.ts';
import { isoNow, type SandboxContext } from './world.ts';

/**
 * Creates or refreshes a person and returns them (Voucherify docs, Create Customer): an `id` or else a `source_id` of
 * somebody in the project refreshes that person, keeping what is not given; otherwise a new person comes to be.
 * @throws when the `id` belongs to another project or to somebody soft-deleted.
 */
export function upsertCustomer(world: SandboxContext, project: string, given: SandboxCustomer): StoredCustomer {
  const before = refreshedBy(world.sql, project, given);
  const after = before === undefined ? created(world, project, given) : refreshed(world, before, given);
  const { id, source_id, email, created_at, updated_at, profile } = after;
  world.sql.run`INSERT INTO customers (id, project, source_id, email, created_at, updated_at, profile)
    VALUES (${id}, ${project}, ${source_id}, ${email}, ${created_at}, ${updated_at}, ${JSON.stringify(profile)})
    ON CONFLICT (id) DO UPDATE SET email = excluded.email, updated_at = excluded.updated_at, profile = excluded.profile`;
  return after;
}

/**
 * A plain DELETE: the person is no longer found, and their `source_id` is renamed so that it is free again
 * (the example of Voucherify's `customer.deleted` event); the row stays until a permanent deletion.
 * Returns false when nobody has this `id` or they were soft-deleted before.
 */
export function softDeleteCustomer(sql: SQLTagStore, id: string, at: string): boolean {
  const done = sql.run`UPDATE customers SET deleted_at = ${at}, source_id = source_id || '_deleted' || ${at}
    WHERE id = ${id} AND deleted_at IS NULL`;
  return done.changes === 1;
}

/** Takes the person's row away for good. */
export function removeCustomer(sql: SQLTagStore, id: string): void {
  sql.run`DELETE FROM customers WHERE id = ${id}`;
}

function refreshedBy(sql: SQLTagStore, project: string, given: SandboxCustomer): StoredCustomer | undefined {
  const taken = given.id === undefined ? undefined : findById(sql, given.id);
  if (taken !== undefined && (taken.project !== project || taken.deleted_at !== null)) {
    throw new Error(`the customer id ${taken.id} is taken`);
  }
  return taken ?? (given.source_id === undefined ? undefined : findBySourceId(sql, project, given.source_id));
}

function created(world: SandboxContext, project: string, given: SandboxCustomer): StoredCustomer {
  return {
    id: given.id ?? `cust_${world.random()}`,
    project,
    source_id: given.source_id ?? null,
    email: given.email ?? null,
    created_at: given.created_at === undefined ? isoNow(world) : given.created_at,
    updated_at: null,
    deleted_at: null,
    profile: profileOf(given),
  };
}

function refreshed(world: SandboxContext, before: StoredCustomer, given: SandboxCustomer): StoredCustomer {
  return {
    ...before,
    email: given.email ?? before.email,
    updated_at: isoNow(world),
    profile: { ...before.profile, ...profileOf(given) },
  };
}
