import {
  type AttributeDefinition,
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  ResourceInUseException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  AlreadyExistsException,
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  KMSClient,
  NotFoundException,
} from '@aws-sdk/client-kms';
import { awsAdapters } from '../../lambda/aws/aws-services.ts';
import { awsClientOptions, errorNameOf, patientTimeouts } from '../../lambda/aws/clients.ts';
import type { TableNames } from '../../lambda/aws/dynamodb-items.ts';
import { kmsSigner } from '../../lambda/aws/kms-signer.ts';
import { queueIndex, tableKeys } from '../../lambda/aws/table-layout.ts';
import { jsonLog } from '../../lambda/io/log.ts';
import type { Adapters } from '../../lambda/services.ts';
import { namesOf, secretNames } from '../stack/names.ts';
import { type LocalOptions, UsageError } from './options.ts';

/** An emulator holds what a deployment without a stage does. */
const names = namesOf();

export interface EmulatorServices {
  readonly adapters: Adapters;
  readonly sandboxUrl: undefined;
  close(): Promise<void>;
}

/**
 * Ports on the AWS adapters, against the endpoint that `AWS_ENDPOINT_URL` names: tables and signing key are created where
 * they are missing, secrets are read under their design names, and nothing embedded stands in.
 */
export async function openEmulatorServices(options: LocalOptions): Promise<EmulatorServices> {
  const log = jsonLog(options.log, options.now);
  const kms = new KMSClient(awsClientOptions(patientTimeouts));
  await tablesThere();
  // An emulator may have no KMS: everything else works without, and the sweep says that it cannot sign.
  await createEvidenceKey(kms, names.evidenceKey).catch((thrown: unknown) =>
    log({ event: 'aws', call: 'CreateKey', code: errorNameOf(thrown) }),
  );
  const secretArns = Object.fromEntries(secretNames(options.settings).map(name => [name, name]));
  const named = { settings: options.settings, secretArns, tables: names, metricsNamespace: names.prefix };
  const ports = awsAdapters(named, options.now, { write: options.log, timeouts: patientTimeouts });
  const times = { claimMs: options.claimMs, backoffMs: options.backoffMs };
  const signer = kmsSigner(kms, names.evidenceKey, patientTimeouts.callMs);
  return { adapters: { ...ports, signer, times }, sandboxUrl: undefined, close: async () => undefined };
}

async function tablesThere(): Promise<void> {
  const client = new DynamoDBClient({});
  try {
    await createTables(client, names);
  } catch {
    throw new UsageError('AWS_ENDPOINT_URL: the tables cannot be created there');
  } finally {
    client.destroy();
  }
}

/** Longest that a table may take to become active, in seconds; an emulator needs none. */
const longestWait = 30;

/**
 * Creates the two tables on an emulator where they are missing and waits until they are active; leaves those that
 * exist as they are. In an account the stack does this. Errors are the SDK's own: they are for whoever runs it locally.
 */
export async function createTables(client: DynamoDBClient, names: TableNames): Promise<void> {
  await Promise.all([createTable(client, receiptsTable(names)), createTable(client, identifiersTable(names))]);
}

async function createTable(client: DynamoDBClient, input: CreateTableCommandInput): Promise<void> {
  try {
    await client.send(new CreateTableCommand(input));
  } catch (thrown) {
    if (!(thrown instanceof ResourceInUseException)) throw thrown;
  }
  const { TableName } = input;
  await waitUntilTableExists({ client, maxWaitTime: longestWait, minDelay: 1, maxDelay: 2 }, { TableName });
}

function receiptsTable({ receipts }: TableNames): CreateTableCommandInput {
  return {
    ...keyed(receipts),
    AttributeDefinitions: [
      ...keyAttributes(),
      { AttributeName: queueIndex.partition, AttributeType: 'S' },
      { AttributeName: queueIndex.sort, AttributeType: 'N' },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: queueIndex.name,
        KeySchema: [
          { AttributeName: queueIndex.partition, KeyType: 'HASH' },
          { AttributeName: queueIndex.sort, KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
  };
}

function identifiersTable({ identifiers }: TableNames): CreateTableCommandInput {
  return { ...keyed(identifiers), AttributeDefinitions: keyAttributes() };
}

function keyAttributes(): AttributeDefinition[] {
  return [
    { AttributeName: tableKeys.partition, AttributeType: 'S' },
    { AttributeName: tableKeys.sort, AttributeType: 'S' },
  ];
}

function keyed(TableName: string): Pick<CreateTableCommandInput, 'TableName' | 'BillingMode' | 'KeySchema'> {
  return {
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: [
      { AttributeName: tableKeys.partition, KeyType: 'HASH' },
      { AttributeName: tableKeys.sort, KeyType: 'RANGE' },
    ],
  };
}

/**
 * Makes the key that evidence is signed with on an emulator, under its alias, where it is missing. In an account the
 * stack does this. Errors are the SDK's own: they are for whoever runs it locally.
 */
export async function createEvidenceKey(client: KMSClient, AliasName: string): Promise<void> {
  if (await exists(client, AliasName)) return;
  const { KeyMetadata } = await client.send(
    new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }),
  );
  try {
    await client.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyMetadata?.KeyId }));
  } catch (thrown) {
    // Another process was faster, and its key serves both.
    if (!(thrown instanceof AlreadyExistsException)) throw thrown;
  }
}

async function exists(client: KMSClient, KeyId: string): Promise<boolean> {
  try {
    await client.send(new DescribeKeyCommand({ KeyId }));
    return true;
  } catch (thrown) {
    if (thrown instanceof NotFoundException) return false;
    throw thrown;
  }
}
