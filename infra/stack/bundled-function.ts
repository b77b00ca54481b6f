import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Alias,
  Architecture,
  Code,
  type EventInvokeConfigOptions,
  type IAlias,
  type IVersion,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { liveAlias } from './names.ts';

/** A function with its role, for grants, and its log group. */
export interface FunctionWithRole {
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly logs: LogGroup;
}

export interface AliasedFunction extends FunctionWithRole {
  /** What callers invoke. It points to one published version, so that a deployment or an operator can go back. */
  readonly alias: IAlias;
}

interface FunctionOptions {
  /** Its entry is `lambda/<name>.ts`. */
  readonly name: FunctionName;
  readonly prefix: string;
  readonly description: string;
  readonly timeout: Duration;
  readonly memorySize: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly asyncInvoke?: AsyncInvoke;
}

type AsyncInvoke = Pick<EventInvokeConfigOptions, 'retryAttempts' | 'maxEventAge'>;

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
  const common = {
    ...rest,
    ...asyncInvoke,
    functionName: `${prefix}-${name}`,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    // Without its version, the alias could not go back.
    currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
    role,
    logGroup: logs,
    // Lines that are already JSON are not changed (Lambda Developer Guide, "Configuring JSON and plain text log formats").
    loggingFormat: LoggingFormat.JSON,
    tracing: Tracing.ACTIVE,
  };
  const prebuilt = join(import.meta.dirname, prebuiltFolder, name);
  const created = existsSync(prebuilt)
    ? new LambdaFunction(scope, id, { ...common, handler: 'index.handler', code: Code.fromAsset(prebuilt) })
    : new NodejsFunction(scope, id, { ...common, handler: 'handler', ...bundledOnSynthesis(name) });
  return { function: created, role, logs };
}

/**
 * Adds the alias that callers invoke. The options of an asynchronous invocation belong to a qualifier (Lambda API
 * Reference, PutFunctionEventInvokeConfig), so the alias needs them too.
 */
export function addAlias(scope: Construct, id: string, of: FunctionWithRole, invoke?: AsyncInvoke): AliasedFunction {
  // CDK declares the role of both as `IRole | undefined`, which its own interfaces do not permit with exact optional properties.
  const version = of.function.currentVersion as IVersion;
  const alias = new Alias(scope, `${id}Alias`, { aliasName: liveAlias, version, ...invoke }) as IAlias;
  return { ...of, alias };
}

function bundledOnSynthesis(name: FunctionName) {
  const { external: externalModules, alias, ...options } = bundlingOf(name);
  return {
    entry: entryOf(name),
    projectRoot: root,
    depsLockFilePath: join(root, 'package-lock.json'),
    bundling: {
      ...options,
      externalModules,
      esbuildArgs: Object.fromEntries(Object.entries(alias).map(([from, to]) => [`--alias:${from}`, to])),
      format: OutputFormat.ESM,
      bundleAwsSDK: true,
      // Maps hold positions and names, without the source text.
      sourceMap: true,
      sourcesContent: false,
    },
  };
}

/** The npm package has the functions' bundles in this folder, next to its entry point. This repository has none. */
export const prebuiltFolder = 'functions';

/** The project's root folder. */
export const root = join(import.meta.dirname, '../..');

/** Returns the path of a function's entry module. */
export function entryOf(name: FunctionName): string {
  return join(root, 'lambda', `${name}.ts`);
}

export type FunctionName = (typeof functionNames)[number];

export const functionNames = ['webhook', 'sweeper', 'events', 'deployment-check'] as const;

/** Only the client of Lambda itself loads these at start; the others never do. */
const eventStreams = '@smithy/core/event-streams';

/**
 * Packages that the SDK loads at each start although `lambdaClientOptions` leaves them nothing to do, and what takes their
 * place. Another name that the SDK needs of them fails the build.
 */
const replaced: Readonly<Record<string, string>> = {
  '@aws-sdk/credential-provider-node': 'data:text/javascript,export const defaultProvider=undefined',
  '@aws-sdk/middleware-endpoint-discovery':
    'data:text/javascript,export const NODE_ENDPOINT_DISCOVERY_CONFIG_OPTIONS={},resolveEndpointDiscoveryConfig=all=>all',
};

/**
 * Returns esbuild's options for a function. The bundle includes the SDK, so that the tested version is the one that runs,
 * except what it never uses. Without `module` first, esbuild selects the SDK's CommonJS build, which fails at start inside an
 * ES module.
 */
export function bundlingOf(name: FunctionName) {
  const external = name === 'deployment-check' ? [] : [eventStreams];
  return { target: 'node24', mainFields: ['module', 'main'], minify: true, external, alias: replaced };
}
