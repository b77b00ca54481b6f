import * as v from 'valibot';
import { parseJson } from '../../../lambda/io/json.ts';
import { placeholder } from '../../../lambda/io/secret-cache.ts';
import { openPlatforms } from '../../../lambda/platforms/index.ts';
import type { Platform } from '../../../lambda/platforms/platform.ts';
import { createPseudonymizer } from '../../../lambda/receipts/hmac.ts';
import { apiKeyReader } from '../../../lambda/voucherify/credentials.ts';
import type { ProjectSettings } from '../../../lambda/voucherify/project-settings.ts';
import { deployedName, pepperName, platformSecrets, secretNames } from '../../stack/names.ts';
import { bad, type Check, type CheckContext, type CheckResult, ok, warning } from './check.ts';

/** What settings say, and what of it can be right only by accident; that they can be read was seen before. */
export const settingsCheck: Check = {
  name: 'settings',
  run: async ({ settings }) => {
    const platforms = openPlatforms(settings.platforms);
    const routed = [...platforms.values()].flatMap(({ projects }) => projects ?? Object.keys(settings.projects));
    return [
      ...Object.entries(settings.projects).flatMap(entry => checkProject(...entry, routed)),
      ...(platforms.size === 0 ? [bad('no platform is turned on: add one to platforms in the settings')] : []),
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
    ...(quotaShare === 1
      ? [warning(`project ${name}: quotaShare 1 leaves the shop's own calls nothing; 0.5 is usual`)]
      : []),
    ...(routed.includes(name)
      ? []
      : [warning(`project ${name}: no platform is routed to it, so nobody is erased there`)]),
  ];
}

const kinds = v.record(v.string(), v.string());
const sectionSchema = v.object({
  scheme: v.optional(v.string()),
  /** What identities of a platform are in Voucherify, however its settings call that. */
  identities: v.optional(kinds),
  identifiers: v.optional(v.union([v.string(), kinds])),
  tenants: v.optional(v.array(v.string())),
  environments: v.optional(v.array(v.string())),
  shops: v.optional(v.array(v.string())),
});

function checkPlatform(
  name: string,
  platform: Platform,
  { platforms, projects }: CheckContext['settings'],
): CheckResult[] {
  const { scheme, identities, identifiers, tenants, environments, shops } = v.parse(sectionSchema, platforms[name]);
  const mapped = identities ?? (typeof identifiers === 'object' ? identifiers : undefined);
  const facts = [
    scheme === undefined ? [] : [`scheme ${scheme}`],
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

function listValues(what: string, values: readonly string[] = []): string[] {
  return values.length === 0 ? [] : [`${what} ${values.join(', ')}`];
}

function checkMapping(name: string, mapped: Readonly<Record<string, string>> | undefined): CheckResult[] {
  if (mapped === undefined || Object.values(mapped).some(kind => kind !== 'phone')) return [];
  const what = 'its identities map nothing that Voucherify can look up, so every request ends as not-identifiable';
  return [bad(`platform ${name}: ${what}: map at least one to customer_id, source_id or email`)];
}

/** A platform that waits for a result and can neither be called nor ask has to send its request again. */
function checkCallbacks(name: string, { responseMode, callbackOrigins, hasStatusRoute }: Platform): CheckResult[] {
  if (responseMode !== 'result' || hasStatusRoute === true || callbackOrigins.length > 0) return [];
  const what = 'callbackOrigins is empty, so an erasure that takes longer than the answer is told to nobody';
  return [warning(`platform ${name}: ${what}: name the origins that it is called back at`)];
}

function describeLimits({ limits }: CheckContext['settings']): CheckResult[] {
  const { customersPerRequest, requestsPerHour, holdSeconds, answerBudgetMs } = limits;
  const held = holdSeconds === 0 ? 'not held' : `held ${holdSeconds} s`;
  const most = `at most ${customersPerRequest} customers a request and project, ${requestsPerHour} requests an hour and platform`;
  return [ok(`limits: ${most}; ${held}, answered within ${answerBudgetMs} ms`)];
}

/** Whether every secret that settings ask for is there, filled in, and what its reader in the function accepts. */
export const secretsCheck: Check = {
  name: 'secrets',
  run: async patient =>
    (await Promise.all(secretNames(patient.settings).map(name => checkSecretValue(name, patient)))).flat(),
};

async function checkSecretValue(name: string, patient: CheckContext): Promise<CheckResult[]> {
  const called = secretLabel(name, patient);
  const text = await patient.readSecret(name).catch(() => undefined);
  if (text === undefined) {
    return [bad(`${called}: cannot be read: is it there, and may you do secretsmanager:GetSecretValue on it?`)];
  }
  const problem = await findProblem(name, text, patient);
  if (problem !== undefined) return [bad(`${called}: ${text.includes(placeholder) ? placeholderText : ''}${problem}`)];
  return [ok(`${called}: filled and well-formed`), ...checkRotation(name, called, text)];
}

/** A secret's deployed name: what the operator looks for in Secrets Manager. */
export function secretLabel(name: string, { local, names }: Pick<CheckContext, 'local' | 'names'>): string {
  return local === undefined ? deployedName(name, names) : name;
}

const placeholderText = `still holds ${placeholder}; `;

async function findProblem(name: string, text: string, patient: CheckContext): Promise<string | undefined> {
  if (name === pepperName) return succeeds(() => createPseudonymizer(text)) ? undefined : pepperProblem;
  if (name.startsWith(platformSecrets)) return findPlatformProblem(name.slice(platformSecrets.length), text, patient);
  const keys = await apiKeyReader(name, async () => text)();
  return keys === undefined ? 'put in {"appId": "…", "appToken": "…"}, an application key of the project' : undefined;
}

const pepperProblem =
  'is shorter than 43 characters; if receipts exist already put its previous version back, and never a new one ' +
  '(RUNBOOK.md#requests-rejected)';

function findPlatformProblem(name: string, text: string, { settings }: CheckContext): string | undefined {
  const section = settings.platforms[name];
  const page = v.is(v.object({ type: v.literal('generic') }), section) ? 'generic' : name;
  const usable = succeeds(() =>
    openPlatforms({ [name]: section })
      .get(name)
      ?.checkSecret(text),
  );
  return usable
    ? undefined
    : `put in {"current": "…"} as docs/platforms/${page}.md has it, at least 24 characters long`;
}

function checkRotation(name: string, called: string, text: string): CheckResult[] {
  const rotated = v.is(v.object({ previous: v.string() }), parseJson(text)?.value);
  if (!rotated || !name.startsWith(platformSecrets)) return [];
  const how = 'take previous out once the log says "secret":"previous" no more';
  return [warning(`${called}: the one before is still accepted: ${how} (RUNBOOK.md#rotating-a-platforms-secret)`)];
}

function succeeds(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
