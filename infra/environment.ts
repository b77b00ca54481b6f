import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Environment } from '../lambda/io/environment.ts';
import { type Settings, SettingsError } from '../lambda/io/settings.ts';
import { deployedName, type Secrets } from './secrets.ts';
import type { Tables } from './tables.ts';

/** What a function is told of the deployment. */
interface Told {
  /** Of every name; the namespace of the metrics is no more than that. */
  readonly prefix: string;
  readonly settings: Settings;
  readonly tables: Tables;
  /** Only those that it may read. */
  readonly secrets: Secrets;
}

/** A function's variables. Throws `SettingsError` where `cdk deploy` would fail after minutes: they are too large. */
export function environment(scope: Construct, told: Told): Readonly<Record<string, string>> {
  refuseTooLarge(told);
  const arns = [...told.secrets].map(([name, secret]) => [name, secret.secretArn]);
  return {
    SETTINGS_JSON: forFunctions(told.settings),
    SECRET_ARNS: Stack.of(scope).toJsonString(Object.fromEntries(arns)),
    RECEIPTS_TABLE: told.tables.receipts.tableName,
    IDENTIFIERS_TABLE: told.tables.identifiers.tableName,
    METRICS_NAMESPACE: told.prefix,
  } satisfies Environment;
}

/** What only the deployment and an editor need stays out: there is an e-mail address in it. */
function forFunctions({ operations: _, $schema: __, ...settings }: Settings): string {
  return JSON.stringify(settings);
}

/** Lambda Developer Guide, "Lambda quotas": all variables of a function together. */
const mostBytes = 4096;

/** ARNs are tokens here, so they count with the longest parts they can have. */
const longestArn = 'arn:aws-us-gov:secretsmanager:ap-northeast-1:123456789012:secret:';

function refuseTooLarge({ prefix, settings, secrets }: Told): void {
  const arns = [...secrets.keys()].map(name => [name, `${longestArn}${deployedName(name, prefix)}-AbCdEf`]);
  const variables = {
    SETTINGS_JSON: forFunctions(settings),
    SECRET_ARNS: JSON.stringify(Object.fromEntries(arns)),
    RECEIPTS_TABLE: `${prefix}-receipts`,
    IDENTIFIERS_TABLE: `${prefix}-identifiers`,
    METRICS_NAMESPACE: prefix,
  } satisfies Environment;
  // Lambda measures the variables as JSON, quotes escaped: its refusal prints the text that it measured.
  const bytes = Buffer.byteLength(JSON.stringify(variables));
  if (bytes <= mostBytes) return;
  throw new SettingsError([`a function would need ${bytes} bytes of environment, and Lambda allows ${mostBytes}`]);
}
