import { Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Environment } from '../lambda/io/environment.ts';
import { type Settings, SettingsError } from '../lambda/io/settings.ts';
import { deployedName, type Names } from './names.ts';
import type { Secrets } from './secrets.ts';
import type { ErasureTables } from './tables.ts';

/** What a function is told of the deployment. */
interface Told {
  /** Of every name; its prefix is the namespace of the metrics. */
  readonly named: Names;
  readonly settings: Settings;
  readonly tables: ErasureTables;
  /** Only those that it may read. */
  readonly secrets: Secrets;
  /** Only of whoever signs. */
  readonly evidenceKey?: IKey;
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
    METRICS_NAMESPACE: told.named.prefix,
    ...(told.evidenceKey === undefined ? {} : { EVIDENCE_KEY: told.evidenceKey.keyArn }),
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
const longestKeyArn = 'arn:aws-us-gov:kms:ap-northeast-1:123456789012:key/12345678-1234-1234-1234-123456789012';

function refuseTooLarge({ named, settings, secrets, evidenceKey }: Told): void {
  const arns = [...secrets.keys()].map(name => [name, `${longestArn}${deployedName(name, named)}-AbCdEf`]);
  const variables = {
    SETTINGS_JSON: forFunctions(settings),
    SECRET_ARNS: JSON.stringify(Object.fromEntries(arns)),
    RECEIPTS_TABLE: named.receipts,
    IDENTIFIERS_TABLE: named.identifiers,
    METRICS_NAMESPACE: named.prefix,
    ...(evidenceKey === undefined ? {} : { EVIDENCE_KEY: longestKeyArn }),
  } satisfies Environment;
  // Lambda measures the variables as JSON, quotes escaped: its refusal prints the text that it measured.
  const bytes = Buffer.byteLength(JSON.stringify(variables));
  if (bytes <= mostBytes) return;
  throw new SettingsError([`a function would need ${bytes} bytes of environment, and Lambda allows ${mostBytes}`]);
}
