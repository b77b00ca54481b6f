import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as v from 'valibot';
import { namesOf } from '../../../infra/stack/names.ts';
import { kmsSigner } from '../../../lambda/aws/kms-signer.ts';
import type { PublicKey } from '../../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { parseReceiptRow } from '../../../lambda/receipts/rows.ts';
import { emulated } from '../../support/moto.ts';
import type { Assembly } from './assembly.ts';
import { type Deployment, deploy } from './deployment.ts';

/** Direct access to the emulated account, without the recorder. */
export interface Account {
  readonly deployment: Deployment;
  readonly tables: { readonly receipts: string; readonly identifiers: string };
  /** Stores a new version of a secret, by its deployed name. */
  fill(secret: string, value: unknown): Promise<void>;
  /** Returns every row of a table, as JSON. */
  rows(table: 'receipts' | 'identifiers'): Promise<readonly string[]>;
  receipts(): Promise<readonly Receipt[]>;
  /** Returns the public key that verifies evidence. */
  evidenceKey(): Promise<PublicKey>;
  close(): void;
}

const tableNames = v.object({ RECEIPTS_TABLE: v.string(), IDENTIFIERS_TABLE: v.string() });

/** Deploys the template into the emulator. */
export async function openAccount(assembly: Assembly, endpoint: string): Promise<Account> {
  const secrets = new SecretsManagerClient(emulated(endpoint));
  const dynamodb = new DynamoDBClient(emulated(endpoint));
  const kms = new KMSClient(emulated(endpoint));
  const deployment = await deploy(assembly, endpoint, secrets);
  const named = v.parse(tableNames, deployment.variablesOf(assembly.webhook));
  const tables = { receipts: named.RECEIPTS_TABLE, identifiers: named.IDENTIFIERS_TABLE };
  const scan = async (table: keyof typeof tables) =>
    (await dynamodb.send(new ScanCommand({ TableName: tables[table], ConsistentRead: true }))).Items ?? [];
  return {
    deployment,
    tables,
    fill: async (secret, value) => {
      const SecretId = deployment.secrets.get(secret);
      await secrets.send(new PutSecretValueCommand({ SecretId, SecretString: JSON.stringify(value) }));
    },
    rows: async table => (await scan(table)).map(item => JSON.stringify(item)),
    receipts: async () => {
      const items = (await scan('receipts')).filter(item => item['sk']?.S === 'receipt');
      return items.map(item => parseReceiptRow(item['row']?.S ?? ''));
    },
    evidenceKey: () => kmsSigner(kms, namesOf().evidenceKey).publicKey(),
    close: () => {
      secrets.destroy();
      dynamodb.destroy();
      kms.destroy();
    },
  };
}
