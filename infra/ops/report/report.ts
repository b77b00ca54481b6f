import { ignoredKey } from '../../../lambda/request/request-limit.ts';
import { reappearedKey } from '../../../lambda/sweep/sign-addendum.ts';
import { dayOf, OpsUsageError, type ParsedArgs } from '../args.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import { dayMs, type Output } from '../terminal.ts';
import { addTo, emptyTally, type Figures, figuresOf, type Tally } from './figures.ts';

export const reportCommand: Command = {
  summary: 'count requests of a period, for the yearly metrics of the CCPA',
  options: { from: { type: 'string' }, to: { type: 'string' }, platform: { type: 'string' } },
  help: `npm run ops -- report --from DATE --to DATE [--platform NAME]

Prints the metrics of the CCPA regulations, section 7102(a), for requests to
delete: one line for each platform and a total, as CSV (RFC 4180: lines end with
CR LF). It counts requests received on these days (YYYY-MM-DD in UTC, including
--to). It reads every receipt, so it takes a while. Receipts expire 25 months
after they are closed.

  received                    requests to delete
  complied_in_whole_or_part   erased in at least one project
  denied                      refused + not_identifiable
  no_match                    no customer found, or only customers created after
                              the request, so nothing to delete; counted
                              neither as complied with nor as denied. Your
                              privacy officer decides how to report these.
                              Each "try ketch" is one of them
  open                        not finished, including those that need a review
  refused                     refused by an operator, also after a partial
                              erasure ("show" lists the deletions)
  not_identifiable            denied, because no identifier could be looked up
                              (not verifiable)
  created_later               part of no_match: every customer found was created
                              after the request
  median_days, mean_days      from the time of the request, as stated by the
                              platform, to its end; finished requests only
  still_present               erased, but Voucherify returned a customer an hour
                              or more after the deletion
  unavailable                 erased, but the customers could not be looked up
                              again for a day
  ignored                     messages of generic platforms that ask nothing of
                              this service; they are not requests
  reappeared                  times that an erased person was noticed in
                              Voucherify again, by the day of the event; only if
                              the settings have "reappearance"

received = complied_in_whole_or_part + denied + no_match + open

  npm run -s ops -- report --from 2026-01-01 --to 2026-12-31 > 2026.csv
  npm run ops -- report --from 2026-11-23 --to 2026-11-24 \\
    --platform ketch --json
`,
  run: report,
};

/** Receipts between two progress messages. */
const progressStep = 500;

async function report(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  if (args.positionals.length > 0) throw new OpsUsageError('report: takes options only, no arguments');
  const { from, before } = periodOf(args.text('from'), args.text('to'));
  const only = args.text('platform');
  const read = { all: 0, unreadable: 0 };
  const byPlatform = new Map<string, Tally>();
  const count = () => {
    read.unreadable += 1;
  };
  for await (const { platform, receivedAt, ...receipt } of context.all(count)) {
    read.all += 1;
    if (read.all % progressStep === 0) output.progress(`${read.all} receipts read`);
    if (receivedAt < from || receivedAt >= before || (only ?? platform) !== platform) continue;
    const tally = byPlatform.get(platform) ?? emptyTally();
    byPlatform.set(platform, tally);
    addTo(tally, receipt);
  }
  output.progress('');
  const names = [...byPlatform.keys()];
  const ignored = await readCounters(ignoredKey, names, only, { from, before }, context);
  const reappeared = await readCounters(reappearedKey, names, only, { from, before }, context);
  print(buildLines(byPlatform, { ignored, reappeared }), read.unreadable, output);
  return read.unreadable === 0 ? 0 : 1;
}

type Line = Figures & { readonly platform: string; readonly ignored: number; readonly reappeared: number };

/** By platform. */
type Counts = ReadonlyMap<string, number>;

function buildLines(
  byPlatform: ReadonlyMap<string, Tally>,
  counts: Readonly<Record<'ignored' | 'reappeared', Counts>>,
): readonly Line[] {
  const names = [
    ...new Set([byPlatform, counts.ignored, counts.reappeared].flatMap(map => [...map.keys()])),
  ].toSorted();
  const tallies = names.map(name => byPlatform.get(name) ?? emptyTally());
  const lines = names.map((platform, at) => {
    const [ignored, reappeared] = [counts.ignored.get(platform) ?? 0, counts.reappeared.get(platform) ?? 0];
    return { platform, ...figuresOf(tallies.slice(at, at + 1)), ignored, reappeared };
  });
  const sum = (of: Counts) => [...of.values()].reduce((all, count) => all + count, 0);
  const total = { ignored: sum(counts.ignored), reappeared: sum(counts.reappeared) };
  return [...lines, { platform: 'total', ...figuresOf(tallies), ...total }];
}

/** DynamoDB reads at most so many rows in one call. */
const keysPerRead = 100;

/** Returns the sum of the daily counters of each platform in the period, without the platforms that have none. */
async function readCounters(
  keyOf: (platform: string, at: number) => string,
  withReceipts: readonly string[],
  only: string | undefined,
  { from, before }: Period,
  { settings, control }: OpsContext,
): Promise<Counts> {
  const names = [...new Set([...withReceipts, ...Object.keys(settings.platforms)])];
  const days = Array.from({ length: Math.ceil((before - from) / dayMs) }, (_, at) => from + at * dayMs);
  const counts = new Map<string, number>();
  for (const platform of names.filter(name => (only ?? name) === name)) {
    let sum = 0;
    for (let first = 0; first < days.length; first += keysPerRead) {
      const rows = await control.read(days.slice(first, first + keysPerRead).map(day => keyOf(platform, day)));
      for (const { value } of rows.values()) sum += Number(value);
    }
    if (sum > 0) counts.set(platform, sum);
  }
  return counts;
}

function print(lines: readonly Line[], unreadable: number, output: Output): void {
  if (output.json) output.printJson({ lines, unreadable });
  else {
    output.print(csvRecord(columns));
    for (const line of lines) output.print(csvRecord(buildCells(line)));
  }
  const notice = `not counted: ${unreadable} receipts written by an unknown version`;
  if (unreadable > 0) console.error(notice);
}

const columns = [
  ...['platform', 'received', 'complied_in_whole_or_part', 'denied', 'no_match', 'open'],
  ...['refused', 'not_identifiable', 'created_later', 'median_days', 'mean_days', 'ignored', 'reappeared'],
  ...['still_present', 'unavailable'],
];

function buildCells({
  platform,
  received,
  complied,
  denied,
  noMatch,
  open,
  ...rest
}: Line): readonly (string | number)[] {
  const { refused, notIdentifiable, createdLater, medianDays = '', meanDays = '', ignored, reappeared } = rest;
  const { stillPresent, unavailable } = rest;
  const counts = [received, complied, denied, noMatch, open, refused, notIdentifiable, createdLater];
  return [platform, ...counts, medianDays, meanDays, ignored, reappeared, stillPresent, unavailable];
}

/** From the start of the first day to the end of the last, in epoch milliseconds. */
interface Period {
  readonly from: number;
  readonly before: number;
}

/** Returns the period of whole days in UTC, both included. Throws {@link OpsUsageError} for invalid dates. */
function periodOf(from: string | undefined, to: string | undefined): Period {
  const period = { from: dayOf('--from', from), before: dayOf('--to', to) + dayMs };
  if (period.before <= period.from) throw new OpsUsageError('--to: must not be before --from');
  return period;
}

/** Returns a CSV record (RFC 4180), quoted where needed. It ends with CR; `Output.print` adds LF. */
export function csvRecord(cells: readonly (string | number)[]): string {
  return `${cells.map(cell => quote(String(cell))).join(',')}\r`;
}

function quote(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
