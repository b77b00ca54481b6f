import type { Outage } from '../../../infra/local/sandbox/sandbox.ts';
import type { Mix } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { live } from '../support/live.ts';
import { populated } from '../support/population.ts';
import { mostInWindow } from '../support/windows.ts';
import { openWorld, type World } from '../support/world.ts';

export interface MixOptions {
  readonly seed: number;
  readonly requests: number;
  readonly mix: Mix;
  /** Voucherify is out of order for so long, from a quarter of the requests on. */
  readonly outageMs?: number;
  readonly projects?: readonly [string, ...string[]];
  readonly callsPerMinute?: number;
}

export interface MixNumbers {
  readonly violations: readonly string[];
  readonly receipts: number;
  readonly waitingForPerson: number;
  readonly calls: number;
  readonly callsPerNeeded: number;
  /** In any sliding minute, for the busiest project. */
  readonly mostCallsInMinute: number;
  readonly refusedForQuota: number;
  readonly coldStarts: number;
  readonly virtualHours: number;
  /** Of all answers to the platform, in milliseconds. */
  readonly answeredP50: number;
  readonly answeredP99: number;
}

const hour = 3_600_000;
const outages: readonly [Outage, ...Outage[]] = ['error', 'down', 'hang'];

/** One request every 8.64 s on average: ten thousand in a day. */
const pauseMs = 8640;

/** Requests, faults of every port, crashes, duplicates, people who sign up again, and an outage. */
export async function runMix({ seed, requests, mix, outageMs = 0, ...rest }: MixOptions): Promise<MixNumbers> {
  const world = openWorld({ callsPerMinute: 1000, ...rest, seed, mix, lags: seed % 2 === 1, lost: 0.01 });
  const within = requests * pauseMs;
  const deliveries = populated(world, { requests, within, duplicates: 0.1, reregistered: 0.02 });
  outage(world, within / 4, outageMs);
  await live(world, { deliveries, oddSweeps: 0.03, longest: within + outageMs + 30 * 24 * hour });
  await judge(world);
  const numbers = numbersOf(world);
  world.close();
  return numbers;
}

function outage({ time, random, voucherify }: World, begins: number, lasts: number): void {
  const mode = random.pick(outages);
  if (lasts === 0) return;
  time.in(begins, () => voucherify.sandbox.outage(mode));
  time.in(begins + lasts, () => voucherify.sandbox.outage(undefined));
}

function numbersOf({ truth, watch, voucherify, fleet, time, start, sender, outside }: World): MixNumbers {
  const { sent } = voucherify;
  const needed = [...truth.asks.values()].reduce((sum, ask) => sum + ask.needed, 0);
  const took = [...sender.exchanges.values()].flatMap(exchange => exchange.took).sort((a, b) => a - b);
  const projects = Object.keys(outside.settings.projects);
  return {
    violations: truth.violations,
    receipts: watch.receipts.size,
    waitingForPerson: watch.waiting().human,
    calls: sent.length,
    callsPerNeeded: sent.length / needed,
    mostCallsInMinute: Math.max(...projects.map(project => mostInWindow(sent, project, 60_000))),
    refusedForQuota: sent.filter(call => call.status === 429).length,
    coldStarts: fleet.coldStarts(),
    virtualHours: (time.now() - start) / hour,
    answeredP50: took[Math.floor(took.length * 0.5)] ?? 0,
    answeredP99: took[Math.floor(took.length * 0.99)] ?? 0,
  };
}
