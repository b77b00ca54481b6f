import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { OpsUsageError } from './args.ts';

/** Asks one question on the terminal and returns the answer. Throws {@link OpsUsageError} after Ctrl-C or Ctrl-D. */
export type Ask = (question: string) => Promise<string>;

/** Asks on the terminal; `undefined` if standard input is none, because nobody could answer. */
export function terminalAsk(): Ask | undefined {
  return process.stdin.isTTY ? question => askOnce(question, process.stderr) : undefined;
}

/** The same, but the answer is not shown while it is typed or pasted. */
export function terminalAskHidden(): Ask | undefined {
  return process.stdin.isTTY
    ? question => askOnce(question, new Writable({ write: (_, __, done) => done() }))
    : undefined;
}

/** Node echoes the answer to `echo`: the terminal itself echoes nothing while Node reads from it. */
function askOnce(question: string, echo: NodeJS.WritableStream): Promise<string> {
  const isHidden = echo !== process.stderr;
  if (isHidden) process.stderr.write(question);
  const lines = createInterface({ input: process.stdin, output: echo, terminal: true, historySize: 0 });
  return new Promise((resolve, reject) => {
    lines.once('close', () => reject(new OpsUsageError('cancelled: nothing was changed')));
    lines.question(question, answer => {
      if (isHidden) process.stderr.write('\n');
      resolve(answer);
      lines.close();
    });
  });
}
