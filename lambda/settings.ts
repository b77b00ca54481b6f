import { isIPv4, isIPv6 } from 'node:net';
import * as v from 'valibot';
import { isName } from './domain/names.ts';
import { parseJson } from './io/json.ts';
import { platformsSchema } from './platforms/index.ts';
import { projectSchema, type SettingsTarget, wholeNumber } from './voucherify/project-settings.ts';

const name = v.pipe(v.string(), v.check(isName, 'must be a short lower-case name'));

const limits = v.strictObject({
  customersPerRequest: v.optional(wholeNumber(1, 50), 5),
  requestsPerHour: v.optional(wholeNumber(1, 1_000_000), 500),
  holdSeconds: v.optional(wholeNumber(0, 30 * 86_400), 0),
  answerBudgetMs: v.optional(wholeNumber(1000, 25_000), 8000),
});

function settingsSchema(where: SettingsTarget) {
  return v.pipe(
    v.strictObject({
      $schema: v.exactOptional(v.string()),
      projects: v.pipe(v.record(name, projectSchema(where)), v.minEntries(1, 'must name at least one project')),
      platforms: platformsSchema,
      limits: v.optional(limits, {}),
      operations: v.optional(operations, {}),
    }),
    v.partialCheck(
      [['projects'], ['platforms']],
      ({ projects, platforms }) => namedProjects(platforms).every(one => Object.hasOwn(projects, one)),
      'platforms: name a project that is not in projects',
    ),
    v.partialCheck(
      [['platforms']],
      ({ platforms }) => where === 'local' || !containsLoopback(platforms),
      'platforms: plain http is for local runs only',
    ),
  );
}

export type Settings = v.InferOutput<ReturnType<typeof settingsSchema>>;

const routing = v.object({ projects: v.array(v.string()) });

/** Returns the projects that platforms name. Skips invalid sections, whose own problems are reported separately. */
function namedProjects(platforms: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.values(platforms).flatMap(section => (v.is(routing, section) ? section.projects : []));
}

const loopbackAddress = /^http:\/\/127\.0\.0\.1:\d{1,5}(\/|$)/;

/** Returns whether any value in any section is an address that only a local run may use. */
function containsLoopback(value: unknown): boolean {
  if (typeof value === 'string') return loopbackAddress.test(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(containsLoopback);
}

/** Invalid settings: lists every problem with its field and without its value. */
export class SettingsError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`settings: ${problems.join('; ')}`);
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

/** Reads settings from JSON. Throws {@link SettingsError}. */
export function parseSettings(text: string, where: SettingsTarget): Settings {
  const json = parseJson(text);
  if (json === undefined) throw new SettingsError(['are not JSON']);
  const parsed = v.safeParse(settingsSchema(where), json.value);
  if (parsed.success) return parsed.output;
  throw new SettingsError(parsed.issues.map(describeIssue));
}

/** Describes a problem without its value. Messages of this service contain no value; those of valibot do. */
function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  const problem = describeProblem(issue);
  return path === null ? problem : `${path}: ${problem}`;
}

function describeProblem(issue: v.BaseIssue<unknown>): string {
  if (issue.expected === 'never') return 'is not a setting';
  if (issue.received === 'undefined') return 'is missing';
  return issue.message.startsWith('Invalid') ? `must be ${issue.expected ?? 'valid'}` : issue.message;
}

/** Returns whether a text is a CIDR range (RFC 4632; RFC 4291, section 2.3). A zone (`%eth0`) is not allowed. */
function isRange(text: string): boolean {
  const [, address = '', bits = ''] = /^([0-9a-f.:]+)\/(0|[1-9]\d{0,2})$/i.exec(text) ?? [];
  return (isIPv4(address) && Number(bits) <= 32) || (isIPv6(address) && Number(bits) <= 128);
}

const ranges = v.pipe(
  v.array(v.pipe(v.string(), v.check(isRange, 'must be a CIDR range'))),
  // An empty list is ambiguous: every caller or none.
  v.nonEmpty('must contain at least one range'),
);

/** API Gateway accepts no upper case, and callers cannot send requests to a wildcard. */
const hostName = v.pipe(
  v.string(),
  v.maxLength(253, 'must be at most 253 characters long'),
  v.regex(
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/,
    'must be a lower-case domain name such as erasure.example.com',
  ),
);

const domain = v.pipe(
  v.strictObject({
    name: hostName,
    certificateArn: v.pipe(
      v.string(),
      v.regex(/^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[\w-]+$/, 'must be the ARN of a certificate in ACM'),
    ),
    hostedZone: v.exactOptional(
      v.strictObject({
        id: v.pipe(v.string(), v.regex(/^Z[A-Z0-9]{1,31}$/, 'must be the id of a hosted zone, such as Z0123456789ABC')),
        name: hostName,
      }),
    ),
  }),
  v.forward(
    v.check(
      ({ name, hostedZone }) => hostedZone === undefined || `.${name}`.endsWith(`.${hostedZone.name}`),
      'must be the zone of the domain',
    ),
    ['hostedZone', 'name'],
  ),
);

/** Settings for operation: who receives alarms, who may call, and under which domain. */
const operations = v.strictObject({
  alarmEmail: v.exactOptional(v.pipe(v.string(), v.email('must be an e-mail address'))),
  allowIps: v.exactOptional(ranges),
  waf: v.exactOptional(v.boolean()),
  domain: v.exactOptional(domain),
});
