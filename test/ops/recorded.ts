import { expect } from 'vitest';
import type { Command, Typed } from '../../infra/ops/command.ts';
import type { Desk } from '../../infra/ops/desk.ts';
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
  const lines: string[] = [];
  const printed: unknown[] = [];
  const output = {
    json: options['json'] === true,
    print: (line: string) => void lines.push(line),
    printJson: (value: unknown) => void printed.push(value),
    progress: () => undefined,
  };
  const code = await command.run(typedAs(positionals, options), desk, output);
  expect(leaks(secrets, { lines: lines.join('\n'), json: JSON.stringify(printed) })).toEqual([]);
  return { code, lines, json: printed[0] };
}

function typedAs(positionals: readonly string[], options: Options): Typed {
  const text = (option: string) => {
    const value = options[option];
    return typeof value === 'string' ? value : undefined;
  };
  return { positionals, text, isSet: option => options[option] === true };
}
