import { commands } from '../../infra/ops/commands.ts';
import type { Desk } from '../../infra/ops/desk.ts';
import { typedFrom } from '../../infra/ops/typed.ts';
import { recordingOutput } from './recorded.ts';

/** What a command printed, and its exit code. */
export interface Ran {
  readonly status: number;
  readonly lines: readonly string[];
  /** What it printed as JSON. */
  readonly json: unknown;
  readonly progress: readonly string[];
}

/** Runs a command of the operator's tool in this process. Throws what the command throws. */
export async function run(desk: Desk, name: string, ...args: readonly string[]): Promise<Ran> {
  const command = commands[name];
  if (command === undefined) throw new Error(`no such command: ${name}`);
  const typed = typedFrom(command, args);
  const { output, lines, printed, progress } = recordingOutput(typed.isSet('json'));
  const status = await command.run(typed, desk, output);
  return { status, lines, progress, json: printed[0] && JSON.parse(JSON.stringify(printed[0])) };
}
