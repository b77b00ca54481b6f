import type { Environment } from '../lambda/io/environment.ts';
import { type Settings, SettingsError } from '../lambda/io/settings.ts';
import { deployedName } from './secrets.ts';

/** Lambda Developer Guide, "Lambda quotas": all variables of a function together. */
const mostBytes = 4096;

/** What the functions are told of the deployment. */
export interface Told {
  readonly settings: Settings;
  readonly receiptsTable: string;
  readonly identifiersTable: string;
  /** Secret ARNs, by design name, as JSON. */
  readonly secretArns: string;
}

/** A function's variables. What only the deployment needs (`operations`, an e-mail address in it) stays out. */
export function environment({ settings, receiptsTable, identifiersTable, secretArns }: Told) {
  const { projects, platforms, limits } = settings;
  return {
    SETTINGS_JSON: JSON.stringify({ projects, platforms, limits }),
    SECRET_ARNS: secretArns,
    RECEIPTS_TABLE: receiptsTable,
    IDENTIFIERS_TABLE: identifiersTable,
  } satisfies Environment;
}

/** Throws where `cdk deploy` would fail after minutes. ARNs are not known yet, so they count with the longest parts. */
export function refuseTooLarge(settings: Settings, names: readonly string[], prefix: string): void {
  const arns = names.map(name => [name, `${longestArn}${deployedName(name, prefix)}-AbCdEf`]);
  const variables = environment({
    settings,
    receiptsTable: `${prefix}-receipts`,
    identifiersTable: `${prefix}-identifiers`,
    secretArns: JSON.stringify(Object.fromEntries(arns)),
  });
  // Lambda measures the variables as JSON, quotes escaped: its own refusal prints the string that it measured.
  const bytes = Buffer.byteLength(JSON.stringify(variables));
  if (bytes <= mostBytes) return;
  throw new SettingsError([`a function would need ${bytes} bytes of environment, and Lambda allows ${mostBytes}`]);
}

const longestArn = 'arn:aws-us-gov:secretsmanager:ap-northeast-1:123456789012:secret:';
