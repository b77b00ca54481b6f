import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { awsClientOptions, callDeadline, patientTimeouts } from '../../lambda/aws/clients.ts';
import { parseEnvironment } from '../../lambda/aws/environment.ts';
import { pointerTo } from '../../lambda/io/json.ts';
import { parseSettings, type Settings } from '../../lambda/settings.ts';
import { alarmTopicName, liveAlias, type Names, stageOf } from '../stack/names.ts';
import { type AlarmSubscribers, readAlarmSubscribers } from './alarm-subscribers.ts';

/** Where the commands of this process work, and as whom. */
export interface DeploymentIdentity {
  readonly account: string;
  readonly region: string;
  /** ARN of the operator's user or role. */
  readonly operator: string;
}

/** What AWS knows of the deployment that the tool is pointed at. The methods throw the SDK's errors. */
export interface Deployment {
  identity(): Promise<DeploymentIdentity>;
  /** Reads the settings of the running function, which contain no `operations`. */
  settings(): Promise<Settings>;
  alarmSubscribers(): Promise<AlarmSubscribers>;
}

/** Time limit of one call, in milliseconds. */
const callMs = 5000;

/** Returns a reader of the deployment with these names, with the operator's credentials. */
export function readDeployment({ prefix }: Pick<Names, 'prefix'>): Deployment {
  const options = awsClientOptions(patientTimeouts);
  const identity = async () => {
    const client = new STSClient(options);
    const { Account = 'unknown', Arn = 'unknown' } = await client.send(
      new GetCallerIdentityCommand({}),
      callDeadline(callMs),
    );
    return { account: Account, region: await client.config.region(), operator: Arn };
  };
  return {
    identity,
    alarmSubscribers: async () => {
      const { account, region, operator } = await identity();
      const [, partition = 'aws'] = operator.split(':');
      const { credentials } = new STSClient(options).config;
      return readAlarmSubscribers({ account, region, partition, topic: alarmTopicName(prefix), credentials, callMs });
    },
    settings: async () => {
      const read = new GetFunctionConfigurationCommand({ FunctionName: `${prefix}-webhook`, Qualifier: liveAlias });
      const { Environment } = await new LambdaClient(options).send(read, callDeadline(callMs));
      // An emulated deployment may use an address of this machine.
      const target = process.env['AWS_ENDPOINT_URL'] === undefined ? 'deployed' : 'local';
      return parseSettings(parseEnvironment(Environment?.Variables ?? {}).SETTINGS_JSON, target);
    },
  };
}

/** Returns the identity in one line. */
export function identityText({ account, region, operator }: DeploymentIdentity, { prefix }: Names): string {
  const stage = stageOf(prefix);
  return `account ${account}, region ${region}, ${stage === undefined ? 'no stage' : `stage ${stage}`} (${prefix}), as ${operator}`;
}

/**
 * Returns the JSON pointers (RFC 6901) of the settings that differ, without their values. Ignores `operations` and
 * `$schema`, which the functions do not receive.
 */
export function differingSettings(local: Settings, deployed: Settings): readonly string[] {
  const { operations: _, $schema: __, ...here } = local;
  const { operations: ___, $schema: ____, ...there } = deployed;
  return differences(here, there, '');
}

function differences(a: unknown, b: unknown, pointer: string): readonly string[] {
  if (!isObject(a) || !isObject(b)) return JSON.stringify(a) === JSON.stringify(b) ? [] : [pointer];
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap(key =>
    differences(left.get(key), right.get(key), pointerTo(pointer, key)),
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
