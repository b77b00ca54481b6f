import type { VersionedRow, VersionedStore } from '../../lambda/receipts/control.ts';

/** Control rows in memory. */
export function controlRows(): VersionedStore {
  const rows = new Map<string, VersionedRow>();
  return {
    read: async keys => new Map(keys.flatMap(key => (rows.has(key) ? [[key, rows.get(key)!] as const] : []))),
    write: async (key, expected, value) => {
      const standing = rows.get(key) ?? { revision: 0, value: undefined };
      if (standing.revision !== expected) return { written: false, row: standing };
      const row = { revision: expected + 1, value };
      rows.set(key, row);
      return { written: true, row };
    },
    count: async key => {
      const sum = Number(rows.get(key)?.value ?? 0) + 1;
      rows.set(key, { revision: sum, value: sum });
      return sum;
    },
  };
}
