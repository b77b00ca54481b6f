import { basename } from 'node:path';

/** How help and messages write a command of this tool in a clone of the repository. */
const inRepository = /npm run (?:-s )?ops --/g;

/**
 * Returns a text with its commands as the user types them: `npm run ops -- …` in the repository, where the tool runs from
 * its TypeScript source, and the name of the package's executable otherwise.
 */
export function asInvoked(text: string, script = process.argv[1] ?? ''): string {
  const name = executableName(script);
  return name === undefined ? text : text.replaceAll(inRepository, name);
}

/** Returns the name of the package's executable; `undefined` in the repository. */
export function executableName(script = process.argv[1] ?? ''): string | undefined {
  return script.endsWith('.ts') ? undefined : basename(script).replace(/\.[cm]?js$/, '');
}

/** Returns a text in which each command of this tool has the options of this process that select where it works. */
export function withTarget(text: string, options: string): string {
  if (options === '') return text;
  return text.replaceAll(
    /(npm run (?:-s )?ops -- [a-z][a-z-]*)(?! --help)\b/g,
    `$1 ${options.replaceAll('$', '$$$$')}`,
  );
}
