import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sandbox } from '../../../infra/local/sandbox/sandbox.ts';
import { startMoto } from '../../support/moto.ts';
import { type Account, openAccount } from './account.ts';
import type { Assembly } from './assembly.ts';
import { type Certificate, type ReceivedCallback, startPlatform, throwawayCertificate } from './fronts.ts';
import { type Instances, instancesOf } from './instances.ts';
import { type Recorder, startRecorder } from './recorder.ts';
import { plainModule, type RuntimeClient, runtimeClient } from './runtime-client.ts';
import { type Timeline, timeline } from './timeline.ts';
import { startVoucherify } from './voucherify.ts';

/** Everything around the two functions. */
export interface World extends Instances {
  readonly assembly: Assembly;
  readonly account: Account;
  readonly sandbox: Sandbox;
  /** What was asked of AWS and of Voucherify. */
  readonly timeline: Timeline;
  readonly recorder: Recorder;
  /** The emulator itself, past the recorder. */
  readonly moto: string;
  readonly client: RuntimeClient;
  /** The callbacks that the platform received. */
  readonly callbacks: readonly ReceivedCallback[];
}

/** Names of the outside that lead to this machine. */
export const hosts = { voucherify: 'api.voucherify.io', platform: 'dsr.ketch.com' };

/** What is redirected, for people. */
export const redirections = [
  'AWS_ENDPOINT_URL      -> moto_server, through a proxy that counts',
  `${hosts.voucherify}:443 -> the sandbox Voucherify, behind TLS with a throwaway certificate`,
  `${hosts.platform}:443     -> a receiver of callbacks, behind TLS likewise (the name resolves to a public address)`,
  'every other address   -> refused',
];

export type ClientWish = 'official' | 'own';

/** Opens a world, lets it be used and closes all of it again, whatever happens. */
export async function inWorld(
  assembly: Assembly,
  wish: ClientWish,
  progress: (line: string) => void,
  use: (world: World) => Promise<void>,
): Promise<void> {
  const closers: (() => Promise<void> | void)[] = [];
  try {
    await use(await opened(assembly, wish, progress, closers));
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

async function opened(
  assembly: Assembly,
  wish: ClientWish,
  progress: (line: string) => void,
  closers: (() => Promise<void> | void)[],
): Promise<World> {
  const closing = <T extends { close(): Promise<void> | void }>(one: T): T => {
    closers.push(() => one.close());
    return one;
  };
  const folder = temporaryFolder(closers);
  const client = runtimeClient(folder, wish, progress);
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
    surroundings: surroundings(recorder.endpoint, certificate, ports),
    variablesOf: account.deployment.variablesOf,
  });
  const { sandbox } = voucherify;
  const seen = { timeline: events, recorder, moto: moto.endpoint, callbacks: platform.received };
  return { ...instances, ...seen, assembly, account, sandbox, client };
}

/** A new folder that goes away at the end. */
function temporaryFolder(closers: (() => void)[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'erasure-e2e-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  closers.push(remove);
  return folder;
}

/** What an instance needs beside what the template and Lambda give it. */
export function surroundings(
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
