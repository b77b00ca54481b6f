import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { localSigner } from '../../infra/local/local-signer.ts';
import { openSandbox, type Sandbox, type SandboxCustomer } from '../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../infra/local/sandbox/seeded-customers.ts';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import { embeddedSecrets } from '../../infra/local/secrets.ts';
import { openSqliteStore } from '../../infra/local/sqlite.ts';
import type { Alarm } from '../../lambda/failure.ts';
import { jsonLog, type LogLine } from '../../lambda/io/log.ts';
import { createHttpClient } from '../../lambda/io/outbound.ts';
import { parseSettings } from '../../lambda/io/settings.ts';
import type { SweepResult } from '../../lambda/look-around.ts';
import { type Adapters, createServices, type Services } from '../../lambda/parts.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import { sweepHandler } from '../../lambda/sweeper.ts';
import { webhookHandler } from '../../lambda/webhook.ts';
import { type Answer, eventOf, invoke, type Wire } from './event.ts';

/** The time of the dated fixtures. */
export const fixtureTime = Date.parse('2026-01-15T12:00:00Z');

export interface HouseOptions {
  /** The `platforms` part of the settings. */
  readonly platforms: Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, number>>;
  /** Names of the projects; all of them are in the sandbox. */
  readonly projects?: readonly string[];
  /** Texts of the platforms' secrets and whatever else is to be replaced, by design name. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly at?: number;
  readonly customers?: readonly SandboxCustomer[];
  /** Where Voucherify is, instead of the sandbox. */
  readonly baseUrl?: string;
  /** The store's file. */
  readonly file?: string;
  /** Has the last word on the ports. */
  readonly change?: (ports: Adapters) => Partial<Adapters>;
}

/** The two handlers over a store, a sandbox Voucherify behind loopback HTTP, a clock that stands, and a kept log. */
export interface House {
  readonly clock: { at: number };
  readonly services: Services;
  readonly sandbox: Sandbox;
  /** Texts by design name; may be changed while it runs. */
  readonly secrets: Record<string, string>;
  /** What was written to the log, line by line. */
  readonly lines: readonly string[];
  logged(): readonly LogLine[];
  alarms(): readonly Alarm[];
  send(wire: Wire): Promise<Answer>;
  sweep(): Promise<SweepResult>;
  /** Every receipt that was accepted, as it stands. */
  receipts(): Promise<readonly Receipt[]>;
  close(): Promise<void>;
}

/** Calls a minute: the pace has tests of its own. */
const plenty = 1_000_000;

const pepper = 'pepper-of-the-tests-with-more-than-43-characters';

/** Opens a house and closes it when the test is over. */
export async function houseFor(options: HouseOptions): Promise<House> {
  const house = await openHouse(options);
  onTestFinished(() => house.close());
  return house;
}

export async function openHouse(options: HouseOptions): Promise<House> {
  const { projects = ['main'], customers = seededCustomers, at = fixtureTime, file = ':memory:' } = options;
  const clock = { at };
  const now = () => clock.at;
  const keys = projects.map(project => ({ project, appId: `app-${project}`, appToken: `token-${project}` }));
  const sandbox = openSandbox({ now, keys, seed: customers, limit: { calls: plenty, periodSeconds: 60 } });
  const server = await serveSandbox(sandbox, 0);
  const store = openSqliteStore(file);
  const accepted = new Set<string>();
  const lines: string[] = [];
  const secrets: Record<string, string> = { ...secretsOf(keys), ...options.secrets };
  const plain: Adapters = {
    settings: settingsOf(options, projects, options.baseUrl ?? server.url),
    store: remembering(store, accepted),
    control: store.control,
    readSecret: (name, how) => embeddedSecrets(secrets)(name, how),
    send: createHttpClient(now),
    sendCallback: createHttpClient(now),
    now,
    random: () => 0.5,
    wait: async () => undefined,
    log: jsonLog(line => lines.push(line), now),
    signer: localSigner(file === ':memory:' ? file : join(dirname(file), 'evidence-key.pem')),
  };
  const services = createServices({ ...plain, ...options.change?.(plain) });
  const handler = webhookHandler(() => services);
  const logged = () => lines.map(line => JSON.parse(line) as LogLine);
  return {
    clock,
    services,
    sandbox,
    secrets,
    lines,
    logged,
    alarms: () => logged().flatMap(line => line.alarm ?? []),
    send: wire => invoke(handler, eventOf(wire)),
    sweep: sweepHandler(() => services),
    receipts: async () => (await Promise.all([...accepted].map(id => store.read(id)))).map(row => row!),
    close: async () => {
      await server.close();
      sandbox.close();
      store.close();
    },
  };
}

function settingsOf({ platforms, limits = {} }: HouseOptions, projects: readonly string[], baseUrl: string) {
  const project = { baseUrl, quotaShare: 1, callsPerMinute: plenty };
  const named = Object.fromEntries(projects.map(name => [name, project]));
  // Only a loopback http origin may stand in for Voucherify, and only locally.
  return parseSettings(JSON.stringify({ projects: named, platforms, limits }), 'local');
}

function secretsOf(keys: readonly { project: string; appId: string; appToken: string }[]): Record<string, string> {
  const texts = keys.map(({ project, ...key }) => [`erasure/voucherify/${project}`, JSON.stringify(key)] as const);
  return { 'erasure/pepper': pepper, ...Object.fromEntries(texts) };
}

/** A store offers no list of its receipts, so the ids that it accepts are kept here. */
function remembering(store: ReceiptStore, accepted: Set<string>): ReceiptStore {
  return {
    ...store,
    accept: async (receipt, kept) => {
      const standing = await store.accept(receipt, kept);
      accepted.add(receipt.id);
      return standing;
    },
  };
}
