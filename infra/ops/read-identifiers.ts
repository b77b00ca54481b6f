import type { ManualRequest } from '../../lambda/request/receive-manual.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import { identifierOptions, type ManualIdentifier, mistakeOf } from './identifiers.ts';
import { inputLines, openHiddenPrompt } from './terminal.ts';

/**
 * Reads one identifier for each option that is given, from a prompt that does not show it or from standard input. Throws
 * {@link OpsUsageError}.
 */
export async function readIdentifiers(args: ParsedArgs): Promise<ManualRequest['identifiers']> {
  const given = identifierOptions.filter(([, option]) => args.text(option) !== undefined);
  for (const [, option] of given)
    if (args.text(option) !== '-')
      throw new OpsUsageError(`--${option}: must be -, and the value is asked for: the shell's history would store it`);
  const prompt = openHiddenPrompt();
  if (prompt === undefined && given.length > 1)
    throw new OpsUsageError('standard input has one value: use a terminal for several, or erase --csv');
  const values: ManualRequest['identifiers'] = [];
  try {
    for (const [kind, option] of given) {
      const value = prompt === undefined ? await readFirstLine() : await prompt.ask(`${option} (not shown): `);
      values.push(checkIdentifier(`--${option}`, { kind, value }));
    }
  } finally {
    prompt?.close();
  }
  return values;
}

/** Reads the value of one option, from a prompt that does not show it or from the first line of standard input. */
export async function readHidden(option: string): Promise<string> {
  const prompt = openHiddenPrompt();
  if (prompt === undefined) return readFirstLine();
  return prompt.ask(`${option} (not shown): `).finally(() => prompt.close());
}

async function readFirstLine(): Promise<string> {
  for await (const line of inputLines()) return line;
  return '';
}

/**
 * Returns an identifier that can be looked up. Throws {@link OpsUsageError}, which names the place and not the value. White
 * space around an id is refused: it would match no customer, and this would not be noticed.
 */
function checkIdentifier(place: string, identifier: ManualIdentifier): ManualIdentifier {
  const mistake = mistakeOf(identifier);
  if (mistake !== undefined) throw new OpsUsageError(`${place}: ${mistake}`);
  return identifier;
}
