import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, test } from 'vitest';
import { sqliteControl } from '../../infra/local/sqlite-control.ts';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';
import { describeControl, describeUnreachableControl, expectUnavailable, told } from '../control/control.contract.ts';
import {
  describeIdentifierRows,
  describeStore,
  describeUnreachableStore,
  unavailable,
} from '../receipts/store.contract.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { closed, kept, now, pins, receiptOf, withPins } from '../support/receipt-builders.ts';

const newFile = () => join(temporaryFolder(), 'missing', 'erasure.sqlite');
const pinned = { pins: { project: 'main', pins } };

function opened(file: string) {
  const store = openSqliteStore(file);
  return { store, close: () => store.close() };
}

/** A store, and its rows as another connection reads them. */
function openedWithRows(file: string) {
  const identifierRows = async () => {
    const database = new DatabaseSync(file);
    const rows = database
      .prepare(`
        SELECT 'personal data' AS kind FROM personal_data
        UNION ALL SELECT 'pins ' || project FROM pins
        UNION ALL SELECT 'look-ups ' || project FROM look_ups
      `)
      .all();
    database.close();
    return rows.map(({ kind }) => String(kind));
  };
  return { ...opened(file), identifierRows };
}

function closedStore() {
  const store = openSqliteStore(':memory:');
  store.close();
  return { store, control: store.control, close: () => undefined };
}

describeStore('SQLite in memory', async () => opened(':memory:'));
describeStore('SQLite in a file', async () => opened(newFile()));
describeIdentifierRows('SQLite in a file', async () => openedWithRows(newFile()));
describeUnreachableStore('SQLite, closed', async () => closedStore());
describeControl('SQLite', async () => openSqliteStore(':memory:'));
describeUnreachableControl('SQLite, closed', async () => closedStore());

describe('SQLite store', () => {
  let file: string;
  beforeEach(() => {
    file = newFile();
  });

  /** Changes the file on another connection. */
  function execute(sql: string): void {
    const database = new DatabaseSync(file);
    database.exec(sql);
    database.close();
  }

  /** A store with one open receipt. */
  async function storeWithReceipt() {
    const store = openSqliteStore(file);
    const receipt = receiptOf();
    await store.accept(receipt, kept);
    return { store, receipt };
  }

  test('reopen: returns everything that was stored', async () => {
    const { store, receipt } = await storeWithReceipt();
    await store.replace(withPins(receipt, 'main', 2), pinned);
    store.close();
    const after = openSqliteStore(file);
    expect(await after.read(receipt.id)).toMatchObject({ revision: 2 });
    expect(await after.readPersonalData(receipt.id)).toEqual({ ...kept, pins: { main: pins }, lookUps: {} });
    expect(await after.due('erase', now, 10)).toEqual([receipt.id]);
    expect(await after.find('mac-of-email')).toEqual([receipt.id]);
    after.close();
  });

  test('two processes on one file: share receipts and revisions', async () => {
    const { store, receipt } = await storeWithReceipt();
    const other = openSqliteStore(file);
    expect(await other.accept(receipt, kept)).toEqual({ stored: false, receipt });
    const next = closed(receipt);
    expect([await other.replace(next), await store.replace(next)]).toEqual([true, false]);
    store.close();
    other.close();
  });

  test('replace: writes all parts or none', async () => {
    const { store, receipt } = await storeWithReceipt();
    execute('DROP TABLE pins');
    const next = withPins(receipt, 'main', 2);
    await expect(store.replace(next, pinned)).rejects.toThrow(unavailable);
    expect(await store.read(receipt.id)).toEqual(receipt);
    expect(await store.replace(next)).toBe(true);
    store.close();
  });

  test('replace: works again after an error that rolled its transaction back', async () => {
    const { store, receipt } = await storeWithReceipt();
    execute("CREATE TRIGGER full BEFORE UPDATE ON receipts BEGIN SELECT RAISE(ROLLBACK, 'full'); END");
    await expect(store.replace(closed(receipt))).rejects.toThrow(unavailable);
    execute('DROP TRIGGER full');
    expect(await store.replace(closed(receipt))).toBe(true);
    store.close();
  });

  test('forget: leaves no trace of an identifier in any file, open or closed', async () => {
    const { store, receipt } = await storeWithReceipt();
    const next = withPins(receipt, 'main', 2);
    await store.replace(next, pinned);
    const folder = join(file, '..');
    const bytes = () =>
      readdirSync(folder)
        .map(name => readFileSync(join(folder, name), 'latin1'))
        .join();
    expect(bytes()).toContain('cust_secret_1');
    await store.replace(closed(next), { deletePersonalData: true });
    expect(bytes()).not.toMatch(/cust_secret|example\.com|callback-token/u);
    store.close();
    expect(bytes()).not.toMatch(/cust_secret|example\.com|callback-token/u);
  });

  test('closing while another process reads: does not wait for it, and the next sweep removes the identifiers from the log', async () => {
    const { store, receipt } = await storeWithReceipt();
    const reader = new DatabaseSync(file);
    reader.exec('BEGIN; SELECT * FROM personal_data');
    const log = () => readFileSync(`${file}-wal`, 'latin1');
    const began = performance.now();
    expect(await store.replace(closed(receipt), { deletePersonalData: true })).toBe(true);
    // Waiting would take the 30 s that the store allows for a writer.
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(log()).toContain('callback-token');
    reader.exec('COMMIT');
    reader.close();
    await store.due('erase', now, 1);
    expect(log()).toBe('');
    store.close();
  });

  test('read: refuses a row that was copied to the key of another receipt', async () => {
    const store = openSqliteStore(file);
    for (const id of ['receipt-1', 'receipt-2']) await store.accept(receiptOf({ id }), kept);
    execute("UPDATE receipts SET row = (SELECT row FROM receipts WHERE id = 'receipt-2') WHERE id = 'receipt-1'");
    await expect(store.read('receipt-1')).rejects.toThrow('a stored row contains another receipt than its key names');
    expect(await store.read('receipt-2')).toMatchObject({ id: 'receipt-2' });
    store.close();
  });

  test('killed process: loses nothing that it acknowledged', async () => {
    const writer = join(import.meta.dirname, 'endless-writer.ts');
    const child = spawn(process.execPath, [writer, file], { stdio: ['ignore', 'pipe', 'ignore'] });
    const acknowledged: string[] = [];
    for await (const id of createInterface({ input: child.stdout })) {
      acknowledged.push(id);
      if (acknowledged.length === 50) child.kill('SIGKILL');
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(50);
    const store = openSqliteStore(file);
    for (const id of acknowledged) {
      expect(await store.read(id)).toMatchObject({ id, revision: 2 });
      expect(await store.readPersonalData(id)).toEqual({ ...kept, pins: { main: pins }, lookUps: {} });
    }
    store.close();
  });
});

describe('SQLite control rows', () => {
  test('file: rows survive a restart and are shared by two processes', async () => {
    const file = newFile();
    const [first, second] = [openSqliteStore(file), openSqliteStore(file)];
    expect(await first.control.write('rate-limit#main', 0, { notBefore: 1 })).toMatchObject({ written: true });
    expect(await second.control.write('rate-limit#main', 0, { notBefore: 2 })).toEqual({
      written: false,
      row: { revision: 1, value: { notBefore: 1 } },
    });
    expect(await second.control.write('rate-limit#main', 1, { notBefore: 3 })).toMatchObject({ written: true });
    expect([await first.control.count('a', 1), await second.control.count('a', 1)]).toEqual([1, 2]);
    first.close();
    second.close();
    const third = openSqliteStore(file);
    const row = { revision: 2, value: { notBefore: 3 } };
    expect(await third.control.read(['rate-limit#main'])).toEqual(new Map([['rate-limit#main', row]]));
    expect(await third.control.count('a', 1)).toBe(3);
    third.close();
  });

  test('unreadable row: has its revision and no value, and can be replaced', async () => {
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

  test('full disk: the store is unavailable', async () => {
    const database = new DatabaseSync(':memory:');
    const control = sqliteControl(database);
    database.exec("CREATE TRIGGER full BEFORE INSERT ON control BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    expectUnavailable(await control.write(told, 0, { reason: told }).catch((error: unknown) => error));
    database.close();
  });
});
