import { join } from 'node:path';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type EventInvokeConfigOptions, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { bundling, entryOf, type FunctionName, root } from './bundling.ts';

/** A function with the role that is granted to and the log that is watched. */
export interface FunctionWithRole {
  readonly function: NodejsFunction;
  readonly role: Role;
  readonly logs: LogGroup;
}

interface What {
  /** Its entry is `lambda/<name>.ts`. */
  readonly name: FunctionName;
  readonly prefix: string;
  readonly description: string;
  readonly timeout: Duration;
  readonly memorySize: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly invoked?: Pick<EventInvokeConfigOptions, 'retryAttempts' | 'maxEventAge'>;
}

/** A function from one bundle, with a role that may do nothing yet but trace, and a log of its own. */
export function bundledFunction(scope: Construct, id: string, what: What): FunctionWithRole {
  const { name, prefix, invoked, ...settled } = what;
  const logs = new LogGroup(scope, `${id}Logs`, {
    logGroupName: `/aws/lambda/${prefix}-${name}`,
    retention: RetentionDays.ONE_MONTH,
    // The evidence is in the receipts; a log says nothing that must outlive the stack.
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  const created = new NodejsFunction(scope, id, {
    ...settled,
    ...invoked,
    functionName: `${prefix}-${name}`,
    entry: entryOf(name),
    handler: 'handler',
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    role,
    logGroup: logs,
    // Lines that are JSON already pass as they are (Lambda Developer Guide, "Configuring JSON and plain text log formats").
    loggingFormat: LoggingFormat.JSON,
    tracing: Tracing.ACTIVE,
    projectRoot: root,
    depsLockFilePath: join(root, 'package-lock.json'),
    bundling: { ...bundling, format: OutputFormat.ESM, bundleAwsSDK: true },
  });
  return { function: created, role, logs };
}
