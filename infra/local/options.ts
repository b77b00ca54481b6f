import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { parseJson } from '../../lambda/io/json.ts';
import { parseSettings, type Settings } from '../../lambda/settings.ts';
import { withPracticePlatforms } from './local-settings.ts';

/** An error of the user: the message is one line, and the exit code is 1. */
export class UsageError extends Error {}

export interface LocalOptions {
  readonly port: number;
  /** Port of the sandbox; 0 selects a free one. */
  readonly sandboxPort: number;
  readonly settings: Settings;
  /** Path of the settings file, if one was named. */
  readonly settingsFile?: string;
  readonly sweepMs: number;
  readonly claimMs: number;
  readonly backoffMs: number;
  /** Epoch milliseconds; starts at `CLOCK`, if set, and otherwise continues with the clock that the data folder keeps. */
  readonly now: () => number;
  /** Set if an AWS emulator replaces the embedded services. */
  readonly awsEndpoint: string | undefined;
  /** Folder of the SQLite files, or `:memory:`. */
  readonly data: string;
  /** Writes a log line, which is one JSON object. */
  readonly log: (line: string) => void;
}

export const localHelp = `Runs the erasure webhook on this machine, with the handlers that Lambda runs, at
http://127.0.0.1:PORT.

  npm start
  npm start -- PORT=4000 SETTINGS=my-settings.json

Needs no account and no network: it stores receipts in SQLite, embeds the
secrets, and starts a sandbox Voucherify.
Variables are read from the environment, or after -- in any shell:

  PORT              port to listen on (3000)
  SANDBOX_PORT      port of the sandbox Voucherify (PORT + 1)
  SETTINGS          settings file (infra/settings.json, and Shopify and a sender
                    of Standard Webhooks for practice)
  DATA_DIR          folder of the SQLite files (.data), or :memory:
  SWEEP_SECONDS     interval of the sweep (60)
  CLAIM_SECONDS     how long a claim postpones the next attempt (60)
  BACKOFF_SECONDS   initial backoff (30)
  CLOCK             ISO time at which the clock starts, for requests with fixed
                    dates. Without it, a clock that was moved continues:
                    DATA_DIR keeps it
  AWS_ENDPOINT_URL  use DynamoDB, Secrets Manager and KMS at this endpoint, not
                    the embedded services
`;

const seconds = (name: string, fallback: string) => number(name, fallback, 0.05, 86_400);

function number(name: string, fallback: string, min: number, max: number) {
  const message = `${name}: must be a number from ${min} to ${max}`;
  const digits = v.pipe(v.string(), v.regex(/^\d+(\.\d+)?$/, message), v.transform(Number));
  return v.optional(v.pipe(digits, v.minValue(min, message), v.maxValue(max, message)), fallback);
}

const invalidClock = 'CLOCK: must be an ISO time such as 2026-01-15T12:00:00Z';

/**
 * Returns the variables among the arguments, as `NAME=value`: the syntax for the environment differs between shells.
 * Returns `undefined` if another argument is there.
 */
export function readAssignments(args: readonly string[]): Readonly<Record<string, string>> | undefined {
  const assigned = args.map(argument => /^([A-Z_]+)=(.*)$/.exec(argument) ?? []);
  if (assigned.some(([, name = '']) => !Object.hasOwn(variables.entries, name))) return undefined;
  return Object.fromEntries(assigned.map(([, name = '', value = '']) => [name, value]));
}

/** ISO 8601 allows zones such as `+02`, which JavaScript cannot parse. */
function isDate(iso: string): boolean {
  return !Number.isNaN(Date.parse(iso));
}

const variables = v.object({
  PORT: v.pipe(number('PORT', '3000', 0, 65_535), v.integer('PORT: must be a whole number')),
  SANDBOX_PORT: v.optional(
    v.pipe(number('SANDBOX_PORT', '0', 0, 65_535), v.integer('SANDBOX_PORT: must be a whole number')),
  ),
  SETTINGS: v.optional(v.string()),
  DATA_DIR: v.optional(v.pipe(v.string(), v.nonEmpty('DATA_DIR: must not be empty')), '.data'),
  SWEEP_SECONDS: seconds('SWEEP_SECONDS', '60'),
  CLAIM_SECONDS: seconds('CLAIM_SECONDS', '60'),
  BACKOFF_SECONDS: seconds('BACKOFF_SECONDS', '30'),
  CLOCK: v.optional(v.pipe(v.string(), v.isoTimestamp(invalidClock), v.check(isDate, invalidClock))),
  AWS_ENDPOINT_URL: v.optional(v.pipe(v.string(), v.url('AWS_ENDPOINT_URL: must be a URL'))),
});

/** Reads the options of a local run. Throws a {@link UsageError} that names every invalid variable. */
export function readLocalOptions(environment: Readonly<Record<string, string | undefined>>): LocalOptions {
  const parsed = v.safeParse(variables, environment, { abortPipeEarly: true });
  if (!parsed.success) throw new UsageError(parsed.issues.map(issue => issue.message).join('; '));
  const {
    PORT,
    SANDBOX_PORT,
    SETTINGS,
    SWEEP_SECONDS,
    CLAIM_SECONDS,
    BACKOFF_SECONDS,
    CLOCK,
    AWS_ENDPOINT_URL,
    DATA_DIR,
  } = parsed.output;
  return {
    port: PORT,
    sandboxPort: SANDBOX_PORT ?? (PORT === 0 || PORT === 65_535 ? 0 : PORT + 1),
    ...(SETTINGS === undefined
      ? { settings: withPracticePlatforms(readSettings('infra/settings.json')) }
      : { settings: readSettings(SETTINGS), settingsFile: resolve(SETTINGS) }),
    sweepMs: SWEEP_SECONDS * 1000,
    claimMs: CLAIM_SECONDS * 1000,
    backoffMs: BACKOFF_SECONDS * 1000,
    now: startClock(CLOCK, AWS_ENDPOINT_URL === undefined ? DATA_DIR : ':memory:'),
    awsEndpoint: AWS_ENDPOINT_URL,
    data: DATA_DIR,
    log: line => process.stderr.write(line),
  };
}

function readSettings(path: string): Settings {
  try {
    return parseSettings(readFileSync(path, 'utf8'), 'local');
  } catch (error) {
    throw new UsageError(`${path}: ${problemText(error)}`);
  }
}

/** Returns what is wrong, without a value of the settings. */
function problemText(error: unknown): string {
  if (error instanceof Error && error.name === 'SettingsError') return error.message;
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  return isMissing ? 'does not exist' : 'cannot be read';
}

function startClock(iso: string | undefined, folder: string): () => number {
  const offset = iso === undefined ? readAheadMs(folder) : Date.parse(iso) - Date.now();
  return () => Date.now() + offset;
}

/** A clock that the page can move ahead, to see the next attempt without waiting for an hour. */
export interface RunClock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Moves the clock by so many milliseconds. */
  move(ms: number): void;
}

const schema = v.object({ aheadMs: v.pipe(v.number(), v.safeInteger()) });

/**
 * Returns a clock that starts as `start` does. The data folder keeps how far it is ahead of this machine's clock: a restart
 * continues with it, and the operator's tool uses it. Ignores write errors.
 */
export function createRunClock(start: () => number, folder: string): RunClock {
  let ahead = 0;
  const now = () => start() + ahead;
  const keep = () => keepAhead(folder, now() - Date.now());
  keep();
  const move = (ms: number) => {
    ahead += ms;
    keep();
  };
  return { now, move };
}

/** Returns how far the clock of the runs in a folder is ahead of this machine's, in milliseconds; 0 if it was never moved. */
function readAheadMs(folder: string): number {
  try {
    const parsed = v.safeParse(schema, parseJson(readFileSync(fileOf(folder), 'utf8'))?.value);
    return parsed.success ? parsed.output.aheadMs : 0;
  } catch {
    return 0;
  }
}

/** Keeps whole seconds: two readings of a clock differ by some milliseconds, which must not add up over restarts. */
function keepAhead(folder: string, ms: number): void {
  const aheadMs = Math.round(ms / 1000) * 1000;
  if (folder === ':memory:' || aheadMs === readAheadMs(folder)) return;
  try {
    writeFileSync(fileOf(folder), JSON.stringify({ aheadMs }));
  } catch {
    // A folder that cannot be written is reported when its files are opened.
  }
}

function fileOf(folder: string): string {
  return join(folder, 'clock.json');
}
