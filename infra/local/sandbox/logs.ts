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
