import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { stripVTControlCharacters, styleText } from 'node:util';
import { OpsUsageError, shortId } from './args.ts';

/** Returns the lines of standard input without their line endings. */
export async function* inputLines(): AsyncIterable<string> {
  yield* createInterface({ input: process.stdin });
}

/** The output of a command: results on standard output, as text or JSON; everything else on standard error. */
export interface Output {
  readonly json: boolean;
  /** Width of the terminal; absent if standard output is none, such as a file or a pipe. */
  readonly columns?: number;
  /**
   * Prints one line. On a terminal it is wrapped at the width, with this indent for the continuation lines (default: two
   * more than its own). A text of several lines is for other programs, and is printed as it is.
   */
  print(line: string, indent?: number): void;
  /** Prints lines on standard error, and wraps each in the same way. */
  warn(lines: string): void;
  /** Prints the result for scripts. */
  printJson(value: unknown): void;
  /** Shows the progress of long work, only on a terminal. */
  progress(text: string): void;
}

/** Returns an output that writes to the streams of this process. Suggested commands get the options of `target`. */
export function processOutput(json: boolean, target = ''): Output {
  const columns = columnsOf(process.stdout);
  const complete = (text: string) => asInvoked(withTarget(text, target));
  const layOut = (line: string, width: number | undefined, indent?: number) => {
    if (width === undefined) return complete(line);
    const lines = isCommand.test(line)
      ? wrapCommand(complete(withShortIds(line)), width)
      : wrapLine(complete(line), indent ?? indentOf(line) + 2, width);
    return lines.join('\n');
  };
  return {
    json,
    ...(columns === undefined ? {} : { columns }),
    print: (line, indent) => {
      const text = line.includes('\n') ? complete(line) : layOut(line, columns, indent);
      process.stdout.write(`${text}\n`);
    },
    warn: lines => {
      const width = columnsOf(process.stderr);
      console.error(
        lines
          .split('\n')
          .map(line => layOut(line, width))
          .join('\n'),
      );
    },
    printJson: value => process.stdout.write(`${complete(JSON.stringify(value, undefined, 2))}\n`),
    progress: text => {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
    },
  };
}

function columnsOf({ isTTY, columns }: NodeJS.WriteStream): number | undefined {
  return isTTY ? columns || defaultColumns : undefined;
}

const isCommand = /^ *npm run /;

/** In a suggested command the beginning of a receipt's id is enough. */
function withShortIds(command: string): string {
  return command.replaceAll(/(?<= )[\w-]{43}(?= |$)/g, id => shortId(id, []));
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

export type Tone = 'good' | 'warning' | 'bad' | 'quiet';

const formats = { good: 'green', warning: 'yellow', bad: 'red', quiet: 'dim' } as const;

/** Returns the text in a colour, if standard output shows colours (respects `NO_COLOR`). */
export function toned(tone: Tone, text: string): string {
  return styleText(formats[tone], text, { stream: process.stdout });
}

/**
 * Returns the rows of a table, the header first, whose columns are as wide as their content. A row that is wider than
 * `columns` is continued below its last cell.
 */
export function tableLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns = Number.POSITIVE_INFINITY,
): readonly string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map(row => row[column]?.length ?? 0)));
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const width = Math.max(shortestCell, columns - before);
  return all.map(row =>
    cutText(row.at(-1) ?? '', width)
      .map((part, at) => {
        const cells = row.slice(0, -1).map((cell, column) => (at === 0 ? cell : '').padEnd(widths[column] ?? 0));
        return [...cells, part].join('  ').trimEnd();
      })
      .join('\n'),
  );
}

/** Fewest characters of a cell that is continued on another line. */
const shortestCell = 10;

function cutText(text: string, width: number): readonly string[] {
  const rest = text.slice(width);
  return rest === '' ? [text] : [text.slice(0, width), ...cutText(rest, width)];
}

const defaultColumns = 80;

/** Wraps a line between words. Continuation lines start with `indent` spaces. */
export function wrapLine(line: string, indent: number, columns = defaultColumns): readonly string[] {
  return joinWords(line.split(/(?<=\S) /), indent, columns);
}

/** Wraps a command outside its quotes, so that a shell still reads it as one. */
function wrapCommand(command: string, columns: number): readonly string[] {
  const words = command.split(/(?<=\S) (?=(?:[^"]*"[^"]*")*[^"]*$)/);
  const lines = joinWords(words, indentOf(command) + 4, columns - 2);
  return lines.map((line, at) => (at < lines.length - 1 ? `${line} \\` : line));
}

function joinWords(words: readonly string[], indent: number, columns: number): readonly string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of words) {
    const next = current === '' ? word : `${current} ${word}`;
    if (current === '' || stripVTControlCharacters(next).length <= columns) current = next;
    else {
      lines.push(current);
      current = `${' '.repeat(indent)}${word}`;
    }
  }
  return [...lines, current];
}

/** Returns a number with its noun: `1 receipt`, `2 receipts`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
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
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** Formats a duration (milliseconds) in its two largest units. */
export function span(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / minuteMs);
  if (ms < hourMs) return `${minutes} min`;
  const hours = Math.floor(ms / hourMs);
  return ms < dayMs ? `${hours} h ${minutes % 60} min` : `${Math.floor(ms / dayMs)} d ${hours % 24} h`;
}

/** Formats a duration (milliseconds) in its largest unit. */
export function shortSpan(ms: number): string {
  return span(ms).replace(/ (min|h|d).*$/, ' $1');
}

/** Asks one question on the terminal and returns the answer. Throws {@link OpsUsageError} after Ctrl-C or Ctrl-D. */
export type Ask = (question: string) => Promise<string>;

/** Questions on the terminal, until `close`. */
export interface Prompt {
  readonly ask: Ask;
  close(): void;
}

/** Opens a prompt; `undefined` if standard input is no terminal, because no user could answer. */
export function openPrompt(): Prompt | undefined {
  return process.stdin.isTTY ? promptOn(process.stderr, question => question) : undefined;
}

/** The same, but answers are not shown while they are typed or pasted. */
export function openHiddenPrompt(): Prompt | undefined {
  if (!process.stdin.isTTY) return undefined;
  const nowhere = new Writable({ write: (_, __, done) => done() });
  return promptOn(nowhere, question => {
    process.stderr.write(question);
    return '';
  });
}

/**
 * Node echoes answers to `echo`. From its creation until `close`, the terminal itself echoes nothing: so it is created
 * before the first question, and closed after the last one.
 */
function promptOn(echo: NodeJS.WritableStream, show: (question: string) => string): Prompt {
  const lines = createInterface({ input: process.stdin, output: echo, terminal: true, historySize: 0 });
  return {
    ask: question =>
      new Promise((resolve, reject) => {
        const cancel = () => reject(new OpsUsageError('cancelled: nothing was changed'));
        lines.once('close', cancel);
        lines.question(show(question), answer => {
          lines.off('close', cancel);
          if (echo !== process.stderr) process.stderr.write('\n');
          resolve(answer);
        });
      }),
    close: () => lines.close(),
  };
}

/** How help and messages write a command of this tool in a clone of the repository. */
const inRepository = /npm run (?:-s )?ops --/g;

/**
 * Returns a text with its commands as the user types them: `npm run ops -- …` in the repository, where the tool runs from
 * its TypeScript source, and the name of the package's executable otherwise.
 */
export function asInvoked(text: string, script = process.argv[1] ?? ''): string {
  const name = executableName(script);
  return name === undefined ? text : text.replaceAll(inRepository, name);
}

/** Returns the name of the package's executable; `undefined` in the repository. */
export function executableName(script = process.argv[1] ?? ''): string | undefined {
  return script.endsWith('.ts') ? undefined : basename(script).replace(/\.[cm]?js$/, '');
}

/** Returns a text in which each command of this tool has the options of this process that select where it works. */
export function withTarget(text: string, options: string): string {
  if (options === '') return text;
  return text.replaceAll(
    /(npm run (?:-s )?ops -- [a-z][a-z-]*)(?! --help)\b/g,
    `$1 ${options.replaceAll('$', '$$$$')}`,
  );
}
