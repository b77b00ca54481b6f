import type { SQLTagStore } from 'node:sqlite';
import * as v from 'valibot';

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
  /** As it stood at the deletion, so renamed for somebody soft-deleted; null for a person without one. */
  readonly sourceId: string | null;
  /** The `del_…` id that was answered. */
  readonly deletionId: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Keeps a deletion for good. */
export function logDeletion(sql: SQLTagStore, deletion: LoggedDeletion): void {
  const { deletionId, project, customerId, sourceId, at } = deletion;
  sql.run`INSERT INTO deletions (id, project, customer_id, source_id, at)
    VALUES (${deletionId}, ${project}, ${customerId}, ${sourceId}, ${at})`;
}

/** Every deletion, oldest first. */
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
 * One call that reached the sandbox. `kind` is a route's, see `routes.ts`; `status` is 0 when nothing was answered
 * (outage `down` or `hang`); `project` is null when the caller was not known. Holds no identifier.
 */
export type LoggedCall = Readonly<v.InferOutput<typeof callSchema>>;

/** Keeps a call for good. */
export function logCall(sql: SQLTagStore, call: LoggedCall): void {
  sql.run`INSERT INTO calls (at, method, kind, status, project)
    VALUES (${call.at}, ${call.method}, ${call.kind}, ${call.status}, ${call.project})`;
}

/** Every call, oldest first. */
export function loggedCalls(sql: SQLTagStore): LoggedCall[] {
  return sql.all`SELECT * FROM calls ORDER BY rowid`.map(row => v.parse(callSchema, row));
}
