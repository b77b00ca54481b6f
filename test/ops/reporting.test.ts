import { describe, expect, test, vi } from 'vitest';
import { csvRecord } from '../../infra/ops/report/csv.ts';
import { type Counted, figuresOf } from '../../infra/ops/report/figures.ts';
import { fixtureTime } from '../support/house.ts';
import { account } from '../support/ketch.ts';
import { hour } from '../support/pace-heard.ts';
import { kept, receiptOf } from '../support/receipt-builders.ts';
import { run } from './desk-of.ts';
import { erased, office, stopped } from './office.ts';

const day = 24 * hour;
const january = ['--from', '2026-01-01', '--to', '2026-01-31'];
const header =
  'platform,received,complied_in_whole_or_part,denied,no_match,open,refused,not_identifiable,median_days,mean_days\r';

describe('report', () => {
  test('counts every outcome as what it is, for each platform and for all', async () => {
    const at = await office();
    await erased(at);
    const refused = await stopped(at);
    await at.run('refuse', refused, '--why', 'a shared mailbox');
    await at.sweep();
    await stopped(at, 'other@example.com');
    await at.asked([account('crm-nobody')]);
    await at.asked([{ identitySpace: 'phone', identityFormat: 'raw', identityValue: '+15550100' }]);
    const { store } = at.house.parts;
    const facts = { platform: 'segment', receivedAt: fixtureTime, submittedAt: fixtureTime, subjectMacs: [] };
    await store.accept(receiptOf({ ...facts, id: 'segment-1' }), kept);
    const { status, lines, progress } = await at.run('report', ...january);
    expect(status).toBe(0);
    expect(progress.at(-1)).toBe('');
    expect(lines).toEqual([
      header,
      expect.stringMatching(/^ketch,5,1,2,1,1,1,1,0\.0\d,0\.0\d\r$/),
      'segment,1,0,0,0,1,0,0,,\r',
      expect.stringMatching(/^total,6,1,2,1,2,1,1,0\.0\d,0\.0\d\r$/),
    ]);
    expect((await at.run('report', ...january, '--platform', 'segment')).lines.slice(1)).toEqual([
      'segment,1,0,0,0,1,0,0,,\r',
      'total,1,0,0,0,1,0,0,,\r',
    ]);
    expect((await at.run('report', ...january, '--platform', 'segment', '--json')).json).toMatchObject({
      unreadable: 0,
      lines: [{ platform: 'segment', received: 1, complied: 0, denied: 0, noMatch: 0, open: 1 }, { platform: 'total' }],
    });
  });

  test('counts what was received from the first day’s first moment to the last day’s last', async () => {
    const at = await office();
    const received = [
      '2025-12-31T23:59:59.999Z',
      '2026-01-01T00:00:00Z',
      '2026-01-31T23:59:59.999Z',
      '2026-02-01T00:00:00Z',
    ];
    for (const [one, iso] of received.entries()) {
      const times = { receivedAt: Date.parse(iso), submittedAt: 0 };
      await at.house.parts.store.accept(receiptOf({ ...times, id: `receipt-${one}`, subjectMacs: [] }), kept);
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
    [['--from', '2026-13-01', '--to', '2026-03-01'], '--from: must be a day such as'],
    [['--from', '2026-01-02', '--to', '2026-01-01'], '--to: must not be before --from'],
    [[...january, 'ketch'], 'report: takes options only'],
  ])('refuses %j', async (args, message) => {
    await expect((await office()).run('report', ...args)).rejects.toThrow(message);
  });

  test('says that figures are incomplete, and how far it is', async () => {
    const at = await office();
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const all = async function* (unreadable: () => void) {
      unreadable();
      for (let one = 0; one < 1000; one += 1) yield receiptOf({ receivedAt: fixtureTime });
    };
    const { status, progress, lines } = await run({ ...at.desk, all }, 'report', ...january);
    expect(status).toBe(1);
    expect(lines.at(-1)).toMatch(/^total,1000,/);
    expect(progress).toEqual(['500 receipts read', '1000 receipts read', '']);
    expect(said).toHaveBeenCalledWith(expect.stringContaining('missing in these figures: 1 of a version'));
  });

  test('is a file that spreadsheets read, as a process', async () => {
    const at = await office();
    await erased(at);
    const { status, stdout, stderr } = at.process(['report', ...january]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.split('\r\n')).toEqual([
      header.trimEnd(),
      'ketch,1,1,0,0,0,0,0,0.04,0.04',
      'total,1,1,0,0,0,0,0,0.04,0.04',
      '',
    ]);
  });
});

describe('figures', () => {
  const ended = (days: number, state: Counted['state'] = 'erased'): Counted => ({
    state,
    submittedAt: 0,
    closedAt: days * day,
  });

  test.each([
    [[3], 3, 3],
    [[1, 2], 1.5, 1.5],
    [[10, 1, 1], 1, 4],
    [[4, 1, 9, 2], 3, 4],
    [[1, 1, 2.006], 1, 1.34],
  ])('of days %j: median %d, mean %d', (days, medianDays, meanDays) => {
    expect(figuresOf(days.map(one => ended(one)))).toMatchObject({ medianDays, meanDays });
  });

  test('add up to what was received', () => {
    const states = ['erased', 'erased', 'refused', 'not-identifiable', 'no-match', 'open', 'needs-human'] as const;
    const figures = figuresOf(states.map(state => ({ state, submittedAt: 0 })));
    expect(figures).toEqual({
      received: 7,
      complied: 2,
      denied: 2,
      noMatch: 1,
      open: 2,
      refused: 1,
      notIdentifiable: 1,
    });
  });
});

test.each([
  [['plain', 1, ''], 'plain,1,\r'],
  [['a,b', 'say "no"', 'two\nlines', 'cr\r'], '"a,b","say ""no""","two\nlines","cr\r"\r'],
])('a record of CSV: %j', (cells, text) => {
  expect(csvRecord(cells)).toBe(text);
});
