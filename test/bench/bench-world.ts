import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Assembly, readAssembly } from '../e2e/support/assembly.ts';
import { throwawayCertificate } from '../e2e/support/fronts.ts';
import { resolvedText } from '../e2e/support/intrinsics.ts';
import { plainModule, type RuntimeClient, runtimeClient } from '../e2e/support/runtime-client.ts';
import { type ClientWish, hosts, surroundings } from '../e2e/support/world.ts';
import type { Told } from './servers.ts';
import { type Subject, subjectsIn } from './subjects.ts';

/** What all measurements share. */
export interface BenchWorld {
  readonly folder: string;
  readonly assembly: Assembly;
  readonly subjects: readonly Subject[];
  readonly client: RuntimeClient;
  readonly preload: string;
  /** The environment that the template gives the webhook, with invented ARNs, and what the redirection needs. */
  readonly variables: Readonly<Record<string, string>>;
  readonly surroundings: Readonly<Record<string, string>>;
  /** Calls by operation that the servers have answered so far. */
  counts(): Promise<Readonly<Record<string, number>>>;
}

/** Opens it, lets it be used, and ends its processes, whatever happens. */
export async function inBenchWorld(wish: ClientWish, use: (world: BenchWorld) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'erasure-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { key, cert, file } = throwawayCertificate(folder, Object.values(hosts));
  const env = { ...process.env, CERTIFICATE: cert, PRIVATE_KEY: key };
  const servers = fork(new URL(import.meta.resolve('./servers.ts')), { env });
  const ended = once(servers, 'exit');
  try {
    const told = await toldBy(servers);
    if (!('ports' in told)) throw new Error('the servers did not start');
    const assembly = readAssembly();
    const { aws, voucherify } = told.ports;
    await use({
      folder,
      assembly,
      subjects: subjectsIn(folder, assembly),
      client: runtimeClient(folder, wish, line => console.error(line)),
      preload: plainModule(import.meta.resolve('../e2e/support/redirect.ts'), folder),
      variables: inventedVariables(assembly),
      surroundings: surroundings(`http://127.0.0.1:${aws}`, { key, cert, file }, { voucherify, platform: 0 }),
      counts: () => countsOf(servers),
    });
  } finally {
    servers.kill();
    await ended;
  }
}

async function countsOf(servers: ChildProcess): Promise<Readonly<Record<string, number>>> {
  servers.send('counts');
  const told = await toldBy(servers);
  return 'counts' in told ? told.counts : {};
}

async function toldBy(servers: ChildProcess): Promise<Told> {
  const [told] = await once(servers, 'message');
  return told;
}

/** Every reference becomes an ARN with its logical id in it: the servers know the secrets by that. */
function inventedVariables({ webhook, resources }: Assembly): Readonly<Record<string, string>> {
  const arnOf = (id: string) => `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${id}`;
  const known = new Map(Object.keys(resources).map(id => [id, { ref: arnOf(id) }]));
  const variables = Object.entries(webhook.properties.Environment.Variables);
  return Object.fromEntries(variables.map(([name, value]) => [name, resolvedText(value, known)]));
}
