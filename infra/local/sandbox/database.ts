import { DatabaseSync, type SQLTagStore } from 'node:sqlite';

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
