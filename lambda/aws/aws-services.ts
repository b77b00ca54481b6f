import { setTimeout } from 'node:timers/promises';
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient, type SecretsManagerClientConfig } from '@aws-sdk/client-secrets-manager';
import { manualPlatform, projectSecretName } from '../domain/names.ts';
import { createHttpClient } from '../io/http-client.ts';
import { jsonLog, type Log } from '../io/log.ts';
import { createCallbackClient } from '../io/public-address.ts';
import { manual, openPlatforms } from '../platforms/index.ts';
import type { Signer } from '../receipts/evidence.ts';
import { partitionName } from '../receipts/rows.ts';
import { type Adapters, createServices, type Services } from '../services.ts';
import { parseSettings, type Settings } from '../settings.ts';
import { type AwsProblem, awsClientOptions, awsTimeouts, lambdaClientOptions, type Timeouts } from './clients.ts';
import { dynamodbControl } from './dynamodb-control.ts';
import { dynamodbStore } from './dynamodb-store.ts';
import { parseEnvironment, type Variables } from './environment.ts';
import { readAhead, secretsManager } from './secrets-manager.ts';

export interface AwsNames {
  readonly settings: Settings;
  readonly secretArns: Readonly<Record<string, string>>;
  readonly tables: { readonly receipts: string; readonly identifiers: string };
  /** Without it, log lines contain no metrics. */
  readonly metricsNamespace?: string;
}

/**
 * Returns a function that creates the services of a deployed function once. In Lambda they are created during the init
 * phase, outside any request. Then the secrets that the function may read are read in advance, and the rate limits of the
 * projects that it calls. Only a function that signs passes `signer`, so that no other
 * bundles its client. Throws if the environment or the settings in it are invalid.
 */
export async function lambdaServices(
  variables: Variables,
  signer?: (variables: Variables) => Signer,
  timeouts: Timeouts = awsTimeouts,
): Promise<() => Services> {
  let created: Services | undefined;
  const services = () => {
    created ??= createServices({
      ...adaptersFromEnvironment(variables, timeouts),
      ...(signer && { signer: signer(variables) }),
    });
    return created;
  };
  if (variables['AWS_LAMBDA_FUNCTION_NAME'] !== undefined) {
    const { readSecret, projects, wait } = services();
    const readable = Object.keys(parseEnvironment(variables).SECRET_ARNS);
    const called = [...projects].filter(([name]) => readable.includes(projectSecretName(name)));
    const rateLimits = called.map(([, project]) => project.prefetchRateLimit);
    await readAhead([...readable.map(name => () => readSecret(name)), ...rateLimits], wait);
  }
  return services;
}

/** Returns the adapters of a deployed function. Throws if the environment or the settings in it are invalid. */
function adaptersFromEnvironment(variables: Variables, timeouts: Timeouts): Adapters {
  const environment = parseEnvironment(variables);
  const names = {
    settings: parseSettings(environment.SETTINGS_JSON, 'deployed'),
    secretArns: environment.SECRET_ARNS,
    tables: { receipts: environment.RECEIPTS_TABLE, identifiers: environment.IDENTIFIERS_TABLE },
    metricsNamespace: environment.METRICS_NAMESPACE,
  };
  return awsAdapters(names, Date.now, { timeouts, clientOptions: lambdaClientOptions(variables, timeouts) });
}

interface AwsAdapterOptions {
  /** Writes one log line. */
  readonly write?: (line: string) => void;
  readonly timeouts?: Timeouts;
  /** Options of the AWS clients; by default the SDK finds credentials and region itself. */
  readonly clientOptions?: DynamoDBClientConfig & SecretsManagerClientConfig;
}

/** Returns adapters that call AWS, or the endpoint in `AWS_ENDPOINT_URL`. */
export function awsAdapters(
  names: AwsNames,
  now: () => number,
  {
    write = line => process.stdout.write(line),
    timeouts = awsTimeouts,
    clientOptions = awsClientOptions(timeouts),
  }: AwsAdapterOptions = {},
): Adapters {
  const { settings, secretArns, tables } = names;
  const log = jsonLog(write, now, names.metricsNamespace);
  const random = Math.random;
  const { callMs } = timeouts;
  const dynamodb = new DynamoDBClient(clientOptions);
  return {
    settings,
    store: dynamodbStore(dynamodb, tables, { callMs, log: awsLog(log), expected: () => expectedPartitions(settings) }),
    control: dynamodbControl(dynamodb, tables.receipts, { callMs, log: awsLog(log) }),
    readSecret: secretsManager(new SecretsManagerClient(clientOptions), secretArns, {
      now,
      random,
      callMs,
      log: awsLog(log),
    }),
    send: createHttpClient(now),
    sendCallback: createCallbackClient(now),
    now,
    random,
    wait: ms => setTimeout(ms),
    log,
  };
}

/** Returns the partition of the queue that each platform's requests are stored in, and those that operators make by hand. */
function expectedPartitions({ platforms, projects: all }: Settings): readonly string[] {
  const opened = [...openPlatforms(platforms), [manualPlatform, manual] as const];
  return opened.map(([platform, { projects = Object.keys(all) }]) => partitionName({ platform, projects }));
}

/** Logs a failed AWS call: only names, and the age of a cached secret that was used instead. */
function awsLog(log: Log) {
  return ({ call, error, secret, staleMs }: AwsProblem) =>
    log({
      event: 'aws',
      call,
      code: error,
      ...(secret === undefined ? {} : { secret }),
      ...(staleMs === undefined ? {} : { staleMs }),
    });
}
