import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { addendumId } from '../../lambda/receipts/evidence.ts';
import { isFinal, lookUpHmacs, type Receipt, type ReceiptQueue } from '../../lambda/receipts/receipt.ts';
import type { Addendum } from '../../lambda/receipts/row-schemas.ts';
import {
  asStoreFailure,
  lookUpsFrom,
  oldestFirst,
  parseAddendumRow,
  parsePartition,
  parsePersonalDataRow,
  parsePinsRow,
  parseReceiptRow,
  partitionOf,
  rejectOversized,
  type SelectPartition,
} from '../../lambda/receipts/rows.ts';
import type {
  PersonalData,
  PersonalDataWithPins,
  Pin,
  ReceiptStore,
  SideWrites,
  SubjectErasures,
} from '../../lambda/receipts/store.ts';
import { sqliteControl } from './sqlite-control.ts';

/** How long a process waits for the write lock of another one, in milliseconds. */
const busyMs = 30_000;

/**
 * FULL syncs the log at every commit, so acknowledged data is on disk. `secure_delete` overwrites deleted data:
 * identifiers must not remain in free pages.
 */
const receiptTables = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA secure_delete = ON;
  CREATE TABLE IF NOT EXISTS receipts
    (id TEXT PRIMARY KEY, revision INTEGER NOT NULL, queue TEXT, next_attempt_at REAL, row TEXT NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS waiting ON receipts (queue, next_attempt_at) WHERE queue IS NOT NULL;
  CREATE TABLE IF NOT EXISTS subjects (mac TEXT, id TEXT, PRIMARY KEY (mac, id)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS personal_data (id TEXT PRIMARY KEY, row TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS pins (id TEXT, project TEXT, row TEXT NOT NULL, PRIMARY KEY (id, project)) STRICT;
  CREATE TABLE IF NOT EXISTS addenda
    (id TEXT PRIMARY KEY, receipt TEXT NOT NULL, revision INTEGER NOT NULL, due_at REAL, row TEXT NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS addenda_of ON addenda (receipt);
  CREATE INDEX IF NOT EXISTS addenda_due ON addenda (due_at, id) WHERE due_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS look_ups (id TEXT, project TEXT, row TEXT NOT NULL, PRIMARY KEY (id, project)) STRICT;
`;

/**
 * Opens the receipt store on SQLite, in `file` (it creates the folder) or `:memory:`. Several processes can share a file.
 * Throws SQLite's error if the file cannot be opened; the methods throw the errors of every store.
 */
export function openSqliteStore(file: string): ReceiptStore & { readonly control: VersionedStore; close(): void } {
  if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(file, { timeout: busyMs });
  database.exec(receiptTables);
  const log = writeAheadLog(database);
  return {
    accept: (receipt, personalData, pins = {}) => asStoreFailure(() => accept(database, receipt, personalData, pins)),
    read: id => asStoreFailure(() => read(database, id)),
    replace: (next, sideWrites = {}) =>
      asStoreFailure(() => {
        const replaced = transaction(database, () => replace(database, next, sideWrites));
        if (sideWrites.deletePersonalData === true || sideWrites.pinsLeft !== undefined) log.empty();
        return replaced;
      }),
    due: (queue, now, limit, select) =>
      asStoreFailure(() => {
        log.emptyIfPending();
        const most = Math.max(limit, 0);
        if (queue === 'addendum')
          return database
            .prepare(dueAddenda)
            .all(now, most)
            .map(row => text(row, 'id'));
        return due(database, queue, { now, limit: most, select });
      }),
    readPersonalData: id => asStoreFailure(() => readPersonalData(database, id)),
    readPins: id => asStoreFailure(() => rowsByProject(database, 'pins', id, parsePinsRow)),
    find: subjectHmac =>
      asStoreFailure(() => {
        const rows = database.prepare('SELECT id FROM subjects WHERE mac = ? ORDER BY id').all(subjectHmac);
        return rows.map(row => text(row, 'id'));
      }),
    findErased: subjectHmac => asStoreFailure(() => findErased(database, subjectHmac)),
    addAddendum: addendum => asStoreFailure(() => addAddendum(database, addendum)),
    readAddendum: id => asStoreFailure(() => selectAddenda(database, 'id', id)[0]),
    replaceAddendum: next => asStoreFailure(() => replaceAddendum(database, next)),
    addendaOf: receiptId => asStoreFailure(() => selectAddenda(database, 'receipt', receiptId)),
    control: sqliteControl(database),
    close: () => {
      log.emptyIfPending();
      database.close();
    },
  };
}

/**
 * The write-ahead log contains overwritten data until a checkpoint empties it, and a checkpoint must wait for readers. It
 * would block this whole process, so `empty` never waits: each later `emptyIfPending` tries again.
 */
function writeAheadLog(database: DatabaseSync) {
  let pending = false;
  const empty = () => {
    database.exec('PRAGMA busy_timeout = 0');
    try {
      pending = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] !== 0;
    } finally {
      database.exec(`PRAGMA busy_timeout = ${busyMs}`);
    }
  };
  return {
    empty,
    emptyIfPending: () => {
      if (pending) empty();
    },
  };
}

const dueQuery = `
  SELECT id, next_attempt_at AS at FROM receipts
  WHERE queue = ? AND next_attempt_at <= ? ORDER BY next_attempt_at, id LIMIT ?
`;

/** Finds each partition with one look-up in the index; `$` is the character after `#`. */
const partitionsQuery = `
  WITH RECURSIVE partitions (name) AS (
    SELECT MIN(queue) FROM receipts WHERE queue >= 'erase' AND queue < 'erase$'
    UNION ALL
    SELECT (SELECT MIN(queue) FROM receipts WHERE queue > name AND queue < 'erase$') FROM partitions WHERE name IS NOT NULL
  ) SELECT name FROM partitions WHERE name IS NOT NULL
`;

interface DueRequest {
  readonly now: number;
  readonly limit: number;
  readonly select: SelectPartition | undefined;
}

function due(database: DatabaseSync, queue: ReceiptQueue, { now, limit, select = () => true }: DueRequest) {
  const all =
    queue === 'erase'
      ? database
          .prepare(partitionsQuery)
          .all()
          .map(row => text(row, 'name'))
      : [queue];
  const find = database.prepare(dueQuery);
  const found = all
    .filter(name => queue !== 'erase' || select(parsePartition(name)))
    .map(name => find.all(name, now, limit).map(row => ({ id: text(row, 'id'), at: Number(row['at']) })));
  return oldestFirst(found, limit);
}

const dueAddenda = 'SELECT id FROM addenda WHERE due_at <= ? ORDER BY due_at, id LIMIT ?';

function findErased(database: DatabaseSync, subjectHmac: string): SubjectErasures {
  const query = 'SELECT row FROM receipts JOIN subjects USING (id) WHERE mac = ? ORDER BY id';
  const receipts = database
    .prepare(query)
    .all(subjectHmac)
    .map(found => parseReceiptRow(text(found, 'row')));
  const erased = receipts.flatMap(({ id, state, closedAt: erasedAt, expiresAt }) => {
    const isErased = state === 'erased' && erasedAt !== undefined && expiresAt !== undefined;
    return isErased ? [{ id, erasedAt, expiresAt }] : [];
  });
  return { erased, hasOpen: receipts.some(({ state }) => !isFinal(state)) };
}

function addAddendum(database: DatabaseSync, addendum: Addendum): void {
  const { receipt, revision, receivedAt } = addendum;
  const columns = [addendumId(addendum), receipt, revision, receivedAt, JSON.stringify(addendum)];
  database.prepare('INSERT INTO addenda VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING').run(...columns);
}

function replaceAddendum(database: DatabaseSync, next: Addendum): boolean {
  const { revision, receivedAt, jws } = next;
  const dueAt = jws === undefined ? receivedAt : null;
  const update = database.prepare('UPDATE addenda SET revision = ?, due_at = ?, row = ? WHERE id = ? AND revision = ?');
  return update.run(revision, dueAt, JSON.stringify(next), addendumId(next), revision - 1).changes !== 0;
}

function selectAddenda(database: DatabaseSync, column: 'id' | 'receipt', value: string): readonly Addendum[] {
  const rows = database.prepare(`SELECT row FROM addenda WHERE ${column} = ? ORDER BY id`).all(value);
  return rows.map(row => parseAddendumRow(text(row, 'row')));
}

function accept(
  database: DatabaseSync,
  receipt: Receipt,
  personalData: PersonalData,
  pins: PersonalDataWithPins['pins'],
) {
  rejectOversized(receipt);
  return transaction(database, () => {
    const existing = read(database, receipt.id);
    if (existing !== undefined) return { stored: false, receipt: existing };
    const { id, revision, nextAttemptAt = null } = receipt;
    const columns = [id, revision, partitionOf(receipt) ?? null, nextAttemptAt, JSON.stringify(receipt)];
    database.prepare('INSERT INTO receipts VALUES (?, ?, ?, ?, ?)').run(...columns);
    database.prepare('INSERT OR REPLACE INTO personal_data VALUES (?, ?)').run(id, JSON.stringify(personalData));
    for (const [project, pinned] of Object.entries(pins)) writePins(database, id, project, pinned);
    writeLookUps(database, receipt);
    return { stored: true, receipt };
  });
}

function read(database: DatabaseSync, id: string): Receipt | undefined {
  const row = database.prepare('SELECT row FROM receipts WHERE id = ?').get(id);
  return row === undefined ? undefined : parseReceiptRow(text(row, 'row'), id);
}

function replace(
  database: DatabaseSync,
  next: Receipt,
  { pins, lookUps = [], deletePersonalData = false, callbackData, keepPins = false, pinsLeft }: SideWrites,
): boolean {
  const { id, revision, nextAttemptAt = null } = next;
  const queue = partitionOf(next) ?? null;
  const update = database.prepare(
    'UPDATE receipts SET revision = ?, queue = ?, next_attempt_at = ?, row = ? WHERE id = ? AND revision = ?',
  );
  const { changes } = update.run(revision, queue, nextAttemptAt, JSON.stringify(next), id, revision - 1);
  if (changes === 0) return false;
  if (pinsLeft !== undefined || (deletePersonalData && !keepPins))
    database.prepare('DELETE FROM pins WHERE id = ?').run(id);
  for (const [project, left] of Object.entries(pinsLeft?.pins ?? {})) writePins(database, id, project, left);
  if (deletePersonalData) {
    database.prepare('DELETE FROM personal_data WHERE id = ?').run(id);
    database.prepare('DELETE FROM look_ups WHERE id = ?').run(id);
    if (callbackData !== undefined)
      database.prepare('INSERT INTO personal_data VALUES (?, ?)').run(id, JSON.stringify(callbackData));
    return true;
  }
  if (pins !== undefined) {
    writePins(database, id, pins.project, pins.pins);
    writeLookUps(database, next);
  }
  for (const { project, lookUps: row } of lookUps) {
    if (row === undefined) database.prepare('DELETE FROM look_ups WHERE id = ? AND project = ?').run(id, project);
    else database.prepare('INSERT OR REPLACE INTO look_ups VALUES (?, ?, ?)').run(id, project, JSON.stringify(row));
  }
  return true;
}

function writeLookUps(database: DatabaseSync, receipt: Receipt): void {
  const lookUp = database.prepare('INSERT OR REPLACE INTO subjects VALUES (?, ?)');
  for (const mac of lookUpHmacs(receipt)) lookUp.run(mac, receipt.id);
}

function writePins(database: DatabaseSync, id: string, project: string, pins: readonly Pin[]): void {
  database.prepare('INSERT OR REPLACE INTO pins VALUES (?, ?, ?)').run(id, project, JSON.stringify(pins));
}

function readPersonalData(database: DatabaseSync, id: string): PersonalDataWithPins | undefined {
  const row = database.prepare('SELECT row FROM personal_data WHERE id = ?').get(id);
  if (row === undefined) return undefined;
  return {
    ...parsePersonalDataRow(text(row, 'row')),
    pins: rowsByProject(database, 'pins', id, parsePinsRow),
    lookUps: rowsByProject(database, 'look_ups', id, lookUpsFrom),
  };
}

function rowsByProject<T>(
  database: DatabaseSync,
  table: 'pins' | 'look_ups',
  id: string,
  parse: (row: string) => T,
): Record<string, T> {
  const rows = database.prepare(`SELECT project, row FROM ${table} WHERE id = ?`).all(id);
  return Object.fromEntries(rows.map(one => [text(one, 'project'), parse(text(one, 'row'))] as const));
}

function transaction<T>(database: DatabaseSync, run: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = run();
    database.exec('COMMIT');
    return result;
  } catch (thrown) {
    database.exec('ROLLBACK');
    throw thrown;
  }
}

/** Every column read here is TEXT NOT NULL in a STRICT table. */
function text(row: Record<string, SQLOutputValue>, column: string): string {
  return String(row[column]);
}
