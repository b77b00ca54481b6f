import { parseCommandArgs } from '../../infra/ops/args.ts';
import { commands } from '../../infra/ops/commands.ts';
import type { OpsContext } from '../../infra/ops/context.ts';
import type { Output } from '../../infra/ops/terminal.ts';

/** What a command printed, and its exit code. */
export interface Ran {
  readonly status: number;
  readonly lines: readonly string[];
  /** What it printed as JSON. */
  readonly json: unknown;
  readonly progress: readonly string[];
}

/** Runs a command of the operator's tool in this process. Throws what the command throws. */
export async function run(desk: OpsContext, name: string, ...args: readonly string[]): Promise<Ran> {
  const command = commands[name];
  if (command === undefined) throw new Error(`no such command: ${name}`);
  const typed = parseCommandArgs(command, args);
  const { output, lines, printed, progress } = recordingOutput(typed.isSet('json'));
  const status = await command.run(typed, desk, output);
  return { status, lines, progress, json: printed[0] && JSON.parse(JSON.stringify(printed[0])) };
}

/** An output that keeps what a command prints. */
export function recordingOutput(json = false) {
  const lines: string[] = [];
  const printed: unknown[] = [];
  const progress: string[] = [];
  const output: Output = {
    json,
    print: line => void lines.push(line),
    printJson: value => void printed.push(value),
    progress: text => void progress.push(text),
  };
  return { output, lines, printed, progress };
}
