import { localSigner } from '../../../infra/local/embedded-secrets.ts';
import { openSqliteStore } from '../../../infra/local/sqlite-store.ts';
import type { LogLine } from '../../../lambda/io/log.ts';
import type { Environment, Schedule, Stores, Transmit } from './environment.ts';
import { type ChooseFault, type Mix, type Port, randomFaults } from './faults.ts';
import { type Fleet, openFleet } from './fleet.ts';
import { newReceiver, newSender, type Receiver, type Sender } from './platform.ts';
import { type Random, seeded } from './random.ts';
import { type QuotaOptions, secretsOf, settingsOf } from './settings.ts';
import { withLaggingIndex } from './store-variants.ts';
import { newTruth, type Truth } from './truth.ts';
import { type VirtualTime, virtualTime } from './virtual-time.ts';
import { openVoucherify, type Voucherify } from './voucherify.ts';
import { type Watch, watchedStore } from './watched-store.ts';

export interface SimulationOptions extends QuotaOptions {
  readonly seed: number;
  readonly mix: Mix | ChooseFault;
  readonly projects?: readonly [string, ...string[]];
  readonly callsPerMinute?: number;
  /** The quota's real period. */
  readonly periodSeconds?: number;
  /** Whether some lists of Voucherify have pages that are shorter than requested. */
  readonly shortPages?: boolean;
  /** How long Voucherify returns customers after their deletion, in milliseconds. */
  readonly shownMs?: number;
  /** Whether the store's index lags, mostly by up to a second. */
  readonly lags?: boolean;
  /** Maximum clock error of a machine, in milliseconds. */
  readonly skewMs?: number;
  /** The error that all clocks have now, in milliseconds. Default: none. */
  readonly clockErrorMs?: () => number;
  /** Probability that a reply to the platform is lost. */
  readonly lost?: number;
  /** Probability of a cold start; 0.05 by default. */
  readonly coldStarts?: number;
  /** Maximum one-way delay to Voucherify at a given time, in milliseconds. */
  readonly maxDelayMs?: (now: number) => number;
  /** Replaces the schedule of the virtual clock. */
  readonly schedule?: (time: VirtualTime) => Schedule;
  /** Wraps the stores for the next machine that starts. */
  readonly wrapStores?: (stores: Stores, random: Random) => Stores;
}

/** Everything outside the program, on a virtual clock. */
export interface Simulation {
  readonly start: number;
  readonly time: VirtualTime;
  readonly random: Random;
  readonly truth: Truth;
  readonly watch: Watch;
  readonly voucherify: Voucherify;
  readonly receiver: Receiver;
  readonly environment: Environment;
  readonly fleet: Fleet;
  readonly sender: Sender;
  /** Log lines that raise an alarm. */
  readonly alarms: readonly LogLine[];
  /** The age of the oldest open receipt, as each sweep reported it. */
  readonly reported: readonly { readonly at: number; readonly oldestOpenMs: number }[];
  /** Values of the secrets; may be changed during the run. */
  readonly secrets: Record<string, string>;
  readonly stores: Stores;
  close(): void;
}

const start = Date.UTC(2026, 10, 24, 12);

export function openSimulation(options: SimulationOptions): Simulation {
  const {
    seed,
    mix,
    projects = ['main'],
    callsPerMinute = 1_000_000,
    lags = false,
    lost = 0,
    periodSeconds = 60,
    shortPages = false,
    shownMs = 0,
  } = options;
  const random = seeded(seed);
  const time = virtualTime(start);
  const schedule = options.schedule?.(time) ?? randomDelays(time, random.fork(), options.maxDelayMs ?? usualMaxMs);
  const { now, wait } = schedule;
  const truth = newTruth(now, start);
  const sqlite = openSqliteStore(':memory:');
  const lag = random.fork();
  const update = (change: () => void) =>
    time.in(lag.chance(0.01) ? lag.between(0, 90_000) : lag.between(0, 1000), change);
  const { store, watch } = watchedStore(lags ? withLaggingIndex(sqlite, update) : sqlite, truth, now);
  const stores = { store, control: sqlite.control };
  const turns = random.fork();
  const quota = { callsPerMinute, periodSeconds };
  const voucherify = openVoucherify({ projects, now, random: random.fork(), truth, ...quota, shortPages, shownMs });
  const receiver = newReceiver(truth);
  const alarms: LogLine[] = [];
  const reported: { at: number; oldestOpenMs: number }[] = [];
  const secrets = secretsOf(projects);
  const environment: Environment = {
    settings: settingsOf(options, projects, callsPerMinute),
    ...schedule,
    skewMs: options.skewMs ?? 0,
    clockErrorMs: options.clockErrorMs ?? (() => 0),
    chooseFault: typeof mix === 'function' ? mix : randomFaults(mix, random.fork()),
    random: random.fork(),
    stores: () => options.wrapStores?.(stores, turns) ?? stores,
    secrets,
    voucherify: voucherify.port,
    callbacks: receiver.port,
    signer: localSigner(':memory:'),
    log: line => {
      if (line.alarm !== undefined) alarms.push(line);
      if (line.oldestOpenMs !== undefined) reported.push({ at: now(), oldestOpenMs: line.oldestOpenMs });
    },
  };
  const fleet = openFleet(environment, options.coldStarts ?? 0.05);
  const sender = newSender({ fleet, truth, random: random.fork(), now, wait, lost });
  const close = () => {
    voucherify.sandbox.close();
    sqlite.close();
  };
  const seen = { start, time, random, truth, watch, voucherify, receiver, environment, fleet, sender };
  return { ...seen, alarms, reported, secrets, stores, close };
}

/** Minimum and maximum one-way delay, in milliseconds. */
type Range = readonly [least: number, most: number];

function randomDelays(time: VirtualTime, random: Random, maxDelayMs: (now: number) => number): Schedule {
  const internet: Range = [20, 150];
  const store: Range = [1, 8];
  const delays: Readonly<Record<Port, Range>> = {
    store,
    control: store,
    secret: [2, 15],
    signer: [2, 15],
    voucherify: internet,
    callback: internet,
  };
  const delayOf = (port: Port): Range => (port === 'voucherify' ? [20, maxDelayMs(time.now())] : delays[port]);
  const transmit: Transmit = (port, slow) => time.wait(random.between(...(slow ? slowDelay : delayOf(port))));
  return { now: time.now, wait: time.wait, timeout: time.wait, transmit };
}

function usualMaxMs(): number {
  return 150;
}

const slowDelay: Range = [300, 3000];
