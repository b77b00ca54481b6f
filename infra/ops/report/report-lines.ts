import { csvRecord } from '../csv.ts';
import { shortName } from '../receipts.ts';
import { type Output, tableLines } from '../terminal.ts';
import { emptyTally, type Figures, figuresOf, type Tally } from './figures.ts';

/** The figures of one platform, or of all (`total`). */
export type ReportLine = Figures & { readonly platform: string; readonly ignored: number };

/** Returns a line for each platform, sorted by name, and the total. */
export function reportLines(
  byPlatform: ReadonlyMap<string, Tally>,
  ignoredBy: ReadonlyMap<string, number>,
): readonly ReportLine[] {
  const names = [...new Set([...byPlatform.keys(), ...ignoredBy.keys()])].toSorted();
  const tallies = names.map(name => byPlatform.get(name) ?? emptyTally());
  const lines = names.map((platform, at) => {
    return { platform, ...figuresOf(tallies.slice(at, at + 1)), ignored: ignoredBy.get(platform) ?? 0 };
  });
  const ignored = lines.reduce((sum, line) => sum + line.ignored, 0);
  return [...lines, { platform: 'total', ...figuresOf(tallies), ignored }];
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
  const { refused, notIdentifiable, createdLater, meanDays = '-', ignored } = line;
  return [
    `denied: ${refused} refused, ${notIdentifiable} not identifiable; no match: ${createdLater} created later`,
    `mean days: ${meanDays}; ignored messages: ${ignored}; piped to a file, the output is CSV`,
  ];
}

const columns = [
  ...['platform', 'received', 'complied_in_whole_or_part', 'denied', 'no_match', 'open'],
  ...['refused', 'not_identifiable', 'created_later', 'median_days', 'mean_days', 'ignored'],
];

function cellsOf(line: ReportLine): readonly (string | number)[] {
  const { platform, received, complied, denied, noMatch, open, refused, notIdentifiable, createdLater } = line;
  const { medianDays = '', meanDays = '', ignored } = line;
  const counts = [received, complied, denied, noMatch, open, refused, notIdentifiable, createdLater];
  return [platform, ...counts, medianDays, meanDays, ignored];
}
