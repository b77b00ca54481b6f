import { createInterface } from 'node:readline';
import { stripVTControlCharacters, styleText } from 'node:util';
import { asInvoked } from './invocation.ts';

/** Returns the lines of standard input without their line endings. */
export async function* inputLines(): AsyncIterable<string> {
  yield* createInterface({ input: process.stdin });
}

/** The output of a command: results on standard output, as text or JSON; everything else on standard error. */
export interface Output {
  readonly json: boolean;
  /** Prints one line. On a terminal, wraps it at 80 columns if an indent for the continuation lines is given. */
  print(line: string, indent?: number): void;
  /** Prints the result for scripts. */
  printJson(value: unknown): void;
  /** Shows the progress of long work, only on a terminal. */
  progress(text: string): void;
}

/** Returns an output that writes to the streams of this process. */
export function processOutput(json: boolean): Output {
  return {
    json,
    print: (line, indent) => {
      const lines = indent === undefined || !process.stdout.isTTY ? [line] : wrapLine(line, indent);
      process.stdout.write(`${asInvoked(lines.join('\n'))}\n`);
    },
    printJson: value => process.stdout.write(`${asInvoked(JSON.stringify(value, undefined, 2))}\n`),
    progress: text => {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
    },
  };
}

export type Tone = 'good' | 'warning' | 'bad' | 'quiet';

const formats = { good: 'green', warning: 'yellow', bad: 'red', quiet: 'dim' } as const;

/** Returns the text in a colour, if standard output shows colours (respects `NO_COLOR`). */
export function toned(tone: Tone, text: string): string {
  return styleText(formats[tone], text, { stream: process.stdout });
}

/** Returns the lines of a table whose columns are as wide as their content. */
export function tableLines(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0)));
  return all.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const terminalColumns = 80;

/** Wraps a line at 80 columns, between words. Continuation lines start with `indent` spaces. */
export function wrapLine(line: string, indent: number): readonly string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(/(?<=\S) /)) {
    const next = current === '' ? word : `${current} ${word}`;
    if (current === '' || stripVTControlCharacters(next).length <= terminalColumns) current = next;
    else {
      lines.push(current);
      current = `${' '.repeat(indent)}${word}`;
    }
  }
  return [...lines, current];
}

/** Replaces control and format characters, so that an operator's text cannot move the cursor or change the text direction. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ');
}

/** Formats a time (epoch milliseconds) as ISO 8601 in UTC, to the second. */
export function isoSeconds(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** Formats a duration (milliseconds) in its two largest units. */
export function span(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / minuteMs);
  if (ms < hourMs) return `${minutes} min`;
  const hours = Math.floor(ms / hourMs);
  return ms < dayMs ? `${hours} h ${minutes % 60} min` : `${Math.floor(ms / dayMs)} d ${hours % 24} h`;
}
