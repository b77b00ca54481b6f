import { projectSecretName } from '../../../lambda/domain/names.ts';
import { parseRateHeaders } from '../../../lambda/quota/rate-headers.ts';
import { apiKeyReader } from '../../../lambda/voucherify/credentials.ts';
import { bad, type Check, type CheckContext, type CheckResult, isoSeconds, ok, warning } from './finding.ts';
import type { Probe } from './probe.ts';
import { quotaFindings } from './quota.ts';
import { secretLabel } from './secrets.ts';

/** Whether the key of every project is live and may read customers, and how its quota stands. */
export const voucherifyCheck: Check = {
  name: 'voucherify',
  run: async patient => {
    const found = [...(await patient.probes())].map(([name, probe]) => ofProject(name, probe, patient));
    return [...found.flat(), ...(await sharedKeys(patient))];
  },
};

function ofProject(name: string, probe: Probe, patient: CheckContext): readonly CheckResult[] {
  if (probe.page.kind !== 'page' || probe.result.kind !== 'answer') return [refused(name, probe, patient)];
  // Voucherify docs, Error object and Customer object: no answer names the project.
  const which = 'which project it is of, no answer tells: compare its app id with the dashboard (Project settings)';
  return [
    ok(`${name}: the key is live and may read customers; ${which}`),
    ...quotaFindings(name, probe.project, probe.result.headers, probe.at),
  ];
}

function refused(name: string, { result, at }: Probe, patient: CheckContext): CheckResult {
  const secret = secretLabel(projectSecretName(name), patient);
  if (result.kind === 'no-credentials')
    return bad(`${name}: was not asked, since ${secret} holds no usable key: fill it in`);
  if (result.kind === 'no-answer') return bad(`${name}: no answer (${result.code}): ${unreached}`);
  if (result.kind === 'held') return bad(`${name}: no OAuth token (${result.code}): ${tokenless}`);
  const { status } = result;
  const { retryAt, exhausted } = parseRateHeaders(result.headers, at);
  if (status === 429 && !exhausted)
    return warning(`${name}: the limit is used up (429)${until(retryAt)}: who else calls?`);
  const what = status === 429 ? whatToDo[402] : (whatToDo[status] ?? (status >= 500 ? theirs : unknownAnswer));
  return bad(`${name}: answered ${status}: ${what?.replace('SECRET', secret)}`);
}

function until(at: number | undefined): string {
  return at === undefined ? '' : ` until ${isoSeconds(at)}`;
}

const unreached = 'compare baseUrl with the API endpoint in Project settings, and see whether this machine is online';
const tokenless = 'may the key make tokens, and with the scope customers?';
const theirs = 'Voucherify has a problem of its own (status.voucherify.io); what is accepted waits';
const unknownAnswer = 'this is no list of customers: compare baseUrl with the API endpoint in Project settings';

const whatToDo: Readonly<Record<number, string>> = {
  401: 'the key is unknown, deleted or regenerated: put a live one into SECRET (RUNBOOK.md#voucherify-access-refused)',
  402: 'the plan or its cycle is used up: upgrade, or wait for the next cycle (RUNBOOK.md#voucherify-access-refused)',
  403:
    'the key may not read customers, is of another region, or its IP list leaves this machine out; the last says ' +
    'nothing of the function (RUNBOOK.md#voucherify-access-refused)',
};

/** One app id is one project: two names for it would count its quota twice. */
async function sharedKeys({ settings, readSecret }: CheckContext): Promise<readonly CheckResult[]> {
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
