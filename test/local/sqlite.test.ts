import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../infra/local/sqlite.ts';
import { describeStore, describeUnreachableStore, unavailable } from '../store.contract.ts';
import { closed, kept, now, pins, receiptOf, withPins } from '../support/receipt-builders.ts';

const folder = mkdtempSync(join(tmpdir(), 'receipts-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const newFile = () => join(folder, `missing-${++files}`, 'receipts.sqlite');

function opened(file: string) {
  const store = openSqliteStore(file);
  return { store, close: () => store.close() };
}

describeStore('SQLite in memory', async () => opened(':memory:'));
describeStore('SQLite in a file', async () => opened(newFile()));
describeUnreachableStore('SQLite, closed', async () => {
  const store = openSqliteStore(':memory:');
  store.close();
  return { store, close: () => {} };
});

describe('SQLite', () => {
  it('has everything after it was closed and opened again', async () => {
    const file = newFile();
    const before = openSqliteStore(file);
    const receipt = receiptOf();
    await before.accept(receipt, kept);
    await before.replace(withPins(receipt, 'main', 2), { pins: { project: 'main', pins } });
    before.close();
    const after = openSqliteStore(file);
    expect(await after.read(receipt.id)).toMatchObject({ revision: 2 });
    expect(await after.kept(receipt.id)).toEqual({ ...kept, pins: { main: pins }, lookUps: {} });
    expect(await after.due('erase', now, 10)).toEqual([receipt.id]);
    expect(await after.find('mac-of-email')).toEqual([receipt.id]);
    after.close();
  });

  it('is one store for two processes on one file', async () => {
    const file = newFile();
    const [one, other] = [openSqliteStore(file), openSqliteStore(file)];
    const receipt = receiptOf();
    expect((await one.accept(receipt, kept)).stored).toBe(true);
    expect(await other.accept(receipt, kept)).toEqual({ stored: false, receipt });
    const next = closed(receipt);
    expect([await other.replace(next), await one.replace(next)]).toEqual([true, false]);
    one.close();
    other.close();
  });

  it('writes all of a change or nothing', async () => {
    const file = newFile();
    const store = openSqliteStore(file);
    const receipt = receiptOf();
    await store.accept(receipt, kept);
    const vandal = new DatabaseSync(file);
    vandal.exec('DROP TABLE pins');
    vandal.close();
    const next = withPins(receipt, 'main', 2);
    await expect(store.replace(next, { pins: { project: 'main', pins } })).rejects.toThrow(unavailable);
    expect(await store.read(receipt.id)).toEqual(receipt);
    expect(await store.replace(next)).toBe(true);
    store.close();
  });

  it('survives an error that ends its transaction by itself', async () => {
    const file = newFile();
    const store = openSqliteStore(file);
    const receipt = receiptOf();
    await store.accept(receipt, kept);
    const vandal = new DatabaseSync(file);
    vandal.exec(`CREATE TRIGGER full BEFORE UPDATE ON receipts BEGIN SELECT RAISE(ROLLBACK, 'full'); END`);
    const next = closed(receipt);
    await expect(store.replace(next)).rejects.toThrow(unavailable);
    vandal.exec('DROP TRIGGER full');
    vandal.close();
    expect(await store.replace(next)).toBe(true);
    store.close();
  });

  it('leaves no trace of an identifier in its files once forgotten and closed', async () => {
    const file = newFile();
    const store = openSqliteStore(file);
    const receipt = receiptOf();
    await store.accept(receipt, kept);
    const next = withPins(receipt, 'main', 2);
    await store.replace(next, { pins: { project: 'main', pins } });
    const bytes = () =>
      readdirSync(join(file, '..'))
        .map(name => readFileSync(join(file, '..', name), 'latin1'))
        .join();
    expect(bytes()).toContain('cust_secret_1');
    await store.replace(closed(next), { forget: true });
    // While the store is still open, and when it is not.
    expect(bytes()).not.toMatch(/cust_secret|example\.com|callback-token/u);
    store.close();
    expect(bytes()).not.toMatch(/cust_secret|example\.com|callback-token/u);
  });

  it('gives no receipt that another one’s row was put in the place of', async () => {
    const file = newFile();
    const store = openSqliteStore(file);
    for (const id of ['receipt-1', 'receipt-2']) await store.accept(receiptOf({ id }), kept);
    const database = new DatabaseSync(file);
    database.exec("UPDATE receipts SET row = (SELECT row FROM receipts WHERE id = 'receipt-2') WHERE id = 'receipt-1'");
    database.close();
    await expect(store.read('receipt-1')).rejects.toThrow('a stored row holds another receipt than its key says');
    expect(await store.read('receipt-2')).toMatchObject({ id: 'receipt-2' });
    store.close();
  });

  it('loses nothing it acknowledged when its process is killed', async () => {
    const file = newFile();
    const writer = join(import.meta.dirname, '../support/endless-writer.ts');
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
      expect(await store.kept(id)).toEqual({ ...kept, pins: { main: pins }, lookUps: {} });
    }
    store.close();
  });
});
