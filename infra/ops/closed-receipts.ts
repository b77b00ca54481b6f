import { isFinal, type Receipt } from '../../lambda/receipts/receipt.ts';
import type { ParsedArgs } from './args.ts';
import type { OpsContext } from './context.ts';
import { isIn, type Period, periodHelp, periodOf, periodOptions } from './period.ts';
import { dayMs, isoSeconds, type Output } from './terminal.ts';

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
