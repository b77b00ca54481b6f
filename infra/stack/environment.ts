import { Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { type Environment, packSettings } from '../../lambda/aws/environment.ts';
import { type Settings, SettingsError } from '../../lambda/settings.ts';
import { deployedName, type Names } from './names.ts';
import type { Secrets } from './secrets.ts';
import type { ErasureTables } from './tables.ts';

/** What a function needs to know about the deployment. */
interface EnvironmentSource {
  /** Its prefix is the namespace of the metrics. */
  readonly named: Names;
  readonly settings: Settings;
  readonly tables: ErasureTables;
  /** Only the secrets that the function may read. */
  readonly secrets: Secrets;
  /** Only for the function that signs. */
  readonly evidenceKey?: IKey;
}

/** Returns a function's environment variables. Throws `SettingsError` if they are too large for Lambda. */
export function buildEnvironment(scope: Construct, source: EnvironmentSource): Readonly<Record<string, string>> {
  assertFits(source);
  const arns = [...source.secrets].map(([name, secret]) => [name, secret.secretArn]);
  return {
    SETTINGS_JSON: functionSettings(source.settings),
    SECRET_ARNS: Stack.of(scope).toJsonString(Object.fromEntries(arns)),
    RECEIPTS_TABLE: source.tables.receipts.tableName,
    IDENTIFIERS_TABLE: source.tables.identifiers.tableName,
    METRICS_NAMESPACE: source.named.prefix,
    ...(source.evidenceKey === undefined ? {} : { EVIDENCE_KEY: source.evidenceKey.keyArn }),
    ...nodeOptions,
  } satisfies Environment & NodeOptions;
}

type NodeOptions = typeof nodeOptions;

/**
 * Objects of one request die young. V8's default of 16 MB for them (Node.js CLI, `--max-semi-space-size`) keeps more memory
 * for no measured gain in time (test/bench/README.md).
 */
const nodeOptions = { NODE_OPTIONS: '--max-semi-space-size=8' } as const;

/** Leaves out what only the deployment and editors need; it contains an email address. */
function functionSettings({ operations: _, $schema: __, ...settings }: Settings): string {
  return packSettings(JSON.stringify(settings));
}

/** Limit for all variables of a function together (Lambda Developer Guide, "Lambda quotas"). */
const maxBytes = 4096;

/** ARNs are still tokens here, so the longest possible ones are measured. */
const longestArn = 'arn:aws-us-gov:secretsmanager:ap-northeast-1:123456789012:secret:';
const longestKeyArn = 'arn:aws-us-gov:kms:ap-northeast-1:123456789012:key/12345678-1234-1234-1234-123456789012';

/** Throws here, because `cdk deploy` would fail only after minutes. */
function assertFits({ named, settings, secrets, evidenceKey }: EnvironmentSource): void {
  const arns = [...secrets.keys()].map(name => [name, `${longestArn}${deployedName(name, named)}-AbCdEf`]);
  const variables = {
    SETTINGS_JSON: functionSettings(settings),
    SECRET_ARNS: JSON.stringify(Object.fromEntries(arns)),
    RECEIPTS_TABLE: named.receipts,
    IDENTIFIERS_TABLE: named.identifiers,
    METRICS_NAMESPACE: named.prefix,
    ...(evidenceKey === undefined ? {} : { EVIDENCE_KEY: longestKeyArn }),
    ...nodeOptions,
  } satisfies Environment & NodeOptions;
  // Lambda measures the variables as JSON with escaped quotes: its error message prints the measured text.
  const bytes = Buffer.byteLength(JSON.stringify(variables));
  if (bytes <= maxBytes) return;
  throw new SettingsError([`a function would need ${bytes} bytes of environment, and Lambda allows ${maxBytes}`]);
}
