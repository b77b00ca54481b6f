import { registryOf } from './population.ts';
import { type CustomerKind, type Delivery, newRequestOf } from './requests.ts';
import type { Simulation } from './simulation.ts';
import { verify } from './verify.ts';

interface RunPlan {
  readonly deliveries: readonly Delivery[];
  /** Probability that a minute has no sweep, or two or three at once. */
  readonly oddSweeps: number;
  /** Minimum virtual duration, in milliseconds. */
  readonly atLeast?: number;
  /** Virtual time that the run continues after the last receipt is done, in milliseconds; ten minutes by default. */
  readonly afterwards?: number;
  /** Maximum virtual duration, in milliseconds: a receipt that is still open then is stuck. */
  readonly longest: number;
}

interface EvenRequests {
  readonly count: number;
  /** Milliseconds in which all requests arrive. */
  readonly within: number;
  readonly kind?: CustomerKind;
  readonly callbacks?: number;
}

const minute = 60_000;

/** Registers the customers of requests of one kind; returns deliveries at even intervals. */
export function evenDeliveries(sim: Simulation, { count, within, kind = 'source', ...rest }: EvenRequests): Delivery[] {
  const registry = registryOf(sim);
  return Array.from({ length: count }, (_, number): Delivery => {
    const at = (number * within) / count;
    const request = { ...newRequestOf(kind, number, sim.start + at, registry), ...rest };
    sim.truth.add(request);
    return [at, request];
  });
}

/** Runs a simulation to its end, verifies it and closes it. */
export async function runAndVerify(sim: Simulation, plan: RunPlan): Promise<void> {
  await runSimulation(sim, plan);
  await verify(sim);
  sim.close();
}

/** Runs until every delivery is settled and every receipt is done, or the maximum duration has passed. */
export async function runSimulation(sim: Simulation, plan: RunPlan): Promise<void> {
  const { deliveries, oddSweeps, longest, atLeast = 0, afterwards = 10 * minute } = plan;
  const { time, watch, start, sender } = sim;
  let unsettled = deliveries.length;
  for (const [at, request] of deliveries) {
    time.in(at, () => {
      void sender.send(request).then(() => {
        unsettled -= 1;
      });
    });
  }
  const isOver = () => {
    const passed = time.now() - start;
    return (unsettled === 0 && watch.isDone() && passed > atLeast) || passed > longest;
  };
  sweepEveryMinute(sim, oddSweeps);
  await time.run(isOver);
  // Delayed calls must not change a closed receipt.
  const rest = time.now() + afterwards;
  await time.run(() => time.now() > rest);
}

/** Schedules the sweeps; the first one is at a random time of the first minute. */
function sweepEveryMinute({ time, fleet, random }: Simulation, odd: number): void {
  const tick = () => {
    time.in(minute, tick);
    const times = random.chance(odd) ? random.pick([0, 2, 3]) : 1;
    for (let count = 0; count < times; count += 1) time.in(count * random.between(0, 2000), () => void fleet.sweep());
  };
  time.in(random.between(0, minute), tick);
}
