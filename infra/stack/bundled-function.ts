import { join } from 'node:path';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type EventInvokeConfigOptions, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

/** A function with its role, for grants, and its log group. */
export interface FunctionWithRole {
  readonly function: NodejsFunction;
  readonly role: Role;
  readonly logs: LogGroup;
}

interface FunctionOptions {
  /** Its entry is `lambda/<name>.ts`. */
  readonly name: FunctionName;
  readonly prefix: string;
  readonly description: string;
  readonly timeout: Duration;
  readonly memorySize: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly asyncInvoke?: Pick<EventInvokeConfigOptions, 'retryAttempts' | 'maxEventAge'>;
}

/** Creates a function from one bundle, with its own log group and a role that permits only tracing. */
export function createFunction(scope: Construct, id: string, options: FunctionOptions): FunctionWithRole {
  const { name, prefix, asyncInvoke, ...rest } = options;
  const logs = new LogGroup(scope, `${id}Logs`, {
    logGroupName: `/aws/lambda/${prefix}-${name}`,
    retention: RetentionDays.ONE_MONTH,
    // Receipts hold the evidence; no log line must outlive the stack.
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  const created = new NodejsFunction(scope, id, {
    ...rest,
    ...asyncInvoke,
    functionName: `${prefix}-${name}`,
    entry: entryOf(name),
    handler: 'handler',
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    role,
    logGroup: logs,
    // Lines that are already JSON are not changed (Lambda Developer Guide, "Configuring JSON and plain text log formats").
    loggingFormat: LoggingFormat.JSON,
    tracing: Tracing.ACTIVE,
    projectRoot: root,
    depsLockFilePath: join(root, 'package-lock.json'),
    // Maps hold positions and names, without the source text.
    bundling: { ...bundling, format: OutputFormat.ESM, bundleAwsSDK: true, sourceMap: true, sourcesContent: false },
  });
  return { function: created, role, logs };
}

/** The project's root folder. */
export const root = join(import.meta.dirname, '../..');

/** Returns the path of a function's entry module. */
export function entryOf(name: FunctionName): string {
  return join(root, 'lambda', `${name}.ts`);
}

export type FunctionName = (typeof functionNames)[number];

export const functionNames = ['webhook', 'sweeper'] as const;

/**
 * Bundling options that esbuild and the CDK share. The bundle includes the SDK, so that the tested version is the one that
 * runs. Without `module` first, esbuild selects the SDK's CommonJS build, which fails at start inside an ES module.
 */
export const bundling = { target: 'node24', mainFields: ['module', 'main'], minify: true };
