import { setTimeout } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type Adapters, createServices, type Services } from '../parts.ts';
import type { Signer } from '../receipts/signer.ts';
import { type AwsProblem, awsClientOptions, awsTimeouts, type Timeouts } from './aws-clients.ts';
import { createCallbackClient } from './callback-sender.ts';
import { dynamodbStore } from './dynamodb.ts';
import { dynamodbControl } from './dynamodb-control.ts';
import { parseEnvironment, type Variables } from './environment.ts';
import { jsonLog, type Log } from './log.ts';
import { createHttpClient } from './outbound.ts';
import { readAhead } from './read-ahead.ts';
import { secretsManager } from './secrets.ts';
import { parseSettings, type Settings } from './settings.ts';

export interface AwsNames {
  readonly settings: Settings;
  readonly secretArns: Readonly<Record<string, string>>;
  readonly tables: { readonly receipts: string; readonly identifiers: string };
  /** Without it, the log carries no metrics. */
  readonly metricsNamespace?: string;
}

/**
 * The services of a deployed function, put together once. In Lambda that is while the function starts, on no request's
 * time, and its secrets are read then too. `signer` is asked for by a function that signs, so that no other carries the
 * client for it. Throws when the environment or the settings in it do not fit.
 */
export async function lambdaServices(
  variables: Variables,
  signer?: (variables: Variables) => Signer,
  timeouts: Timeouts = awsTimeouts,
): Promise<() => Services> {
  let made: Services | undefined;
  const services = () => {
    made ??= createServices({
      ...adaptersFromEnvironment(variables, timeouts),
      ...(signer && { signer: signer(variables) }),
    });
    return made;
  };
  if (variables['AWS_LAMBDA_FUNCTION_NAME'] !== undefined) {
    const { readSecret, wait } = services();
    await readAhead(readSecret, Object.keys(parseEnvironment(variables).SECRET_ARNS), wait);
  }
  return services;
}

/** The ports of a deployed function. Throws when the environment or the settings in it do not fit. */
function adaptersFromEnvironment(variables: Variables, timeouts: Timeouts): Adapters {
  const environment = parseEnvironment(variables);
  const names = {
    settings: parseSettings(environment.SETTINGS_JSON, 'deployed'),
    secretArns: environment.SECRET_ARNS,
    tables: { receipts: environment.RECEIPTS_TABLE, identifiers: environment.IDENTIFIERS_TABLE },
    metricsNamespace: environment.METRICS_NAMESPACE,
  };
  return awsAdapters(names, Date.now, { timeouts });
}

interface AwsPortsOptions {
  /** Takes each log line. */
  readonly write?: (line: string) => void;
  readonly timeouts?: Timeouts;
}

/** Ports that speak to AWS, or to what `AWS_ENDPOINT_URL` names. */
export function awsAdapters(
  names: AwsNames,
  now: () => number,
  { write = toLogs, timeouts = awsTimeouts }: AwsPortsOptions = {},
): Adapters {
  const { settings, secretArns, tables } = names;
  const log = jsonLog(write, now, names.metricsNamespace);
  const random = Math.random;
  const options = awsClientOptions(timeouts);
  const { callMs } = timeouts;
  const dynamodb = new DynamoDBClient(options);
  return {
    settings,
    store: dynamodbStore(dynamodb, tables, { callMs, log: awsLog(log) }),
    control: dynamodbControl(dynamodb, tables.receipts, { callMs, log: awsLog(log) }),
    readSecret: secretsManager(new SecretsManagerClient(options), secretArns, {
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

/** Lambda takes standard output for its log, line by line. */
function toLogs(line: string): void {
  process.stdout.write(line);
}

/** What a failed call of AWS leaves in the log: names, and how old the secret is that was served instead. */
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
