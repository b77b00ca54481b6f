import { didYouMean, manualPlatform } from '../../lambda/domain/names.ts';
import { isFinal, type Receipt } from '../../lambda/receipts/receipt.ts';
import { dayOf, numberOf, OpsUsageError, type ParsedArgs, shortId } from './args.ts';
import type { OpsContext } from './context.ts';
import { csvRecord } from './csv.ts';
import { shortName } from './receipts.ts';
import { counted, dayMs, isoSeconds, type Output, tableLines } from './terminal.ts';

/** Options that select whole days in UTC. */
export const periodOptions = { year: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' } } as const;

export const periodHelp = `  --from DATE     the first day (YYYY-MM-DD), in UTC
  --to DATE       the last day, which is included: the period ends before 00:00
                  UTC of the next day
  --year YYYY     the same as --from YYYY-01-01 --to YYYY-12-31`;

/** From the start of the first day up to the end of the last, which is excluded, in epoch milliseconds. */
export interface Period {
  readonly from: number;
  readonly before: number;
}

/** Returns the period that the options select; an end that is not given is open. Throws {@link OpsUsageError}. */
export function periodOf(args: ParsedArgs): Period {
  const [year, from, to] = [args.text('year'), args.text('from'), args.text('to')];
  if (year !== undefined) {
    if (from !== undefined || to !== undefined) throw new OpsUsageError('--year: not together with --from or --to');
    if (!/^[1-9]\d{3}$/.test(year)) throw new OpsUsageError('--year: must be a year such as 2026');
    return { from: Date.UTC(Number(year), 0), before: Date.UTC(Number(year) + 1, 0) };
  }
  const period = {
    from: from === undefined ? Number.NEGATIVE_INFINITY : dayOf('--from', from),
    before: to === undefined ? Number.POSITIVE_INFINITY : dayOf('--to', to) + dayMs,
  };
  if (period.before <= period.from) throw new OpsUsageError('--to: must not be before --from');
  return period;
}

/** Returns whether a time (epoch milliseconds) is in the period. */
export function isIn({ from, before }: Period, at: number): boolean {
  return at >= from && at < before;
}

/** Says exactly which times are in the period. */
export function periodText({ from, before }: Period): string {
  const parts = [
    ...(Number.isFinite(from) ? [`from ${isoSeconds(from)}`] : []),
    ...(Number.isFinite(before) ? [`before ${isoSeconds(before)}`] : []),
  ];
  return parts.length === 0 ? 'at any time' : parts.join(' until ');
}

/** Options that select closed receipts. */
export const closedOptions = { ...periodOptions, platform: { type: 'string' } } as const;

export const closedHelp = `${periodHelp}
  --platform NAME only requests of one platform`;

/** Which closed receipts are read: those that were closed in the period. */
interface ClosedFilter {
  readonly period: Period;
  readonly platform: string | undefined;
}

/** Returns the filter that the options select. Throws `OpsUsageError`. */
export function closedFilterOf(args: ParsedArgs): ClosedFilter {
  return { period: periodOf(args), platform: args.text('platform') };
}

/** Receipts between two progress messages. */
const progressStep = 500;

/** Counts what was read, while it is read. */
export interface ReadCounts {
  /** Receipts of an unknown version, which are left out. */
  unreadable: number;
}

/** Reads every closed receipt that the filter selects, unordered, one by one, and shows the progress. */
export async function* closedReceipts(
  { all }: Pick<OpsContext, 'all'>,
  { period, platform }: ClosedFilter,
  counts: ReadCounts,
  output: Pick<Output, 'progress'>,
): AsyncIterable<Receipt> {
  const countUnreadable = () => {
    counts.unreadable += 1;
  };
  const read = { all: 0, selected: 0 };
  for await (const receipt of all(countUnreadable)) {
    read.all += 1;
    if (read.all % progressStep === 0) output.progress(`${read.all} receipts read, ${read.selected} selected`);
    if (!isFinal(receipt.state) || !isIn(period, receipt.closedAt ?? 0)) continue;
    if ((platform ?? receipt.platform) !== receipt.platform) continue;
    read.selected += 1;
    yield receipt;
  }
  output.progress('');
}

/** The header of {@link closedCells}. */
export const closedColumns = [
  ...['receipt', 'platform', 'received_at', 'closed_at', 'outcome', 'days', 'deleted', 'gone', 'signed'],
] as const;

/** Returns the facts of a closed receipt as cells of CSV. `days` is the time from the request to its end. */
export function closedCells(receipt: Receipt): readonly (string | number)[] {
  const { id, platform, receivedAt, submittedAt, state, projects, evidence } = receipt;
  const { closedAt = receivedAt } = receipt;
  const deletions = Object.values(projects).flatMap(progress => progress.deletions);
  const count = (grade: string) => deletions.filter(({ proof }) => proof === grade).length;
  return [
    ...[id, platform, isoSeconds(receivedAt), isoSeconds(closedAt), state],
    Math.round((100 * (closedAt - submittedAt)) / dayMs) / 100,
    ...[count('deleted'), count('gone')],
    evidence === undefined ? 'no' : 'yes',
  ];
}

/**
 * Checks the value of `--platform`, of which so many receipts were found. A platform that left the settings can still have
 * receipts, so only a remark says that it is not there. Throws {@link OpsUsageError} if it has none.
 */
export function checkPlatform(
  platform: string | undefined,
  found: number,
  { settings }: Pick<OpsContext, 'settings'>,
  output: Pick<Output, 'warn'>,
): void {
  const known = [...Object.keys(settings.platforms), manualPlatform];
  if (platform === undefined || known.includes(platform)) return;
  if (found > 0) output.warn('--platform: is not in the settings any more');
  else throw new OpsUsageError(`--platform: must be ${known.join(', ')}${didYouMean(platform, known)}`);
}

/** Lists closed receipts: the last ones as a table, or all of them as CSV. Returns the exit code. */
export async function listClosed(
  args: ParsedArgs,
  context: OpsContext,
  output: Output,
  { most, usual }: { readonly most: number; readonly usual: number },
): Promise<number> {
  if (args.text('state') !== undefined) throw new OpsUsageError('--closed: not together with --state');
  const limit = numberOf(args, 'limit', most);
  const isCsv = args.isSet('csv');
  if (isCsv && (limit !== undefined || output.json))
    throw new OpsUsageError('--csv: lists every receipt, not together with --limit or --json');
  const filter = closedFilterOf(args);
  const counts = { unreadable: 0 };
  const receipts = closedReceipts(context, filter, counts, output);
  const found = isCsv
    ? await printCsv(receipts, output)
    : await printLatest(receipts, limit ?? usual, periodText(filter.period), output);
  checkPlatform(filter.platform, found, context, output);
  if (counts.unreadable > 0)
    output.warn(`not listed: ${counted(counts.unreadable, 'receipt')} written by an unknown version`);
  return counts.unreadable === 0 ? 0 : 1;
}

/** Prints each receipt as soon as it is read, so that it does not matter how many there are. */
async function printCsv(receipts: AsyncIterable<Receipt>, output: Output): Promise<number> {
  let count = 0;
  output.print(csvRecord(closedColumns));
  for await (const receipt of receipts) {
    output.print(csvRecord(closedCells(receipt)));
    count += 1;
  }
  return count;
}

type Row = ReturnType<typeof rowOf>;

function rowOf({ id, platform, receivedAt, closedAt = receivedAt, state, evidence }: Receipt) {
  const times = { receivedAt: isoSeconds(receivedAt), closedAt: isoSeconds(closedAt) };
  return { receipt: id, platform, outcome: state, ...times, signed: evidence !== undefined };
}

async function printLatest(
  receipts: AsyncIterable<Receipt>,
  limit: number,
  period: string,
  output: Output,
): Promise<number> {
  const { rows, all } = await latest(receipts, limit);
  const note = `closed ${period}: ${counted(all, 'receipt')}${all > limit ? `; the last ${limit} are shown` : ''}`;
  if (output.json) output.printJson(rows);
  else if (rows.length > 0) for (const line of formatClosed(rows, output.columns)) output.print(line);
  if (output.json) output.warn(note);
  else output.print(note, 2);
  return all;
}

/** Keeps only the last closed ones in memory. */
async function latest(receipts: AsyncIterable<Receipt>, limit: number) {
  let rows: readonly Row[] = [];
  let added: Row[] = [];
  let all = 0;
  const newest = () => [...rows, ...added].toSorted((a, b) => b.closedAt.localeCompare(a.closedAt)).slice(0, limit);
  for await (const receipt of receipts) {
    all += 1;
    added.push(rowOf(receipt));
    if (added.length < limit) continue;
    rows = newest();
    added = [];
  }
  return { rows: newest(), all };
}

const header = ['RECEIPT', 'PLATFORM', 'OUTCOME', 'RECEIVED', 'CLOSED', 'SIGNED'];

function formatClosed(rows: readonly Row[], columns: number | undefined): readonly string[] {
  const ids = rows.map(({ receipt }) => receipt);
  const isShort = columns !== undefined;
  const time = (iso: string) => (isShort ? iso.slice(0, 10) : iso);
  const cells = rows.map(({ receipt, platform, outcome, receivedAt, closedAt, signed }) => [
    isShort ? shortId(receipt, ids) : receipt,
    isShort ? shortName(platform) : platform,
    ...[outcome, time(receivedAt), time(closedAt), signed ? 'yes' : 'no'],
  ]);
  return tableLines(header, cells, columns);
}
