import { projectSecretName } from '../../../lambda/domain/names.ts';
import { applyRateHeaders, hasSpareCalls, initialRateLimit, tokenInterval } from '../../../lambda/quota/rate-limit.ts';
import { readRateLimit } from '../../../lambda/quota/rate-limiter.ts';
import { quotaFromSettings } from '../../../lambda/voucherify/client.ts';
import { apiKeyReader } from '../../../lambda/voucherify/credentials.ts';
import type { ProjectSettings } from '../../../lambda/voucherify/project-settings.ts';
import { parseRateHeaders } from '../../../lambda/voucherify/responses.ts';
import { hourMs, isoSeconds, span } from '../terminal.ts';
import { bad, type Check, type CheckContext, type CheckResult, ok, type Probe, sandboxFix, warning } from './check.ts';
import { secretLabel } from './secret-checks.ts';

/** Checks that the key of every project is valid and may read customers, and shows its quota. */
export const voucherifyCheck: Check = {
  name: 'voucherify',
  run: async context => {
    const found = [...(await context.probes())].map(([name, probe]) => describeProbe(name, probe, context));
    return [...found.flat(), ...(await checkSharedKeys(context))];
  },
};

function describeProbe(name: string, probe: Probe, context: CheckContext): readonly CheckResult[] {
  if (probe.page.kind !== 'page' || probe.response?.kind !== 'response') return [describeFailure(name, probe, context)];
  // Voucherify docs, Error object and Customer object: no response names the project.
  const which = 'Voucherify does not return the project: compare the app id with the dashboard (Project settings)';
  return [
    ok(`${name}: the key is valid and may read customers; ${which}`),
    ...quotaFindings(name, probe.project, probe.response.headers, probe.at),
  ];
}

function describeFailure(name: string, probe: Probe, context: CheckContext): CheckResult {
  const { response, page, at } = probe;
  if (context.local !== undefined && response !== undefined) {
    const what = response.kind === 'response' ? `HTTP ${response.status}` : `no response (${response.code})`;
    return bad(`${name}: ${what}: ${sandboxFix(context.local)}`);
  }
  const secret = secretLabel(projectSecretName(name), context);
  if (response === undefined) return bad(`${name}: not called, because ${secret} contains no valid key: fill it in`);
  const code = page.kind === 'page' ? '' : page.code;
  if (code.startsWith('token-')) return bad(`${name}: no OAuth token (${code}): ${noToken}`);
  if (response.kind === 'no-response') return bad(`${name}: no response (${response.code}): ${noConnection}`);
  const { status } = response;
  const { retryAt, exhausted } = parseRateHeaders(response.headers, at);
  if (status === 429 && !exhausted)
    return warning(`${name}: the rate limit is used up (429)${untilText(retryAt)}: check what else uses this quota`);
  const what =
    status === 429 ? statusFixes[402] : (statusFixes[status] ?? (status >= 500 ? serverError : notACustomerList));
  return bad(`${name}: HTTP ${status}: ${what?.replace('SECRET', secret)}`);
}

function untilText(at: number | undefined): string {
  return at === undefined ? '' : ` until ${isoSeconds(at)}`;
}

const noConnection =
  'compare baseUrl with the API endpoint in Project settings, and check the network of this machine (RUNBOOK.md#voucherify-unavailable)';
const noToken = 'check that the key may create tokens with the scope customers';
const serverError =
  'Voucherify has a failure (status.voucherify.io); the sweep retries accepted requests (RUNBOOK.md#voucherify-unavailable)';
const notACustomerList = 'not a list of customers: compare baseUrl with the API endpoint in Project settings';

const statusFixes: Readonly<Record<number, string>> = {
  401: 'the key is unknown, deleted or regenerated: put a valid one into SECRET (RUNBOOK.md#voucherify-unavailable)',
  402: 'the API calls of the plan are used up: upgrade, or wait for the next cycle (RUNBOOK.md#voucherify-unavailable)',
  403:
    'the key may not read customers, is of another region, or its IP list excludes this machine (which does not ' +
    'affect the function (RUNBOOK.md#voucherify-unavailable)',
};

/** One app id is one project. Two names for it would count its quota twice. */
async function checkSharedKeys({ settings, readSecret }: CheckContext): Promise<readonly CheckResult[]> {
  const projects = Object.keys(settings.projects);
  const keys = await Promise.all(
    projects.map(async name => [name, (await apiKeyReader(name, readSecret)())?.appId] as const),
  );
  return keys.flatMap(([name, appId], at) => {
    const [twin] = keys.slice(0, at).find(([, other]) => appId !== undefined && other === appId) ?? [];
    const what = 'have the same app id, so they are the same project: replace one of the two keys';
    return twin === undefined ? [] : [bad(`${twin} and ${name} ${what}`)];
  });
}

type Headers = Readonly<Record<string, string | undefined>>;

/** Describes the quota in the headers of a successful response, and where the settings differ from it. */
function quotaFindings(name: string, project: ProjectSettings, headers: Headers, now: number): CheckResult[] {
  const rate = parseRateHeaders(headers, now);
  const { limit, remaining, ofCycle } = rate;
  const quota = quotaFromSettings(project);
  if (limit === undefined || ofCycle) {
    return [warning(`${name}: the response contains no rate limit, so the settings apply: ${limitText(quota)}`)];
  }
  const { periodMs = quota.periodMs, reservedForShopUntil } = applyRateHeaders(initialRateLimit, rate, now, quota);
  const actual = { limit, periodMs };
  const left = remaining === undefined ? '' : `, ${remaining} left`;
  return [
    ok(
      `${name}: limit ${limitText(actual)}${left}; erasures use at most ${callsForErasures(limit, quota.share)} of these calls`,
    ),
    ...(limitText(actual) === limitText(quota)
      ? []
      : [warning(`${name}: settings say ${limitText(quota)}: ${settingsFix(actual)}`)]),
    ...(project.residue === true && !hasSpareCalls(tokenInterval(actual, quota)) ? [warning(noCounts(name))] : []),
    ...(reservedForShopUntil === undefined
      ? []
      : [
          warning(
            `${name}: the remaining calls are reserved for the shop: erasures continue after ${isoSeconds(reservedForShopUntil)}`,
          ),
        ]),
  ];
}

function noCounts(name: string): string {
  return `${name}: residue is set, but the quota has no spare calls, so nothing is counted (docs/cost.md)`;
}

interface Limit {
  readonly limit: number;
  readonly periodMs: number;
}

function limitText({ limit, periodMs }: Limit): string {
  return `${limit} per ${periodMs === hourMs ? 'hour' : 'minute'}`;
}

function settingsFix({ limit, periodMs }: Limit): string {
  return `set callsPerMinute to ${limit} and quotaPeriod to ${periodMs === hourMs ? 'hour' : 'minute'}, and deploy`;
}

/** Erasures always get at least one call. */
function callsForErasures(limit: number, share: number): number {
  return Math.max(1, Math.floor(limit * share + 1e-9));
}

/** Checks whether the circuit breaker or the reserve for the shop blocks calls to a project, until when and why. */
export const rateLimitCheck: Check = {
  name: 'rate limit',
  run: async context =>
    (await Promise.all(Object.keys(context.settings.projects).map(name => checkRateLimit(name, context)))).flat(),
};

async function checkRateLimit(name: string, { control, now, local }: CheckContext): Promise<readonly CheckResult[]> {
  const state = await readRateLimit(name, control);
  if (state === undefined) {
    return [bad(`${name}: its row cannot be parsed, so all calls are blocked: deploy the version that wrote it`)];
  }
  const { breaker, reservedForShopUntil = 0 } = state;
  if (breaker !== undefined && breaker.openUntil > now()) {
    const locally = local && `calls resume automatically then, if Voucherify works again: ${sandboxFix(local)}`;
    const fix = locally ?? breakerFixes[breaker.code] ?? resumesByItself;
    return [warning(`${name}: calls are blocked until ${isoSeconds(breaker.openUntil)} (${breaker.code}): ${fix}`)];
  }
  if (reservedForShopUntil > now())
    return [warning(`${name}: calls are reserved for the shop until ${isoSeconds(reservedForShopUntil)}`)];
  return [ok(`${name}: calls are allowed`)];
}

const resumesByItself = 'calls resume automatically, and no request is lost';
const breakerFixes: Readonly<Record<string, string>> = {
  'key-refused': 'a new key in its secret resumes calls at once (RUNBOOK.md#voucherify-unavailable)',
  'quota-exhausted': 'one call per hour checks whether it is available again (RUNBOOK.md#voucherify-unavailable)',
};

/** Signed timestamps are rejected after five minutes; half a minute shows that the clock is not synchronized. */
const warnFromMs = 30_000;
const badFromMs = 300_000;

/**
 * Compares this machine's clock with the Date header of Voucherify's responses (RFC 9110, section 6.6.1). A local run has
 * no other clock to compare with, but its own may have been moved.
 */
export const clockCheck: Check = {
  name: 'clock',
  run: async context => {
    if (context.local !== undefined) return [describeRunClock(context.now() - Date.now())];
    const off = await readClockOffset(context);
    if (off === undefined) return [warning('no response of Voucherify to compare with')];
    const difference = `this machine's clock is ${Math.round(off / 1000)} s different from Voucherify's`;
    if (off > badFromMs)
      return [bad(`${difference}: synchronize it by NTP; its signatures are rejected from 300 s on`)];
    return [off > warnFromMs ? warning(`${difference}: synchronize it by NTP`) : ok(difference)];
  },
};

function describeRunClock(aheadMs: number): CheckResult {
  if (Math.abs(aheadMs) <= 1000) return ok("the clock of this run is this machine's");
  const off = `${span(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`;
  return warning(`the clock of this run is ${off} (moved on its page, or by CLOCK): all times here are by that clock`);
}

async function readClockOffset({ probes }: CheckContext): Promise<number | undefined> {
  const offs = [...(await probes()).values()].flatMap(({ response, at }) => {
    const date = response?.kind === 'response' ? Date.parse(String(response.headers['date'])) : Number.NaN;
    return Number.isNaN(date) ? [] : [Math.abs(at - date)];
  });
  return offs.length === 0 ? undefined : Math.min(...offs);
}
