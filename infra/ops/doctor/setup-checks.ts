import * as v from 'valibot';
import { openPlatforms } from '../../../lambda/platforms/index.ts';
import type { Platform } from '../../../lambda/platforms/platform.ts';
import type { ProjectSettings } from '../../../lambda/voucherify/project-settings.ts';
import { alarmTopicName } from '../../stack/names.ts';
import { settingsWarnings } from '../../stack/settings-warnings.ts';
import { differingSettings, identityText } from '../deployment.ts';
import { bad, type Check, type CheckContext, type CheckResult, ok, warning } from './check.ts';

/** Shows what the settings say, and warns of values that are valid but probably wrong. They were parsed before. */
export const settingsCheck: Check = {
  name: 'settings',
  run: async ({ settings }) => {
    const platforms = openPlatforms(settings.platforms);
    const routed = [...platforms.values()].flatMap(({ projects }) => projects ?? Object.keys(settings.projects));
    return [
      ...Object.entries(settings.projects).flatMap(entry => checkProject(...entry, routed)),
      ...settingsWarnings(settings).map(platforms.size === 0 ? bad : warning),
      ...[...platforms].flatMap(([name, platform]) => checkPlatform(name, platform, settings)),
      ...describeLimits(settings),
    ];
  },
};

function checkProject(
  name: string,
  { baseUrl, auth, quotaShare }: ProjectSettings,
  routed: readonly string[],
): CheckResult[] {
  const share = `erasures use at most ${Math.round(quotaShare * 100)} % of its quota`;
  return [
    ok(`project ${name}: ${baseUrl}, ${auth}; ${share}`),
    ...(quotaShare === 1 ? [warning(`project ${name}: quotaShare 1 leaves no calls for the shop: 0.5 is usual`)] : []),
    ...(routed.includes(name)
      ? []
      : [
          warning(
            `project ${name}: no platform uses it, so no customer is erased there: add it to the projects of a platform`,
          ),
        ]),
  ];
}

const kinds = v.record(v.string(), v.string());
const sectionSchema = v.object({
  authentication: v.optional(v.unknown()),
  /** Maps the identities of a platform to identifiers of Voucherify. Its key depends on the platform. */
  identities: v.optional(kinds),
  identifiers: v.optional(v.unknown()),
  tenants: v.optional(v.array(v.string())),
  environments: v.optional(v.array(v.string())),
  shops: v.optional(v.array(v.string())),
});

function checkPlatform(
  name: string,
  platform: Platform,
  { platforms, projects }: CheckContext['settings'],
): CheckResult[] {
  const { authentication, identities, identifiers, tenants, environments, shops } = v.parse(
    sectionSchema,
    platforms[name],
  );
  const mapped = identities ?? mappedKinds(identifiers);
  const facts = [
    listValues(
      'authentication',
      [authentication ?? []].flat().flatMap(proof => (v.is(kindOnly, proof) ? [proof.kind] : [])),
    ),
    listValues('tenants', tenants),
    listValues('environments', environments),
    listValues('shops', shops),
    listValues('identities', mapped && Object.entries(mapped).map(([space, kind]) => `${space} → ${kind}`)),
    listValues('projects', platform.projects ?? Object.keys(projects)),
    listValues('callbacks to', platform.callbackOrigins),
  ].flat();
  return [
    ok(`platform ${name}: ${facts.join('; ')}`),
    ...checkMapping(name, mapped),
    ...checkCallbacks(name, platform),
  ];
}

const kindOnly = v.object({ kind: v.string() });
const typedKinds = v.object({ list: v.string(), kinds });
const plainKinds = v.object({ list: v.string(), kind: v.string() });

/** Returns what settings of a generic platform map, by place or type. */
function mappedKinds(identifiers: unknown): Readonly<Record<string, string>> | undefined {
  const sources = [identifiers ?? []].flat();
  const all = sources.map((source): Readonly<Record<string, string>> => {
    if (v.is(typedKinds, source)) return source.kinds;
    if (v.is(plainKinds, source)) return { [source.list]: source.kind };
    return v.is(kinds, source) ? source : {};
  });
  return all.length === 0 ? undefined : Object.assign({}, ...all);
}

function listValues(what: string, values: readonly string[] = []): string[] {
  return values.length === 0 ? [] : [`${what} ${values.join(', ')}`];
}

function checkMapping(name: string, mapped: Readonly<Record<string, string>> | undefined): CheckResult[] {
  if (mapped === undefined || Object.values(mapped).some(kind => kind !== 'phone')) return [];
  const what = 'Voucherify can look up none of its identities, so every request ends as not-identifiable';
  return [bad(`platform ${name}: ${what}: map at least one to customer_id, source_id or email`)];
}

/** A platform that expects a result, but has neither callbacks nor a status route, must repeat its request. */
function checkCallbacks(name: string, { responseMode, callbackOrigins, hasStatusRoute }: Platform): CheckResult[] {
  if (responseMode !== 'result' || hasStatusRoute === true || callbackOrigins.length > 0) return [];
  const what = 'callbackOrigins is empty, so it gets no result of an erasure that takes longer than the reply';
  return [warning(`platform ${name}: ${what}: add the origins of its callback URLs`)];
}

function describeLimits({ limits }: CheckContext['settings']): CheckResult[] {
  const { customersPerRequest, requestsPerHour, delaySeconds, answerBudgetMs } = limits;
  const delay = delaySeconds === 0 ? 'no delay' : `delayed by ${delaySeconds} s`;
  const most = `at most ${customersPerRequest} customers per request and project, ${requestsPerHour} requests per hour and platform`;
  return [ok(`limits: ${most}; ${delay}, reply within ${answerBudgetMs} ms`)];
}

/** Shows where the tool works, and as whom. A wrong account, region or stage explains every other result. */
export const identityCheck: Check = {
  name: 'identity',
  run: async ({ deployment, names }) => {
    if (deployment === undefined) return [];
    return deployment.identity().then(
      identity => [ok(identityText(identity, names))],
      () => [bad('unknown: check that credentials are set and valid, and that a region is set')],
    );
  },
};

/** Compares the settings file with the settings of the running function. Names what differs, never a value. */
export const deployedSettingsCheck: Check = {
  name: 'deployed',
  run: async ({ deployment, settings }) => {
    if (deployment === undefined) return [];
    const deployed = await deployment.settings().catch(() => undefined);
    if (deployed === undefined) return [warning(unreadable)];
    const differing = differingSettings(settings, deployed);
    if (differing.length === 0) return [ok('the function has the same settings as the file')];
    return [warning(`the function has other settings than the file at ${differing.join(', ')}: ${fix}`)];
  },
};

const unreadable =
  'the settings of the function cannot be read: check --stage and that you may do lambda:GetFunctionConfiguration';
const fix = 'deploy the file, or pass the deployed one with --settings';

/** Checks that someone gets the alarms. Without a confirmed subscription, no person learns that an erasure is stuck. */
export const alarmsCheck: Check = {
  name: 'alarms',
  run: async ({ deployment, local, settings, names }) => {
    if (local !== undefined) return [];
    const { alarmEmail } = settings.operations;
    const unset = alarmEmail === undefined ? [warning(`operations.alarmEmail is not set: ${subscribe}`)] : [];
    if (deployment === undefined) return unset;
    const found = await deployment.alarmSubscribers().catch(() => undefined);
    if (found === undefined) return [...unset, warning(`it is unknown who gets the alarms: ${mayNotList}`)];
    const { confirmed, pending } = found;
    if (confirmed > 0) return [ok(`the topic ${alarmTopicName(names.prefix)} has ${countOf(confirmed)}`)];
    if (pending === 0) return [bad(`NO ONE RECEIVES THE ALARMS: ${noSubscription}`)];
    return [bad(`NO ONE RECEIVES THE ALARMS: ${countOf(pending)}, unconfirmed: use the link in the e-mail from AWS`)];
  },
};

const subscribe = 'set it and deploy, or subscribe an address to the alarm topic, or alarms notify no one';
const noSubscription = 'set operations.alarmEmail and deploy, or subscribe an address to the alarm topic';
const mayNotList = 'check that you may do sns:ListSubscriptionsByTopic on the alarm topic';

function countOf(count: number): string {
  return count === 1 ? 'one subscription' : `${count} subscriptions`;
}
