import { commands } from '../../infra/ops/commands.ts';
import type { Desk } from '../../infra/ops/desk.ts';
import type { Output } from '../../infra/ops/output.ts';
import { typedFrom } from '../../infra/ops/typed.ts';

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
  const lines: string[] = [];
  const progress: string[] = [];
  let json: unknown;
  const typed = typedFrom(command, args);
  const output: Output = {
    json: typed.isSet('json'),
    print: line => lines.push(line),
    printJson: value => {
      json = JSON.parse(JSON.stringify(value));
    },
    progress: text => progress.push(text),
  };
  const status = await command.run(typed, desk, output);
  return { status, lines, json, progress };
}
