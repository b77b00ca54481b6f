import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { parseSettings, type Settings } from '../../lambda/settings.ts';

/** An error of the user: the message is one line, and the exit code is 1. */
export class UsageError extends Error {}

export interface LocalOptions {
  readonly port: number;
  readonly settings: Settings;
  /** Path of the settings, if they were read from a file. */
  readonly settingsFile?: string;
  readonly sweepMs: number;
  readonly claimMs: number;
  readonly backoffMs: number;
  /** Epoch milliseconds; starts at `CLOCK`, if set. */
  readonly now: () => number;
  /** Set if an AWS emulator replaces the embedded services. */
  readonly awsEndpoint: string | undefined;
  /** Folder of the SQLite files, or `:memory:`. */
  readonly data: string;
  /** Writes a log line, which is one JSON object. */
  readonly log: (line: string) => void;
}

export const localHelp = `Runs the erasure webhook on this machine: the same handlers as on Lambda, at http://127.0.0.1:PORT.

  npm start

Needs no account and no network: it stores receipts in SQLite, embeds the secrets, and starts a sandbox Voucherify.

  PORT              port to listen on (3000)
  SETTINGS          settings file (infra/settings.json)
  DATA_DIR          folder of the SQLite files (.data), or :memory:
  SWEEP_SECONDS     interval of the sweep (60)
  CLAIM_SECONDS     how long a claim postpones the next attempt (60)
  BACKOFF_SECONDS   initial backoff (30)
  CLOCK             ISO time at which the clock starts, for requests with fixed dates
  AWS_ENDPOINT_URL  use DynamoDB, Secrets Manager and KMS at this endpoint instead of the embedded services
`;

const seconds = (name: string, fallback: string) => number(name, fallback, 0.05, 86_400);

function number(name: string, fallback: string, min: number, max: number) {
  const message = `${name}: must be a number from ${min} to ${max}`;
  const digits = v.pipe(v.string(), v.regex(/^\d+(\.\d+)?$/, message), v.transform(Number));
  return v.optional(v.pipe(digits, v.minValue(min, message), v.maxValue(max, message)), fallback);
}

const invalidClock = 'CLOCK: must be an ISO time such as 2026-01-15T12:00:00Z';

/** ISO 8601 allows zones such as `+02`, which JavaScript cannot parse. */
function isDate(iso: string): boolean {
  return !Number.isNaN(Date.parse(iso));
}

const variables = v.object({
  PORT: v.pipe(number('PORT', '3000', 0, 65_535), v.integer('PORT: must be a whole number')),
  SETTINGS: v.optional(v.string(), 'infra/settings.json'),
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
  const { PORT, SETTINGS, SWEEP_SECONDS, CLAIM_SECONDS, BACKOFF_SECONDS, CLOCK, AWS_ENDPOINT_URL, DATA_DIR } =
    parsed.output;
  return {
    port: PORT,
    settings: readSettings(SETTINGS),
    settingsFile: resolve(SETTINGS),
    sweepMs: SWEEP_SECONDS * 1000,
    claimMs: CLAIM_SECONDS * 1000,
    backoffMs: BACKOFF_SECONDS * 1000,
    now: startClock(CLOCK),
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

function startClock(iso: string | undefined): () => number {
  if (iso === undefined) return Date.now;
  const offset = Date.parse(iso) - Date.now();
  return () => Date.now() + offset;
}

/** Returns the settings with the sandbox's URL for every project. */
export function withSandboxUrls(settings: Settings, baseUrl: string): Settings {
  const projects = Object.entries(settings.projects).map(([name, project]) => [name, { ...project, baseUrl }] as const);
  return { ...settings, projects: Object.fromEntries(projects) };
}

/** Returns the settings of the demo: the default ones, but Ketch listens on this machine. */
export function parseDemoSettings(ketchUrl: string): Settings {
  const ketch = {
    tenants: ['axonic'],
    environments: ['production'],
    identities: { account_id: 'source_id', email: 'email' },
    callbackOrigins: [ketchUrl],
  };
  // A larger plan than the smallest one, so that the sweep does not wait long for its quota.
  const projects = { main: { baseUrl: 'https://api.voucherify.io', callsPerMinute: 2000 } };
  return parseSettings(JSON.stringify({ projects, platforms: { ketch } }), 'local');
}
