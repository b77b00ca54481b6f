import type { ParseArgsOptionsConfig } from 'node:util';
import type { ParsedArgs } from './args.ts';
import type { OpsContext } from './context.ts';
import type { Output } from './terminal.ts';

interface CommandTexts {
  /** One line in the overview. */
  readonly summary: string;
  /** The whole help text, with examples. */
  readonly help: string;
  /** In addition to the common options. */
  readonly options: ParseArgsOptionsConfig;
}

/** A command that needs no deployment, such as one that writes a file. */
export interface OfflineCommand extends CommandTexts {
  /** As {@link Command.run}, without a deployment. */
  runOffline(args: ParsedArgs, output: Output): Promise<number>;
}

/** One command of the operator's tool that works on a deployment or a local run. */
export interface Command extends CommandTexts {
  /** Whether the tool first shows where the command works, and as whom. It always does before a decision. */
  readonly showsIdentity?: true;
  /**
   * Returns the exit code: 0 done, 1 something is wrong, 3 nothing to change. Throws `OpsUsageError` for wrong
   * arguments, and `Failure` when the deployment is unavailable.
   */
  run(args: ParsedArgs, context: OpsContext, output: Output): Promise<number>;
}
