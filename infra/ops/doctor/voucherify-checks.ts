import { applyResponse, parseRateHeaders } from '../../../lambda/quota/rate-headers.ts';
import { initialRateLimit } from '../../../lambda/quota/rate-limit.ts';
import { readRateLimit } from '../../../lambda/quota/rate-limiter.ts';
import { apiKeyReader } from '../../../lambda/voucherify/credentials.ts';
import { quotaFromSettings } from '../../../lambda/voucherify/project.ts';
import type { ProjectSettings } from '../../../lambda/voucherify/project-settings.ts';
import { bad, type Check, type CheckContext, type CheckResult, isoSeconds, ok, type Probe, warning } from './check.ts';
import { secretLabel } from './setup-checks.ts';

/** Whether the key of every project is live and may read customers, and how its quota stands. */
export const voucherifyCheck: Check = {
  name: 'voucherify',
  run: async patient => {
    const found = [...(await patient.probes())].map(([name, probe]) => describeProbe(name, probe, patient));
    return [...found.flat(), ...(await checkSharedKeys(patient))];
  },
};

function describeProbe(name: string, probe: Probe, patient: CheckContext): readonly CheckResult[] {
  if (probe.page.kind !== 'page' || probe.result.kind !== 'answer') return [describeFailure(name, probe, patient)];
  // Voucherify docs, Error object and Customer object: no answer names the project.
  const which = 'which project it is of, no answer tells: compare its app id with the dashboard (Project settings)';
  return [
    ok(`${name}: the key is live and may read customers; ${which}`),
    ...quotaFindings(name, probe.project, probe.result.headers, probe.at),
  ];
}

function describeFailure(name: string, { result, at }: Probe, patient: CheckContext): CheckResult {
  const secret = secretLabel(`erasure/voucherify/${name}`, patient);
  if (result.kind === 'no-credentials')
    return bad(`${name}: was not asked, since ${secret} holds no usable key: fill it in`);
  if (result.kind === 'no-answer') return bad(`${name}: no answer (${result.code}): ${noConnection}`);
  if (result.kind === 'held') return bad(`${name}: no OAuth token (${result.code}): ${noToken}`);
  const { status } = result;
  const { retryAt, exhausted } = parseRateHeaders(result.headers, at);
  if (status === 429 && !exhausted)
    return warning(`${name}: the limit is used up (429)${untilText(retryAt)}: who else calls?`);
  const what =
    status === 429 ? statusFixes[402] : (statusFixes[status] ?? (status >= 500 ? serverError : notACustomerList));
  return bad(`${name}: answered ${status}: ${what?.replace('SECRET', secret)}`);
}

function untilText(at: number | undefined): string {
  return at === undefined ? '' : ` until ${isoSeconds(at)}`;
}

const noConnection =
  'compare baseUrl with the API endpoint in Project settings, and see whether this machine is online';
const noToken = 'may the key make tokens, and with the scope customers?';
const serverError = 'Voucherify has a problem of its own (status.voucherify.io); what is accepted waits';
const notACustomerList = 'this is no list of customers: compare baseUrl with the API endpoint in Project settings';

const statusFixes: Readonly<Record<number, string>> = {
  401: 'the key is unknown, deleted or regenerated: put a live one into SECRET (RUNBOOK.md#voucherify-access-refused)',
  402: 'the plan or its cycle is used up: upgrade, or wait for the next cycle (RUNBOOK.md#voucherify-access-refused)',
  403:
    'the key may not read customers, is of another region, or its IP list leaves this machine out; the last says ' +
    'nothing of the function (RUNBOOK.md#voucherify-access-refused)',
};

/** One app id is one project: two names for it would count its quota twice. */
async function checkSharedKeys({ settings, readSecret }: CheckContext): Promise<readonly CheckResult[]> {
  const projects = Object.keys(settings.projects);
  const keys = await Promise.all(
    projects.map(async name => [name, (await apiKeyReader(name, readSecret)())?.appId] as const),
  );
  return keys.flatMap(([name, appId], at) => {
    const [twin] = keys.slice(0, at).find(([, other]) => appId !== undefined && other === appId) ?? [];
    const what = 'have the same app id, so they are one project: put the key of the other project in';
    return twin === undefined ? [] : [bad(`${twin} and ${name} ${what}`)];
  });
}

type Headers = Readonly<Record<string, string | undefined>>;

/** What the headers of a good answer say of the quota, read as the pace reads them, and where settings disagree. */
export function quotaFindings(name: string, project: ProjectSettings, headers: Headers, now: number): CheckResult[] {
  const { limit, remaining, ofCycle } = parseRateHeaders(headers, now);
  const quota = quotaFromSettings(project);
  if (limit === undefined || ofCycle) {
    return [warning(`${name}: Voucherify tells no limit now, so ${limitText(quota)} of the settings are believed`)];
  }
  const result = { kind: 'answer', status: 200, headers, body: '' } as const;
  const heard = { result, receipt: '', keyHash: '', byToken: false, sentAt: now, now };
  const { limit: _, periodMs = quota.periodMs, reservedForShopUntil } = applyResponse(initialRateLimit, heard, quota);
  const told = { limit, periodMs };
  const left = remaining === undefined ? '' : `, ${remaining} left now`;
  return [
    ok(
      `${name}: limit ${limitText(told)}${left}; erasures use at most ${callsForErasures(limit, quota.share)} of them`,
    ),
    ...(limitText(told) === limitText(quota)
      ? []
      : [warning(`${name}: settings say ${limitText(quota)}: ${settingsFix(told)}`)]),
    ...(reservedForShopUntil === undefined
      ? []
      : [warning(`${name}: what is left is the shop's: erasures wait until ${isoSeconds(reservedForShopUntil)}`)]),
  ];
}

interface Limit {
  readonly limit: number;
  readonly periodMs: number;
}

const hourMs = 3_600_000;

function limitText({ limit, periodMs }: Limit): string {
  return `${limit} a ${periodMs === hourMs ? 'hour' : 'minute'}`.replace('a hour', 'an hour');
}

function settingsFix({ limit, periodMs }: Limit): string {
  return `set callsPerMinute to ${limit} and quotaPeriod to ${periodMs === hourMs ? 'hour' : 'minute'}, and deploy`;
}

/** At least one call now and then. */
function callsForErasures(limit: number, share: number): number {
  return Math.max(1, Math.floor(limit * share + 1e-9));
}

/** Whether a project is closed for everybody, until when and why. */
export const rateLimitCheck: Check = {
  name: 'pace',
  run: async patient =>
    (await Promise.all(Object.keys(patient.settings.projects).map(name => checkRateLimit(name, patient)))).flat(),
};

async function checkRateLimit(name: string, { control, now }: CheckContext): Promise<readonly CheckResult[]> {
  const pace = await readRateLimit(name, control);
  if (pace === undefined) {
    return [bad(`${name}: its row cannot be read, so nobody calls: deploy the version that wrote it`)];
  }
  const { breaker, reservedForShopUntil = 0 } = pace;
  if (breaker !== undefined && breaker.openUntil > now()) {
    return [
      warning(
        `${name}: closed until ${isoSeconds(breaker.openUntil)} (${breaker.code}): ${breakerFixes[breaker.code] ?? closesByItself}`,
      ),
    ];
  }
  if (reservedForShopUntil > now())
    return [warning(`${name}: rests until ${isoSeconds(reservedForShopUntil)}, since the shop needs what is left`)];
  return [ok(`${name}: open`)];
}

const closesByItself = 'it opens by itself; nothing is lost';
const breakerFixes: Readonly<Record<string, string>> = {
  'key-refused': 'a new key in its secret opens it at once (RUNBOOK.md#voucherify-access-refused)',
  'quota-exhausted': 'one call an hour tries (RUNBOOK.md#voucherify-access-refused)',
};

/** Signed timestamps are refused from five minutes on; a minute's half shows that nobody keeps the clock right. */
const warnFromMs = 30_000;
const badFromMs = 300_000;

/** This machine's clock against the one of Voucherify's answers (RFC 9110, section 6.6.1). */
export const clockCheck: Check = {
  name: 'clock',
  run: async patient => {
    const off = await readClockOffset(patient);
    if (off === undefined) return [warning('no answer of Voucherify to compare with')];
    const says = `this machine's clock is ${Math.round(off / 1000)} s away from Voucherify's`;
    if (off > badFromMs) return [bad(`${says}: set it by NTP; what it signs is refused from 300 s on`)];
    return [off > warnFromMs ? warning(`${says}: set it by NTP`) : ok(says)];
  },
};

async function readClockOffset({ probes }: CheckContext): Promise<number | undefined> {
  const offs = [...(await probes()).values()].flatMap(({ result, at }) => {
    const told = result.kind === 'answer' ? Date.parse(String(result.headers['date'])) : Number.NaN;
    return Number.isNaN(told) ? [] : [Math.abs(at - told)];
  });
  return offs.length === 0 ? undefined : Math.min(...offs);
}
