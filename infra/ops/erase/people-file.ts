import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { ManualRequest } from '../../../lambda/request/manual-event.ts';
import { OpsUsageError } from '../args.ts';
import { type CsvRow, parseCsv } from '../csv.ts';
import { type ManualIdentifier, type ManualKind, manualKinds, mistakeOf } from '../identifiers.ts';
import { counted } from '../terminal.ts';

/** A request of the file, and the line where it is. */
export interface Person {
  readonly line: number;
  readonly request: ManualRequest;
}

export interface People {
  readonly people: readonly Person[];
  /** Lines that repeat an earlier one, and are left out. */
  readonly repeated: number;
}

/** Most lines with people in one file. A preview of more would take hours. */
export const maxPeople = 5000;
const maxBytes = 4_194_304;

/**
 * Reads the people of a CSV file with a header. Throws {@link OpsUsageError}, which names line and column and never a value.
 * The ids of the requests follow from the people and their order, so that the same file always has the same ones.
 */
export function readPeople(path: string): People {
  const rows = parseCsv(readText(path));
  const [header, ...lines] = rows;
  const kinds = kindsOf(header?.cells ?? []);
  const mistakes = lines.flatMap(row => mistakesOf(row, kinds));
  if (mistakes.length > 0) throw new OpsUsageError(listMistakes(mistakes));
  const people = lines.map(({ line, cells }) => ({ line, identifiers: identifiersOf(cells, kinds) }));
  const different = new Map(people.toReversed().map(one => [JSON.stringify(one.identifiers), one]));
  const kept = people.filter(one => different.get(JSON.stringify(one.identifiers)) === one);
  if (kept.length === 0) throw new OpsUsageError('--csv: has no line below the header');
  if (kept.length > maxPeople)
    throw new OpsUsageError(`--csv: has more than ${maxPeople} people: split it into several files`);
  const digest = sha256(JSON.stringify(kept.map(({ identifiers }) => identifiers)));
  return {
    people: kept.map(({ line, identifiers }, at) => ({
      line,
      request: { reference: sha256(`${digest}#${at}`), identifiers },
    })),
    repeated: people.length - kept.length,
  };
}

function readText(path: string): string {
  try {
    if (statSync(path).size > maxBytes)
      throw new OpsUsageError('--csv: is larger than 4 MiB: split it into several files');
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof OpsUsageError) throw error;
    throw new OpsUsageError(`--csv: ${error instanceof TypeError ? 'is not UTF-8' : 'the file cannot be read'}`);
  }
}

/** A file without a header has identifiers in its first line, so no name is repeated. */
function kindsOf(cells: readonly string[]): readonly ManualKind[] {
  const names = cells.map(cell => cell.trim());
  return names.map((name, at) => {
    const kind = manualKinds.find(one => one === name);
    if (kind === undefined || names.indexOf(name) !== at)
      throw new OpsUsageError(
        `--csv: line 1, column ${at + 1}: must be one of ${manualKinds.join(', ')}, once, with commas between them`,
      );
    return kind;
  });
}

/** Cells may be empty, but not all of a line. */
function mistakesOf({ line, cells }: CsvRow, kinds: readonly ManualKind[]): readonly string[] {
  if (cells.length !== kinds.length)
    return [`--csv: line ${line}: has ${counted(cells.length, 'cell')}, and the header has ${kinds.length}`];
  const filled = identifiersOf(cells, kinds);
  if (filled.length === 0) return [`--csv: line ${line}: has no identifier`];
  return filled.flatMap(identifier => {
    const mistake = mistakeOf(identifier);
    return mistake === undefined ? [] : [`--csv: line ${line}, column ${identifier.kind}: ${mistake}`];
  });
}

/** Mistakes that are listed; the rest is counted. */
const maxListed = 20;

function listMistakes(mistakes: readonly string[]): string {
  const rest = mistakes.length - maxListed;
  return [...mistakes.slice(0, maxListed), ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n');
}

/** Always in the same order. The columns of the file may have another. */
function identifiersOf(cells: readonly string[], kinds: readonly ManualKind[]): ManualIdentifier[] {
  const filled = kinds.flatMap((kind, at) => {
    const value = cells[at] ?? '';
    return value.trim() === '' ? [] : [{ kind, value }];
  });
  return filled.toSorted((a, b) => manualKinds.indexOf(a.kind) - manualKinds.indexOf(b.kind));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
