import type { VersionedStore } from './control/versioned-store.ts';
import { manualPlatform } from './domain/names.ts';
import type { Send } from './io/http-client.ts';
import type { Log } from './io/log.ts';
import type { ReadSecret } from './io/secret-cache.ts';
import { manual, openPlatforms } from './platforms/index.ts';
import type { Platform } from './platforms/platform.ts';
import type { Signer } from './receipts/evidence.ts';
import { type Pseudonymizer, pseudonymizerFrom } from './receipts/hmac.ts';
import type { ReceiptStore } from './receipts/store.ts';
import type { Settings } from './settings.ts';
import { openProject, type Project } from './voucherify/client.ts';

/** The dependencies that differ between AWS, a local run and a test. */
export interface Adapters {
  readonly settings: Settings;
  readonly store: ReceiptStore;
  readonly control: VersionedStore;
  readonly readSecret: ReadSecret;
  readonly send: Send;
  /** Sends callbacks: only to public addresses, and reads at most one kilobyte of the response. */
  readonly sendCallback: Send;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Returns a number from 0 up to, but not including, 1. */
  readonly random: () => number;
  /** Resolves after `ms` milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  readonly log: Log;
  /** Signs evidence. Set only for the sweep. */
  readonly signer?: Signer;
  readonly times?: Partial<Times>;
}

/** Durations in milliseconds. */
interface Times {
  /** How far a claim postpones the next attempt: longer than an attempt takes. */
  readonly claimMs: number;
  /** The first backoff delay, doubled with each claim. */
  readonly backoffMs: number;
}

/** Everything that the request path and the sweep use. */
export interface Services extends Adapters {
  readonly platforms: ReadonlyMap<string, Platform>;
  readonly projects: ReadonlyMap<string, Project>;
  /** Throws `unavailable` if the pepper is unavailable. */
  readonly pseudonymizer: () => Promise<Pseudonymizer>;
  readonly times: Times;
}

/** Creates the services from the adapters. Both functions, local runs and tests use it. */
export function createServices(adapters: Adapters): Services {
  const { settings, readSecret } = adapters;
  const projects = Object.keys(settings.projects).map(name => [name, openProject(name, adapters)] as const);
  return {
    ...adapters,
    platforms: new Map([...openPlatforms(settings.platforms), [manualPlatform, manual]]),
    projects: new Map(projects),
    pseudonymizer: pseudonymizerFrom(readSecret),
    times: { claimMs: 60_000, backoffMs: 30_000, ...adapters.times },
  };
}
