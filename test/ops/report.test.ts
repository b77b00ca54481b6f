import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';
import { addTo, emptyTally, figuresOf } from '../../infra/ops/report/figures.ts';
import { csvRecord } from '../../infra/ops/report/report.ts';
import { type ScanReceipts, scanDynamodb, scanSqlite } from '../../infra/ops/report/scan-receipts.ts';
import { dynamodbControl } from '../../lambda/aws/dynamodb-control.ts';
import { dynamodbStore } from '../../lambda/aws/dynamodb-store.ts';
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { nextRevision } from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { unavailable } from '../receipts/store.contract.ts';
import { deadEndpoint } from '../support/aws-endpoint.ts';
import { fixtureTime } from '../support/harness.ts';
import { account } from '../support/ketch.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { motoIsHere } from '../support/moto.ts';
import { freshTables, motoForSuite } from '../support/moto-suite.ts';
import { hour } from '../support/quota-world.ts';
import { closed, kept, receiptOf } from '../support/receipt-builders.ts';
import { erased, errors, opsHarness, readReceipt, run, stopped } from './ops-harness.ts';

const day = 24 * hour;
const january = ['--from', '2026-01-01', '--to', '2026-01-31'];
const header =
  'platform,received,complied_in_whole_or_part,denied,no_match,open,refused,not_identifiable,created_later,median_days,mean_days,ignored,reappeared,still_present,unavailable\r';

describe('report', () => {
  test('figures: count every outcome, for each platform and in total', async () => {
    const at = await opsHarness();
    const receipt = await readReceipt(at, await erased(at));
    const verification = { ...receipt.verification!, result: 'stillPresent' } as const;
    await at.context.store.replace(nextRevision(receipt, { verification }));
    const refused = await stopped(at);
    await at.run('refuse', refused, '--why', 'a shared mailbox');
    await at.sweep();
    await stopped(at, 'other@example.com');
    await at.request([account('crm-unknown')]);
    await at.request([{ identitySpace: 'phone', identityFormat: 'raw', identityValue: '+15550100' }]);
    const { store } = at.harness.services;
    const facts = { platform: 'segment', receivedAt: fixtureTime, submittedAt: fixtureTime, subjectHmacs: [] };
    await store.accept(receiptOf({ ...facts, id: 'segment-1' }), kept);
    const { status, lines, progress } = await at.run('report', ...january);
    expect(status).toBe(0);
    expect(progress.at(-1)).toBe('');
    expect(lines).toEqual([
      header,
      expect.stringMatching(/^ketch,5,1,2,1,1,1,1,0,0\.0\d,0\.0\d,0,0,1,0\r$/),
      'segment,1,0,0,0,1,0,0,0,,,0,0,0,0\r',
      expect.stringMatching(/^total,6,1,2,1,2,1,1,0,0\.0\d,0\.0\d,0,0,1,0\r$/),
    ]);
    expect((await at.run('report', ...january, '--platform', 'segment')).lines.slice(1)).toEqual([
      'segment,1,0,0,0,1,0,0,0,,,0,0,0,0\r',
      'total,1,0,0,0,1,0,0,0,,,0,0,0,0\r',
    ]);
    expect((await at.run('report', ...january, '--platform', 'segment', '--json')).json).toMatchObject({
      unreadable: 0,
      lines: [{ platform: 'segment', received: 1, complied: 0, denied: 0, noMatch: 0, open: 1 }, { platform: 'total' }],
    });
  });

  test('ignored messages: are counted by day, also for a platform without requests', async () => {
    const at = await opsHarness();
    const { control } = at.context;
    for (const day of ['2025-12-31', '2026-01-01', '2026-01-31', '2026-01-31', '2026-02-01']) {
      await control.count(`ignored-count#ketch#${day}`, 0);
    }
    const { lines } = await at.run('report', ...january);
    expect(lines.slice(1)).toEqual(['ketch,0,0,0,0,0,0,0,0,,,3,0,0,0\r', 'total,0,0,0,0,0,0,0,0,,,3,0,0,0\r']);
    expect((await at.run('report', '--from', '2025-01-01', '--to', '2026-12-31')).lines.at(-1)).toMatch(/,5,0,0,0\r$/);
  });

  test('days: are whole, the first and the last included', async () => {
    const at = await opsHarness();
    const received = ['2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00Z', '2026-01-31T23:59:59.999Z'];
    for (const [one, iso] of [...received, '2026-02-01T00:00:00Z'].entries()) {
      const times = { receivedAt: Date.parse(iso), submittedAt: 0 };
      await at.harness.services.store.accept(receiptOf({ ...times, id: `receipt-${one}`, subjectHmacs: [] }), kept);
    }
    const total = async (from: string, to: string) =>
      (await at.run('report', '--from', from, '--to', to)).lines.at(-1)?.split(',')[1];
    expect(await total('2026-01-01', '2026-01-31')).toBe('2');
    expect(await total('2025-12-31', '2025-12-31')).toBe('1');
    expect(await total('2025-12-31', '2026-02-01')).toBe('4');
    expect(await total('2024-01-01', '2024-12-31')).toBe('0');
  });

  test.each([
    [['--to', '2026-01-31'], '--from: must be a day such as 2026-01-31'],
    [['--from', '2026-01-01'], '--to: must be a day such as'],
    [['--from', '2026-02-30', '--to', '2026-03-01'], '--from: must be a day such as'],
    [['--from', '2026-1-1', '--to', '2026-03-01'], '--from: must be a day such as'],
    [['--from', '2026-01-02', '--to', '2026-01-01'], '--to: must not be before --from'],
    [[...january, 'ketch'], 'report: takes options only'],
  ])('%j: %s', async (args, message) => {
    await expect((await opsHarness()).run('report', ...args)).rejects.toThrow(message);
  });

  test('unreadable receipt: is reported with exit code 1, and progress is shown', async () => {
    const at = await opsHarness();
    const said = errors();
    const all = async function* (unreadable: () => void) {
      unreadable();
      for (let one = 0; one < 1000; one += 1) yield receiptOf({ receivedAt: fixtureTime });
    };
    const { status, progress, lines } = await run({ ...at.context, all }, 'report', ...january);
    expect(status).toBe(1);
    expect(lines.at(-1)).toMatch(/^total,1000,/);
    expect(progress).toEqual(['500 receipts read', '1000 receipts read', '']);
    expect(said).toHaveBeenCalledWith(expect.stringContaining('not counted: 1 receipts written by an unknown version'));
  });
});

describe('report: figures', () => {
  const closedAfter = (...days: readonly number[]) => {
    const tally = emptyTally();
    for (const one of days) addTo(tally, { state: 'erased', submittedAt: 0, closedAt: one * day });
    return tally;
  };

  test.each([
    [[3], 3, 3],
    [[10, 1, 1], 1, 4],
    [[4, 1, 9, 2], 3, 4],
    [[1, 1, 2.006], 1, 1.34],
  ])('days %j: the median is %d and the mean %d', (days, medianDays, meanDays) => {
    expect(figuresOf([closedAfter(...days)])).toMatchObject({ received: days.length, medianDays, meanDays });
    expect(figuresOf(days.map(one => closedAfter(one)))).toEqual(figuresOf([closedAfter(...days)]));
  });

  test.each([
    [['plain', 1, ''], 'plain,1,\r'],
    [['a,b', 'say "no"', 'two\nlines', 'cr\r'], '"a,b","say ""no""","two\nlines","cr\r"\r'],
  ])('CSV: the record %j is quoted where needed', (cells, text) => {
    expect(csvRecord(cells)).toBe(text);
  });
});

interface Opened {
  readonly store: ReceiptStore;
  readonly control: VersionedStore;
  all(page?: number): ScanReceipts;
  /** Makes a stored row one of a version to come. */
  outdate(id: string): Promise<void>;
  close(): void;
}

function describeAllReceipts(name: string, open: () => Promise<Opened>): void {
  describe(`report: receipts in ${name}`, () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const read = async (page?: number) => {
      const counts = { unreadable: 0 };
      const count = () => {
        counts.unreadable += 1;
      };
      const receipts = await drained(opened.all(page)(count));
      return { ids: receipts.map(({ id }) => id).sort(), receipts, ...counts };
    };

    test.each([1, 2, 250])('pages of %i rows: return every receipt once', async page => {
      const ids = ['receipt-1', 'receipt-2', 'receipt-3', 'receipt-4', 'receipt-5'];
      for (const id of ids) await opened.store.accept(receiptOf({ id, subjectHmacs: [`mac-${id}`, 'shared'] }), kept);
      await opened.control.write('pause#all', 0, { pause: null });
      const end = closed(receiptOf({ id: 'receipt-2', subjectHmacs: ['mac-receipt-2', 'shared'] }));
      await opened.store.replace(end, { deletePersonalData: true });
      const { receipts, ...found } = await read(page);
      expect(found).toEqual({ ids, unreadable: 0 });
      expect(receipts).toContainEqual(end);
    });

    test('receipt of a later version: is counted as unreadable, and the others are returned', async () => {
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

describeAllReceipts('SQLite', async () => {
  const file = join(temporaryFolder(), 'erasure.sqlite');
  const store = openSqliteStore(file);
  const outdate = async (id: string) => {
    const database = new DatabaseSync(file);
    database.prepare('UPDATE receipts SET row = ? WHERE id = ?').run(laterRow, id);
    database.close();
  };
  return { store, control: store.control, all: page => scanSqlite(file, page), outdate, close: () => store.close() };
});

describe.skipIf(!motoIsHere())('report on moto', () => {
  const moto = motoForSuite();

  describeAllReceipts('DynamoDB', async () => {
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
      all: page => scanDynamodb(client, tables.receipts, () => undefined, page),
      outdate,
      close,
    };
  });

  test('DynamoDB unreachable: the store is unavailable, and the error of AWS is passed on', async () => {
    const { tables, client, close } = await freshTables(moto(), await deadEndpoint());
    const thrown: unknown[] = [];
    const all = scanDynamodb(client, tables.receipts, error => thrown.push(error));
    await expect(drained(all(() => undefined))).rejects.toThrow(unavailable);
    expect(thrown).toHaveLength(1);
    close();
  });
});
