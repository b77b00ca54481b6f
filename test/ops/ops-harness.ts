import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test as base, onTestFinished, vi } from 'vitest';
import { embeddedSecretTexts, localSigner } from '../../infra/local/embedded-secrets.ts';
import { readLocalOptions } from '../../infra/local/options.ts';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';
import { parseCommandArgs } from '../../infra/ops/args.ts';
import { commands } from '../../infra/ops/commands.ts';
import type { OpsContext } from '../../infra/ops/context.ts';
import { scanSqlite } from '../../infra/ops/report/scan-receipts.ts';
import type { Output } from '../../infra/ops/terminal.ts';
import { namesOf } from '../../infra/stack/names.ts';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { Harness } from '../support/harness.ts';
import { account, addPerson, callback, deleteRequest, ketchHarness, ketchWire, tenant } from '../support/ketch.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { minute, response } from '../support/quota-world.ts';

/** The operator's tool as a process, with `input` on its standard input, and what it printed. */
export function ops(args: readonly string[], environment: Readonly<Record<string, string>> = {}, input = '') {
  const env = { ...process.env, NO_COLOR: '1', ...environment };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['infra/ops/ops.ts', ...args], {
    encoding: 'utf8',
    env,
    input,
  });
  return { status, stdout, stderr };
}

interface Typed {
  readonly input?: string;
  /** Runs the command on a terminal, whose user enters these lines. */
  readonly terminal?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The file of the tool. */
  readonly script?: string;
}

const root = join(import.meta.dirname, '../..');

/** The same in a process of its own, while this one can serve it. It gets no variable of this machine's environment. */
export async function opsBeside(args: readonly string[], { input = '', terminal, ...typed }: Typed = {}) {
  const { environment, cwd = root, script = join(root, 'infra/ops/ops.ts') } = typed;
  const command = [process.execPath, script, ...args];
  const typing = ['python3', join(import.meta.dirname, 'terminal.py'), JSON.stringify(terminal)];
  const [program = '', ...rest] = terminal === undefined ? command : [...typing, ...command];
  const child = spawn(program, rest, { cwd, env: { PATH: process.env['PATH'], NO_COLOR: '1', ...environment } });
  child.stdin.end(input);
  const [stdout, stderr, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>(resolve => child.once('close', resolve)),
  ]);
  return { status, stdout, stderr };
}

/** The folder of a local run that is not running, with an empty store. */
export function localFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ops-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  openSqliteStore(join(folder, 'erasure.sqlite')).close();
  return folder;
}

/** What a command printed, and its exit code. */
export interface Ran {
  readonly status: number;
  readonly lines: readonly string[];
  /** What it printed as JSON. */
  readonly json: unknown;
  readonly progress: readonly string[];
}

/** Runs a command of the operator's tool in this process. Throws what the command throws. */
export async function run(context: OpsContext, name: string, ...args: readonly string[]): Promise<Ran> {
  const command = commands[name];
  if (command === undefined || 'runOffline' in command) throw new Error(`no such command: ${name}`);
  const typed = parseCommandArgs(command, args);
  const { output, lines, printed, progress } = recordingOutput(typed.isSet('json'));
  const status = await command.run(typed, context, output);
  return { status, lines, progress, json: printed[0] && JSON.parse(JSON.stringify(printed[0])) };
}

/** An output that keeps what a command prints. */
export function recordingOutput(json = false, columns?: number) {
  const lines: string[] = [];
  const printed: unknown[] = [];
  const progress: string[] = [];
  const output: Output = {
    json,
    ...(columns === undefined ? {} : { columns }),
    print: line => void lines.push(line),
    warn: text => console.error(text),
    printJson: value => void printed.push(value),
    progress: text => void progress.push(text),
  };
  return { output, lines, printed, progress };
}

/** The service on a local folder, and an operator with the same folder. */
export interface OpsHarness {
  readonly harness: Harness;
  readonly context: OpsContext;
  /** What platforms were called back with. */
  readonly called: readonly HttpCall[];
  /** Runs a command in this process. */
  run(name: string, ...args: readonly string[]): Promise<Ran>;
  /** Runs a command as a process over the folder, at the time of the harness; `input` is its standard input. */
  process(args: readonly string[], input?: string): ReturnType<typeof ops>;
  /** Requests an erasure by a platform message. Returns the receipt id. */
  request(
    identities: readonly object[],
    more?: { readonly calledBack?: boolean; readonly uid?: string },
  ): Promise<string>;
  /** Sweeps a minute later. */
  sweep(): Promise<void>;
}

type Options = NonNullable<Parameters<typeof ketchHarness>[0]>;

export async function opsHarness(options: Options = {}): Promise<OpsHarness> {
  const folder = temporaryFolder();
  const file = join(folder, 'erasure.sqlite');
  const signer = localSigner(join(folder, 'evidence-key.pem'));
  const called: HttpCall[] = [];
  const sendCallback = async (call: HttpCall) => {
    called.push(call);
    return response(200);
  };
  const harness = await ketchHarness({
    ...options,
    file,
    secrets: {
      'erasure/pepper': embeddedSecretTexts(readLocalOptions({}).settings)['erasure/pepper']!,
      ...options.secrets,
    },
    change: () => ({ signer, sendCallback }),
  });
  const { store, control, readSecret, settings } = harness.services;
  const now = () => harness.clock.now;
  const context = { settings, store, all: scanSqlite(file), control, readSecret, signer, now, names: namesOf() };
  return {
    harness,
    context: { ...context, close: () => undefined },
    called,
    run: (name, ...args) => run({ ...context, close: () => undefined }, name, ...args),
    process: (args, input) =>
      ops([...args, '--local'], { DATA_DIR: folder, CLOCK: new Date(now()).toISOString() }, input),
    request: async (identities, { calledBack = false, uid = randomUUID() } = {}) => {
      const request = { identities, callbacks: calledBack ? [callback] : [] };
      await harness.send(ketchWire(deleteRequest(request, { metadata: { uid, tenant } })));
      return harness.services.pseudonymizer().then(hmacs => hmacs.receipt('ketch', tenant, uid));
    },
    sweep: async () => {
      harness.clock.now += minute;
      await harness.sweep();
    },
  };
}

/** A test with a service and an operator of its own, if it takes `at`. */
export const test = base.extend<{ at: OpsHarness }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads the names of other fixtures from the pattern
  at: async ({}, use) => use(await opsHarness()),
});

/** Registers several customers with one e-mail address. */
export function profiles({ sandbox }: Harness, email: string, count: number): void {
  const created_at = '2025-01-01T00:00:00.000Z';
  for (let at = 0; at < count; at += 1) sandbox.register({ email, source_id: `${email}-${at}`, created_at }, 'main');
}

/** Stores a receipt that needs a review: too many matches. */
export async function stopped(
  { harness, request }: OpsHarness,
  email = 'shared@example.com',
  count = 7,
): Promise<string> {
  profiles(harness, email, count);
  return request([byEmail(email)], { calledBack: true });
}

/** Stores a receipt that is erased and signed. */
export async function erased({ harness, request, sweep }: OpsHarness, sourceId = 'crm-1'): Promise<string> {
  addPerson(harness, sourceId);
  const id = await request([account(sourceId)]);
  await sweep();
  return id;
}

export function byEmail(identityValue: string) {
  return { identitySpace: 'email', identityFormat: 'raw', identityValue };
}

/** Options that say who decides, and why. */
export function by(name: string, why: string): readonly string[] {
  return ['--by', name, '--why', why];
}

/** The context of an operator for a harness of another file. */
export async function operatorOf({ services, clock }: Harness): Promise<OpsContext> {
  const { settings, store, control, readSecret, signer } = services;
  const own = { settings, store, control, readSecret, now: () => clock.now, ...(signer && { signer }) };
  return { ...(await opsHarness()).context, ...own };
}

/** The reply of AWS to the question who calls. */
export function callerIdentity(arn: string): string {
  return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
    <Arn>${arn}</Arn><UserId>id</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`;
}

/** Reads a stored receipt. */
export async function readReceipt({ context }: OpsHarness, id: string): Promise<Receipt> {
  return (await context.store.read(id))!;
}

/** Records what a command prints on standard error. */
export function errors() {
  return vi.spyOn(console, 'error').mockImplementation(() => undefined);
}
