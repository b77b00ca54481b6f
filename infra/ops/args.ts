import { userInfo } from 'node:os';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

export interface ParsedArgs {
  readonly positionals: readonly string[];
  /** The value of an option that takes one. */
  text(option: string): string | undefined;
  /** The values of an option that can be repeated. */
  texts(option: string): readonly string[];
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

/** Parses the arguments after a command's name. Throws Node's own error for an unknown option. */
export function parseCommandArgs(
  { options }: { readonly options: ParseArgsOptionsConfig },
  args: readonly string[],
): ParsedArgs {
  const { values, positionals } = parseArgs({
    args: args.map(arg => (isDashedId(arg) ? `${idPrefix}${arg}` : arg)),
    options: { ...options, ...commonOptions },
    allowPositionals: true,
  });
  const given = new Map<string, unknown>(Object.entries(values));
  const text = (option: string) => {
    const value = given.get(option);
    return typeof value === 'string' ? withoutPrefix(value) : undefined;
  };
  return {
    positionals: positionals.map(withoutPrefix),
    text,
    texts: option => [given.get(option) ?? []].flat().filter(value => typeof value === 'string'),
    isSet: option => given.get(option) === true,
  };
}

/** No argument of a process can contain this character. */
const idPrefix = '\0';

/** One receipt id in 64 begins with a dash (it is an HMAC-SHA-256 in base64url). No option looks like one, or like its beginning. */
function isDashedId(arg: string): boolean {
  return /^-([\w-]{42}|\w[\w-]{4,40})$/.test(arg);
}

/** Returns the options of a command line that select where a command works, to repeat them in suggested commands. */
export function targetOptions(args: ParsedArgs): string {
  const given = ['stage', 'settings'].flatMap(option => {
    const value = args.text(option);
    return value === undefined ? [] : [`--${option} ${/^[\w./-]+$/.test(value) ? value : JSON.stringify(value)}`];
  });
  return [...(args.isSet('local') ? ['--local'] : []), ...given].join(' ');
}

function withoutPrefix(value: string): string {
  return value.startsWith(idPrefix) ? value.slice(idPrefix.length) : value;
}

/** Returns the whole number of an option, or `undefined`. Throws {@link OpsUsageError} if it is not from 1 to `most`. */
export function numberOf(args: ParsedArgs, option: string, most: number): number | undefined {
  const text = args.text(option);
  if (text === undefined) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw new OpsUsageError(`--${option}: must be a whole number from 1 to ${most}`);
  return value;
}

/** Returns the start of a day in UTC, in epoch milliseconds. Throws {@link OpsUsageError} for an invalid day. */
export function dayOf(option: string, text = ''): number {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  // JavaScript parses 2026-02-30 as a day in March.
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text) {
    throw new OpsUsageError(`${option}: must be a day such as 2026-01-31`);
  }
  return at;
}

/** A usage error: one line that names the argument. The exit code is 2. */
export class OpsUsageError extends Error {}

/** Options of every command that changes something. */
export const decisionOptions = { why: { type: 'string' }, by: { type: 'string' } } as const;

export const decisionHelp = `  --why TEXT      the reason, stored and signed with your name and the time.
                  Do not write personal data
  --by NAME       who decides; the default is the user of this machine`;

export interface OperatorDecision {
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
}

/** Longest reason and name, in characters. They become part of the evidence. */
const longestText = 500;

/** Returns who decides, why and when. Throws {@link OpsUsageError} if no reason is given. */
export function decisionOf(args: ParsedArgs, { now }: { readonly now: () => number }): OperatorDecision {
  return {
    actor: checkText('--by', 'the name of the operator', args.text('by') ?? userInfo().username),
    reason: reasonFor('--why', args),
    at: now(),
  };
}

/** Returns the reason that an option gives. Throws {@link OpsUsageError} if it is missing or holds an e-mail address. */
export function reasonFor(option: '--why' | '--reason', args: ParsedArgs): string {
  return checkText(option, 'the reason for the decision', args.text(option.slice(2)));
}

function checkText(option: string, what: string, text = ''): string {
  if (text.trim() === '') throw new OpsUsageError(`${option}: must be ${what}`);
  if (/\S@\S+\.\S/.test(text))
    throw new OpsUsageError(`${option}: must not contain an e-mail address, because it is stored for 25 months`);
  if (text.length > longestText) throw new OpsUsageError(`${option}: at most ${longestText} characters`);
  return text;
}
