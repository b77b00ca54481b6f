import { join } from 'node:path';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IRole, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type IFunction, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { type BundlingOptions, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { type ILogGroup, LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Settings } from '../lambda/io/settings.ts';
import { environment, refuseTooLarge } from './environment.ts';
import { acknowledge } from './nag.ts';
import { type Secrets, sweeperReads } from './secrets.ts';
import type { Tables } from './tables.ts';

/** A function with what is granted to it and where it logs. */
export interface Running {
  readonly function: IFunction;
  readonly role: IRole;
  readonly logs: ILogGroup;
}

export interface Functions {
  readonly webhook: Running;
  readonly sweeper: Running;
}

interface Needs {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly tables: Tables;
}

/** Both functions. Neither has reserved concurrency: a new account has none to reserve, and its deployment would fail. */
export function functions(scope: Construct, prefix: string, needs: Needs): Functions {
  return {
    webhook: run(scope, prefix, needs, {
      name: 'webhook',
      description: 'Answers privacy platforms.',
      timeoutSeconds: webhookSeconds(needs.settings.limits.answerBudgetMs),
      // A platform waits for a cold start with three TLS handshakes, and processor time comes with memory.
      memorySize: 512,
      reads: () => true,
    }),
    sweeper: run(scope, prefix, needs, {
      name: 'sweeper',
      description: 'Brings open erasures to an end, every minute.',
      // It works for 50 s and then lets go of what it holds.
      timeoutSeconds: 60,
      // Nobody waits for it and most runs find nothing to do.
      memorySize: 256,
      reads: sweeperReads,
    }),
  };
}

/**
 * The answer's budget and the 7 s after which the sweep takes an unfinished attempt over; always below the 29 s after
 * which API Gateway gives up (API Gateway Developer Guide, "Quotas").
 */
function webhookSeconds(answerBudgetMs: number): number {
  return Math.min(Math.ceil(answerBudgetMs / 1000) + 7, 28);
}

interface What {
  readonly name: 'webhook' | 'sweeper';
  readonly description: string;
  readonly timeoutSeconds: number;
  readonly memorySize: number;
  readonly reads: (secret: string) => boolean;
}

function run(scope: Construct, prefix: string, needs: Needs, what: What): Running {
  const id = what.name === 'webhook' ? 'Webhook' : 'Sweeper';
  const logs = new LogGroup(scope, `${id}Logs`, {
    logGroupName: `/aws/lambda/${prefix}-${what.name}`,
    retention: RetentionDays.ONE_MONTH,
    // The evidence is in the receipts; a log says nothing that must outlive the stack.
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  const created = new NodejsFunction(scope, id, {
    functionName: `${prefix}-${what.name}`,
    description: what.description,
    entry: join(root, 'lambda', `${what.name}.ts`),
    handler: 'handler',
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    memorySize: what.memorySize,
    timeout: Duration.seconds(what.timeoutSeconds),
    environment: variables(scope, prefix, needs, what.reads),
    role,
    logGroup: logs,
    // Lines that are JSON already pass as they are (Lambda Developer Guide, "Configuring JSON and plain text log formats").
    loggingFormat: LoggingFormat.JSON,
    tracing: Tracing.ACTIVE,
    // The next minute's sweep is the retry of the last one's; an old invocation would only overlap with it.
    retryAttempts: 0,
    maxEventAge: Duration.minutes(1),
    projectRoot: root,
    depsLockFilePath: join(root, 'package-lock.json'),
    bundling,
  });
  for (const rule of ['Serverless-LambdaDLQ', 'Serverless-LambdaAsyncFailureDestination']) {
    acknowledge(created, rule, nothingToKeep);
  }
  return { function: created, role, logs };
}

const root = join(import.meta.dirname, '..');

/**
 * The SDK goes into the bundle, so that what was tested is what runs. Without `module` first its CommonJS build is
 * taken, which fails at start inside an ES module.
 */
const bundling: BundlingOptions = {
  format: OutputFormat.ESM,
  target: 'node24',
  mainFields: ['module', 'main'],
  bundleAwsSDK: true,
  minify: true,
};

function variables(scope: Construct, prefix: string, needs: Needs, reads: (secret: string) => boolean) {
  const { settings, secrets, tables } = needs;
  const readable = [...secrets].filter(([name]) => reads(name));
  refuseTooLarge(
    settings,
    readable.map(([name]) => name),
    prefix,
  );
  return environment({
    settings,
    receiptsTable: tables.receipts.tableName,
    identifiersTable: tables.identifiers.tableName,
    secretArns: Stack.of(scope).toJsonString(
      Object.fromEntries(readable.map(([name, secret]) => [name, secret.secretArn])),
    ),
  });
}

const nothingToKeep =
  'An invocation carries nothing that could be lost: the receipts table is the queue, the webhook is invoked ' +
  'synchronously only, and the sweep that is missed is made up for by the next one, with an alarm after five minutes.';
