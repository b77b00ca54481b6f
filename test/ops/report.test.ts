import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';
import { csvRecord } from '../../infra/ops/csv.ts';
import {
  addTo,
  addToTimeline,
  emptyTally,
  emptyTimeline,
  figuresOf,
  printLines,
  reportLines,
  sortedDays,
  type Tally,
  timelineParts,
} from '../../infra/ops/report/figures.ts';
import { reportHtml } from '../../infra/ops/report/report-html.ts';
import { type ScanReceipts, scanDynamodb, scanSqlite } from '../../infra/ops/report/scan-receipts.ts';
import { dynamodbControl } from '../../lambda/aws/dynamodb-control.ts';
import { dynamodbStore } from '../../lambda/aws/dynamodb-store.ts';
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { nextRevision } from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { unavailable } from '../receipts/store.contract.ts';
import { deadEndpoint } from '../support/aws-endpoint.ts';
import { chromiumForSuite, findChromium, poorContrast } from '../support/chromium.ts';
import { fixtureTime } from '../support/harness.ts';
import { account } from '../support/ketch.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { motoIsHere } from '../support/moto.ts';
import { freshTables, motoForSuite } from '../support/moto-suite.ts';
import { hour } from '../support/quota-world.ts';
import { closed, kept, receiptOf } from '../support/receipt-builders.ts';
import { erased, errors, opsHarness, readReceipt, recordingOutput, run, stopped, test } from './ops-harness.ts';

const day = 24 * hour;
const january = ['--from', '2026-01-01', '--to', '2026-01-31'];
const header =
  'platform,received,complied_in_whole_or_part,denied,no_match,open,refused,not_identifiable,created_later,median_days,mean_days,ignored,reappeared,still_present,unavailable\r';

describe('report', () => {
  test('figures: count every outcome, for each platform and in total', async ({ at }) => {
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

  test('ignored messages: are counted by day, also for a platform without requests', async ({ at }) => {
    const { control } = at.context;
    for (const day of ['2025-12-31', '2026-01-01', '2026-01-31', '2026-01-31', '2026-02-01']) {
      await control.count(`ignored-count#ketch#${day}`, 0);
    }
    const { lines } = await at.run('report', ...january);
    expect(lines.slice(1)).toEqual(['ketch,0,0,0,0,0,0,0,0,,,3,0,0,0\r', 'total,0,0,0,0,0,0,0,0,,,3,0,0,0\r']);
    expect((await at.run('report', '--from', '2025-01-01', '--to', '2026-12-31')).lines.at(-1)).toMatch(/,5,0,0,0\r$/);
  });

  test.each([
    [['--to', '2026-01-31'], '--from: must be a day such as 2026-01-31; or give --year'],
    [['--from', '2026-01-01'], '--to: must be a day such as'],
    [['--from', '2026-02-30', '--to', '2026-03-01'], '--from: must be a day such as'],
    [['--from', '2026-1-1', '--to', '2026-03-01'], '--from: must be a day such as'],
    [['--from', '2026-01-02', '--to', '2026-01-01'], '--to: must not be before --from'],
    [[...january, 'ketch'], 'report: takes options only'],
    [['--year', '26'], '--year: must be a year such as 2026'],
    [['--year', '2026', '--from', '2026-01-01'], '--year: not together with --from or --to'],
    [['--year', '2026', '--html', '--json'], 'report: only one of --html and --json'],
    [[], '--from: must be a day such as 2026-01-31; or give --year'],
  ])('%j: %s', async (args, message) => {
    await expect((await opsHarness()).run('report', ...args)).rejects.toThrow(message);
  });

  test('unreadable receipt: is reported with exit code 1, and progress is shown', async ({ at }) => {
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

describe('report: period and forms', () => {
  test('--year: is the whole year, and has the same lines as its days', async ({ at }) => {
    await erased(at);
    const year = await at.run('report', '--year', '2026');
    expect(year.lines).toEqual((await at.run('report', '--from', '2026-01-01', '--to', '2026-12-31')).lines);
    expect((await at.run('report', '--year', '2025')).lines.at(-1)).toMatch(/^total,0,/);
  });

  test('terminal: a table that fits 80 columns, also with millions of requests; piped, CSV with everything', async () => {
    const line = (platform: string) => ({
      ...figuresOf([]),
      platform,
      ...{ received: 9_999_999, complied: 9_999_999, denied: 9_999_999, noMatch: 9_999_999, open: 9_999_999 },
      ...{
        refused: 9_999_999,
        notIdentifiable: 9_999_999,
        createdLater: 9_999_999,
        ignored: 9_999_999,
        reappeared: 9_999_999,
      },
      ...{ medianDays: 12.34, meanDays: 12.34 },
    });
    const [terminal, pipe] = [recordingOutput(false, 80), recordingOutput()];
    const lines = [line('a-platform-with-a-long-name'), line('total')];
    for (const { output } of [terminal, pipe]) printLines(lines, output);
    expect(terminal.lines.slice(0, 3).filter(one => one.length > 80)).toEqual([]);
    expect(terminal.lines[1]).toMatch(/^a-platform-with… {2}9999999 +9999999 +9999999 +9999999 +9999999 +12.34$/);
    expect(terminal.lines.slice(3)).toEqual([
      'denied: 9999999 refused, 9999999 not identifiable; no match: 9999999 created later',
      'after the deletion: 0 still present, 0 not verified',
      'mean days: 12.34; ignored messages: 9999999; reappeared: 9999999; in a file: CSV',
    ]);
    expect(pipe.lines[1]).toBe(`a-platform-with-a-long-name${',9999999'.repeat(8)},12.34,12.34,9999999,9999999,0,0\r`);
  });

  test('parts of a period: are days, months or years, also those without requests', () => {
    const labels = (from: string, before: string) =>
      timelineParts(emptyTimeline({ from: Date.parse(from), before: Date.parse(before) })).map(({ label }) => label);
    expect(labels('2026-02-27', '2026-03-02')).toEqual(['2026-02-27', '2026-02-28', '2026-03-01']);
    expect(labels('2026-01-01', '2027-01-01')).toHaveLength(12);
    expect(labels('2026-11-15', '2027-02-02')).toEqual(['2026-11', '2026-12', '2027-01', '2027-02']);
    expect(labels('2020-05-01', '2026-02-01')).toEqual(['2020', '2021', '2022', '2023', '2024', '2025', '2026']);
  });

  test('--html: has the same figures, the exact period and no formula or markup of a name', async ({ at }) => {
    errors();
    const id = await erased(at);
    const signed = (await at.context.store.read(id))!;
    const all = async function* (unreadable: () => void) {
      unreadable();
      yield { ...signed, platform: '<img src=x>' };
      for (let one = 0; one < 1999; one += 1) yield { ...signed, closedAt: signed.submittedAt + 31 * day };
    };
    const { status, lines } = await run({ ...at.context, all }, 'report', '--year', '2026', '--html');
    expect([status, lines]).toEqual([1, [expect.any(String)]]);
    const [html = ''] = lines;
    expect(html).toContain('Received from 1 January 2026, 00:00:00 UTC until before 1 January 2027, 00:00:00 UTC.');
    expect(html).toContain('<th scope="row">total</th><td>2,000</td><td>2,000</td><td>0</td>');
    expect(html).toContain('<th scope="row">&lt;img src=x&gt;</th><td>1</td>');
    expect(html).toContain('<th scope="row">2026-01</th><td>2,000</td>');
    expect(html).toContain('<th scope="row">2026-12</th><td>0</td>');
    expect(html).toContain('Incomplete: 1 receipts');
    expect(html).not.toMatch(/<img|<script|https?:|url\(|<[^>]*src=|NaN|undefined/);
    // One bar of requests, and two of days: under 1 day, and 30 to 45.
    expect(html.match(/<rect class="\w+" x=/g)).toHaveLength(3);
  });

  test.each([
    ['a month', '2026-01-01', '2026-01-31', '1 Jan', '2026-01-31'],
    ['two years', '2025-01-01', '2026-12-31', 'Jan 25', '2026-12'],
    ['ten years', '2020-01-01', '2029-12-31', '2020', '2029'],
  ])(
    '--html of %s: has at most 13 labels below the chart, and a row for each part',
    async (_, from, to, first, last) => {
      const at = await opsHarness();
      await erased(at);
      const [html = ''] = (await at.run('report', '--from', from, '--to', to, '--html')).lines;
      const [chart = ''] = html.split('</figure>');
      const labels = [...chart.matchAll(/y="202" text-anchor="middle">([^<]+)</g)].map(([, label]) => label);
      expect(labels[0]).toBe(first);
      expect(labels.length).toBeLessThanOrEqual(13);
      expect(html).toContain(`<th scope="row">${last}</th>`);
      expect(chart).toContain('<rect class="complied" x=');
    },
  );

  test('--html without requests: is a page too', async () => {
    const { lines } = await (await opsHarness()).run('report', '--from', '2026-01-01', '--to', '2026-01-01', '--html');
    expect(lines[0]).toContain('<th scope="row">total</th><td>0</td>');
    expect(lines[0]).not.toMatch(/NaN|Infinity|undefined/);
  });
});

const chromiumPath = findChromium();

describe.skipIf(chromiumPath === undefined)('report --html in Chromium', () => {
  const openPage = chromiumForSuite(chromiumPath);
  /** A year of several platforms, as a page. */
  const yearPage = () => {
    const period = { from: Date.UTC(2026, 0), before: Date.UTC(2027, 0) };
    const timeline = emptyTimeline(period);
    const tallies = new Map<string, Tally>();
    const states = ['erased', 'erased', 'erased', 'no-match', 'refused', 'open'] as const;
    for (let one = 0; one < 3000; one += 1) {
      const platform = ['ketch', 'segment', 'shopify', 'a-platform-with-a-very-long-name'][one % 4]!;
      const receivedAt = period.from + ((one * one * 7919) % 365) * day;
      const state = states[one % states.length]!;
      const tally = tallies.get(platform) ?? emptyTally();
      tallies.set(platform, tally);
      const ended = state === 'open' ? {} : { closedAt: receivedAt + ((one % 97) ** 2 / 200) * day };
      addTo(tally, { state, submittedAt: receivedAt, ...ended });
      addToTimeline(timeline, receivedAt, state);
    }
    return reportHtml({
      ...{
        period,
        platform: undefined,
        lines: reportLines(tallies, { ignored: new Map([['segment', 1234]]), reappeared: new Map() }),
      },
      ...{ parts: timelineParts(timeline), sortedDays: sortedDays([...tallies.values()]), unreadable: 2 },
      at: fixtureTime,
    });
  };
  const open = (viewport: { readonly width: number; readonly height: number }) => {
    const file = join(temporaryFolder(), 'report.html');
    writeFileSync(file, yearPage());
    return openPage(pathToFileURL(file).href, { viewport });
  };

  test('a year: prints on one A4 page', async () => {
    const page = await open({ width: 1280, height: 900 });
    const pdf = await page.pdf({ preferCSSPageSize: true });
    expect(pdf.toString('latin1').match(/\/Type\s*\/Page\b(?!s)/g)).toHaveLength(1);
    expect(await page.getByRole('img').count()).toBe(2);
  });

  test.each([1280, 390])('%d pixels: nothing overflows, and every text has enough contrast', async width => {
    const page = await open({ width, height: 900 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    expect(await page.evaluate(poorContrast)).toEqual([]);
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
    [['=1+1', '+1', '-1', '@A1', '\tx', -1, 'a=b'], "'=1+1,'+1,'-1,'@A1,'\tx,-1,a=b\r"],
    [['=HYPERLINK("https://example.com","x")'], '"\'=HYPERLINK(""https://example.com"",""x"")"\r'],
  ])('CSV: the record %j is quoted where needed, and no text is a formula', (cells, text) => {
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
