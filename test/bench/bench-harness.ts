import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { type Assembly, readAssembly } from '../e2e/support/assembly.ts';
import { resolveText } from '../e2e/support/cloudformation.ts';
import { type ClientChoice, extraVariables, hosts } from '../e2e/support/harness.ts';
import { plainModule, type RuntimeClient, runtimeClient } from '../e2e/support/runtime-client.ts';
import { throwawayCertificate } from '../e2e/support/servers.ts';
import type { ServerMessage } from './servers.ts';
import { type AlsoMeasured, type Subject, subjectsIn } from './subjects.ts';

/** The environment of all measurements. */
export interface BenchHarness {
  readonly folder: string;
  readonly assembly: Assembly;
  readonly subjects: readonly Subject[];
  readonly client: RuntimeClient;
  readonly preload: string;
  /** The webhook's variables in the template, with invented ARNs, and the variables of the redirection. */
  readonly variables: Readonly<Record<string, string>>;
  readonly extraVariables: Readonly<Record<string, string>>;
  /** Returns the number of calls that the servers have received, by operation. */
  counts(): Promise<Readonly<Record<string, number>>>;
}

/** Opens a harness, runs `use` with it, and always ends its processes. */
export async function withBenchHarness(
  { choice, ...also }: { readonly choice: ClientChoice } & AlsoMeasured,
  use: (harness: BenchHarness) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'erasure-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { key, cert, file } = throwawayCertificate(folder, [...Object.values(hosts), ...awsHosts]);
  const env = { ...process.env, CERTIFICATE: cert, PRIVATE_KEY: key, STATED_LIMIT: String(statedLimit) };
  const servers = fork(new URL(import.meta.resolve('./servers.ts')), { env });
  const ended = once(servers, 'exit');
  try {
    const message = await nextMessage(servers);
    if (!('ports' in message)) throw new Error('the servers did not start');
    const assembly = readAssembly();
    const { aws, voucherify } = message.ports;
    await use({
      folder,
      assembly,
      subjects: subjectsIn(folder, assembly, also),
      client: runtimeClient(folder, choice, line => console.error(line)),
      preload: plainModule(import.meta.resolve('../e2e/support/redirect.ts'), folder),
      variables: inventedVariables(assembly),
      extraVariables: withTlsToAws(extraVariables('', { key, cert, file }, { voucherify, platform: 0 }), aws),
      counts: () => countsOf(servers),
    });
  } finally {
    servers.kill();
    await ended;
  }
}

/** Calls a minute, the most that the settings allow. */
const statedLimit = 1_000_000;

/** As in AWS, every call goes over TLS to an endpoint that the SDK finds itself: both are parts of a cold start. */
const awsHosts = ['dynamodb.eu-west-1.amazonaws.com', 'secretsmanager.eu-west-1.amazonaws.com'];

function withTlsToAws({ AWS_ENDPOINT_URL: _, ...variables }: ReturnType<typeof extraVariables>, port: number) {
  const redirected = awsHosts.map(host => `${host}:443=${port}`);
  return { ...variables, REDIRECTED_PORTS: [variables.REDIRECTED_PORTS, ...redirected].join(',') };
}

async function countsOf(servers: ChildProcess): Promise<Readonly<Record<string, number>>> {
  servers.send('counts');
  const message = await nextMessage(servers);
  return 'counts' in message ? message.counts : {};
}

async function nextMessage(servers: ChildProcess): Promise<ServerMessage> {
  const [message] = await once(servers, 'message');
  return message;
}

/** Replaces every reference by an ARN that contains its logical id, by which the servers identify the secrets. */
function inventedVariables({ webhook, resources }: Assembly): Readonly<Record<string, string>> {
  const arnOf = (id: string) => `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${id}`;
  const known = new Map(Object.keys(resources).map(id => [id, { ref: arnOf(id) }]));
  const variables = Object.entries(webhook.properties.Environment.Variables);
  const resolved = Object.fromEntries(variables.map(([name, value]) => [name, resolveText(value, known)]));
  return { ...resolved, SETTINGS_JSON: withoutLimits(resolved['SETTINGS_JSON'] ?? '') };
}

/** The settings with a rate limit that nothing reaches, which is the one the sandbox states: another one would be stored. */
function withoutLimits(text: string): string {
  const { limits, projects, ...settings } = v.parse(editableSettings, JSON.parse(text));
  const main = { ...projects.main, callsPerMinute: statedLimit, quotaShare: 1 };
  return JSON.stringify({ ...settings, projects: { main }, limits: { ...limits, requestsPerHour: statedLimit } });
}

const editableSettings = v.looseObject({
  limits: v.looseObject({}),
  projects: v.looseObject({ main: v.looseObject({}) }),
});
