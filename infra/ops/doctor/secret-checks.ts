import * as v from 'valibot';
import { parseSharedSecret } from '../../../lambda/authentication/shared-secret.ts';
import { eventSecrets, pepperName, platformSecrets } from '../../../lambda/domain/names.ts';
import { parseJson } from '../../../lambda/io/json.ts';
import { placeholder } from '../../../lambda/io/secret-cache.ts';
import { isGeneric, openPlatforms } from '../../../lambda/platforms/index.ts';
import { createPseudonymizer } from '../../../lambda/receipts/hmac.ts';
import { apiKeyReader } from '../../../lambda/voucherify/credentials.ts';
import { deployedName, secretNames } from '../../stack/names.ts';
import type { OpsContext } from '../context.ts';
import { bad, type Check, type CheckResult, ok, warning } from './check.ts';

/** Checks that every secret that the settings need exists, is filled in, and is accepted by the functions' own parser. */
export const secretsCheck: Check = {
  name: 'secrets',
  run: async context =>
    (await Promise.all(secretNames(context.settings).map(name => checkSecret(name, undefined, context)))).flat(),
};

/** Checks the given text of a secret, or the stored one. Results never contain a value. */
export async function checkSecret(
  name: string,
  given: string | undefined,
  context: OpsContext,
): Promise<readonly CheckResult[]> {
  const label = secretLabel(name, context);
  const text = given ?? (await context.readSecret(name).catch(() => undefined));
  if (text === undefined) {
    return [
      bad(`${label}: cannot be read: check that it exists and that you may do secretsmanager:GetSecretValue on it`),
    ];
  }
  const problem = await findProblem(name, text, context);
  if (problem !== undefined) {
    const command = given === undefined && name !== pepperName ? `: npm run ops -- secret set ${shortName(name)}` : '';
    return [bad(`${label}: ${text.includes(placeholder) ? placeholderText : ''}${problem}${command}`)];
  }
  return [ok(`${label}: filled in and valid`), ...checkRotation(name, label, text)];
}

/** Returns a secret's name as it appears in Secrets Manager. */
export function secretLabel(name: string, { local, names }: Pick<OpsContext, 'local' | 'names'>): string {
  return local === undefined ? deployedName(name, names) : name;
}

function shortName(name: string): string {
  return name.replace('erasure/', '');
}

const placeholderText = `still contains ${placeholder}; `;

async function findProblem(name: string, text: string, context: OpsContext): Promise<string | undefined> {
  if (name === pepperName) return succeeds(() => createPseudonymizer(text)) ? undefined : pepperProblem;
  if (name.startsWith(platformSecrets)) return findPlatformProblem(name.slice(platformSecrets.length), text, context);
  if (name.startsWith(eventSecrets)) return succeeds(() => parseSharedSecret(text)) ? undefined : eventSecretProblem;
  const keys = await apiKeyReader(name, async () => text)();
  return keys === undefined
    ? 'set it to {"appId": "…", "appToken": "…"}, an application key of the project'
    : undefined;
}

const eventSecretProblem =
  'set it to {"current": "…"}, the secret key of the webhooks in the settings of the project in Voucherify (README.md#notice-erased-persons-who-come-back)';

const pepperProblem =
  'is shorter than 43 characters; if receipts exist, restore its previous version, and never set a new one ' +
  '(RUNBOOK.md#requests-rejected)';

function findPlatformProblem(name: string, text: string, { settings }: OpsContext): string | undefined {
  const section = settings.platforms[name];
  const page = isGeneric(section) ? 'generic' : name;
  const usable = succeeds(() =>
    openPlatforms({ [name]: section })
      .get(name)
      ?.checkSecret(text),
  );
  return usable ? undefined : `set it to {"current": "…"} with at least 24 characters, as in docs/platforms/${page}.md`;
}

function checkRotation(name: string, label: string, text: string): CheckResult[] {
  const rotated = v.is(v.object({ previous: v.string() }), parseJson(text)?.value);
  if (!rotated || !name.startsWith(platformSecrets)) return [];
  // Only receipts record which secret authenticated a request; no log line does.
  const how = 'remove previous once new receipts show the secret "current" (npm run ops -- show RECEIPT)';
  return [warning(`${label}: the previous secret is still accepted: ${how} (RUNBOOK.md#rotating-a-platforms-secret)`)];
}

function succeeds(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
