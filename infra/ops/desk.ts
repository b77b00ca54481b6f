import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type AwsProblem, awsClientOptions, errorNameOf } from '../../lambda/io/aws-clients.ts';
import { dynamodbStore } from '../../lambda/io/dynamodb.ts';
import { dynamodbControl } from '../../lambda/io/dynamodb-control.ts';
import { kmsSigner } from '../../lambda/io/kms-signer.ts';
import type { ReadSecret } from '../../lambda/io/secret.ts';
import { secretsManager } from '../../lambda/io/secrets.ts';
import type { Settings } from '../../lambda/io/settings.ts';
import type { ControlRows } from '../../lambda/receipts/control.ts';
import type { Signer } from '../../lambda/receipts/signer.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { embeddedTexts } from '../local/embedded-secrets.ts';
import { localSigner } from '../local/local-signer.ts';
import { readOptions } from '../local/options.ts';
import { embeddedSecrets } from '../local/secrets.ts';
import { openSqliteStore } from '../local/sqlite.ts';
import { deployedName, type Names, namesOf, secretNames } from '../names.ts';
import { type AllReceipts, allOnDynamodb, allOnSqlite } from './all-receipts.ts';
import { Refused } from './refused.ts';

/** What the commands work at. What is kept apart from a receipt is not here: no command can show an identifier. */
export interface Desk {
  readonly settings: Settings;
  readonly store: Pick<ReceiptStore, 'read' | 'replace' | 'due' | 'find'>;
  /** Reads every receipt there is, which takes long. */
  readonly all: AllReceipts;
  readonly control: ControlRows;
  readonly readSecret: ReadSecret;
  readonly signer: Pick<Signer, 'publicKey'>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** What the parts are called, for messages that say what to do. */
  readonly names: Names;
  close(): void;
}

/** The desk of a deployment, or of what `AWS_ENDPOINT_URL` names, with the operator's own credentials. */
export function deployedDesk(settings: Settings, names: Names): Desk {
  const options = awsClientOptions();
  const dynamodb = new DynamoDBClient(options);
  const arns = Object.fromEntries(secretNames(settings).map(name => [name, deployedName(name, names)]));
  const clock = { now: Date.now, random: Math.random, log };
  return {
    settings,
    store: dynamodbStore(dynamodb, names, { log }),
    all: allOnDynamodb(dynamodb, names.receipts, thrown => log({ call: 'scan', error: errorNameOf(thrown) })),
    control: dynamodbControl(dynamodb, names.receipts, { log }),
    readSecret: secretsManager(new SecretsManagerClient(options), arns, clock),
    signer: kmsSigner(new KMSClient(options), names.evidenceKey),
    now: Date.now,
    names,
    close: () => dynamodb.destroy(),
  };
}

/** The name of AWS's error tells an operator what is missing: credentials, a permission, the table. */
function log({ call, error, secret }: AwsProblem): void {
  console.error(`${call}${secret === undefined ? '' : ` of ${secret}`}: ${error}`);
}

/** The desk of `npm start`, which may be running: of the folder that `DATA_DIR` names. */
export function localDesk(environment: Readonly<Record<string, string | undefined>>): Desk {
  const { settings, data, now } = readOptions(environment);
  const file = join(data, 'erasure.sqlite');
  if (!existsSync(file)) throw new Refused('--local: nothing was ever run in the folder that DATA_DIR names');
  const store = openSqliteStore(file);
  return {
    settings,
    store,
    all: allOnSqlite(file),
    control: store.control,
    readSecret: embeddedSecrets(embeddedTexts(settings)),
    signer: localSigner(join(data, 'evidence-key.pem')),
    now,
    names: namesOf(),
    close: () => store.close(),
  };
}
