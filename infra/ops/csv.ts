import { OpsUsageError } from './args.ts';

/** Returns a CSV record (RFC 4180), quoted where needed. It ends with CR; `Output.print` adds LF. */
export function csvRecord(cells: readonly (string | number)[]): string {
  return `${cells.map(cell => (typeof cell === 'number' ? String(cell) : quote(neutralise(cell)))).join(',')}\r`;
}

/** A spreadsheet would read such a text as a formula (OWASP, "CSV Injection"). With an apostrophe before it, it is text. */
function neutralise(cell: string): string {
  return /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
}

function quote(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

export interface CsvRow {
  /** Where it begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** A cell in quotes, with doubled quotes inside, or without; and what ends it (RFC 4180). */
const cellPattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|\r|$)/y;

/**
 * Parses CSV (RFC 4180) with commas; a byte order mark and empty lines are skipped. Throws {@link OpsUsageError} for quotes
 * that do not fit, with the line and without the text.
 */
export function parseCsv(text: string): readonly CsvRow[] {
  const rows: CsvRow[] = [];
  const pattern = new RegExp(cellPattern);
  pattern.lastIndex = text.startsWith('\uFEFF') ? 1 : 0;
  let line = 1;
  let cells: string[] = [];
  let begunAt = line;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) throw new OpsUsageError(`--csv: line ${line}: a quote is not closed, or is inside a cell`);
    const [whole, quoted, plain = '', end = ''] = match;
    cells.push(quoted?.replaceAll('""', '"') ?? plain);
    line += whole.match(/\r\n|\r|\n/g)?.length ?? 0;
    const isLast = pattern.lastIndex === text.length;
    if (isLast && end === ',') cells.push('');
    if (end === ',' && !isLast) continue;
    if (cells.length > 1 || cells[0] !== '') rows.push({ line: begunAt, cells });
    cells = [];
    begunAt = line;
  }
  return rows;
}
