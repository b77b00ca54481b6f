import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { awsClientOptions, errorNameOf, patientTimeouts } from '../../lambda/io/aws-clients.ts';
import { awsAdapters } from '../../lambda/io/aws-ports.ts';
import { kmsSigner } from '../../lambda/io/kms-signer.ts';
import { jsonLog } from '../../lambda/io/log.ts';
import type { Adapters } from '../../lambda/parts.ts';
import { namesOf, secretNames } from '../names.ts';
import { createEvidenceKey } from './aws-key.ts';
import { createTables } from './aws-tables.ts';
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
