import * as v from 'valibot';
import type { ProjectSettings } from '../../../lambda/io/settings.ts';
import { openPlatforms } from '../../../lambda/platforms/index.ts';
import type { Platform } from '../../../lambda/platforms/platform.ts';
import { bad, type Check, type CheckContext, type CheckResult, ok, warning } from './finding.ts';

/** What settings say, and what of it can be right only by accident; that they can be read was seen before. */
export const settingsCheck: Check = {
  name: 'settings',
  run: async ({ settings }) => {
    const platforms = openPlatforms(settings.platforms);
    const routed = [...platforms.values()].flatMap(({ projects }) => projects ?? Object.keys(settings.projects));
    return [
      ...Object.entries(settings.projects).flatMap(entry => ofProject(...entry, routed)),
      ...(platforms.size === 0 ? [bad('no platform is turned on: add one to platforms in the settings')] : []),
      ...[...platforms].flatMap(([name, platform]) => ofPlatform(name, platform, settings)),
      ...ofLimits(settings),
    ];
  },
};

function ofProject(
  name: string,
  { baseUrl, auth, quotaShare }: ProjectSettings,
  routed: readonly string[],
): CheckResult[] {
  const share = `erasures use at most ${Math.round(quotaShare * 100)} % of its quota`;
  return [
    ok(`project ${name}: ${baseUrl}, ${auth}; ${share}`),
    ...(quotaShare === 1
      ? [warning(`project ${name}: quotaShare 1 leaves the shop's own calls nothing; 0.5 is usual`)]
      : []),
    ...(routed.includes(name)
      ? []
      : [warning(`project ${name}: no platform is routed to it, so nobody is erased there`)]),
  ];
}

const kinds = v.record(v.string(), v.string());
const section = v.object({
  scheme: v.optional(v.string()),
  /** What identities of a platform are in Voucherify, however its settings call that. */
  identities: v.optional(kinds),
  identifiers: v.optional(v.union([v.string(), kinds])),
  tenants: v.optional(v.array(v.string())),
  environments: v.optional(v.array(v.string())),
  shops: v.optional(v.array(v.string())),
});

function ofPlatform(
  name: string,
  platform: Platform,
  { platforms, projects }: CheckContext['settings'],
): CheckResult[] {
  const { scheme, identities, identifiers, tenants, environments, shops } = v.parse(section, platforms[name]);
  const mapped = identities ?? (typeof identifiers === 'object' ? identifiers : undefined);
  const facts = [
    scheme === undefined ? [] : [`scheme ${scheme}`],
    listed('tenants', tenants),
    listed('environments', environments),
    listed('shops', shops),
    listed('identities', mapped && Object.entries(mapped).map(([space, kind]) => `${space} → ${kind}`)),
    listed('projects', platform.projects ?? Object.keys(projects)),
    listed('callbacks to', platform.callbackOrigins),
  ].flat();
  return [ok(`platform ${name}: ${facts.join('; ')}`), ...unmapped(name, mapped), ...uncalled(name, platform)];
}

function listed(what: string, values: readonly string[] = []): string[] {
  return values.length === 0 ? [] : [`${what} ${values.join(', ')}`];
}

function unmapped(name: string, mapped: Readonly<Record<string, string>> | undefined): CheckResult[] {
  if (mapped === undefined || Object.values(mapped).some(kind => kind !== 'phone')) return [];
  const what = 'its identities map nothing that Voucherify can look up, so every request ends as not-identifiable';
  return [bad(`platform ${name}: ${what}: map at least one to customer_id, source_id or email`)];
}

/** A platform that waits for a result and can neither be called nor ask has to send its request again. */
function uncalled(name: string, { responseMode, callbackOrigins, hasStatusRoute }: Platform): CheckResult[] {
  if (responseMode !== 'result' || hasStatusRoute === true || callbackOrigins.length > 0) return [];
  const what = 'callbackOrigins is empty, so an erasure that takes longer than the answer is told to nobody';
  return [warning(`platform ${name}: ${what}: name the origins that it is called back at`)];
}

function ofLimits({ limits }: CheckContext['settings']): CheckResult[] {
  const { customersPerRequest, requestsPerHour, holdSeconds, answerBudgetMs } = limits;
  const held = holdSeconds === 0 ? 'not held' : `held ${holdSeconds} s`;
  const most = `at most ${customersPerRequest} customers a request and project, ${requestsPerHour} requests an hour and platform`;
  return [ok(`limits: ${most}; ${held}, answered within ${answerBudgetMs} ms`)];
}
