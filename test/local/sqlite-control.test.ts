import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { openSqliteStore } from '../../infra/local/sqlite.ts';
import { sqliteControl } from '../../infra/local/sqlite-control.ts';
import { describeControl, describeUnreachableControl, expectUnavailable, told } from '../control.contract.ts';

describeControl('SQLite', async () => openSqliteStore(':memory:'));

describeUnreachableControl('SQLite that is closed', async () => {
  const { control, close } = openSqliteStore(':memory:');
  close();
  return { control, close: () => undefined };
});

function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'control-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'store.sqlite');
}

it('outlives its process, and is shared by two that have it open', async () => {
  const file = newFile();
  const first = openSqliteStore(file);
  const second = openSqliteStore(file);
  expect(await first.control.write('pace#main', 0, { notBefore: 1 })).toMatchObject({ written: true });
  expect(await second.control.write('pace#main', 0, { notBefore: 2 })).toEqual({
    written: false,
    row: { revision: 1, value: { notBefore: 1 } },
  });
  expect(await second.control.write('pace#main', 1, { notBefore: 3 })).toMatchObject({ written: true });
  expect([await first.control.count('a', 1), await second.control.count('a', 1)]).toEqual([1, 2]);
  first.close();
  second.close();
  const third = openSqliteStore(file);
  expect(await third.control.read(['pace#main'])).toEqual(
    new Map([['pace#main', { revision: 2, value: { notBefore: 3 } }]]),
  );
  expect(await third.control.count('a', 1)).toBe(3);
  third.close();
});

it('gives a row that cannot be read as one, with its revision and without a value', async () => {
  const database = new DatabaseSync(':memory:');
  const control = sqliteControl(database);
  await control.write('pause#all', 0, 'a');
  database.exec("UPDATE control SET row = '{spoiled'");
  const spoiled = { revision: 1, value: undefined };
  expect(await control.read(['pause#all'])).toEqual(new Map([['pause#all', spoiled]]));
  expect(await control.write('pause#all', 0, 'b')).toEqual({ written: false, row: spoiled });
  expect(await control.write('pause#all', 1, 'b')).toEqual({ written: true, row: { revision: 2, value: 'b' } });
  database.close();
});

it('throws what every store throws when the disk takes no more', async () => {
  const database = new DatabaseSync(':memory:');
  const control = sqliteControl(database);
  database.exec("CREATE TRIGGER full BEFORE INSERT ON control BEGIN SELECT RAISE(ABORT, 'disk full'); END");
  const thrown = await control.write(told, 0, { reason: told }).catch((error: unknown) => error);
  expectUnavailable(thrown);
  database.close();
});
