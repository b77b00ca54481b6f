import type { ParseArgsOptionsConfig } from 'node:util';
import type { ParsedArgs } from './args.ts';
import type { OpsContext } from './context.ts';
import type { Output } from './terminal.ts';

/** One command of the operator's tool. */
export interface Command {
  /** One line in the overview. */
  readonly summary: string;
  /** The whole help text, with examples. */
  readonly help: string;
  /** In addition to the common options. */
  readonly options: ParseArgsOptionsConfig;
  /** Whether it works without the settings of a deployment, which are then empty. */
  readonly needsNoSettings?: true;
  /**
   * Returns the exit code: 0 done, 1 something is wrong, 3 nothing to change. Throws `OpsUsageError` for wrong
   * arguments, and `Failure` when the deployment is unavailable.
   */
  run(args: ParsedArgs, context: OpsContext, output: Output): Promise<number>;
}
