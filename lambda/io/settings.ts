import * as v from 'valibot';
import { loopbackOrigin } from '../platforms/common-settings.ts';
import { platformsSchema } from '../platforms/index.ts';
import { parseJson } from './json.ts';
import { operations } from './settings-operations.ts';

/** Where settings are used: a deployed stack never talks to a loopback address. */
export type SettingsTarget = 'deployed' | 'local';

const name = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be a short lower-case name'));

function count(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
}

/** Voucherify docs, API endpoint: the shared clusters and dedicated hosts all end in `api.voucherify.io`. */
const voucherifyOrigin = /^https:\/\/([a-z0-9-]+\.)*api\.voucherify\.io$/;

function project(where: SettingsTarget) {
  const isBaseUrl = (url: string) => voucherifyOrigin.test(url) || (where === 'local' && loopbackOrigin.test(url));
  const share = v.pipe(
    v.number(),
    v.check(part => part > 0 && part <= 1, 'must be above 0 and at most 1'),
  );
  return v.strictObject({
    baseUrl: v.pipe(v.string(), v.check(isBaseUrl, 'must be the https origin of a Voucherify API endpoint')),
    auth: v.optional(v.picklist(['api-key', 'oauth'], 'must be api-key or oauth'), 'api-key'),
    quotaShare: v.optional(share, 0.5),
    callsPerMinute: v.optional(count(1, 1_000_000), 100),
    quotaPeriod: v.optional(v.picklist(['minute', 'hour'], 'must be minute or hour'), 'minute'),
  });
}

const limits = v.strictObject({
  customersPerRequest: v.optional(count(1, 50), 5),
  requestsPerHour: v.optional(count(1, 1_000_000), 500),
  holdSeconds: v.optional(count(0, 30 * 86_400), 0),
  answerBudgetMs: v.optional(count(1000, 25_000), 8000),
});

function settingsSchema(where: SettingsTarget) {
  return v.pipe(
    v.strictObject({
      $schema: v.exactOptional(v.string()),
      projects: v.pipe(v.record(name, project(where)), v.minEntries(1, 'must name at least one project')),
      platforms: platformsSchema,
      limits: v.optional(limits, {}),
      operations: v.optional(operations, {}),
    }),
    v.partialCheck(
      [['projects'], ['platforms']],
      ({ projects, platforms }) => routed(platforms).every(one => Object.hasOwn(projects, one)),
      'platforms: name a project that is not in projects',
    ),
    v.partialCheck(
      [['platforms']],
      ({ platforms }) => where === 'local' || !holdsLoopback(platforms),
      'platforms: plain http is for local runs only',
    ),
  );
}

export type Settings = v.InferOutput<ReturnType<typeof settingsSchema>>;
export type ProjectSettings = Settings['projects'][string];

const routing = v.object({ projects: v.array(v.string()) });

/** The sections may have problems of their own, which are reported all the same. */
function routed(platforms: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.values(platforms).flatMap(section => (v.is(routing, section) ? section.projects : []));
}

/** Whether any value, in whatever section and under whatever name, is an address that only a local run may use. */
function holdsLoopback(value: unknown): boolean {
  if (typeof value === 'string') return loopbackOrigin.test(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsLoopback);
}

/** Settings that do not fit: every problem at once, each with its field, none with its value. */
export class SettingsError extends Error {
  constructor(problems: readonly string[]) {
    super(`settings: ${problems.join('; ')}`);
    this.name = 'SettingsError';
  }
}

/** Reads settings from JSON. Throws {@link SettingsError}. */
export function parseSettings(text: string, where: SettingsTarget): Settings {
  const json = parseJson(text);
  if (json === undefined) throw new SettingsError(['are not JSON']);
  const parsed = v.safeParse(settingsSchema(where), json.value);
  if (parsed.success) return parsed.output;
  throw new SettingsError(parsed.issues.map(worded));
}

/** Our own messages hold no value; valibot's do, so of those only what was expected is told. */
function worded(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  const problem = problemOf(issue);
  return path === null ? problem : `${path}: ${problem}`;
}

function problemOf(issue: v.BaseIssue<unknown>): string {
  if (issue.expected === 'never') return 'is not a setting';
  if (issue.received === 'undefined') return 'is missing';
  return issue.message.startsWith('Invalid') ? `must be ${issue.expected ?? 'valid'}` : issue.message;
}
