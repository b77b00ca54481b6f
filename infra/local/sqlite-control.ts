import type { DatabaseSync } from 'node:sqlite';
import { parseJson } from '../../lambda/io/json.ts';
import { asStoreFailure } from '../../lambda/io/store-failure.ts';
import type { VersionedRow, VersionedStore } from '../../lambda/receipts/control.ts';

const setUp = `
  CREATE TABLE IF NOT EXISTS control (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, row TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, count INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;
`;

/** The control rows beside the receipts in one SQLite database. */
export function sqliteControl(database: DatabaseSync): VersionedStore {
  database.exec(setUp);
  const find = database.prepare('SELECT revision, row FROM control WHERE key = ?');
  const insert = database.prepare('INSERT INTO control VALUES (?, 1, ?) ON CONFLICT DO NOTHING');
  const update = database.prepare('UPDATE control SET revision = revision + 1, row = ? WHERE key = ? AND revision = ?');
  const add = database.prepare(
    'INSERT INTO counts VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count',
  );
  const standing = (key: string): VersionedRow | undefined => {
    const row = find.get(key);
    if (row === undefined) return undefined;
    return { revision: Number(row['revision']), value: parseJson(String(row['row']))?.value };
  };
  return {
    read: keys =>
      asStoreFailure(() => {
        const rows = new Map<string, VersionedRow>();
        for (const key of keys) {
          const row = standing(key);
          if (row !== undefined) rows.set(key, row);
        }
        return rows;
      }),
    write: (key, expected, value) =>
      asStoreFailure(() => {
        const row = JSON.stringify(value);
        const { changes } = expected === 0 ? insert.run(key, row) : update.run(row, key, expected);
        if (changes !== 0) return { written: true, row: { revision: expected + 1, value } };
        return { written: false, row: standing(key) ?? { revision: 0, value: undefined } };
      }),
    count: (key, expiresAt) => asStoreFailure(() => Number(add.get(key, expiresAt)?.['count'])),
  };
}
