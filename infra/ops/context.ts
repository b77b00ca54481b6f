import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ParseArgsOptionsConfig } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  type AwsProblem,
  awsClientOptions,
  callDeadline,
  errorNameOf,
  patientTimeouts,
} from '../../lambda/aws/clients.ts';
import { dynamodbControl } from '../../lambda/aws/dynamodb-control.ts';
import { dynamodbStore } from '../../lambda/aws/dynamodb-store.ts';
import { kmsSigner } from '../../lambda/aws/kms-signer.ts';
import { secretsManager } from '../../lambda/aws/secrets-manager.ts';
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import type { ReadSecret } from '../../lambda/io/secret-cache.ts';
import type { PublicKey, Signer } from '../../lambda/receipts/evidence.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import type { Settings } from '../../lambda/settings.ts';
import {
  embeddedSecrets,
  embeddedSecretTexts,
  localSigner,
  openSqliteStore,
  type RunFile,
  readLocalOptions,
  readRunFile,
  withSandboxUrls,
} from '../local/index.ts';
import { deployedName, type Names, namesOf, secretNames } from '../stack/names.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import {
  type Deployment,
  type ProtectTables,
  protectTables,
  readDeployment,
  readTableStatus,
  type TableStatus,
} from './deployment.ts';
import { invokeWebhook, type SendManual, sendToLocalRun } from './erase/send-manual.ts';
import { type ScanReceipts, scanDynamodb, scanSqlite } from './report/scan-receipts.ts';
import type { Output } from './terminal.ts';

/** The data folder of a local run, as `DATA_DIR` names it; `run` is set while `npm start` is running. */
export interface LocalFolder {
  readonly folder: string;
  readonly run: RunFile | undefined;
}

/** What the commands work with. It cannot read personal data, so no command can show an identifier. */
export interface OpsContext {
  readonly settings: Settings;
  readonly store: Pick<ReceiptStore, 'read' | 'replace' | 'due' | 'find' | 'addendaOf'>;
  /** Reads every receipt, which can take minutes. */
  readonly all: ScanReceipts;
  readonly control: VersionedStore;
  readonly readSecret: ReadSecret;
  /** Replaces the value of a secret; absent in a local run. Throws {@link Failure}. */
  readonly writeSecret?: (name: string, text: string) => Promise<void>;
  readonly signer: Pick<Signer, 'publicKey'>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Names of the AWS resources, for messages. */
  readonly names: Names;
  /** Reads the settings of the two tables; absent in a local run. Throws the SDK's own errors. */
  readonly tables?: () => Promise<readonly TableStatus[]>;
  /** Sets the protection of both tables again; absent in a local run. Throws the SDK's own errors. */
  readonly protectTables?: ProtectTables;
  /** Absent in a local run. */
  readonly deployment?: Deployment;
  /** Sends requests that the operator makes by hand; absent while `npm start` is not running. Throws {@link Failure}. */
  readonly sendManual?: SendManual;
  /** Waits for so many milliseconds. */
  readonly wait?: (ms: number) => Promise<unknown>;
  /** Set for a local run. */
  readonly local?: LocalFolder;
  close(): void;
}

/** Returns the context of a deployment, or of `AWS_ENDPOINT_URL`, with the operator's own credentials. */
export function deployedContext(settings: Settings, names: Names): OpsContext {
  const options = awsClientOptions(patientTimeouts);
  const { callMs } = patientTimeouts;
  const secrets = new SecretsManagerClient(options);
  const dynamodb = new DynamoDBClient(options);
  const arns = Object.fromEntries(secretNames(settings).map(name => [name, deployedName(name, names)]));
  const clock = { now: Date.now, random: Math.random, callMs, log };
  return {
    settings,
    store: dynamodbStore(dynamodb, names, { callMs, log }),
    all: scanDynamodb(dynamodb, names.receipts, thrown => log({ call: 'scan', error: errorNameOf(thrown) })),
    control: dynamodbControl(dynamodb, names.receipts, { callMs, log }),
    readSecret: secretsManager(secrets, arns, clock),
    writeSecret: (name, text) => writeSecret(secrets, deployedName(name, names), text),
    signer: kmsSigner(new KMSClient(options), names.evidenceKey, callMs),
    tables: () => readTableStatus(dynamodb, names),
    protectTables: found => protectTables(dynamodb, found),
    deployment: readDeployment(names),
    sendManual: invokeWebhook(names),
    now: Date.now,
    names,
    close: () => dynamodb.destroy(),
  };
}

/** The secret must exist: the stack creates it. The message of an AWS error could contain the value. */
async function writeSecret(client: SecretsManagerClient, SecretId: string, SecretString: string): Promise<void> {
  try {
    const put = new PutSecretValueCommand({ SecretId, SecretString });
    await client.send(put, callDeadline(patientTimeouts.callMs));
  } catch (error) {
    if (errorNameOf(error) !== 'ResourceNotFoundException')
      throw new Failure('unavailable', `${SecretId} cannot be written (${errorNameOf(error)})`);
    throw new Failure('not-found', `${SecretId} does not exist: deploy first, or check --stage and the region`);
  }
}

const printed = new Set<string>();

/** Prints the name of an AWS error once. It shows what is missing: credentials, a permission or the table. */
function log({ call, error, secret }: AwsProblem): void {
  const line = `AWS, ${call}${secret === undefined ? '' : ` of ${secret}`}: ${error}`;
  if (printed.has(line)) return;
  printed.add(line);
  console.error(line);
}

/** Reads the local key and never creates one: a new key would hide that the old one is missing. */
async function readLocalKey(folder: string): Promise<PublicKey> {
  const file = join(folder, 'evidence-key.pem');
  if (!existsSync(file)) throw new Failure('unavailable', `evidence-key.pem is missing in ${folder} (DATA_DIR)`);
  try {
    return await localSigner(file).publicKey();
  } catch {
    throw new Failure('unavailable', `evidence-key.pem in ${folder} (DATA_DIR) is not a valid key`);
  }
}

const usesAwsEndpoint = '--local: npm start uses an AWS endpoint: omit --local, and set the same AWS_ENDPOINT_URL';

/** Returns the context of a local run, running or stopped, in the folder that `DATA_DIR` names. */
export function localContext(environment: Readonly<Record<string, string | undefined>>): OpsContext {
  const { data } = readLocalOptions(environment);
  const run = readRunFile(data);
  // By default, the settings of the run apply. The clock is read from the folder, also with an AWS endpoint.
  const { settings, now } = readLocalOptions({ SETTINGS: run?.settings, ...environment, AWS_ENDPOINT_URL: undefined });
  const file = join(data, 'erasure.sqlite');
  if (run !== undefined && run.sandboxUrl === undefined) throw new OpsUsageError(usesAwsEndpoint);
  if (!existsSync(file))
    throw new OpsUsageError(`--local: no local run exists in ${data} (DATA_DIR): run npm start first`);
  const store = openSqliteStore(file);
  return {
    settings: run?.sandboxUrl === undefined ? settings : withSandboxUrls(settings, run.sandboxUrl),
    store,
    all: scanSqlite(file),
    control: store.control,
    readSecret: embeddedSecrets(embeddedSecretTexts(settings)),
    signer: { publicKey: () => readLocalKey(data) },
    now,
    names: namesOf(),
    local: { folder: data, run },
    ...(run && { sendManual: sendToLocalRun(run.url) }),
    close: () => store.close(),
  };
}

interface CommandTexts {
  /** One line in the overview. */
  readonly summary: string;
  /** The whole help text, with examples. */
  readonly help: string;
  /** In addition to the common options. */
  readonly options: ParseArgsOptionsConfig;
}

/** A command that needs no deployment, such as one that writes a file. */
export interface OfflineCommand extends CommandTexts {
  /** As {@link Command.run}, without a deployment. */
  runOffline(args: ParsedArgs, output: Output): Promise<number>;
}

/** One command of the operator's tool that works on a deployment or a local run. */
export interface Command extends CommandTexts {
  /** Whether the tool first shows where the command works, and as whom. It always does before a decision. */
  readonly showsIdentity?: true;
  /**
   * Returns the exit code: 0 done, 1 something is wrong, 3 nothing to change. Throws `OpsUsageError` for wrong
   * arguments, and `Failure` when the deployment is unavailable.
   */
  run(args: ParsedArgs, context: OpsContext, output: Output): Promise<number>;
}
