import { expect } from 'vitest';
import type { Command, Typed } from '../../infra/ops/command.ts';
import type { Desk } from '../../infra/ops/desk.ts';
import type { Output } from '../../infra/ops/output.ts';
import { leaks } from '../support/canary.ts';

export interface Recorded {
  readonly code: number;
  /** What a person sees. */
  readonly lines: readonly string[];
  /** What scripts get; `undefined` without `--json`. */
  readonly json: unknown;
}

type Options = Readonly<Record<string, string | true>>;

/** Runs a command in this process, as a person typed it; whatever `secrets` holds must not show. */
export async function recorded(
  command: Command,
  desk: Desk,
  {
    positionals = [],
    options = {},
    secrets = new Map(),
  }: {
    positionals?: readonly string[];
    options?: Options;
    secrets?: ReadonlyMap<string, string>;
  } = {},
): Promise<Recorded> {
  const { output, lines, printed } = recordingOutput(options['json'] === true);
  const code = await command.run(typedAs(positionals, options), desk, output);
  expect(leaks(secrets, { lines: lines.join('\n'), json: JSON.stringify(printed) })).toEqual([]);
  return { code, lines, json: printed[0] };
}

/** What a command says, kept. */
export function recordingOutput(json: boolean) {
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

function typedAs(positionals: readonly string[], options: Options): Typed {
  const text = (option: string) => {
    const value = options[option];
    return typeof value === 'string' ? value : undefined;
  };
  return { positionals, text, isSet: option => options[option] === true };
}
