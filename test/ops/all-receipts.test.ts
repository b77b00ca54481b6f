import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../infra/local/sqlite.ts';
import { type AllReceipts, allOnDynamodb, allOnSqlite } from '../../infra/ops/report/all-receipts.ts';
import { dynamodbStore } from '../../lambda/io/dynamodb.ts';
import { dynamodbControl } from '../../lambda/io/dynamodb-control.ts';
import type { ControlRows } from '../../lambda/receipts/control.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { unavailable } from '../store.contract.ts';
import { deadEndpoint } from '../support/aws-endpoint.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { motoIsHere } from '../support/moto.ts';
import { freshTables, motoForSuite } from '../support/moto-suite.ts';
import { closed, kept, receiptOf } from '../support/receipt-builders.ts';

interface Opened {
  readonly store: ReceiptStore;
  readonly control: ControlRows;
  all(page?: number): AllReceipts;
  /** Makes a stored row one of a version to come. */
  outdate(id: string): Promise<void>;
  close(): void;
}

function describeAll(name: string, open: () => Promise<Opened>): void {
  describe(name, () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const read = async (page?: number) => {
      const told = { unreadable: 0 };
      const count = () => {
        told.unreadable += 1;
      };
      const receipts = await drained(opened.all(page)(count));
      return { ids: receipts.map(({ id }) => id).sort(), receipts, ...told };
    };

    it('gives nothing where nothing is', async () => {
      expect(await read()).toMatchObject({ ids: [], unreadable: 0 });
    });

    it.each([1, 2, 3, 250])('gives every receipt once and as it stands, with %i rows a page', async page => {
      const ids = ['receipt-1', 'receipt-2', 'receipt-3', 'receipt-4', 'receipt-5'];
      for (const id of ids) await opened.store.accept(receiptOf({ id, subjectMacs: [`mac-${id}`, 'shared'] }), kept);
      await opened.control.write('pause#all', 0, { pause: null });
      const end = closed(receiptOf({ id: 'receipt-2', subjectMacs: ['mac-receipt-2', 'shared'] }));
      await opened.store.replace(end, { forget: true });
      const { receipts, ...found } = await read(page);
      expect(found).toEqual({ ids, unreadable: 0 });
      expect(receipts).toContainEqual(end);
    });

    it('leaves out and tells what is of a version to come, and goes on', async () => {
      for (const id of ['receipt-1', 'receipt-2', 'receipt-3']) await opened.store.accept(receiptOf({ id }), kept);
      await opened.outdate('receipt-2');
      expect(await read(1)).toMatchObject({ ids: ['receipt-1', 'receipt-3'], unreadable: 1 });
    });
  });
}

async function drained<T>(all: AsyncIterable<T>): Promise<readonly T[]> {
  const every: T[] = [];
  for await (const one of all) every.push(one);
  return every;
}

const laterRow = JSON.stringify({ ...receiptOf(), v: 2 });

describeAll('SQLite', async () => {
  const file = join(temporaryFolder(), 'erasure.sqlite');
  const store = openSqliteStore(file);
  const outdate = async (id: string) => {
    const database = new DatabaseSync(file);
    database.prepare('UPDATE receipts SET row = ? WHERE id = ?').run(laterRow, id);
    database.close();
  };
  return { store, control: store.control, all: page => allOnSqlite(file, page), outdate, close: () => store.close() };
});

describe.skipIf(!motoIsHere())('on moto', () => {
  const moto = motoForSuite();

  describeAll('DynamoDB', async () => {
    const { tables, admin, client, close } = await freshTables(moto());
    const outdate = async (id: string) => {
      const update = {
        TableName: tables.receipts,
        Key: { pk: { S: `receipt#${id}` }, sk: { S: 'receipt' } },
        UpdateExpression: 'SET #row = :row',
        ExpressionAttributeNames: { '#row': 'row' },
        ExpressionAttributeValues: { ':row': { S: laterRow } },
      };
      await admin.send(new UpdateItemCommand(update));
    };
    return {
      store: dynamodbStore(client, tables, { callMs: 60_000 }),
      control: dynamodbControl(client, tables.receipts, { callMs: 60_000 }),
      all: page => allOnDynamodb(client, tables.receipts, () => undefined, page),
      outdate,
      close,
    };
  });

  it('says that DynamoDB cannot be reached, and tells what AWS threw', async () => {
    const { tables, client, close } = await freshTables(moto(), await deadEndpoint());
    const thrown: unknown[] = [];
    const all = allOnDynamodb(client, tables.receipts, error => thrown.push(error));
    await expect(drained(all(() => undefined))).rejects.toThrow(unavailable);
    expect(thrown).toHaveLength(1);
    close();
  });
});
