import { createHash, createHmac } from 'node:crypto';
import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { SignatureV4 } from '@smithy/signature-v4';
import { awsClientOptions, callDeadline, patientTimeouts } from '../../lambda/aws/clients.ts';
import type { TableNames } from '../../lambda/aws/dynamodb-items.ts';
import { parseEnvironment } from '../../lambda/aws/environment.ts';
import { ttlAttribute } from '../../lambda/aws/table-layout.ts';
import { pointerTo } from '../../lambda/io/json.ts';
import { parseSettings, type Settings } from '../../lambda/settings.ts';
import { alarmTopicName, liveAlias, type Names, stageOf } from '../stack/names.ts';

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

/** How many subscriptions of the alarm topic deliver messages, and how many wait for their confirmation. */
interface AlarmSubscribers {
  readonly confirmed: number;
  readonly pending: number;
}

type Credentials = ConstructorParameters<typeof SignatureV4>[0]['credentials'];

interface TopicLocation {
  readonly account: string;
  readonly region: string;
  /** Such as `aws` or `aws-cn`. */
  readonly partition: string;
  readonly topic: string;
  readonly credentials: Credentials;
  /** Time limit, in milliseconds. */
  readonly callMs: number;
}

/**
 * Counts the subscriptions of a topic; at most the first 100 (SNS API Reference, ListSubscriptionsByTopic). One signed call
 * instead of the SDK's client for SNS, which the tool would need for nothing else. Throws an `Error` named like the
 * problem.
 */
async function readAlarmSubscribers(location: TopicLocation): Promise<AlarmSubscribers> {
  const { account, region, partition, topic, credentials, callMs } = location;
  const TopicArn = `arn:${partition}:sns:${region}:${account}:${topic}`;
  const body = new URLSearchParams({ Action: 'ListSubscriptionsByTopic', Version: '2010-03-31', TopicArn }).toString();
  const url = new URL(
    process.env['AWS_ENDPOINT_URL'] ?? `https://sns.${region}.${domains[partition] ?? domains['aws']}`,
  );
  const signer = new SignatureV4({ service: 'sns', region, credentials, sha256: NodeSha256 });
  const { headers } = await signer.sign({
    ...{ method: 'POST', protocol: url.protocol, hostname: url.hostname, path: '/', body },
    headers: { host: url.host, 'content-type': 'application/x-www-form-urlencoded' },
  });
  const { host: _, ...sent } = headers;
  const response = await fetch(url, { method: 'POST', headers: sent, body, signal: AbortSignal.timeout(callMs) });
  const text = await response.text();
  if (!response.ok) throw namedError(/<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? `Http${response.status}`);
  const arns = [...text.matchAll(/<SubscriptionArn>([^<]*)<\/SubscriptionArn>/g)].map(([, arn = '']) => arn);
  return {
    confirmed: arns.filter(arn => arn.startsWith('arn:')).length,
    pending: arns.filter(arn => arn === 'PendingConfirmation').length,
  };
}

const domains: Readonly<Record<string, string>> = { aws: 'amazonaws.com', 'aws-cn': 'amazonaws.com.cn' };

function namedError(name: string): Error {
  const error = new Error();
  error.name = name;
  return error;
}

/** SHA-256, with a key HMAC-SHA-256, as the signer expects it. */
class NodeSha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function bytesOf(secret: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof secret === 'string') return secret;
  return secret instanceof ArrayBuffer
    ? new Uint8Array(secret)
    : new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength);
}

/** The state and protection of a table. */
export interface TableStatus {
  readonly name: string;
  readonly active: boolean;
  readonly backedUp: boolean;
  readonly protectedFromDeletion: boolean;
  /** Whether a TTL is set, for closed receipts and for pins that are kept after a verification. */
  readonly expires: boolean;
  /** Days of point-in-time recovery. */
  readonly recoveryDays: number;
}

/** Reads the descriptions of both tables, and no row. Throws the SDK's own errors. */
export function readTableStatus(
  client: DynamoDBClient,
  { receipts, identifiers }: TableNames,
): Promise<readonly TableStatus[]> {
  return Promise.all([describeTable(client, receipts, 35), describeTable(client, identifiers, 1)]);
}

/** Days of recovery as in the stack: deleted identifiers must not remain in backups. */
async function describeTable(client: DynamoDBClient, TableName: string, recoveryDays: number): Promise<TableStatus> {
  const [{ Table }, { TimeToLiveDescription: ttl }, { ContinuousBackupsDescription: backups }] = await Promise.all([
    client.send(new DescribeTableCommand({ TableName }), callDeadline(callMs)),
    client.send(new DescribeTimeToLiveCommand({ TableName }), callDeadline(callMs)),
    client.send(new DescribeContinuousBackupsCommand({ TableName }), callDeadline(callMs)),
  ]);
  return {
    name: TableName,
    active: Table?.TableStatus === 'ACTIVE',
    backedUp: backups?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus === 'ENABLED',
    protectedFromDeletion: Table?.DeletionProtectionEnabled === true,
    expires: /^ENABL(ED|ING)$/.test(ttl?.TimeToLiveStatus ?? '') && ttl?.AttributeName === ttlAttribute,
    recoveryDays,
  };
}

/** Returns what is wrong with a table; nothing for one that is as the stack creates it. */
export function tableProblems(table: TableStatus): readonly string[] {
  return [
    table.active ? [] : ['it is not active'],
    table.backedUp ? [] : ['point-in-time recovery is off'],
    table.protectedFromDeletion ? [] : ['deletion protection is off'],
    table.expires ? [] : ['expired rows are never deleted'],
  ].flat();
}

export type ProtectTables = (found: readonly TableStatus[]) => Promise<void>;

/**
 * Sets point-in-time recovery, deletion protection and the TTL of the tables that lack them: a restored table has none of
 * them (DynamoDB Developer Guide, "Restoring a table to a point in time"). Throws the SDK's own errors.
 */
export async function protectTables(client: DynamoDBClient, found: readonly TableStatus[]): Promise<void> {
  for (const { name: TableName, backedUp, protectedFromDeletion, expires, recoveryDays } of found) {
    const deadline = callDeadline(3 * callMs);
    if (!protectedFromDeletion)
      await client.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: true }), deadline);
    if (!backedUp) {
      const PointInTimeRecoverySpecification = {
        PointInTimeRecoveryEnabled: true,
        RecoveryPeriodInDays: recoveryDays,
      };
      await client.send(new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification }), deadline);
    }
    if (!expires) {
      const TimeToLiveSpecification = { Enabled: true, AttributeName: ttlAttribute };
      await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }), deadline);
    }
  }
}
