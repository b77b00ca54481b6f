import {
  simulateOperator,
  simulateOutage,
  simulatePauses,
  simulateRotations,
  verifyPauses,
} from '../support/disturbances.ts';
import { type Mix, usual, wild } from '../support/faults.ts';
import { exceeded, mostInWindow, type Outcome, throttledCalls } from '../support/measures.ts';
import { schedulePopulation } from '../support/population.ts';
import { runSimulation } from '../support/run-simulation.ts';
import { openSimulation, type Simulation } from '../support/simulation.ts';
import { verify } from '../support/verify.ts';

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
  readonly withOperations?: boolean;
  /** Whether an operator decides on receipts. */
  readonly withDecisions?: boolean;
  readonly auth?: 'api-key' | 'oauth';
  readonly projects?: readonly [string, ...string[]];
}

const hour = 3_600_000;

/** Average time between two requests: ten thousand in a day. */
const pauseMs = 8640;

/** Runs requests with faults of every adapter, crashes, duplicates, new registrations and an outage. */
export async function runMix(options: MixOptions): Promise<Outcome> {
  const {
    seed,
    requests,
    mix,
    outageMs = 0,
    callbacksDownMs = 0,
    withOperations = false,
    withDecisions = false,
    ...rest
  } = options;
  const odd = { lags: seed % 2 === 1, lost: 0.01, shortPages: mix === wild };
  const sim = openSimulation({ callsPerMinute, quotaShare, ...rest, ...odd, seed, mix });
  const within = requests * pauseMs;
  const deliveries = schedulePopulation(sim, { requests, within, duplicates: 0.1, reregistered: 0.02 });
  simulateOutage(sim, within / 4, outageMs);
  if (withOperations) simulateRotations(sim, within);
  if (withDecisions) simulateOperator(sim, within);
  const paused = withOperations ? simulatePauses(sim, within) : [];
  sim.receiver.down(callbacksDownMs > 0);
  sim.time.in(callbacksDownMs, () => sim.receiver.down(false));
  // The operator decides until a day after the last request; the sweep needs time to finish what was retried last.
  const atLeast = withDecisions ? within + 25 * hour : 0;
  await runSimulation(sim, { deliveries, oddSweeps: 0.03, atLeast, longest: within + outageMs + 30 * 24 * hour });
  await verify(sim);
  verifyPauses(sim, paused);
  const numbers = numbersOf(sim);
  sim.close();
  return { ...numbers, violations: [...numbers.violations, ...boundsOf(numbers, options)] };
}

const callsPerMinute = 1000;
const quotaShare = 0.5;

/** Returns the maximum number of calls for each needed one, with the usual faults. */
function maxCallsPerNeeded({ requests, outageMs = 0, mix }: MixOptions): number {
  if (mix !== usual || requests < 500) return Number.POSITIVE_INFINITY;
  if (outageMs === 0) return 1.25;
  return requests < 10_000 ? Number.POSITIVE_INFINITY : 2.5;
}

function boundsOf(numbers: ReturnType<typeof numbersOf>, options: MixOptions): readonly string[] {
  return exceeded(
    ['calls for each needed one', numbers.callsPerNeeded, maxCallsPerNeeded(options)],
    [
      'receipts in review',
      numbers.inReview - numbers.unprovable,
      options.requests * (options.mix === usual ? 0.001 : 0.1),
    ],
    [
      'receipts in review without possible proof',
      numbers.unprovable,
      // The two are for small runs: of 500 requests, one in a thousand is often two by chance.
      2 + options.requests * (options.mix === usual ? 0.003 : 0.03),
    ],
    ['calls in a minute', numbers.mostCallsInMinute, callsPerMinute * quotaShare],
    ['calls that got a 429', numbers.throttled, 0],
  );
}

/**
 * Voucherify has no call that proves these: an unseen customer's deletion lost its response, or the pin is another's
 * source_id.
 */
const unprovable = new Set(['unseen-unproven', 'pin-shadowed']);

function numbersOf({ truth, watch, voucherify, fleet, time, start, sender, environment }: Simulation) {
  const { sent } = voucherify;
  const durations = [...sender.exchanges.values()].flatMap(exchange => exchange.durations).sort((a, b) => a - b);
  const projects = Object.keys(environment.settings.projects);
  const receipts = [...watch.receipts.values()];
  return {
    violations: truth.violations,
    receipts: watch.receipts.size,
    inReview: watch.waiting().needsReview,
    unprovable: receipts.filter(({ state, reason = '' }) => state === 'needs-review' && unprovable.has(reason)).length,
    refused: receipts.filter(({ state }) => state === 'refused').length,
    calls: sent.length,
    callsPerNeeded: sent.length / truth.neededCalls(),
    mostCallsInMinute: Math.max(...projects.map(project => mostInWindow(sent, project, 60_000))),
    throttled: throttledCalls(sent),
    coldStarts: fleet.coldStarts(),
    virtualHours: (time.now() - start) / hour,
    replyMsP50: durations[Math.floor(durations.length * 0.5)] ?? 0,
    replyMsP99: durations[Math.floor(durations.length * 0.99)] ?? 0,
  };
}
