import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as v from 'valibot';
import type { Sandbox } from '../../../infra/local/sandbox/sandbox.ts';
import { namesOf } from '../../../infra/stack/names.ts';
import { kmsSigner } from '../../../lambda/aws/kms-signer.ts';
import type { PublicKey } from '../../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { parseReceiptRow } from '../../../lambda/receipts/rows.ts';
import { emulated, startMoto } from '../../support/moto.ts';
import type { Assembly } from './assembly.ts';
import { type Deployment, deploy } from './deployment.ts';
import { type Instances, instancesOf } from './function-process.ts';
import { type Recorder, startRecorder, type Timeline, timeline } from './recorder.ts';
import { plainModule, type RuntimeClient, runtimeClient } from './runtime-client.ts';
import {
  type Certificate,
  type ReceivedCallback,
  startPlatform,
  startVoucherify,
  throwawayCertificate,
} from './servers.ts';

/** Direct access to the emulated account, without the recorder. */
interface Account {
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
async function openAccount(assembly: Assembly, endpoint: string): Promise<Account> {
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

/** Everything around the two functions. */
export interface Harness extends Instances {
  readonly assembly: Assembly;
  readonly account: Account;
  readonly sandbox: Sandbox;
  /** Calls to AWS and to Voucherify. */
  readonly timeline: Timeline;
  readonly recorder: Recorder;
  /** The emulator itself, without the recorder. */
  readonly moto: string;
  readonly client: RuntimeClient;
  /** The callbacks that the platform received. */
  readonly callbacks: readonly ReceivedCallback[];
}

/** External host names that are redirected to this machine. */
export const hosts = { voucherify: 'api.voucherify.io', platform: 'dsr.ketch.com' };

/** The redirections, as they are printed. */
export const redirections = [
  'AWS_ENDPOINT_URL      -> moto_server, through a proxy that counts',
  `${hosts.voucherify}:443 -> the sandbox Voucherify, behind TLS with a throwaway certificate`,
  `${hosts.platform}:443     -> a receiver of callbacks, also behind TLS (the name resolves to a public address)`,
  'every other address   -> refused',
];

export type ClientChoice = 'official' | 'own';

/** Opens a harness, runs `use` with it, and always closes it. */
export async function withHarness(
  assembly: Assembly,
  choice: ClientChoice,
  progress: (line: string) => void,
  use: (harness: Harness) => Promise<void>,
): Promise<void> {
  const closers: (() => Promise<void> | void)[] = [];
  try {
    await use(await opened(assembly, choice, progress, closers));
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

async function opened(
  assembly: Assembly,
  choice: ClientChoice,
  progress: (line: string) => void,
  closers: (() => Promise<void> | void)[],
): Promise<Harness> {
  const closing = <T extends { close(): Promise<void> | void }>(one: T): T => {
    closers.push(() => one.close());
    return one;
  };
  const folder = temporaryFolder(closers);
  const client = runtimeClient(folder, choice, progress);
  const certificate = throwawayCertificate(folder, Object.values(hosts));
  const events = timeline();
  const voucherify = closing(await startVoucherify(certificate, events));
  const platform = closing(await startPlatform(certificate));
  const moto = await startMoto();
  closers.push(moto.stop);
  const account = closing(await openAccount(assembly, moto.endpoint));
  const recorder = closing(await startRecorder(moto.endpoint, events));
  const ports = { voucherify: voucherify.port, platform: platform.port };
  const instances = instancesOf(assembly, folder, {
    client: client.entry,
    preload: plainModule(import.meta.resolve('./redirect.ts'), folder),
    extraVariables: extraVariables(recorder.endpoint, certificate, ports),
    variablesOf: account.deployment.variablesOf,
  });
  const { sandbox } = voucherify;
  const seen = { timeline: events, recorder, moto: moto.endpoint, callbacks: platform.received };
  return { ...instances, ...seen, assembly, account, sandbox, client };
}

/** Creates a temporary folder that is removed at exit. */
function temporaryFolder(closers: (() => void)[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'erasure-e2e-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  closers.push(remove);
  return folder;
}

/** Returns the variables of an instance that neither the template nor Lambda sets. */
export function extraVariables(
  awsEndpoint: string,
  { file }: Certificate,
  ports: { voucherify: number; platform: number },
) {
  const led = [`${hosts.voucherify}:443=${ports.voucherify}`, `${hosts.platform}:443=${ports.platform}`];
  return {
    AWS_ENDPOINT_URL: awsEndpoint,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    NODE_EXTRA_CA_CERTS: file,
    REDIRECTED_PORTS: led.join(','),
  };
}
