import { describe, expect, test } from 'vitest';
import {
  type LegalHold,
  listLegalHolds,
  readActiveHolds,
  releaseLegalHold,
  setLegalHold,
} from '../../lambda/control/legal-holds.ts';
import { readStops } from '../../lambda/control/pauses.ts';
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import { memoryRows } from '../support/memory-rows.ts';

const day = 86_400_000;
const hold = (id: string, more: Partial<LegalHold> = {}): LegalHold => ({
  ...{ id, kind: 'source_id', actor: 'ada', reason: 'a lawsuit', at: 1000, until: day },
  ...more,
});
const holdsExist = async (rows: VersionedStore, now: number) =>
  (await readStops({ platform: 'ketch', projects: { main: {} } }, rows, now)).holdsExist;
const release = { actor: 'bob', reason: 'settled', at: 2000 };

describe('legal hold', () => {
  test('none was ever set: none exists, and one read says so', async () => {
    const rows = memoryRows();
    expect(await holdsExist(rows, 1000)).toBe(false);
    expect(rows.calls).toEqual(['read']);
  });

  test('set: is in effect for its id only, until its day', async () => {
    const rows = memoryRows();
    expect((await setLegalHold(hold('a'), rows)).changed).toBe(true);
    expect(await holdsExist(rows, 1000)).toBe(true);
    expect(await readActiveHolds(['a', 'b'], rows, day - 1)).toEqual(['a']);
    expect(await readActiveHolds(['a', 'b'], rows, day)).toEqual([]);
    expect(await holdsExist(rows, day)).toBe(false);
  });

  test('set again: is extended by a later day, and otherwise keeps the first reason', async () => {
    const rows = memoryRows();
    await setLegalHold(hold('a'), rows);
    expect((await setLegalHold(hold('a', { reason: 'other', until: day - 1 }), rows)).changed).toBe(false);
    expect(await listLegalHolds(rows, 2000)).toEqual([hold('a')]);
    expect((await setLegalHold(hold('a', { reason: 'longer', until: 2 * day }), rows)).changed).toBe(true);
    expect(await listLegalHolds(rows, 2000)).toEqual([hold('a', { reason: 'longer', until: 2 * day })]);
    expect(await holdsExist(rows, day)).toBe(true);
  });

  test('sure: a minute after the first of all, at once for others, and again after a time without any', async () => {
    const rows = memoryRows();
    expect((await setLegalHold(hold('a', { at: 1000 }), rows)).sureAt).toBe(61_000);
    expect((await setLegalHold(hold('b', { at: 30_000 }), rows)).sureAt).toBe(61_000);
    await releaseLegalHold('a', { ...release, at: 40_000 }, rows);
    expect((await setLegalHold(hold('c', { at: 90_000 }), rows)).sureAt).toBe(61_000);
    for (const id of ['b', 'c']) await releaseLegalHold(id, { ...release, at: 100_000 }, rows);
    expect((await setLegalHold(hold('d', { at: 200_000 }), rows)).sureAt).toBe(260_000);
  });

  test('released: is not in effect, is not listed, and none exists after the last one', async () => {
    const rows = memoryRows();
    await setLegalHold(hold('a'), rows);
    await setLegalHold(hold('b', { until: 3 * day }), rows);
    expect(await releaseLegalHold('b', release, rows)).toBe(true);
    expect(await releaseLegalHold('b', release, rows)).toBe(false);
    expect((await listLegalHolds(rows, 2000)).map(({ id }) => id)).toEqual(['a']);
    expect(await holdsExist(rows, 2000)).toBe(true);
    expect(await holdsExist(rows, day)).toBe(false);
    await releaseLegalHold('a', release, rows);
    expect(await holdsExist(rows, 2000)).toBe(false);
    expect((await setLegalHold(hold('a', { at: 3000 }), rows)).changed).toBe(true);
    expect(await readActiveHolds(['a'], rows, 4000)).toEqual(['a']);
  });

  test('repeated after a failure between its writes: is in effect', async () => {
    const rows = memoryRows();
    let writes = 0;
    const failing = {
      ...rows,
      write: async (...args: Parameters<typeof rows.write>) => {
        writes += 1;
        if (writes === 2) throw new Failure('unavailable', 'the store fails');
        return rows.write(...args);
      },
    };
    await expect(setLegalHold(hold('a'), failing)).rejects.toThrow('the store fails');
    expect(await holdsExist(rows, 1000)).toBe(false);
    expect((await setLegalHold(hold('a'), rows)).changed).toBe(false);
    expect(await holdsExist(rows, 1000)).toBe(true);
  });

  test('set while others are released: always counts as existing', async () => {
    for (let first = 0; first < 12; first += 1) {
      let turns = 0;
      const rows = memoryRows(async () => {
        turns += 1;
        for (let wait = 0; wait < (turns * (first + 1)) % 7; wait += 1) await Promise.resolve();
      });
      await setLegalHold(hold('a'), rows);
      await Promise.all([
        releaseLegalHold('a', release, rows),
        setLegalHold(hold('b'), rows),
        setLegalHold(hold('c', { until: 2000 }), rows),
      ]);
      expect(await readActiveHolds(['a', 'b'], rows, 3000)).toEqual(['b']);
      expect(await holdsExist(rows, 3000)).toBe(true);
      expect((await listLegalHolds(rows, 3000)).map(({ id }) => id)).toEqual(['b']);
    }
  });

  test('rows in an unknown format: count as a hold', async () => {
    const rows = memoryRows();
    await setLegalHold(hold('a'), rows);
    for (const [key, row] of rows.rows) if (!key.endsWith('#ids')) rows.rows.set(key, { ...row, value: { v: 9 } });
    expect(await holdsExist(rows, 9 * day)).toBe(true);
    expect(await readActiveHolds(['a', 'b'], rows, 9 * day)).toEqual(['a']);
    expect(await listLegalHolds(rows, 9 * day)).toMatchObject([{ id: 'a', kind: 'unknown', actor: 'unknown' }]);
  });

  test('hundreds of ids: are read in parts that one call can have', async () => {
    const rows = memoryRows();
    await setLegalHold(hold('id-199'), rows);
    const ids = Array.from({ length: 200 }, (_, at) => `id-${at}`);
    rows.calls.length = 0;
    expect(await readActiveHolds([...ids, ...ids], rows, 2000)).toEqual(['id-199']);
    expect(rows.calls).toEqual(['read', 'read', 'read']);
  });
});
