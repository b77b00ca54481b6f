import { parseArgs } from 'node:util';
import type { Command, Typed } from './command.ts';
import { commonOptions } from './commands.ts';

/** What was typed after a command's name. Throws Node's own error for an option that the command does not know. */
export function typedFrom({ options }: Pick<Command, 'options'>, args: readonly string[]): Typed {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...options, ...commonOptions },
    allowPositionals: true,
  });
  const given = new Map<string, unknown>(Object.entries(values));
  const text = (option: string) => {
    const value = given.get(option);
    return typeof value === 'string' ? value : undefined;
  };
  return { positionals, text, isSet: option => given.get(option) === true };
}
