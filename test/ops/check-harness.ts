import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, vi } from 'vitest';
import { embeddedSecrets, localSigner } from '../../infra/local/embedded-secrets.ts';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';
import { localContext, type OpsContext } from '../../infra/ops/context.ts';
import { namesOf } from '../../infra/stack/names.ts';
import { writeHeartbeat } from '../../lambda/control/sweep-state.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { leaks, Planted } from '../support/canary.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { type Ran, run } from './ops-harness.ts';

/** Stops the clock during each test of the calling file, so that ages and limits do not depend on how fast it runs. */
export function stopClock(): void {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());
}

export interface CheckHarness {
  readonly context: OpsContext;
  readonly store: ReceiptStore;
  /** Texts by design name; may be changed before it is examined. */
  readonly secrets: Record<string, string>;
  readonly sandbox: Sandbox;
  readonly planted: Planted;
}

export interface CheckSetup {
  readonly platforms?: Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, number>>;
  readonly operations?: object;
  /** Fields of the settings of each project. */
  readonly projects?: Readonly<Record<string, object>>;
  readonly change?: Partial<OpsContext>;
}

export const ketch = {
  tenants: ['axonic'],
  environments: ['production'],
  identities: { account_id: 'source_id', email: 'email' },
  callbackOrigins: ['https://dsr.ketch.com'],
};

/** A deployment with the stage `shop` that lacks nothing, but for what is changed; the wire and the store are real. */
export async function checkHarness({
  platforms = { ketch },
  limits = {},
  projects = { main: {} },
  operations = { alarmEmail: 'on-call@example.com' },
  change,
}: CheckSetup = {}): Promise<CheckHarness> {
  const planted = new Planted();
  const keys = Object.keys(projects).map(project => ({
    project,
    appId: planted.token(`app id of ${project}`),
    appToken: planted.token(`token of ${project}`),
  }));
  const sandbox = openSandbox({ now: Date.now, keys });
  const server = await serveSandbox(sandbox, 0);
  const DATA_DIR = temporaryFolder();
  const store = openSqliteStore(join(DATA_DIR, 'erasure.sqlite'));
  const named = Object.entries(projects).map(([name, more]) => [name, { baseUrl: server.url, ...more }]);
  const SETTINGS = join(DATA_DIR, 'settings.json');
  writeFileSync(SETTINGS, JSON.stringify({ projects: Object.fromEntries(named), platforms, limits, operations }));
  const secrets: Record<string, string> = { 'erasure/pepper': `pepper-${planted.token('pepper').repeat(2)}` };
  for (const { project, ...key } of keys) secrets[`erasure/voucherify/${project}`] = JSON.stringify(key);
  for (const name of Object.keys(platforms)) secrets[`erasure/platform/${name}`] = sharedBy(planted, name);
  localSigner(join(DATA_DIR, 'evidence-key.pem'));
  await writeHeartbeat(store.control, { at: Date.now(), mostUrgent: undefined });
  const { local: _, close, ...own } = localContext({ DATA_DIR, SETTINGS });
  onTestFinished(async () => {
    close();
    store.close();
    sandbox.close();
    await server.close();
  });
  const readSecret = (...request: Parameters<OpsContext['readSecret']>) => embeddedSecrets(secrets)(...request);
  const context = { ...own, close: () => undefined, readSecret, names: namesOf('shop'), ...change };
  return { context, store, secrets, sandbox, planted };
}

function sharedBy(planted: Planted, platform: string): string {
  return JSON.stringify({ current: `secret:${planted.token(`secret of ${platform}`)}` });
}

/** Runs the doctor, which must never show a secret. */
export async function runDoctor({ context, planted }: CheckHarness, ...args: readonly string[]): Promise<Ran> {
  const ran = await run(context, 'doctor', ...args);
  expect(leaks(planted.tokens, { ran: JSON.stringify(ran) })).toEqual([]);
  return ran;
}

/** Asserts that lines with this mark and check say each text, and that the exit code is 1 if any check failed. */
export async function expectFinding(harness: CheckHarness, begins: string, ...says: readonly string[]): Promise<void> {
  const { status, lines } = await runDoctor(harness);
  const found = lines.filter(line => line.startsWith(begins)).join('\n');
  for (const text of says) expect(found, lines.join('\n')).toContain(text);
  expect(status).toBe(lines.some(line => line.startsWith('✗')) ? 1 : 0);
}

/** The same harness with some parts of the context replaced. */
export function changed(harness: CheckHarness, change: (context: OpsContext) => Partial<OpsContext>): CheckHarness {
  return { ...harness, context: { ...harness.context, ...change(harness.context) } };
}
