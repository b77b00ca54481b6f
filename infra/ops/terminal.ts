import { createInterface } from 'node:readline';
import { styleText } from 'node:util';

/** The lines of standard input, without what ends them. */
export async function* inputLines(): AsyncIterable<string> {
  yield* createInterface({ input: process.stdin });
}

/** What a command says: results on standard output, for people or as JSON; the rest on standard error. */
export interface Output {
  readonly json: boolean;
  /** One line of the result. */
  print(line: string): void;
  /** The result for scripts. */
  printJson(value: unknown): void;
  /** How far long work has come; only where a person looks on. */
  progress(text: string): void;
}

/** Writes to the streams of this process. */
export function processOutput(json: boolean): Output {
  return {
    json,
    print: line => process.stdout.write(`${line}\n`),
    printJson: value => process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`),
    progress: text => {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
    },
  };
}

export type Tone = 'good' | 'warning' | 'bad' | 'quiet';

const formats = { good: 'green', warning: 'yellow', bad: 'red', quiet: 'dim' } as const;

/** A text in a colour, on a terminal that shows colours; plain elsewhere (`NO_COLOR` is heard). */
export function toned(tone: Tone, text: string): string {
  return styleText(formats[tone], text, { stream: process.stdout });
}

/** Lines of a table with as wide columns as they need. */
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

/** A person's text must neither move the cursor of whoever reads it nor turn the direction of what stands beside it. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ');
}

/** A time (epoch milliseconds) for people and scripts: ISO 8601 in UTC, to the second. */
export function instant(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** How long something takes (milliseconds), in the two units that say most. */
export function span(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / minuteMs);
  if (ms < hourMs) return `${minutes} min`;
  const hours = Math.floor(ms / hourMs);
  return ms < dayMs ? `${hours} h ${minutes % 60} min` : `${Math.floor(ms / dayMs)} d ${hours % 24} h`;
}
