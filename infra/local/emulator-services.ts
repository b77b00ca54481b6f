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

/** Resources have the same names as in a deployment without a stage. */
const names = namesOf();

export interface EmulatorServices {
  readonly adapters: Adapters;
  readonly sandbox: undefined;
  readonly sandboxUrl: undefined;
  close(): Promise<void>;
}

/**
 * Opens the AWS adapters for the endpoint in `AWS_ENDPOINT_URL`. Creates missing tables and a missing signing key, and
 * reads secrets by their logical names; nothing is embedded. Throws {@link UsageError} if the tables cannot be created.
 */
export async function openEmulatorServices(options: LocalOptions): Promise<EmulatorServices> {
  const log = jsonLog(options.log, options.now);
  const kms = new KMSClient(awsClientOptions(patientTimeouts));
  await createMissingTables();
  // An emulator may have no KMS. Everything else works without it, and the sweep logs that it cannot sign.
  await createEvidenceKey(kms, names.evidenceKey).catch((thrown: unknown) =>
    log({ event: 'aws', call: 'CreateKey', code: errorNameOf(thrown) }),
  );
  const secretArns = Object.fromEntries(secretNames(options.settings).map(name => [name, name]));
  const named = { settings: options.settings, secretArns, tables: names, metricsNamespace: names.prefix };
  const adapters = awsAdapters(named, options.now, { write: options.log, timeouts: patientTimeouts });
  const times = { claimMs: options.claimMs, backoffMs: options.backoffMs };
  const signer = kmsSigner(kms, names.evidenceKey, patientTimeouts.callMs);
  return {
    adapters: { ...adapters, signer, times },
    sandbox: undefined,
    sandboxUrl: undefined,
    close: async () => undefined,
  };
}

async function createMissingTables(): Promise<void> {
  const client = new DynamoDBClient({});
  try {
    await createTables(client, names);
  } catch {
    throw new UsageError('AWS_ENDPOINT_URL: the tables cannot be created there');
  } finally {
    client.destroy();
  }
}

/** How long a table may take to become active, in seconds. */
const maxWaitTime = 30;

/**
 * Creates the missing tables on an emulator and waits until they are active; does not change existing ones. In an account
 * the stack creates them. Throws the SDK's errors.
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
  await waitUntilTableExists({ client, maxWaitTime, minDelay: 1, maxDelay: 2 }, { TableName });
}

function receiptsTable({ receipts }: TableNames): CreateTableCommandInput {
  return {
    ...tableProps(receipts),
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
  return { ...tableProps(identifiers), AttributeDefinitions: keyAttributes() };
}

function keyAttributes(): AttributeDefinition[] {
  return [
    { AttributeName: tableKeys.partition, AttributeType: 'S' },
    { AttributeName: tableKeys.sort, AttributeType: 'S' },
  ];
}

function tableProps(TableName: string): Pick<CreateTableCommandInput, 'TableName' | 'BillingMode' | 'KeySchema'> {
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
 * Creates the key that signs evidence on an emulator, if its alias is missing. In an account the stack creates it. Throws
 * the SDK's errors.
 */
export async function createEvidenceKey(client: KMSClient, AliasName: string): Promise<void> {
  if (await exists(client, AliasName)) return;
  const { KeyMetadata } = await client.send(
    new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }),
  );
  try {
    await client.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyMetadata?.KeyId }));
  } catch (thrown) {
    // Another process was faster; both use its key.
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
