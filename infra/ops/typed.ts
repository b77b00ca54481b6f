import { parseArgs } from 'node:util';
import type { Command, ParsedArgs } from './command.ts';
import { commonOptions } from './commands.ts';

/** What was typed after a command's name. Throws Node's own error for an option that the command does not know. */
export function parseCommandArgs({ options }: Pick<Command, 'options'>, args: readonly string[]): ParsedArgs {
  const { values, positionals } = parseArgs({
    args: args.map(arg => (isDashedId(arg) ? `${noOption}${arg}` : arg)),
    options: { ...options, ...commonOptions },
    allowPositionals: true,
  });
  const given = new Map<string, unknown>(Object.entries(values));
  const text = (option: string) => {
    const value = given.get(option);
    return typeof value === 'string' ? asTyped(value) : undefined;
  };
  return { positionals: positionals.map(asTyped), text, isSet: option => given.get(option) === true };
}

/** No argument of a process can hold it. */
const noOption = '\0';

/** One receipt's id in 64 begins with a dash, and no option looks like one: HMAC-SHA-256 in base64url. */
function isDashedId(arg: string): boolean {
  return /^-[\w-]{42}$/.test(arg);
}

function asTyped(value: string): string {
  return value.startsWith(noOption) ? value.slice(noOption.length) : value;
}
