import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { awsClientOptions } from '../../lambda/io/aws-clients.ts';
import { awsPorts } from '../../lambda/io/aws-ports.ts';
import { kmsSigner } from '../../lambda/io/kms-signer.ts';
import type { Ports } from '../../lambda/parts.ts';
import { namesOf, secretNames } from '../names.ts';
import { createEvidenceKey } from './aws-key.ts';
import { createTables } from './aws-tables.ts';
import { type Options, UsageError } from './options.ts';

/** An emulator holds what a deployment without a stage does. */
const names = namesOf();

export interface Emulated {
  readonly ports: Ports;
  readonly sandboxUrl: undefined;
  close(): Promise<void>;
}

/**
 * Ports on the AWS adapters, against the endpoint that `AWS_ENDPOINT_URL` names: the tables and the key for evidence are created
 * where they are missing, secrets are read under their design names, and nothing embedded stands in.
 */
export async function openEmulated(options: Options): Promise<Emulated> {
  await create(new DynamoDBClient({}), client => createTables(client, names), 'the tables');
  await create(new KMSClient({}), client => createEvidenceKey(client, names.evidenceKey), 'the key for evidence');
  const secretArns = Object.fromEntries(secretNames(options.settings).map(name => [name, name]));
  const named = { settings: options.settings, secretArns, tables: names, metricsNamespace: names.prefix };
  const ports = awsPorts(named, options.now, options.log);
  const times = { claimMs: options.claimMs, backoffMs: options.backoffMs };
  const signer = kmsSigner(new KMSClient(awsClientOptions()), names.evidenceKey);
  return { ports: { ...ports, signer, times }, sandboxUrl: undefined, close: async () => undefined };
}

async function create<C extends { destroy(): void }>(client: C, make: (client: C) => Promise<void>, what: string) {
  try {
    await make(client);
  } catch {
    throw new UsageError(`AWS_ENDPOINT_URL: ${what} cannot be created there`);
  } finally {
    client.destroy();
  }
}
