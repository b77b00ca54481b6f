import { simulateOutage, simulatePauses, simulateRotations, verifyPauses } from '../support/disturbances.ts';
import { usual, wild } from '../support/faults.ts';
import { exceeded, mostInWindow, type Outcome, throttledCalls } from '../support/measures.ts';
import { schedulePopulation } from '../support/population.ts';
import { runSimulation } from '../support/run-simulation.ts';
import { openSimulation, type Simulation } from '../support/simulation.ts';
import { asNewerVersion } from '../support/store-variants.ts';
import { verify } from '../support/verify.ts';

interface SoakOptions {
  readonly seed: number;
  readonly days: number;
  readonly requestsPerDay: number;
}

const hour = 3_600_000;
const day = 24 * hour;
const projects = ['main', 'us'] as const;
const callsPerMinute = 1000;
const quotaShare = 0.5;

/**
 * Runs days or weeks with everything that happens to a deployment in that time: an outage every three days, rotated
 * keys, pauses, two versions of the code at once for two days of each week, and clocks that are set forward and back.
 */
export async function runSoak({ seed, days, requestsPerDay }: SoakOptions): Promise<Outcome> {
  const within = days * day;
  const errors = { clockErrorMs: 0 };
  let isRollout = false;
  const sim: Simulation = openSimulation({
    ...{ seed, mix: seed % 2 === 0 ? usual : wild, projects, callsPerMinute, quotaShare, lags: true, lost: 0.01 },
    skewMs: 500,
    clockErrorMs: () => errors.clockErrorMs,
    wrapStores: (stores, random) => (isRollout && random.chance(0.5) ? asNewerVersion(stores) : stores),
  });
  const requests = days * requestsPerDay;
  const deliveries = schedulePopulation(sim, { requests, within, duplicates: 0.1, reregistered: 0.02 });
  for (let at = day; at < within; at += 3 * day) simulateOutage(sim, at, sim.random.between(hour, 12 * hour));
  for (let at = 0; at < within; at += 7 * day) {
    sim.time.in(at + 2 * day, () => {
      isRollout = true;
    });
    sim.time.in(at + 4 * day, () => {
      isRollout = false;
    });
  }
  stepClocks(sim, errors, within);
  simulateRotations(sim, within);
  const paused = simulatePauses(sim, within);
  await runSimulation(sim, { deliveries, oddSweeps: 0.03, longest: within + 30 * day });
  await verify(sim);
  verifyPauses(sim, paused);
  sim.close();
  return outcomeOf(sim, requests, paused.length);
}

/** Sets all clocks forward or back by up to 20 s, twice a day, and right again an hour later. */
function stepClocks({ time, random }: Simulation, errors: { clockErrorMs: number }, within: number): void {
  for (let at = 6 * hour; at < within; at += 12 * hour) {
    time.in(at, () => {
      errors.clockErrorMs = Math.round(random.between(-20_000, 20_000));
    });
    time.in(at + hour, () => {
      errors.clockErrorMs = 0;
    });
  }
}

function outcomeOf({ truth, watch, voucherify, time, start }: Simulation, requests: number, pauses: number): Outcome {
  const most = Math.max(...projects.map(project => mostInWindow(voucherify.sent, project, 60_000)));
  const figures = {
    receipts: watch.receipts.size,
    pauses,
    inReview: watch.waiting().needsReview,
    mostCallsInMinute: most,
    virtualDays: (time.now() - start) / day,
  };
  const bounds = exceeded(
    ['calls in a minute', most, callsPerMinute * quotaShare],
    ['calls that got a 429', throttledCalls(voucherify.sent), 0],
    ['receipts in review', figures.inReview, Math.max(1, requests * 0.15)],
  );
  return { ...figures, violations: [...truth.violations, ...bounds] };
}
