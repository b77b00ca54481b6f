import fc from 'fast-check';
import type { Fault } from '../support/faults.ts';
import { type Outcome, propertyViolations } from '../support/measures.ts';
import { registryOf } from '../support/population.ts';
import { type CustomerKind, newRequestOf, type TestRequest } from '../support/requests.ts';
import { openSimulation, type Simulation } from '../support/simulation.ts';
import { verify } from '../support/verify.ts';
import { type Stepped, stepped } from '../support/virtual-time.ts';

/** One interleaving of several deliveries of one request and several sweeps. */
interface Interleaving {
  readonly kind: CustomerKind;
  readonly deliveries: number;
  /** When each sweep begins: after this number of turns of others, with the clock moved forward. */
  readonly sweeps: readonly { readonly turns: number; readonly laterMs: number }[];
  readonly callbacks: number;
  readonly projects: readonly [string, ...string[]];
  /** Faults of some calls, by the number of the call. */
  readonly faults: readonly (readonly [call: number, fault: Fault])[];
  /** Whether invocations can also time out at any moment. */
  readonly timeouts: boolean;
}

const fault = fc.constantFrom<Fault>(
  ...(['crash-before', 'crash-after', 'cut-before', 'cut-after', 'refused', 'hang', 'stall', 'stall'] as const),
  'throttled',
);

const interleaving: fc.Arbitrary<Interleaving> = fc.record({
  kind: fc.constantFrom<CustomerKind>('source', 'source', 'email', 'soft', 'no-match'),
  deliveries: fc.integer({ min: 2, max: 5 }),
  sweeps: fc.array(fc.record({ turns: fc.nat({ max: 40 }), laterMs: fc.constantFrom(0, 16_000, 80_000) }), {
    minLength: 1,
    maxLength: 4,
  }),
  callbacks: fc.integer({ min: 0, max: 2 }),
  projects: fc.constantFrom<Interleaving['projects']>(['main'], ['main'], ['main', 'us']),
  faults: fc.array(fc.tuple(fc.integer({ min: 1, max: 90 }), fault), { maxLength: 4 }),
  timeouts: fc.boolean(),
});

/** Checks generated interleavings of all calls; fails with the violations. */
const anyInterleaving = fc.asyncProperty(fc.scheduler(), interleaving, async (scheduler, generated) => {
  const schedule = stepped(scheduler, generated.timeouts);
  const faults = new Map(generated.faults);
  let calls = 0;
  const sim = openSimulation({
    seed: 1,
    mix: () => {
      calls += 1;
      return schedule.isFree() ? 'ok' : (faults.get(calls) ?? 'ok');
    },
    projects: generated.projects,
    coldStarts: 1,
    schedule: () => schedule,
  });
  const request = { ...newRequestOf(generated.kind, 1, sim.start, registryOf(sim)), callbacks: generated.callbacks };
  sim.truth.add(request);
  for (let count = 0; count < generated.deliveries; count += 1) void sim.sender.deliver(request);
  for (const { turns, laterMs } of generated.sweeps) {
    void schedule.pass(turns).then(() => {
      schedule.forward(laterMs);
      void sim.fleet.sweep();
    });
  }
  await schedule.runToEnd();
  await finishWithoutFaults(sim, request, schedule);
  await verify(sim);
  sim.close();
  if (sim.truth.violations.length > 0) throw new Error(sim.truth.violations.join('\n'));
});

/** Ends all faults: every receipt must be closed, and a repeated request must get the outcome. */
async function finishWithoutFaults(
  { watch, fleet, sender }: Simulation,
  request: TestRequest,
  schedule: Stepped,
): Promise<void> {
  if (!sender.exchanges.get(request.uid)?.accepted) await sender.deliver(request);
  for (let minutes = 0; minutes < maxMinutes && !watch.isDone(); minutes += 1) {
    schedule.forward(60_000);
    await fleet.sweep();
  }
  await sender.deliver(request);
}

/** Long enough for every backoff that a few failures cause. */
const maxMinutes = 300;

/** Runs several deliveries of one request and several sweeps in generated orders. */
export async function runInterleavings(seed: number, numRuns: number): Promise<Outcome> {
  const details = await fc.check(anyInterleaving, { seed, numRuns, endOnFailure: false });
  return { violations: propertyViolations(details), runs: details.numRuns };
}
