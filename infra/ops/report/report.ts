import { OpsUsageError, type ParsedArgs } from '../args.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import { dayMs, type Output } from '../terminal.ts';
import { type Figures, figuresOf, type ReportCounts } from './figures.ts';

export const reportCommand: Command = {
  summary: 'counts and times of a period, for the CCPA’s yearly metrics',
  options: { from: { type: 'string' }, to: { type: 'string' }, platform: { type: 'string' } },
  help: `npm run ops -- report --from DATE --to DATE [--platform NAME]

What the CCPA regulations, section 7102(a), ask for of requests to delete: a line for each platform and one for all, as CSV
(RFC 4180: lines end with CR LF). Counted is what was received here on these days (YYYY-MM-DD in UTC, --to included). It
reads every receipt, so it takes a while; receipts go 25 months after they were closed.

  received                    requests to delete
  complied_in_whole_or_part   erased in at least one project
  denied                      refused + not_identifiable
  no_match                    nobody was found: there was nothing to delete. Neither complied with nor denied here;
                              where to count it is your privacy officer's choice. Each "try ketch" is one of these
  open                        not ended, those that wait for a person included
  refused                     an operator refused it, also where a part had been erased before ("show" tells)
  not_identifiable            denied because no identifier could be looked up (not verifiable)
  median_days, mean_days      from the time the person asked, as the platform says, to the end; of all that have ended

received = complied_in_whole_or_part + denied + no_match + open

  npm run -s ops -- report --from 2026-01-01 --to 2026-12-31 > 2026.csv
  npm run ops -- report --from 2026-11-23 --to 2026-11-24 --platform ketch --json
`,
  run: report,
};

/** Receipts between two signs of life. */
const stride = 500;

async function report(typed: ParsedArgs, desk: OpsContext, output: Output): Promise<number> {
  if (typed.positionals.length > 0) throw new OpsUsageError('report: takes options only');
  const { from, before } = periodOf(typed.text('from'), typed.text('to'));
  const only = typed.text('platform');
  const read = { all: 0, unreadable: 0 };
  const byPlatform = new Map<string, ReportCounts[]>();
  const count = () => {
    read.unreadable += 1;
  };
  for await (const { platform, receivedAt, state, submittedAt, closedAt } of desk.all(count)) {
    read.all += 1;
    if (read.all % stride === 0) output.progress(`${read.all} receipts read`);
    if (receivedAt < from || receivedAt >= before || (only ?? platform) !== platform) continue;
    const counted = { state, submittedAt, ...(closedAt === undefined ? {} : { closedAt }) };
    const sofar = byPlatform.get(platform);
    if (sofar === undefined) byPlatform.set(platform, [counted]);
    else sofar.push(counted);
  }
  output.progress('');
  print(linesOf(byPlatform), read.unreadable, output);
  return read.unreadable === 0 ? 0 : 1;
}

type Line = Figures & { readonly platform: string };

function linesOf(byPlatform: ReadonlyMap<string, readonly ReportCounts[]>): readonly Line[] {
  const platforms = [...byPlatform].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const lines = platforms.map(([platform, receipts]) => ({ platform, ...figuresOf(receipts) }));
  return [...lines, { platform: 'total', ...figuresOf(platforms.flatMap(([, receipts]) => receipts)) }];
}

function print(lines: readonly Line[], unreadable: number, output: Output): void {
  if (output.json) output.printJson({ lines, unreadable });
  else {
    output.print(csvRecord(columns));
    for (const line of lines) output.print(csvRecord(cellsOf(line)));
  }
  const told = `missing in these figures: ${unreadable} of a version that this one does not know`;
  if (unreadable > 0) console.error(told);
}

const columns = [
  ...['platform', 'received', 'complied_in_whole_or_part', 'denied', 'no_match', 'open'],
  ...['refused', 'not_identifiable', 'median_days', 'mean_days'],
];

function cellsOf({ platform, received, complied, denied, noMatch, open, ...rest }: Line): readonly (string | number)[] {
  const { refused, notIdentifiable, medianDays = '', meanDays = '' } = rest;
  return [platform, received, complied, denied, noMatch, open, refused, notIdentifiable, medianDays, meanDays];
}

/** From the beginning of the first day until before the end of the last, in epoch milliseconds. */
export interface Period {
  readonly from: number;
  readonly before: number;
}

/** Whole days in UTC, both included. Throws {@link OpsUsageError} for what is no date, and for an end before its beginning. */
export function periodOf(from: string | undefined, to: string | undefined): Period {
  const period = { from: dayOf('--from', from), before: dayOf('--to', to) + dayMs };
  if (period.before <= period.from) throw new OpsUsageError('--to: must not be before --from');
  return period;
}

function dayOf(option: string, text = ''): number {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  // JavaScript takes 2026-02-30 for a day of March.
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text) {
    throw new OpsUsageError(`${option}: must be a day such as 2026-01-31`);
  }
  return at;
}

/** One record (RFC 4180): quoted where it has to be. The line feed that ends it with this carriage return is the printer's. */
export function csvRecord(cells: readonly (string | number)[]): string {
  return `${cells.map(cell => quoted(String(cell))).join(',')}\r`;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
