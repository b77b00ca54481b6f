import * as v from 'valibot';
import { pepperName, platformSecrets } from '../../../lambda/domain/names.ts';
import { parseJson } from '../../../lambda/io/json.ts';
import { placeholder } from '../../../lambda/io/secret-cache.ts';
import { isGeneric, openPlatforms } from '../../../lambda/platforms/index.ts';
import { createPseudonymizer } from '../../../lambda/receipts/hmac.ts';
import { apiKeyReader } from '../../../lambda/voucherify/credentials.ts';
import { deployedName, secretNames } from '../../stack/names.ts';
import { bad, type Check, type CheckContext, type CheckResult, ok, warning } from './finding.ts';

/** Whether every secret that settings ask for is there, filled in, and what its reader in the function accepts. */
export const secretsCheck: Check = {
  name: 'secrets',
  run: async patient => (await Promise.all(secretNames(patient.settings).map(name => ofSecret(name, patient)))).flat(),
};

async function ofSecret(name: string, patient: CheckContext): Promise<CheckResult[]> {
  const called = secretLabel(name, patient);
  const text = await patient.readSecret(name).catch(() => undefined);
  if (text === undefined) {
    return [bad(`${called}: cannot be read: is it there, and may you do secretsmanager:GetSecretValue on it?`)];
  }
  const problem = await problemOf(name, text, patient);
  if (problem !== undefined) return [bad(`${called}: ${text.includes(placeholder) ? unfilled : ''}${problem}`)];
  return [ok(`${called}: filled and well-formed`), ...unfinished(name, called, text)];
}

/** A secret's deployed name: what the operator looks for in Secrets Manager. */
export function secretLabel(name: string, { local, names }: Pick<CheckContext, 'local' | 'names'>): string {
  return local === undefined ? deployedName(name, names) : name;
}

const unfilled = `still holds ${placeholder}; `;

async function problemOf(name: string, text: string, patient: CheckContext): Promise<string | undefined> {
  if (name === pepperName) return succeeds(() => createPseudonymizer(text)) ? undefined : pepperProblem;
  if (name.startsWith(platformSecrets)) return platformProblem(name.slice(platformSecrets.length), text, patient);
  const keys = await apiKeyReader(name, async () => text)();
  return keys === undefined ? 'put in {"appId": "…", "appToken": "…"}, an application key of the project' : undefined;
}

const pepperProblem =
  'is shorter than 43 characters; if receipts exist already put its previous version back, and never a new one ' +
  '(RUNBOOK.md#requests-rejected)';

function platformProblem(name: string, text: string, { settings }: CheckContext): string | undefined {
  const section = settings.platforms[name];
  const page = isGeneric(section) ? 'generic' : name;
  const usable = succeeds(() =>
    openPlatforms({ [name]: section })
      .get(name)
      ?.checkSecret(text),
  );
  return usable
    ? undefined
    : `put in {"current": "…"} as docs/platforms/${page}.md has it, at least 24 characters long`;
}

function unfinished(name: string, called: string, text: string): CheckResult[] {
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
