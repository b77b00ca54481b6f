import { isIPv4, isIPv6 } from 'node:net';
import * as v from 'valibot';
import { didYouMean, isName } from './domain/names.ts';
import { parseJson, syntaxErrorPlace } from './io/json.ts';
import { describeDuplicates, describeProblems, wholeNumber } from './io/setting-schemas.ts';
import { platformsSchema } from './platforms/index.ts';
import { projectSchema, type SettingsTarget } from './voucherify/project-settings.ts';

const name = v.pipe(v.string(), v.check(isName, 'must be a short lower-case name'));

const limits = v.strictObject({
  customersPerRequest: v.optional(wholeNumber(1, 50), 5),
  requestsPerHour: v.optional(wholeNumber(1, 1_000_000), 500),
  delaySeconds: v.optional(wholeNumber(0, 30 * 86_400), 0),
  answerBudgetMs: v.optional(wholeNumber(1000, 25_000), 8000),
});

/** A day of hours: many shops have a new or changed customer each day. */
const reappearance = v.strictObject({
  projects: v.exactOptional(v.pipe(v.array(name), v.nonEmpty('must name at least one project'))),
  // CloudWatch evaluates at most seven days (PutMetricAlarm, EvaluationPeriods).
  quietHours: v.optional(wholeNumber(1, 168), 24),
});

function settingsSchema(where: SettingsTarget) {
  return v.pipe(
    v.strictObject({
      $schema: v.exactOptional(v.string()),
      projects: v.pipe(v.record(name, projectSchema(where)), v.minEntries(1, 'must name at least one project')),
      platforms: platformsSchema,
      reappearance: v.exactOptional(reappearance),
      limits: v.optional(limits, {}),
      operations: v.optional(operations, {}),
    }),
    v.rawCheck(({ dataset, addIssue }) => {
      for (const issue of [...unknownProjects(dataset.value), ...(where === 'local' ? [] : loopbacks(dataset.value))])
        addIssue(issue);
    }),
  );
}

export type Settings = v.InferOutput<ReturnType<typeof settingsSchema>>;

/** Returns the projects whose events are received; none without the setting. */
export function eventProjects({
  reappearance,
  projects,
}: Pick<Settings, 'reappearance' | 'projects'>): readonly string[] {
  return reappearance === undefined ? [] : (reappearance.projects ?? Object.keys(projects));
}

interface PlacedIssue {
  readonly message: string;
  readonly path: [v.IssuePathItem, ...v.IssuePathItem[]];
}

/** Settings so far: other sections may be invalid, which is reported separately. */
const routing = v.object({ projects: v.record(v.string(), v.unknown()), platforms: v.record(v.string(), v.unknown()) });
const routed = v.object({ projects: v.array(v.string()) });
const observing = v.object({ reappearance: routed });

/** Returns an issue for each project that a platform or `reappearance` names and that does not exist. */
function unknownProjects(settings: unknown): readonly PlacedIssue[] {
  if (!v.is(routing, settings)) return [];
  const known = Object.keys(settings.projects);
  const unknownIn = (section: unknown, place: readonly [string, ...string[]]) =>
    (v.is(routed, section) ? section.projects : []).flatMap((project, at) => {
      if (known.includes(project)) return [];
      const message = `is not in projects${didYouMean(project, known) || `; allowed are ${known.join(', ')}`}`;
      return [{ message, path: pathOf([...place, 'projects', at], settings) }];
    });
  return [
    ...Object.entries(settings.platforms).flatMap(([name, section]) => unknownIn(section, ['platforms', name])),
    ...(v.is(observing, settings) ? unknownIn(settings.reappearance, ['reappearance']) : []),
  ];
}

function pathOf(keys: readonly [string, ...(string | number)[]], root: unknown): PlacedIssue['path'] {
  const [first, ...others] = keys;
  const step = (key: unknown) => ({ type: 'unknown', origin: 'value', input: root, key, value: undefined }) as const;
  return [step(first), ...others.map(step)];
}

const loopbackAddress = /^http:\/\/127\.0\.0\.1:\d{1,5}(\/|$)/;

/** Returns an issue for each value of a platform that is an address which only a local run may use. */
function loopbacks(settings: unknown): readonly PlacedIssue[] {
  if (!v.is(routing, settings)) return [];
  return pathsToLoopback(settings.platforms).map(keys => ({
    message: 'plain http is for local runs only',
    path: pathOf(['platforms', ...keys], settings),
  }));
}

function pathsToLoopback(value: unknown): (readonly (string | number)[])[] {
  if (typeof value === 'string') return loopbackAddress.test(value) ? [[]] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    pathsToLoopback(inner).map(path => [Array.isArray(value) ? Number(key) : key, ...path]),
  );
}

/** Invalid settings: lists every problem with its field and without its value, one on a line. */
export class SettingsError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`settings:${problems.length === 1 ? ' ' : '\n  '}${problems.join('\n  ')}`);
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

/** Reads settings from JSON. Throws {@link SettingsError}. */
export function parseSettings(text: string, where: SettingsTarget): Settings {
  const json = parseJson(text);
  if (json === undefined) throw new SettingsError([`are not JSON${syntaxErrorPlace(text)}`]);
  // The functions get text that was written from a value, in which no key can be there twice.
  const duplicates = JSON.stringify(json.value) === text ? [] : describeDuplicates(text);
  const schema = settingsSchema(where);
  const parsed = v.safeParse(schema, json.value);
  if (parsed.success && duplicates.length === 0) return parsed.output;
  throw new SettingsError([...duplicates, ...describeProblems(text, schema, parsed.issues ?? [])]);
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
  /** `{version}` stands for the version of this software, so that an alarm leads to the runbook of what is deployed. */
  runbookUrl: v.exactOptional(
    v.pipe(
      v.string(),
      v.regex(/^https:\/\/[^\s#]+$/, 'must be an https address without #'),
      v.maxLength(500, 'must be at most 500 characters long'),
    ),
  ),
  allowIps: v.exactOptional(ranges),
  waf: v.exactOptional(v.boolean()),
  domain: v.exactOptional(domain),
});
