import type { DatabaseSync } from 'node:sqlite';
import type { TokenAdvance, VersionedRow, VersionedStore } from '../../lambda/control/versioned-store.ts';
import { parseJson } from '../../lambda/io/json.ts';
import { asStoreFailure } from '../../lambda/receipts/rows.ts';

const controlTables = `
  CREATE TABLE IF NOT EXISTS control
    (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, row TEXT NOT NULL, token_time REAL) STRICT;
  CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, count INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;
`;

const advanceQuery = `
  UPDATE control
  SET token_time = max(coalesce(token_time, 0), $from) + $by, revision = $revision, row = coalesce($row, row)
  WHERE key = $key AND revision = $expected AND coalesce(token_time, 0) <= $atMost
`;

/** Returns the control rows, which are in the same SQLite database as the receipts. */
export function sqliteControl(database: DatabaseSync): VersionedStore {
  database.exec(controlTables);
  const current = currentRow(database);
  const insert = database.prepare('INSERT INTO control VALUES (?, 1, ?, ?) ON CONFLICT DO NOTHING');
  const update = database.prepare('UPDATE control SET revision = revision + 1, row = ? WHERE key = ? AND revision = ?');
  const step = database.prepare(advanceQuery);
  const back = database.prepare('UPDATE control SET token_time = ? WHERE key = ? AND token_time = ?');
  const add = database.prepare(
    'INSERT INTO counts VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count',
  );
  const advance = (key: string, expected: number, { from, by, atMost, value }: TokenAdvance) => {
    const row = value === undefined ? null : JSON.stringify(value);
    if (expected === 0) return insert.run(key, row, from + by).changes;
    const revision = row === null ? expected : expected + 1;
    return step.run({
      $key: key,
      $expected: expected,
      $from: from,
      $by: by,
      $atMost: atMost,
      $revision: revision,
      $row: row,
    }).changes;
  };
  const currentOrNone = (key: string) => current(key) ?? { revision: 0, value: undefined };
  return {
    read: keys =>
      asStoreFailure(
        () =>
          new Map(
            keys.flatMap(key => {
              const row = current(key);
              return row === undefined ? [] : [[key, row] as const];
            }),
          ),
      ),
    write: (key, expected, value) =>
      asStoreFailure(() => {
        const row = JSON.stringify(value);
        const { changes } = expected === 0 ? insert.run(key, row, null) : update.run(row, key, expected);
        if (changes !== 0) return { written: true, row: { revision: expected + 1, value } };
        return { written: false, row: currentOrNone(key) };
      }),
    advance: (key, expected, one) =>
      asStoreFailure(() => ({ written: advance(key, expected, one) !== 0, row: currentOrNone(key) })),
    moveBack: (key, from, to) => asStoreFailure(() => back.run(to, key, from).changes !== 0),
    count: (key, expiresAt) => asStoreFailure(() => Number(add.get(key, expiresAt)?.['count'])),
  };
}

/** Returns the function that reads a row or a counter. */
function currentRow(database: DatabaseSync): (key: string) => VersionedRow | undefined {
  const find = database.prepare('SELECT revision, row, token_time FROM control WHERE key = ?');
  const findCount = database.prepare('SELECT count FROM counts WHERE key = ?');
  return key => {
    const row = find.get(key);
    const counted = row === undefined ? findCount.get(key)?.['count'] : undefined;
    if (counted !== undefined) return { revision: 0, value: Number(counted) };
    if (row === undefined) return undefined;
    const time = row['token_time'];
    const found = { revision: Number(row['revision']), value: parseJson(String(row['row']))?.value };
    return time === null ? found : { ...found, tokenTime: Number(time) };
  };
}
