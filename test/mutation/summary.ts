/** The mutants of one folder after a run. */
export interface FolderResult {
  readonly name: string;
  readonly killed: number;
  /** Without those that do not compile or are ignored. */
  readonly total: number;
  /** Mutants that no test noticed. */
  readonly alive: readonly { readonly place: string; readonly change: string; readonly status: string }[];
}

interface Report {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

interface Mutant {
  readonly status: string;
  readonly replacement?: string;
  readonly location: { readonly start: Position; readonly end: Position };
}

interface Position {
  readonly line: number;
  readonly column: number;
}

const counted = ['Killed', 'Timeout', 'Survived', 'NoCoverage'];
const killed = ['Killed', 'Timeout'];

/** Reads Stryker's reports of the files of one folder (mutation-testing-report-schema). */
export function readResult(name: string, reports: readonly string[]): FolderResult {
  const files = reports.flatMap(json => Object.entries((JSON.parse(json) as Report).files));
  const all = files.flatMap(([file, { source, mutants }]) =>
    mutants.filter(({ status }) => counted.includes(status)).map(mutant => ({ file, source, mutant })),
  );
  const alive = all.filter(({ mutant }) => !killed.includes(mutant.status));
  return {
    name,
    killed: all.length - alive.length,
    total: all.length,
    alive: alive.map(({ file, source, mutant }) => ({
      place: `${file}:${mutant.location.start.line}`,
      change: `${textAt(source, mutant)} -> ${oneLine(mutant.replacement ?? '')}`,
      status: mutant.status,
    })),
  };
}

function textAt(source: string, { location: { start, end } }: Mutant): string {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  const last = lines.length - 1;
  const cut = lines.map((line, index) =>
    line.slice(index === 0 ? start.column - 1 : 0, index === last ? end.column - 1 : undefined),
  );
  return oneLine(cut.join(' '));
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > 100 ? `${line.slice(0, 100)}…` : line;
}

/** Returns the summary with the row of this folder replaced, or added to the end of its table. */
export function summaryOf(page: string, { name, killed: dead, total }: FolderResult): string {
  const row = `| ${name} | ${dead} | ${total} | ${((100 * dead) / Math.max(1, total)).toFixed(1)} % |`;
  const lines = page.split('\n');
  const known = lines.findIndex(line => line.startsWith(`| ${name} |`));
  if (known !== -1) return lines.with(known, row).join('\n');
  const last = lines.findLastIndex(line => /^\|.*\| \S+ % \|$|^(\|---){4}\|$/.test(line));
  return lines.toSpliced(last + 1, 0, row).join('\n');
}
