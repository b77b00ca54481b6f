import type { VersionedStore } from './control/versioned-store.ts';
import { pepperName } from './domain/names.ts';
import type { Send } from './io/http-client.ts';
import type { Log } from './io/log.ts';
import type { ReadSecret } from './io/secret-cache.ts';
import { openPlatforms } from './platforms/index.ts';
import type { Platform } from './platforms/platform.ts';
import { createPseudonymizer, type Pseudonymizer } from './receipts/hmac.ts';
import type { Signer } from './receipts/signer.ts';
import type { ReceiptStore } from './receipts/store.ts';
import type { Settings } from './settings.ts';
import { openProject, type Project } from './voucherify/project.ts';

/** What differs between AWS, your machine and a test. */
export interface Adapters {
  readonly settings: Settings;
  readonly store: ReceiptStore;
  readonly control: VersionedStore;
  readonly readSecret: ReadSecret;
  readonly send: Send;
  /** Sends callbacks: only to public addresses, and it reads no more than a kilobyte of the answer. */
  readonly sendCallback: Send;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Resolves after that many milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  readonly log: Log;
  /** Signs evidence. Only the sweep has one. */
  readonly signer?: Signer;
  readonly times?: Partial<Times>;
}

/** In milliseconds. */
interface Times {
  /** How far a claim moves the next attempt: longer than an attempt takes. */
  readonly claimMs: number;
  /** The first step of the backoff, doubled with each claim. */
  readonly backoffMs: number;
}

/** Everything the two lines work with. */
export interface Services extends Adapters {
  readonly platforms: ReadonlyMap<string, Platform>;
  readonly projects: ReadonlyMap<string, Project>;
  /** Throws `unavailable` when the pepper cannot be had. */
  readonly pseudonymizer: () => Promise<Pseudonymizer>;
  readonly times: Times;
}

/** Puts the services together from the ports: the same for both functions, local runs and tests. */
export function createServices(ports: Adapters): Services {
  const { settings, readSecret } = ports;
  const projects = Object.keys(settings.projects).map(name => [name, openProject(name, ports)] as const);
  return {
    ...ports,
    platforms: openPlatforms(settings.platforms),
    projects: new Map(projects),
    pseudonymizer: async () => createPseudonymizer(await readSecret(pepperName)),
    times: { claimMs: 60_000, backoffMs: 30_000, ...ports.times },
  };
}
