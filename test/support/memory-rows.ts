import type { VersionedRow, VersionedStore } from '../../lambda/control/versioned-store.ts';

/** Control rows in memory that can be looked at, spoiled and counted. */
export interface MemoryRows extends VersionedStore {
  readonly rows: Map<string, VersionedRow>;
  /** What was asked of it, in order. */
  readonly calls: ('read' | 'write' | 'advance' | 'moveBack' | 'count')[];
}

/** Empty control rows; `latency` is waited for before and after every call. */
export function memoryRows(latency: () => Promise<void> = async () => undefined): MemoryRows {
  const rows = new Map<string, VersionedRow>();
  const counts = new Map<string, number>();
  const calls: MemoryRows['calls'] = [];
  const during = async <T>(call: MemoryRows['calls'][number], work: () => T): Promise<T> => {
    calls.push(call);
    await latency();
    const result = work();
    await latency();
    return result;
  };
  return {
    rows,
    calls,
    read: keys =>
      during(
        'read',
        () =>
          new Map(
            keys.flatMap(key => {
              const count = counts.get(key);
              const row = count === undefined ? rows.get(key) : { revision: 0, value: count };
              return row === undefined ? [] : [[key, row] as const];
            }),
          ),
      ),
    write: (key, expected, value) =>
      during('write', () => {
        const standing = rows.get(key) ?? { revision: 0, value: undefined };
        if (standing.revision !== expected) return { written: false, row: standing };
        const row = { revision: expected + 1, value };
        rows.set(key, { ...standing, ...row });
        return { written: true, row };
      }),
    advance: (key, expected, { from, by, atMost, value }) =>
      during('advance', () => {
        const standing = rows.get(key) ?? { revision: 0, value: undefined };
        const { tokenTime = 0 } = standing;
        if (standing.revision !== expected || tokenTime > atMost) return { written: false, row: standing };
        const changed = value === undefined ? standing : { revision: expected + 1, value };
        const row = { ...changed, tokenTime: Math.max(tokenTime, from) + by };
        rows.set(key, row);
        return { written: true, row };
      }),
    moveBack: (key, from, to) =>
      during('moveBack', () => {
        const standing = rows.get(key);
        if (standing?.tokenTime !== from) return false;
        rows.set(key, { ...standing, tokenTime: to });
        return true;
      }),
    count: key =>
      during('count', () => {
        const sum = (counts.get(key) ?? 0) + 1;
        counts.set(key, sum);
        return sum;
      }),
  };
}
