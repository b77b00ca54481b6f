import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSettings, type Settings, SettingsError } from '../lambda/io/settings.ts';
import { isStage } from './names.ts';

/** What `-c name=value` can say. */
interface Options {
  /** Keeps several deployments in one account apart; absent for the one that needs no name. */
  readonly stage: string | undefined;
  readonly settings: Settings;
  readonly apiLogRole: 'create' | 'existing';
}

/** Reads the CDK context. Throws {@link SettingsError}, which never holds a value. */
export function readStackOptions(context: (key: string) => unknown): Options {
  const stage = context('stage');
  const apiLogRole = context('apiLogRole') ?? 'create';
  if (stage !== undefined && !isStage(stage)) {
    throw new SettingsError(['-c stage must be a lower-case name of at most 16 letters, digits and dashes']);
  }
  if (apiLogRole !== 'create' && apiLogRole !== 'existing') {
    throw new SettingsError(['-c apiLogRole must be create or existing']);
  }
  return { stage, settings: readSettings(context('settings')), apiLogRole };
}

/** A path on the command line is meant from where the operator stands; the default lies beside this file. */
function readSettings(path: unknown): Settings {
  if (path === undefined) return parseSettings(read(join(import.meta.dirname, 'settings.json')), 'deployed');
  if (typeof path !== 'string') throw new SettingsError(['-c settings must be a path']);
  return parseSettings(read(path), 'deployed');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new SettingsError([`the file cannot be read (${code})`]);
  }
}
