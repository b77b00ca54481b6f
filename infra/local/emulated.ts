import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { awsPorts } from '../../lambda/io/aws-ports.ts';
import type { Settings } from '../../lambda/io/settings.ts';
import type { Ports } from '../../lambda/parts.ts';
import { createTables } from './aws-tables.ts';
import { type Options, UsageError } from './options.ts';

/** Table names of a local run against an emulator. */
const localTables = { receipts: 'erasure-receipts', identifiers: 'erasure-identifiers' };

export interface Emulated {
  readonly ports: Ports;
  readonly sandboxUrl: undefined;
  close(): Promise<void>;
}

/**
 * Ports on the AWS adapters, against the endpoint that `AWS_ENDPOINT_URL` names: the tables are created where they are
 * missing, secrets are read under their design names, and nothing embedded stands in.
 */
export async function openEmulated(options: Options): Promise<Emulated> {
  const client = new DynamoDBClient({});
  try {
    await createTables(client, localTables);
  } catch {
    throw new UsageError('AWS_ENDPOINT_URL: the tables cannot be created there');
  } finally {
    client.destroy();
  }
  const secretArns = Object.fromEntries(secretNames(options.settings).map(name => [name, name]));
  const ports = awsPorts({ settings: options.settings, secretArns, tables: localTables }, options.now, options.log);
  const times = { claimMs: options.claimMs, backoffMs: options.backoffMs };
  return { ports: { ...ports, times }, sandboxUrl: undefined, close: async () => undefined };
}

function secretNames({ projects, platforms }: Settings): readonly string[] {
  return [
    'erasure/pepper',
    ...Object.keys(platforms).map(name => `erasure/platform/${name}`),
    ...Object.keys(projects).map(name => `erasure/voucherify/${name}`),
  ];
}
