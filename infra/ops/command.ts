import type { ParseArgsOptionsConfig } from 'node:util';
import type { ParsedArgs } from './args.ts';
import type { OpsContext } from './context.ts';
import type { Output } from './terminal.ts';

/** One command of the operator's tool. */
export interface Command {
  /** What it does, in one line of the overview. */
  readonly summary: string;
  /** Its whole help, with examples. */
  readonly help: string;
  /** Beside those that every command takes. */
  readonly options: ParseArgsOptionsConfig;
  /**
   * Gives the exit code: 0 done, 1 something is wrong, 3 nothing had to be changed. Throws `Refused` for what was
   * typed, and `Failure` when the deployment cannot be reached.
   */
  run(typed: ParsedArgs, desk: OpsContext, output: Output): Promise<number>;
}
