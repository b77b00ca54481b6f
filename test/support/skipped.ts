import { accessSync, constants, writeSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Says why tests are skipped, past the test runner, which shows what tests print only if they fail. */
export function printSkipped(reason: string): void {
  writeSync(2, `skipped: ${reason}\n`);
}

/** Returns the path of the first program that is on the PATH; if there is none, says why its tests are skipped. */
export function findProgram(names: readonly string[], howToInstall: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = names.flatMap(name => folders.map(folder => join(folder, name))).find(isExecutable);
  if (found === undefined) printSkipped(`${names[0]} is not on the PATH (${howToInstall})`);
  return found;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
