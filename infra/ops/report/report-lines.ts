import { csvRecord } from '../csv.ts';
import { shortName } from '../receipts.ts';
import { type Output, tableLines } from '../terminal.ts';
import { emptyTally, type Figures, figuresOf, type Tally } from './figures.ts';

/** The figures of one platform, or of all (`total`). */
export type ReportLine = Figures & { readonly platform: string; readonly ignored: number; readonly reappeared: number };

/** What was counted by the day, for each platform. */
export type DailyCounts = ReadonlyMap<string, number>;

/** Returns a line for each platform, sorted by name, and the total. */
export function reportLines(
  byPlatform: ReadonlyMap<string, Tally>,
  counts: Readonly<Record<'ignored' | 'reappeared', DailyCounts>>,
): readonly ReportLine[] {
  const names = [
    ...new Set([byPlatform, counts.ignored, counts.reappeared].flatMap(map => [...map.keys()])),
  ].toSorted();
  const tallies = names.map(name => byPlatform.get(name) ?? emptyTally());
  const lines = names.map((platform, at) => {
    const [ignored, reappeared] = [counts.ignored.get(platform) ?? 0, counts.reappeared.get(platform) ?? 0];
    return { platform, ...figuresOf(tallies.slice(at, at + 1)), ignored, reappeared };
  });
  const sum = (of: DailyCounts) => [...of.values()].reduce((all, count) => all + count, 0);
  const total = { ignored: sum(counts.ignored), reappeared: sum(counts.reappeared) };
  return [...lines, { platform: 'total', ...figuresOf(tallies), ...total }];
}

/** Prints the lines as CSV, and on a terminal, as a table that fits it. */
export function printLines(lines: readonly ReportLine[], output: Output): void {
  if (output.columns !== undefined) {
    for (const line of tableLines(shortHeader, lines.map(shortCells), output.columns)) output.print(line);
    for (const line of lines.slice(-1).flatMap(detailsOf)) output.print(line, 2);
  } else {
    output.print(csvRecord(columns));
    for (const line of lines) output.print(csvRecord(cellsOf(line)));
  }
}

const shortHeader = ['PLATFORM', 'RECEIVED', 'COMPLIED', 'DENIED', 'NO MATCH', 'OPEN', 'MEDIAN DAYS'];

function shortCells(line: ReportLine): readonly string[] {
  const { platform, received, complied, denied, noMatch, open, medianDays = '-' } = line;
  return [shortName(platform), ...[received, complied, denied, noMatch, open, medianDays].map(String)];
}

/** The columns that the table on a terminal has no room for. */
function detailsOf(line: ReportLine): readonly string[] {
  const {
    refused,
    notIdentifiable,
    createdLater,
    meanDays = '-',
    ignored,
    reappeared,
    stillPresent,
    unavailable,
  } = line;
  return [
    `denied: ${refused} refused, ${notIdentifiable} not identifiable; no match: ${createdLater} created later`,
    `after the deletion: ${stillPresent} still present, ${unavailable} not verified`,
    `mean days: ${meanDays}; ignored messages: ${ignored}; reappeared: ${reappeared}; in a file: CSV`,
  ];
}

const columns = [
  ...['platform', 'received', 'complied_in_whole_or_part', 'denied', 'no_match', 'open'],
  ...['refused', 'not_identifiable', 'created_later', 'median_days', 'mean_days', 'ignored', 'reappeared'],
  ...['still_present', 'unavailable'],
];

function cellsOf(line: ReportLine): readonly (string | number)[] {
  const { platform, received, complied, denied, noMatch, open, refused, notIdentifiable, createdLater } = line;
  const { medianDays = '', meanDays = '', ignored, reappeared, stillPresent, unavailable } = line;
  const counts = [received, complied, denied, noMatch, open, refused, notIdentifiable, createdLater];
  return [platform, ...counts, medianDays, meanDays, ignored, reappeared, stillPresent, unavailable];
}
