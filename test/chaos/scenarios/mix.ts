import { broken } from '../support/bounds.ts';
import { judgePauses, outage, pauses, rotations } from '../support/disturbances.ts';
import { type Mix, usual, wild } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { live } from '../support/live.ts';
import { operator } from '../support/operator.ts';
import { populated } from '../support/population.ts';
import { mostInWindow } from '../support/windows.ts';
import { openWorld, type World } from '../support/world.ts';

export interface MixOptions {
  readonly seed: number;
  readonly requests: number;
  readonly mix: Mix;
  /** Duration of an outage of Voucherify that starts after a quarter of the requests. */
  readonly outageMs?: number;
  /** Duration of an outage of the callback address from the start. */
  readonly callbacksDownMs?: number;
  readonly skewMs?: number;
  /** Whether operators pause and resume, and keys are rotated, from time to time. */
  readonly operated?: boolean;
  /** Whether an operator decides on receipts. */
  readonly decided?: boolean;
  readonly auth?: 'api-key' | 'oauth';
  readonly projects?: readonly [string, ...string[]];
}

export interface MixNumbers {
  readonly violations: readonly string[];
  readonly receipts: number;
  readonly waitingForPerson: number;
  /** Those of them of which Voucherify offers no call that would prove anything. */
  readonly unprovable: number;
  /** By an operator. */
  readonly refused: number;
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

/** One request every 8.64 s on average: ten thousand in a day. */
const pauseMs = 8640;

/** Runs requests with faults of every adapter, crashes, duplicates, new registrations and an outage. */
export async function runMix(options: MixOptions): Promise<MixNumbers> {
  const {
    seed,
    requests,
    mix,
    outageMs = 0,
    callbacksDownMs = 0,
    operated = false,
    decided = false,
    ...rest
  } = options;
  const odd = { lags: seed % 2 === 1, lost: 0.01, shortPages: mix === wild };
  const world = openWorld({ callsPerMinute, quotaShare, ...rest, ...odd, seed, mix });
  const within = requests * pauseMs;
  const deliveries = populated(world, { requests, within, duplicates: 0.1, reregistered: 0.02 });
  outage(world, within / 4, outageMs);
  if (operated) rotations(world, within);
  if (decided) operator(world, within);
  const held = operated ? pauses(world, within) : [];
  world.receiver.down(callbacksDownMs > 0);
  world.time.in(callbacksDownMs, () => world.receiver.down(false));
  await live(world, { deliveries, oddSweeps: 0.03, longest: within + outageMs + 30 * 24 * hour });
  await judge(world);
  judgePauses(world, held);
  const numbers = numbersOf(world);
  world.close();
  return { ...numbers, violations: [...numbers.violations, ...boundsOf(numbers, options)] };
}

const callsPerMinute = 1000;
const quotaShare = 0.5;

/** How often one needed call may be made on average, by the length of the outage, under the usual faults. */
function mostCalls({ requests, outageMs = 0, mix }: MixOptions): number {
  if (mix !== usual || requests < 500) return Number.POSITIVE_INFINITY;
  if (outageMs === 0) return 1.25;
  return requests < 10_000 ? Number.POSITIVE_INFINITY : 2.5;
}

function boundsOf(numbers: MixNumbers, options: MixOptions): readonly string[] {
  return broken(
    ['calls for each needed one', numbers.callsPerNeeded, mostCalls(options)],
    [
      'receipts that wait for a person',
      numbers.waitingForPerson - numbers.unprovable,
      options.requests * (options.mix === usual ? 0.001 : 0.1),
    ],
    ['receipts that nothing can prove', numbers.unprovable, options.requests * (options.mix === usual ? 0.003 : 0.03)],
    ['calls in a minute', numbers.mostCallsInMinute, callsPerMinute * quotaShare],
    ['calls refused for the quota', numbers.refusedForQuota, 0],
  );
}

/** The answer to the deletion of somebody whom no look-up shows was lost; or somebody else has the pin as source_id. */
const unprovable = new Set(['unseen-unproven', 'pin-shadowed']);

function numbersOf({ truth, watch, voucherify, fleet, time, start, sender, outside }: World): MixNumbers {
  const { sent } = voucherify;
  const needed = [...truth.asks.values()].reduce((sum, ask) => sum + ask.needed, 0);
  const took = [...sender.exchanges.values()].flatMap(exchange => exchange.took).sort((a, b) => a - b);
  const projects = Object.keys(outside.settings.projects);
  const receipts = [...watch.receipts.values()];
  return {
    violations: truth.violations,
    receipts: watch.receipts.size,
    waitingForPerson: watch.waiting().human,
    unprovable: receipts.filter(({ state, reason = '' }) => state === 'needs-review' && unprovable.has(reason)).length,
    refused: receipts.filter(({ state }) => state === 'refused').length,
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
