import { DatabaseSync, type SQLTagStore } from 'node:sqlite';
import * as v from 'valibot';

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
