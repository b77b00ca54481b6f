import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { parseSettings, type Settings } from '../../lambda/io/settings.ts';

/** A mistake of the person who starts it: its message is one clear line, and the exit code 1. */
export class UsageError extends Error {}

export interface LocalOptions {
  readonly port: number;
  readonly settings: Settings;
  /** Where the settings were read from, if from a file. */
  readonly settingsFile?: string;
  readonly sweepMs: number;
  readonly claimMs: number;
  readonly backoffMs: number;
  /** Epoch milliseconds; runs on from the time that `CLOCK` names. */
  readonly now: () => number;
  /** Set when an emulator of AWS takes the place of everything embedded. */
  readonly awsEndpoint: string | undefined;
  /** Folder of the store and of the sandbox, or `:memory:`. */
  readonly data: string;
  /** Where log lines go: one JSON object a line. */
  readonly log: (line: string) => void;
}

export const localHelp = `Runs the erasure webhook on this machine: the handlers that Lambda runs, behind http://127.0.0.1:PORT.

  npm start

Nothing is needed: receipts are kept in SQLite, secrets are embedded, and a sandbox Voucherify runs beside it.

  PORT              port to listen on (3000)
  SETTINGS          settings file (infra/settings.json)
  DATA_DIR          folder of the SQLite files (.data), or :memory:
  SWEEP_SECONDS     time between two sweeps (60)
  CLAIM_SECONDS     how far a claim moves the next attempt (60)
  BACKOFF_SECONDS   first step of the backoff (30)
  CLOCK             ISO time to start the clock at, for dated requests
  AWS_ENDPOINT_URL  use DynamoDB and Secrets Manager at this endpoint instead of everything embedded
`;

const seconds = (name: string, fallback: string) => number(name, fallback, 0.05, 86_400);

function number(name: string, fallback: string, least: number, most: number) {
  const message = `${name}: must be a number from ${least} to ${most}`;
  const digits = v.pipe(v.string(), v.regex(/^\d+(\.\d+)?$/, message), v.transform(Number));
  return v.optional(v.pipe(digits, v.minValue(least, message), v.maxValue(most, message)), fallback);
}

const noTime = 'CLOCK: must be an ISO time such as 2026-01-15T12:00:00Z';

/** A zone such as `+02` is ISO 8601, but no date of JavaScript's. */
function readable(iso: string): boolean {
  return !Number.isNaN(Date.parse(iso));
}

const variables = v.object({
  PORT: v.pipe(number('PORT', '3000', 0, 65_535), v.integer('PORT: must be a whole number')),
  SETTINGS: v.optional(v.string(), 'infra/settings.json'),
  DATA_DIR: v.optional(v.pipe(v.string(), v.nonEmpty('DATA_DIR: must not be empty')), '.data'),
  SWEEP_SECONDS: seconds('SWEEP_SECONDS', '60'),
  CLAIM_SECONDS: seconds('CLAIM_SECONDS', '60'),
  BACKOFF_SECONDS: seconds('BACKOFF_SECONDS', '30'),
  CLOCK: v.optional(v.pipe(v.string(), v.isoTimestamp(noTime), v.check(readable, noTime))),
  AWS_ENDPOINT_URL: v.optional(v.pipe(v.string(), v.url('AWS_ENDPOINT_URL: must be a URL'))),
});

/** Reads the options of a local run. Throws {@link UsageError} that names every variable that does not fit. */
export function readLocalOptions(environment: Readonly<Record<string, string | undefined>>): LocalOptions {
  const parsed = v.safeParse(variables, environment, { abortPipeEarly: true });
  if (!parsed.success) throw new UsageError(parsed.issues.map(issue => issue.message).join('; '));
  const { PORT, SETTINGS, SWEEP_SECONDS, CLAIM_SECONDS, BACKOFF_SECONDS, CLOCK, AWS_ENDPOINT_URL, DATA_DIR } =
    parsed.output;
  return {
    port: PORT,
    settings: readSettings(SETTINGS),
    settingsFile: resolve(SETTINGS),
    sweepMs: SWEEP_SECONDS * 1000,
    claimMs: CLAIM_SECONDS * 1000,
    backoffMs: BACKOFF_SECONDS * 1000,
    now: clockFrom(CLOCK),
    awsEndpoint: AWS_ENDPOINT_URL,
    data: DATA_DIR,
    log: line => process.stderr.write(line),
  };
}

function readSettings(path: string): Settings {
  try {
    return parseSettings(readFileSync(path, 'utf8'), 'local');
  } catch (error) {
    const problem = error instanceof Error && error.name === 'SettingsError' ? error.message : 'cannot be read';
    throw new UsageError(`${path}: ${problem}`);
  }
}

function clockFrom(iso: string | undefined): () => number {
  if (iso === undefined) return Date.now;
  const ahead = Date.parse(iso) - Date.now();
  return () => Date.now() + ahead;
}
