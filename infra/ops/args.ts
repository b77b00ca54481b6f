import { userInfo } from 'node:os';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

export interface ParsedArgs {
  readonly positionals: readonly string[];
  /** The value of an option that takes one. */
  text(option: string): string | undefined;
  isSet(option: string): boolean;
}

/** Taken by every command. */
export const commonOptions = {
  stage: { type: 'string' },
  settings: { type: 'string' },
  local: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** What was typed after a command's name. Throws Node's own error for an option that the command does not know. */
export function parseCommandArgs(
  { options }: { readonly options: ParseArgsOptionsConfig },
  args: readonly string[],
): ParsedArgs {
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

/** The whole number that an option was given, or `undefined`. Throws {@link OpsUsageError} where it is none from 1 to `most`. */
export function numberOf(typed: ParsedArgs, option: string, most: number): number | undefined {
  const text = typed.text(option);
  if (text === undefined) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw new OpsUsageError(`--${option}: must be a whole number from 1 to ${most}`);
  return value;
}

/** What the person typed cannot be done: one clear line that names the argument, exit code 2. */
export class OpsUsageError extends Error {}

/** Options of every command that changes something. */
export const decisionOptions = { why: { type: 'string' }, by: { type: 'string' } } as const;

export const decisionHelp = `  --why TEXT      the reason; it is kept with your name and the time, and signed (no personal data, please)
  --by NAME       who decides, if not the user of this machine`;

export interface OperatorDecision {
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
}

/** Longest reason and name that are kept, in characters: they become part of the evidence. */
const longestText = 500;

/** Who decides, why and when. Throws {@link OpsUsageError} where no reason is given. */
export function decisionOf(typed: ParsedArgs, { now }: { readonly now: () => number }): OperatorDecision {
  return {
    actor: kept('--by', typed.text('by') ?? userInfo().username),
    reason: kept('--why', typed.text('why')),
    at: now(),
  };
}

function kept(option: string, text = ''): string {
  if (text.trim() === '') throw new OpsUsageError(`${option}: must say ${option === '--why' ? 'the reason' : 'who'}`);
  if (/\S@\S+\.\S/.test(text))
    throw new OpsUsageError(`${option}: holds an e-mail address, and it is kept for 25 months`);
  if (text.length > longestText) throw new OpsUsageError(`${option}: at most ${longestText} characters`);
  return text;
}
