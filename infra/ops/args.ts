import { userInfo } from 'node:os';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { didYouMean } from '../../lambda/domain/names.ts';

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

/** Parses the arguments after a command's name. Throws {@link OpsUsageError} for an unknown option, or a wrong use of one. */
export function parseCommandArgs(
  command: { readonly options: ParseArgsOptionsConfig },
  args: readonly string[],
): ParsedArgs {
  const options = { ...command.options, ...commonOptions };
  const { values, positionals, tokens } = parseArgs({
    args: args.map(arg => (isDashedId(arg) ? `${idPrefix}${arg}` : arg)),
    options,
    // Node's own errors contain what was typed, which could be an identifier of a person.
    strict: false,
    tokens: true,
  });
  for (const token of tokens) if (token.kind === 'option') checkOption(token, options);
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

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** Names an option only if it looks like one, and never its value. */
function checkOption({ name, rawName, value, inlineValue }: OptionToken, options: ParseArgsOptionsConfig): void {
  const type = Object.hasOwn(options, name) ? options[name]?.type : undefined;
  if (type === undefined) throw new OpsUsageError(unknownOption(name, rawName, Object.keys(options)));
  if (type === 'boolean' && value !== undefined) throw new OpsUsageError(`${rawName}: takes no value`);
  const isNextOption = inlineValue !== true && /^-./.test(value ?? '');
  if (type === 'string' && (value === undefined || isNextOption)) throw new OpsUsageError(`${rawName}: needs a value`);
}

function unknownOption(name: string, rawName: string, known: readonly string[]): string {
  const shown = /^--?[a-z-]{1,20}$/.test(rawName) ? ` ${rawName}` : '';
  const meant = didYouMean(name, known).replace('mean ', 'mean --');
  return `unknown option${shown}${shown === '' || meant === '' ? ': --help lists the options of this command' : meant}`;
}

/** No argument of a process can contain this character. */
const idPrefix = '\0';

/**
 * One receipt id in 64 begins with a dash (it is an HMAC-SHA-256 in base64url). No option looks like one, or like its
 * beginning.
 */
function isDashedId(arg: string): boolean {
  return /^-([\w-]{42}|\w[\w-]{4,40})$/.test(arg);
}

/** Returns the options of a command line that select where a command works, to repeat them in suggested commands. */
export function targetOptions(args: ParsedArgs): string {
  const given = ['stage', 'settings'].flatMap(option => {
    const value = args.text(option);
    return value === undefined ? [] : [`--${option} ${shellWord(value)}`];
  });
  return [...(args.isSet('local') ? ['--local'] : []), ...given].join(' ');
}

/** Returns an argument of a suggested command, quoted if a shell would split it. */
export function shellWord(value: string): string {
  return /^[\w./-]+$/.test(value) ? value : JSON.stringify(value);
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
    reason: reasonFor(args),
    at: now(),
  };
}

/**
 * Returns the reason that `--why` gives. Throws {@link OpsUsageError} if it is missing, has no letter or digit, such as the
 * "…" of a suggested command, or holds an e-mail address.
 */
export function reasonFor(args: ParsedArgs): string {
  return checkText('--why', 'the reason for the decision, in words', args.text('why'));
}

function checkText(option: string, what: string, text = ''): string {
  if (!/[\p{L}\p{N}]/u.test(text)) throw new OpsUsageError(`${option}: must be ${what}`);
  if (/\S@\S+\.\S/.test(text))
    throw new OpsUsageError(`${option}: must not contain an e-mail address, because it is stored for 25 months`);
  if (text.length > longestText) throw new OpsUsageError(`${option}: at most ${longestText} characters`);
  return text;
}

/** Fewest characters of a shortened id. Eight are 48 bits: two of a million receipts hardly ever begin alike. */
const shortestId = 8;

/** Returns the shortest beginning of an id that no other of the given ids has. Whole, where it would look like an option. */
export function shortId(id: string, ids: readonly string[]): string {
  if (id.startsWith('--')) return id;
  const others = ids.filter(other => other !== id);
  for (let length = shortestId; length < id.length; length += 1)
    if (others.every(other => !other.startsWith(id.slice(0, length)))) return id.slice(0, length);
  return id;
}

/** Fewest characters of a beginning that a command takes. */
const shortestBeginning = 6;

/** Most candidates that are listed for an ambiguous beginning. */
const maxCandidates = 10;

/** Returns how a message names one of several arguments, which could be an identifier of a person: by its number. */
export function argumentNumber(at: number, count: number): string {
  return count === 1 ? '' : `number ${at + 1}: `;
}

/**
 * Returns the id that is this text, or else the only one that begins like this; `undefined` if there is none. Throws
 * {@link OpsUsageError} if the text is too short, or if several ids begin like this, and lists them.
 */
export function pickId(text: string, ids: readonly string[], what: 'receipts' | 'holds'): string | undefined {
  if (ids.includes(text)) return text;
  if (text.length < shortestBeginning)
    throw new OpsUsageError(`too short: type at least ${shortestBeginning} characters of the id`);
  const found = [...new Set(ids.filter(id => id.startsWith(text)))];
  if (found.length < 2) return found[0];
  const shown = found.slice(0, maxCandidates).map(id => shortId(id, found));
  const more = found.length > maxCandidates ? ` and ${found.length - maxCandidates} more` : '';
  throw new OpsUsageError(`${found.length} ${what} begin like this, give more characters: ${shown.join(', ')}${more}`);
}
