import { didYouMean, isName } from '../../../lambda/domain/names.ts';
import { parseSettings, SettingsError } from '../../../lambda/settings.ts';
import { sharedClusters } from '../../../lambda/voucherify/project-settings.ts';
import { OpsUsageError } from '../args.ts';
import type { Ask } from '../prompt.ts';
import { wrapLine } from '../terminal.ts';
import { splitList } from './platform-fields.ts';

/** A question of `init`, and the option that answers it. */
export interface Question<T> {
  readonly option: string;
  readonly text: string;
  readonly fallback?: string;
  /** Throws {@link OpsUsageError} for an invalid answer. */
  readonly parse: (text: string) => T;
}

/** Returns the answer to a question: the option's, the operator's, or the default. Asks again after an invalid one. */
export async function answerTo<T>(
  { option, text, fallback, parse }: Question<T>,
  given: string | undefined,
  ask: Ask | undefined,
): Promise<T> {
  if (given !== undefined) return named(option, () => parse(given));
  if (ask === undefined) {
    if (fallback === undefined) throw new OpsUsageError(`--${option}: is missing: ${text}`);
    return parse(fallback);
  }
  for (const line of wrapLine(`${text[0]?.toUpperCase()}${text.slice(1)}`, 2)) console.error(line);
  for (;;) {
    const typed = (await ask(fallback ? `[${fallback}] > ` : '> ')).trim();
    try {
      return parse(typed === '' ? (fallback ?? '') : typed);
    } catch (error) {
      if (!(error instanceof OpsUsageError)) throw error;
      console.error(error.message);
    }
  }
}

function named<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof OpsUsageError ? new OpsUsageError(`--${option}: ${error.message}`) : error;
  }
}

/** Asks for platforms, of which some have code of their own and the others a recipe. */
export function platformsQuestion(native: readonly string[], recipes: readonly string[]): Question<readonly string[]> {
  const known = [...native, ...recipes];
  return {
    option: 'platforms',
    text: `platforms, separated by commas: ${native.join(', ')}, or recipes: ${recipes.join(', ')}`,
    parse: text => {
      const names = [...new Set(splitList(text))];
      if (names.length === 0) throw new OpsUsageError('name at least one platform');
      const unknown = names.find(name => !known.includes(name));
      if (unknown === undefined) return names;
      throw new OpsUsageError(`${unknown} is unknown${didYouMean(unknown, known) || `; must be ${known.join(', ')}`}`);
    },
  };
}

/** Asks for the names of the projects. */
export const projectsQuestion: Question<readonly string[]> = {
  option: 'projects',
  text: 'names of your choice for your Voucherify projects',
  fallback: 'main',
  parse: text => {
    const names = [...new Set(splitList(text))];
    if (names.length > 0 && names.every(isName)) return names;
    throw new OpsUsageError('must be short lower-case names such as main or shop-2');
  },
};

/** Asks for the Voucherify cluster. The answer is its base URL. */
export const clusterQuestion: Question<string> = {
  option: 'cluster',
  text: `Voucherify cluster, ${Object.keys(sharedClusters).join(', ')}, or the API endpoint from Project settings`,
  fallback: 'eu1',
  parse: text => {
    const url = Object.hasOwn(sharedClusters, text) ? sharedClusters[text] : text;
    if (problemsOf({ projects: { main: { baseUrl: url } }, platforms: {} }).length === 0) return url ?? '';
    throw new OpsUsageError('must be eu1, us1, as1 or the https API endpoint of a dedicated cluster');
  },
};

/** Asks for the address that receives the alarms. The answer may be empty. */
export function alarmQuestion(draft: object): Question<string> {
  return {
    option: 'alarm-email',
    text: 'e-mail address that receives the alarms (empty: none yet)',
    fallback: '',
    parse: text => {
      if (text === '') console.error('without an address, alarms notify no one until you subscribe one');
      else if (problemsOf({ ...draft, platforms: {}, operations: { alarmEmail: text } }).length > 0)
        throw new OpsUsageError('must be an e-mail address');
      return text;
    },
  };
}

/** Returns what is wrong with settings; nothing if they are valid. */
export function problemsOf(settings: object): readonly string[] {
  try {
    parseSettings(JSON.stringify(settings), 'deployed');
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
}
