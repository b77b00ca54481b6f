import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, vi } from 'vitest';
import { localSigner } from '../../infra/local/local-signer.ts';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import { embeddedSecrets } from '../../infra/local/secrets.ts';
import { openSqliteStore } from '../../infra/local/sqlite.ts';
import { namesOf } from '../../infra/names.ts';
import { localContext, type OpsContext } from '../../infra/ops/desk.ts';
import { writeHeartbeat } from '../../lambda/heartbeat.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { leaks, Planted } from '../support/canary.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { type Ran, run } from './desk-of.ts';

/** Stops the clock during each test of the calling file, so that ages and limits do not depend on how fast it runs. */
export function stopClock(): void {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());
}

export interface Patient {
  readonly desk: OpsContext;
  readonly store: ReceiptStore;
  /** Texts by design name; may be changed before it is examined. */
  readonly secrets: Record<string, string>;
  readonly sandbox: Sandbox;
  readonly planted: Planted;
}

export interface Sick {
  readonly platforms?: Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, number>>;
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
export async function patientWith({
  platforms = { ketch },
  limits = {},
  projects = { main: {} },
  change,
}: Sick = {}): Promise<Patient> {
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
  writeFileSync(SETTINGS, JSON.stringify({ projects: Object.fromEntries(named), platforms, limits }));
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
  const readSecret = (...asked: Parameters<OpsContext['readSecret']>) => embeddedSecrets(secrets)(...asked);
  const desk = { ...own, close: () => undefined, readSecret, names: namesOf('shop'), ...change };
  return { desk, store, secrets, sandbox, planted };
}

function sharedBy(planted: Planted, platform: string): string {
  return JSON.stringify({ current: `secret:${planted.token(`secret of ${platform}`)}` });
}

/** Runs the doctor, which must never show a secret. */
export async function examined({ desk, planted }: Patient, ...args: readonly string[]): Promise<Ran> {
  const ran = await run(desk, 'doctor', ...args);
  expect(leaks(planted.tokens, { ran: JSON.stringify(ran) })).toEqual([]);
  return ran;
}

/** Asserts that lines with this mark and check say each text, and that the exit code is 1 if any check failed. */
export async function expectFinding(patient: Patient, begins: string, ...says: readonly string[]): Promise<void> {
  const { status, lines } = await examined(patient);
  const found = lines.filter(line => line.startsWith(begins)).join('\n');
  for (const text of says) expect(found, lines.join('\n')).toContain(text);
  expect(status).toBe(lines.some(line => line.startsWith('✗')) ? 1 : 0);
}

/** The same patient with some parts of the desk replaced. */
export function changed(patient: Patient, change: (desk: OpsContext) => Partial<OpsContext>): Patient {
  return { ...patient, desk: { ...patient.desk, ...change(patient.desk) } };
}
