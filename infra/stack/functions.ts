import { Duration, Stack } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { type Environment, packSettings } from '../../lambda/aws/environment.ts';
import { type Settings, SettingsError } from '../../lambda/settings.ts';
import { type AliasedFunction, addAlias, createFunction, type FunctionWithRole } from './bundled-function.ts';
import { acknowledge } from './nag.ts';
import { deployedName, type Names } from './names.ts';
import type { Secrets } from './secrets.ts';
import type { ErasureTables } from './tables.ts';

export interface Functions {
  readonly webhook: AliasedFunction;
  readonly sweeper: AliasedFunction;
}

/** The secrets that each function may read. */
interface ReadableSecrets {
  readonly webhook: Secrets;
  readonly sweeper: Secrets;
}

/** The options of the function that receives events of customers. */
type EventsOptions = Omit<FunctionsOptions, 'readable' | 'evidenceKey'> & { readonly secrets: Secrets };

interface FunctionsOptions {
  readonly settings: Settings;
  readonly readable: ReadableSecrets;
  readonly tables: ErasureTables;
  readonly evidenceKey: IKey;
}

/**
 * Creates both functions. Neither has reserved concurrency: a new account has none to reserve, and its deployment would
 * fail.
 */
export function createFunctions(scope: Construct, named: Names, options: FunctionsOptions): Functions {
  return { webhook: createWebhook(scope, named, options), sweeper: createSweeper(scope, named, options) };
}

function createWebhook(
  scope: Construct,
  named: Names,
  { settings, tables, readable }: FunctionsOptions,
): AliasedFunction {
  const created = createFunction(scope, 'Webhook', {
    name: 'webhook',
    prefix: named.prefix,
    description: 'Receives erasure requests from privacy platforms.',
    timeout: webhookTimeout(settings.limits.answerBudgetMs),
    // A platform waits during a cold start, which is nearly every request of a shop, and CPU power grows with memory. Under
    // Lambda's share of a CPU a cold start took 815 ms with 512 MB and 367 ms with 1,024: less time for fewer GB-seconds.
    memorySize: 1024,
    environment: buildEnvironment(scope, { settings, tables, named, secrets: readable.webhook }),
  });
  acknowledge(
    created.function,
    'Serverless-LambdaDLQ',
    'It is invoked only synchronously, so there is no event to keep.',
  );
  return addAlias(scope, 'Webhook', created);
}

/**
 * Returns the reply's budget plus the 7 s after which the sweep takes over an unfinished attempt; always below the 29 s
 * integration timeout of API Gateway (API Gateway Developer Guide, "Quotas").
 */
function webhookTimeout(answerBudgetMs: number): Duration {
  return Duration.seconds(Math.min(Math.ceil(answerBudgetMs / 1000) + 7, 28));
}

/**
 * Creates the function that compares events of customers with erased persons. It has no alias: it decides nothing, and
 * Voucherify repeats what a faulty version does not take.
 */
export function createEventsFunction(scope: Construct, named: Names, options: EventsOptions): FunctionWithRole {
  const created = createFunction(scope, 'Events', {
    name: 'events',
    prefix: named.prefix,
    description: 'Notices erased persons who are in Voucherify again.',
    // Voucherify waits for ten seconds.
    timeout: Duration.seconds(9),
    memorySize: 512,
    environment: buildEnvironment(scope, { ...options, named }),
  });
  acknowledge(
    created.function,
    'Serverless-LambdaDLQ',
    'It is invoked only synchronously, so there is no event to keep.',
  );
  return created;
}

function createSweeper(scope: Construct, named: Names, options: FunctionsOptions): AliasedFunction {
  // The next minute's sweep is the retry; an older invocation would only overlap with it.
  const asyncInvoke = { retryAttempts: 0, maxEventAge: Duration.minutes(1) } as const;
  const created = createFunction(scope, 'Sweeper', {
    name: 'sweeper',
    prefix: named.prefix,
    description: 'Finishes open erasures, every minute.',
    // It starts work for 59.5 s, and started work ends within 10 s more, plus the last writes. Two sweeps may overlap.
    timeout: Duration.seconds(75),
    // With 256 MB a backlog waits for the CPU: 750 calls in a sweep for which the quota allows 1,000. An empty run is short
    // in any size.
    memorySize: 1024,
    environment: buildEnvironment(scope, { ...options, named, secrets: options.readable.sweeper }),
    asyncInvoke,
  });
  const aliased = addAlias(scope, 'Sweeper', created, asyncInvoke);
  acknowledge(created.function, 'Serverless-LambdaDLQ', noEventData);
  for (const invoked of [aliased.function, aliased.alias]) {
    acknowledge(invoked.node.findChild('EventInvokeConfig'), 'Serverless-LambdaAsyncFailureDestination', noEventData);
  }
  return aliased;
}

const noEventData =
  'An invocation carries no data that could be lost: the receipts table is the queue, the next sweep repeats the work of a ' +
  'failed one, and an alarm starts after five minutes without a sweep.';

/** Returns the name of the rule that starts the sweep. */
export function sweepRuleName(prefix: string): string {
  return `${prefix}-sweep`;
}

/** Schedules the sweep. An event that cannot be delivered is dropped: the next one starts the same work. */
export function scheduleSweep(scope: Construct, prefix: string, sweeper: IFunction): void {
  const rule = new Rule(scope, 'EveryMinute', {
    ruleName: sweepRuleName(prefix),
    description: 'Starts the sweep over open erasures.',
    schedule: Schedule.rate(Duration.minutes(1)),
    targets: [new LambdaFunction(sweeper, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
  });
  acknowledge(
    rule,
    'Serverless-EventBusDLQ',
    'A scheduled event carries no data: a queue of missed events would only start sweeps that the next event starts anyway. ' +
      'An alarm starts when sweeps are missing.',
  );
}

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
function buildEnvironment(scope: Construct, source: EnvironmentSource): Readonly<Record<string, string>> {
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
