import { describe, expect, onTestFinished, test } from 'vitest';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import { nextRevision, type Receipt } from '../../lambda/receipts/receipt.ts';
import {
  asStoreFailure,
  lookUpsFrom,
  parseAddendumRow,
  parsePersonalDataRow,
  parsePinsRow,
  parseReceiptRow,
  rejectOversized,
} from '../../lambda/receipts/rows.ts';
import { type ReceiptStore, type SideWrites, updateReceipt } from '../../lambda/receipts/store.ts';
import { claimedOnce } from '../support/attempt-results.ts';

const kept = { reference: 'r', scope: '', identifiers: [], callbacks: [] };
const counted = (receipt: Receipt) => nextRevision(receipt, { claims: receipt.claims + 1 });

/** A store with one receipt; before each replacement as many others write as `rivals` says. */
async function contested(rivals: (attempt: number) => number) {
  const sqlite = openSqliteStore(':memory:');
  onTestFinished(() => sqlite.close());
  const receipt = claimedOnce();
  await sqlite.accept(receipt, kept);
  let attempts = 0;
  const store: ReceiptStore = {
    ...sqlite,
    replace: async (next, also) => {
      attempts += 1;
      for (let rival = 0; rival < rivals(attempts); rival += 1) {
        const standing = await sqlite.read(receipt.id);
        await sqlite.replace(nextRevision(standing ?? receipt, { unprovenCount: 1 }));
      }
      return sqlite.replace(next, also);
    },
  };
  return { store, receipt, attempts: () => attempts, standing: () => sqlite.read(receipt.id) };
}

describe('rows of another form', () => {
  const unavailable = (message: string) => expect.objectContaining({ code: 'unavailable', message });
  const unknown = unavailable('a stored row has a version that this code does not know');

  test.each(['no JSON', '{"v":2}', 'null'])('%j: is left to code that knows it', row => {
    for (const parse of [parseReceiptRow, parsePersonalDataRow, parsePinsRow, lookUpsFrom, parseAddendumRow]) {
      expect(() => parse(row)).toThrow(unknown);
    }
  });

  test('row under the key of another receipt: is not read', () => {
    const row = JSON.stringify(claimedOnce());
    expect(parseReceiptRow(row, 'receipt-1')).toEqual(claimedOnce());
    const message = 'a stored row contains another receipt than its key names';
    expect(() => parseReceiptRow(row, 'receipt-2')).toThrow(unavailable(message));
  });

  test('receipt that one transaction could not close: is refused', () => {
    const hmacs = (count: number) =>
      claimedOnce({ subjectHmacs: Array.from({ length: count }, (_, at) => `mac-${at}`) });
    expect(() => rejectOversized(hmacs(96))).not.toThrow();
    const tooLarge = { code: 'too-large', message: 'identifiers: more than one request may contain' };
    expect(() => rejectOversized(hmacs(97))).toThrow(expect.objectContaining(tooLarge));
  });

  test('failure of a database: says nothing of its cause, which only its adapter sees', async () => {
    const seen: unknown[] = [];
    const cause = new Error('row of ada@example.com');
    const failing = (thrown: Error) =>
      asStoreFailure(
        () => Promise.reject(thrown),
        one => seen.push(one),
      );
    const message = 'the receipt store cannot be reached';
    await expect(failing(cause)).rejects.toMatchObject({ code: 'unavailable', alarm: 'store-unavailable', message });
    const known = new Failure('conflict', 'rule');
    await expect(failing(known)).rejects.toBe(known);
    expect(seen).toEqual([cause]);
  });
});

describe('updateReceipt', () => {
  test('change: is applied to the given receipt together with its side writes', async () => {
    const { store, receipt, standing } = await contested(() => 0);
    const also: SideWrites[] = [];
    const done = await updateReceipt(store, receipt, counted, next => {
      also.push({ deletePersonalData: next.claims === 2 });
      return also[0] ?? {};
    });
    expect(done).toEqual({ receipt: { ...receipt, claims: 2, revision: 2 }, done: true });
    expect(await standing()).toEqual(done.receipt);
    expect(also).toEqual([{ deletePersonalData: true }]);
    expect(await store.readPersonalData(receipt.id)).toBeUndefined();
  });

  test('forbidden change: writes nothing', async () => {
    const { store, receipt, attempts } = await contested(() => 0);
    expect(await updateReceipt(store, receipt, () => undefined)).toEqual({ receipt, done: false });
    expect(attempts()).toBe(0);
  });

  test('concurrent writes: are kept, and the change is applied on top', async () => {
    const { store, receipt, attempts, standing } = await contested(attempt => (attempt <= 7 ? 1 : 0));
    const { receipt: made, done } = await updateReceipt(store, receipt, counted);
    expect(done).toBe(true);
    expect(attempts()).toBe(8);
    expect(made).toMatchObject({ claims: 2, unprovenCount: 1, revision: 9 });
    expect(await standing()).toEqual(made);
  });

  test('change that became forbidden: is not made', async () => {
    const { store, receipt, standing } = await contested(attempt => (attempt === 1 ? 1 : 0));
    const once = (before: Receipt) => (before.unprovenCount === 0 ? counted(before) : undefined);
    const { receipt: seen, done } = await updateReceipt(store, receipt, once);
    expect(done).toBe(false);
    expect(seen).toMatchObject({ unprovenCount: 1, claims: 1 });
    expect(await standing()).toEqual(seen);
  });

  test('too many concurrent writes: throws without a partial change', async () => {
    const { store, receipt, attempts, standing } = await contested(() => 1);
    const unavailable = { code: 'unavailable', alarm: 'store-unavailable' };
    await expect(updateReceipt(store, receipt, counted)).rejects.toMatchObject(unavailable);
    expect(attempts()).toBe(8);
    expect(await standing()).toMatchObject({ claims: 1 });
  });

  test('deleted receipt: throws', async () => {
    const { store, receipt } = await contested(() => 0);
    const elsewhere = { ...receipt, id: 'receipt-2' };
    await expect(updateReceipt(store, elsewhere, counted)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('several at once: the change is made once', async () => {
    const { store, receipt, standing } = await contested(() => 0);
    await Promise.all(Array.from({ length: 6 }, () => updateReceipt(store, receipt, counted)));
    expect(await standing()).toMatchObject({ claims: 7, revision: 7 });
  });
});
