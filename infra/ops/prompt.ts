import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { OpsUsageError } from './args.ts';

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
