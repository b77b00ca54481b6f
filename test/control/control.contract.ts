import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { VersionedRow, VersionedStore } from '../../lambda/control/versioned-store.ts';
import { Failure } from '../../lambda/domain/failure.ts';

export interface OpenedControl {
  readonly control: VersionedStore;
  close(): void | Promise<void>;
}

/** A value in rows and keys that must never appear in an error. */
export const told = 'told-to-nobody';
const expiresAt = 1_800_000_000;

/** The contract of the port. `open` returns empty control rows for every test. */
export function describeControl(name: string, open: () => Promise<OpenedControl>): void {
  describe(name, () => {
    let opened: OpenedControl;
    let control: VersionedStore;
    beforeEach(async () => {
      opened = await open();
      control = opened.control;
    });
    afterEach(async () => {
      await opened.close();
    });
    const standing = async (key: string) => (await control.read([key])).get(key);

    test('read: returns only the rows that exist', async () => {
      const value = { notBefore: 1.5, deep: { list: ['Zoë 🙂', null, true] } };
      await control.write('rate-limit#main', 0, value);
      await control.write('pause#all', 0, 'text');
      await control.write('pause#all', 1, { pause: null });
      const rows = await control.read(['pause#all', 'missing', 'rate-limit#main', 'pause#platform:ketch']);
      const expected: [string, VersionedRow][] = [
        ['pause#all', { revision: 2, value: { pause: null } }],
        ['rate-limit#main', { revision: 1, value }],
      ];
      expect([...rows].toSorted(([a], [b]) => a.localeCompare(b))).toEqual(expected);
      expect(await control.read(['missing'])).toEqual(new Map());
    });

    test('read: accepts as many rows as there are scopes and projects', async () => {
      const keys = Array.from({ length: 40 }, (_, at) => `pause#project:p${at}`);
      for (const key of keys) await control.write(key, 0, key);
      const rows = await control.read(keys);
      expect(keys.map(key => rows.get(key)?.value)).toEqual(keys);
    });

    test('write: creates a missing row once and returns the current row', async () => {
      expect(await control.write('key', 0, { by: 'first' })).toEqual({
        written: true,
        row: { revision: 1, value: { by: 'first' } },
      });
      expect(await control.write('key', 0, { by: 'second' })).toEqual({
        written: false,
        row: { revision: 1, value: { by: 'first' } },
      });
      expect(await standing('key')).toEqual({ revision: 1, value: { by: 'first' } });
    });

    test('write: replaces the current revision and increments it', async () => {
      await control.write('key', 0, 'a');
      expect(await control.write('key', 1, 'b')).toEqual({ written: true, row: { revision: 2, value: 'b' } });
      expect(await control.write('key', 2, 'c')).toEqual({ written: true, row: { revision: 3, value: 'c' } });
      expect(await standing('key')).toEqual({ revision: 3, value: 'c' });
    });

    test.each([0, 1, 3, 9])('write: rejects revision %i when the current one is 2', async expected => {
      await control.write('key', 0, 'a');
      await control.write('key', 1, 'b');
      const after = { revision: 2, value: 'b' };
      expect(await control.write('key', expected, 'late')).toEqual({ written: false, row: after });
      expect(await standing('key')).toEqual(after);
    });

    test('write: rejects a missing row with a revision', async () => {
      const nothing = { written: false, row: { revision: 0, value: undefined } };
      expect(await control.write('key', 3, 'late')).toEqual(nothing);
      expect(await standing('key')).toBeUndefined();
    });

    test('keys: are compared completely', async () => {
      await control.write('pause#all', 0, 'a');
      expect(await control.write('pause#ALL', 0, 'b')).toMatchObject({ written: true });
      expect(await control.write('pause#all ', 0, 'c')).toMatchObject({ written: true });
      expect(await standing('pause#all')).toEqual({ revision: 1, value: 'a' });
    });

    test.each([
      ['a new row', 0],
      ['the current row', 1],
    ])('write by twenty at once of %s: has one winner, and the others get its row', async (_, expected) => {
      if (expected === 1) await control.write('key', 0, 'before');
      const rivals = Array.from({ length: 20 }, (__, at) => control.write('key', expected, { by: at }));
      const answers = await Promise.all(rivals);
      expect(answers.filter(({ written }) => written)).toHaveLength(1);
      const row = await standing('key');
      expect(row).toEqual({ revision: expected + 1, value: { by: answers.findIndex(({ written }) => written) } });
      expect(answers.map(answer => answer.row)).toEqual(answers.map(() => row));
    });

    test('write by twenty at once of the same value: has one winner', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => control.write('key', 0, { by: 'all' })));
      expect(answers.filter(({ written }) => written)).toHaveLength(1);
    });

    const step = { known: 0, from: 1000.5, by: 10.25, atMost: 2000 };
    const created = { revision: 1, value: { limit: 7 }, tokenTime: 1010.75 };

    test('advance: creates a missing row, and moves an idle token time to the step', async () => {
      expect(await control.advance('key', 0, { ...step, value: { limit: 7 } })).toEqual({
        written: true,
        row: created,
      });
      const later = await control.advance('key', 1, { ...step, from: 1500, known: 1010.75 });
      expect(later).toEqual({ written: true, row: { ...created, tokenTime: 1510.25 } });
      expect(await standing('key')).toEqual({ ...created, tokenTime: 1510.25 });
    });

    test.each([0, 5000])('advance: adds to a token time in the future (known: %i)', async known => {
      await control.advance('key', 0, { ...step, value: { limit: 7 } });
      const added = { ...created, tokenTime: 1021 };
      expect(await control.advance('key', 1, { ...step, known })).toEqual({ written: true, row: added });
    });

    test('advance: starts at zero in a row without a token time, and a write keeps it', async () => {
      await control.write('key', 0, { limit: 7 });
      expect(await control.advance('key', 1, step)).toEqual({ written: true, row: created });
      await control.write('key', 1, 'other');
      expect(await standing('key')).toEqual({ revision: 2, value: 'other', tokenTime: 1010.75 });
    });

    test('advance: replaces the value too, and then the revision increases', async () => {
      await control.advance('key', 0, { ...step, value: { limit: 7 } });
      const row = { revision: 2, value: 'probe', tokenTime: 1021 };
      expect(await control.advance('key', 1, { ...step, value: 'probe' })).toEqual({ written: true, row });
      expect(await standing('key')).toEqual(row);
    });

    test.each([
      ['another revision', 2, step],
      ['no row expected', 0, { ...step, value: 'new' }],
      ['a token time that is too late', 1, { ...step, atMost: 1010.5 }],
      ['a token time that is too late for an earlier start', 1, { ...step, from: 900, atMost: 1010.5 }],
    ])('advance: rejects %s', async (_, expected, late) => {
      await control.advance('key', 0, { ...step, value: { limit: 7 } });
      expect(await control.advance('key', expected, late)).toEqual({ written: false, row: created });
      expect(await standing('key')).toEqual(created);
    });

    test('advance: rejects a missing row with a revision', async () => {
      const nothing = { written: false, row: { revision: 0, value: undefined } };
      expect(await control.advance('key', 3, step)).toEqual(nothing);
      expect(await standing('key')).toBeUndefined();
    });

    test('advance by fifty at once: loses no step, and each gets its own token time', async () => {
      await control.write('key', 0, { limit: 7 });
      const most = { ...step, by: 10.25, atMost: 10_000 };
      const all = await Promise.all(Array.from({ length: 50 }, () => control.advance('key', 1, most)));
      const times = all.map(({ row }) => row.tokenTime ?? 0).toSorted((a, b) => a - b);
      expect(times).toEqual(Array.from({ length: 50 }, (_, at) => 1000.5 + (at + 1) * 10.25));
    });

    test('moveBack: only from exactly this token time', async () => {
      await control.advance('key', 0, { ...step, value: { limit: 7 } });
      expect(await control.moveBack('key', 1010.5, 1000)).toBe(false);
      expect(await control.moveBack('other', 1010.75, 1000)).toBe(false);
      expect(await standing('key')).toEqual(created);
      expect(await control.moveBack('key', 1010.75, 1000.5)).toBe(true);
      expect(await standing('key')).toEqual({ ...created, tokenTime: 1000.5 });
      expect(await standing('other')).toBeUndefined();
    });

    test('count: starts at one, for each counter', async () => {
      const sums: number[] = [];
      for (const key of ['a', 'a', 'b', 'a']) sums.push(await control.count(key, expiresAt));
      expect(sums).toEqual([1, 2, 1, 3]);
      const rows = await control.read(['a', 'b', 'c']);
      expect([...rows].map(([key, { value }]) => [key, value]).toSorted()).toEqual([
        ['a', 3],
        ['b', 1],
      ]);
    });

    test('count by fifty at once: is exact', async () => {
      const sums = await Promise.all(Array.from({ length: 50 }, () => control.count('intake#ketch#1', expiresAt)));
      expect(sums.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
      expect(await control.count('intake#ketch#1', expiresAt)).toBe(51);
    });
  });
}

/** What every verb must do over something that cannot be reached. */
export function describeUnreachableControl(name: string, open: () => Promise<OpenedControl>): void {
  describe(name, () => {
    test.each<[string, (control: VersionedStore) => Promise<unknown>]>([
      ['read', control => control.read([told, 'pause#all'])],
      ['a first write', control => control.write(told, 0, { reason: told })],
      ['a write', control => control.write(told, 7, { reason: told })],
      ['advance', control => control.advance(told, 1, { known: 0, from: 1, by: 1, atMost: 1, value: told })],
      ['moveBack', control => control.moveBack(told, 2, 1)],
      ['count', control => control.count(told, expiresAt)],
    ])('%s: throws unavailable with its alarm and no detail', async (_, call) => {
      const { control, close } = await open();
      const thrown = await call(control).then(
        () => undefined,
        (error: unknown) => error,
      );
      await close();
      expectUnavailable(thrown);
    });
  });
}

/** The one thing a store may throw, with nothing in it of what was stored. */
export function expectUnavailable(thrown: unknown): void {
  expect(thrown).toBeInstanceOf(Failure);
  expect(thrown).toMatchObject({ code: 'unavailable', alarm: 'store-unavailable', verified: false });
  if (!(thrown instanceof Failure)) return;
  expect([thrown.message, thrown.stack, String(thrown.cause), JSON.stringify(thrown)].join('\n')).not.toContain(told);
}
