import { dirname } from 'node:path';
import type { TracedFunction } from './instrument.ts';

export interface TraceFigures {
  readonly files: number;
  readonly folders: number;
  /** Distinct functions. */
  readonly functions: number;
  readonly calls: number;
  /** Pairs of successive calls that enter functions of different files. */
  readonly switches: number;
}

/** Counts a trace: the functions in the order in which they were entered. */
export function countTrace(trace: readonly TracedFunction[]): TraceFigures {
  const files = new Set(trace.map(({ file }) => file));
  return {
    files: files.size,
    folders: new Set([...files].map(file => dirname(file))).size,
    functions: new Set(trace).size,
    calls: trace.length,
    switches: Math.max(0, stretchesOf(trace).length - 1),
  };
}

interface Stretch {
  readonly file: string;
  readonly names: readonly string[];
}

/** Groups successive calls in the same file. */
export function stretchesOf(trace: readonly TracedFunction[]): readonly Stretch[] {
  const stretches: { file: string; names: string[] }[] = [];
  for (const { file, name } of trace) {
    const last = stretches.at(-1);
    if (last?.file === file) last.names.push(name);
    else stretches.push({ file, names: [name] });
  }
  return stretches;
}

/** Returns the files in the order in which they are first entered, each with all its calls. */
export function filesOf(trace: readonly TracedFunction[]): readonly Stretch[] {
  const files = Map.groupBy(trace, ({ file }) => file);
  return [...files].map(([file, calls]) => ({ file, names: calls.map(({ name }) => name) }));
}

/** Formats files with their calls, at most 80 columns wide; a name that occurs n times ends with ` xn`. */
export function linesOf(list: readonly Stretch[]): string {
  return list.map(({ file, names }) => `${file}\n${wrapNames(withCounts(names))}`).join('');
}

function withCounts(names: readonly string[]): readonly string[] {
  const times = Map.groupBy(names, name => name);
  return [...times].map(([name, { length }]) => (length === 1 ? name : `${name} x${length}`));
}

function wrapNames(names: readonly string[]): string {
  const lines: string[] = [];
  let line = '   ';
  for (const [index, name] of names.entries()) {
    const word = index + 1 < names.length ? ` ${name},` : ` ${name}`;
    if (line.length + word.length > 80) {
      lines.push(line);
      line = '   ';
    }
    line += word;
  }
  return [...lines, line].map(text => `${text}\n`).join('');
}
