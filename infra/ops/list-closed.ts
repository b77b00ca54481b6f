import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { numberOf, OpsUsageError, type ParsedArgs, shortId } from './args.ts';
import {
  checkPlatform,
  closedCells,
  closedColumns,
  closedFilterOf,
  closedReceipts,
  periodText,
} from './closed-receipts.ts';
import type { OpsContext } from './context.ts';
import { csvRecord } from './csv.ts';
import { shortName } from './receipts.ts';
import { counted, isoSeconds, type Output, tableLines } from './terminal.ts';

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
