import { localSigner } from '../../../infra/local/local-signer.ts';
import { openSqliteStore } from '../../../infra/local/sqlite-store.ts';
import type { LogLine } from '../../../lambda/io/log.ts';
import { drawnFrom, type Fates, type Mix, type Port } from './faults.ts';
import { type Fleet, openFleet } from './fleet.ts';
import { withLaggingIndex } from './lagging-index.ts';
import type { Travel } from './life.ts';
import type { Outside, Stores } from './outside.ts';
import { type Random, seeded } from './random.ts';
import { newReceiver, type Receiver } from './receiver.ts';
import { newSender, type Sender } from './sender.ts';
import { type QuotaOptions, secretsOf, settingsOf } from './settings.ts';
import { newTruth, type Truth } from './truth.ts';
import { type VirtualTime, virtualTime } from './virtual-time.ts';
import { openVoucherify, type Voucherify } from './voucherify.ts';
import { type Watch, watchedStore } from './watched-store.ts';

export interface WorldOptions extends QuotaOptions {
  readonly seed: number;
  readonly mix: Mix | Fates;
  readonly projects?: readonly [string, ...string[]];
  readonly callsPerMinute?: number;
  /** How long the period of the quota really is. */
  readonly periodSeconds?: number;
  /** Whether some lists of Voucherify come in pages that are shorter than asked. */
  readonly shortPages?: boolean;
  /** Whether the index of the store lags behind, by up to some seconds. */
  readonly lags?: boolean;
  /** How far the clock of a machine may be off, in milliseconds. */
  readonly skewMs?: number;
  /** How often an answer to the platform is lost. */
  readonly lost?: number;
  /** How often an invocation finds no warm machine; 0.05 where nothing is said. */
  readonly coldStarts?: number;
  /** Milliseconds that one way to Voucherify takes at most, at a time. */
  readonly slowest?: (now: number) => number;
  /** Another schedule than that of the virtual clock. */
  readonly schedule?: (time: VirtualTime) => Schedule;
  /** The stores as the next machine that starts sees them; all see the same where nothing is said. */
  readonly seenAs?: (stores: Stores, random: Random) => Stores;
}

export type Schedule = Pick<Outside, 'now' | 'wait' | 'travel' | 'timeout'>;

/** Everything that is outside of the program, on a clock that jumps. */
export interface World {
  readonly start: number;
  readonly time: VirtualTime;
  readonly random: Random;
  readonly truth: Truth;
  readonly watch: Watch;
  readonly voucherify: Voucherify;
  readonly receiver: Receiver;
  readonly outside: Outside;
  readonly fleet: Fleet;
  readonly sender: Sender;
  /** Lines of the log that raise an alarm. */
  readonly alarms: readonly LogLine[];
  /** The age of the oldest open receipt, as each sweep reported it. */
  readonly reported: readonly { readonly at: number; readonly oldestOpenMs: number }[];
  /** Texts of the secrets; may be changed while it runs. */
  readonly secrets: Record<string, string>;
  readonly stores: Stores;
  close(): void;
}

const start = Date.UTC(2026, 10, 24, 12);

export function openWorld(options: WorldOptions): World {
  const {
    seed,
    mix,
    projects = ['main'],
    callsPerMinute = 1_000_000,
    lags = false,
    lost = 0,
    periodSeconds = 60,
    shortPages = false,
  } = options;
  const random = seeded(seed);
  const time = virtualTime(start);
  const schedule = options.schedule?.(time) ?? travelling(time, random.fork(), options.slowest ?? usually);
  const { now, wait } = schedule;
  const truth = newTruth(now, start);
  const sqlite = openSqliteStore(':memory:');
  const lag = random.fork();
  const bring = (change: () => void) =>
    time.in(lag.chance(0.01) ? lag.between(0, 90_000) : lag.between(0, 1000), change);
  const { store, watch } = watchedStore(lags ? withLaggingIndex(sqlite, bring) : sqlite, truth, now);
  const stores = { store, control: sqlite.control };
  const turns = random.fork();
  const quota = { callsPerMinute, periodSeconds };
  const voucherify = openVoucherify({ projects, now, random: random.fork(), truth, ...quota, shortPages });
  const receiver = newReceiver(truth);
  const alarms: LogLine[] = [];
  const reported: { at: number; oldestOpenMs: number }[] = [];
  const secrets = secretsOf(projects);
  const outside: Outside = {
    settings: settingsOf(options, projects, callsPerMinute),
    ...schedule,
    skewMs: options.skewMs ?? 0,
    fates: typeof mix === 'function' ? mix : drawnFrom(mix, random.fork()),
    random: random.fork(),
    stores: () => options.seenAs?.(stores, turns) ?? stores,
    secrets,
    voucherify: voucherify.port,
    callbacks: receiver.port,
    signer: localSigner(':memory:'),
    log: line => {
      if (line.alarm !== undefined) alarms.push(line);
      if (line.oldestOpenMs !== undefined) reported.push({ at: now(), oldestOpenMs: line.oldestOpenMs });
    },
  };
  const fleet = openFleet(outside, options.coldStarts ?? 0.05);
  const sender = newSender({ fleet, truth, random: random.fork(), now, wait, lost });
  const close = () => {
    voucherify.sandbox.close();
    sqlite.close();
  };
  const seen = { start, time, random, truth, watch, voucherify, receiver, outside, fleet, sender };
  return { ...seen, alarms, reported, secrets, stores, close };
}

/** Milliseconds that one way takes at least and at most. */
type Range = readonly [least: number, most: number];

function travelling(time: VirtualTime, random: Random, slowest: (now: number) => number): Schedule {
  const wire: Range = [20, 150];
  const store: Range = [1, 8];
  const ways: Readonly<Record<Port, Range>> = {
    store,
    control: store,
    secret: [2, 15],
    signer: [2, 15],
    voucherify: wire,
    callback: wire,
  };
  const way = (port: Port): Range => (port === 'voucherify' ? [20, slowest(time.now())] : ways[port]);
  const travel: Travel = (port, slow) => time.wait(random.between(...(slow ? slowWay : way(port))));
  return { now: time.now, wait: time.wait, timeout: time.wait, travel };
}

function usually(): number {
  return 150;
}

const slowWay: Range = [300, 3000];
