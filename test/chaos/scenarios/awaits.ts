import { isFinal } from '../../../lambda/receipts/receipt.ts';
import type { Fault, Port } from '../support/faults.ts';
import { exceeded, type Outcome } from '../support/measures.ts';
import { registryOf } from '../support/population.ts';
import { type CustomerKind, newRequestOf, type TestRequest } from '../support/requests.ts';
import { runSimulation } from '../support/run-simulation.ts';
import { openSimulation, type Simulation } from '../support/simulation.ts';
import { verify } from '../support/verify.ts';

/** A short scenario of one request that is repeated with a crash at each of its awaits. */
interface AwaitScenario {
  readonly name: string;
  readonly kind: CustomerKind;
  readonly projects?: readonly [string, ...string[]];
  /** Milliseconds from the start at which the request is delivered; once at the start by default. */
  readonly deliveredAt?: readonly number[];
  /** Faults of the first calls of an adapter, in order; all others succeed. */
  readonly script?: Partial<Record<Port, readonly Fault[]>>;
  /** Calls per minute, of which the service may use half; not a limit by default. */
  readonly callsPerMinute?: number;
  /** Whether the sweep erases, and counts what Voucherify lists before and after the deletion. */
  readonly residue?: boolean;
}

const two = ['main', 'us'] as const;
const failing: readonly Fault[] = ['ok', 'refused', 'refused', 'cut-after'];
const refusedCallback: AwaitScenario['script'] = { voucherify: ['refused'], callback: ['refused', 'cut-after'] };

/** Together they pass every await of accept, attempt, sweep and callback. */
export const awaitScenarios: readonly AwaitScenario[] = [
  { name: 'deleted at once', kind: 'source' },
  { name: 'completed by the sweep, with a callback', kind: 'source', script: { voucherify: failing } },
  { name: 'an email of three people in two projects', kind: 'email', projects: two },
  { name: 'the same, with failures', kind: 'email', projects: two, script: { voucherify: failing } },
  { name: 'soft-deleted', kind: 'soft', script: { voucherify: ['ok', 'hang'] } },
  { name: 'delivered three times', kind: 'source', deliveredAt: [0, 30, 400], script: { voucherify: failing } },
  { name: 'a callback that is refused, then loses its response', kind: 'source', script: refusedCallback },
  { name: 'look-ups of several attempts', kind: 'many', callsPerMinute: 30 },
  { name: 'counted before and after', kind: 'email', residue: true },
  { name: 'no match', kind: 'no-match', projects: two, script: { voucherify: ['hang', 'refused'] } },
];

/** A claim of a minute, a minute to the next sweep, and the time of the sweep's own calls. */
const maxRecoveryMs = 120_500;

/** Runs a scenario once without a crash, and then with a crash before and after each of its awaits. */
export async function runAwaits(scenario: AwaitScenario): Promise<Outcome> {
  const clean = await runOnce(scenario);
  const violations = [...clean.violations];
  let slowestRecoveryMs = 0;
  // If it fails without a crash, hundreds of crashes add nothing.
  const calls = violations.length > 0 ? [] : clean.calls;
  for (const [index, call] of calls.entries()) {
    for (const when of ['crash-before', 'crash-after'] as const) {
      const run = await runOnce(scenario, { at: index + 1, when });
      violations.push(...run.violations.map(one => `${when} call ${index + 1}, ${call}: ${one}`));
      slowestRecoveryMs = Math.max(slowestRecoveryMs, run.recoveryMs);
    }
  }
  violations.push(...exceeded(['recovery in milliseconds', slowestRecoveryMs, maxRecoveryMs]));
  return { violations, awaits: clean.calls.length, crashes: 2 * clean.calls.length, slowestRecoveryMs };
}

/** Runs a scenario without a crash, or with one at call number `at`, before or after its effect. */
async function runOnce(scenario: AwaitScenario, crash?: { at: number; when: 'crash-before' | 'crash-after' }) {
  const { kind, projects = ['main'], deliveredAt = [0], script = {}, callsPerMinute = 1_000_000 } = scenario;
  const { residue = false } = scenario;
  // All adapter calls: at each await the program can be interrupted.
  const calls: string[] = [];
  const counts = new Map<Port, number>();
  let crashedAt: number | undefined;
  const sim: Simulation = openSimulation({
    seed: 1,
    projects,
    callsPerMinute,
    residue,
    limits: { delaySeconds: residue ? 1 : 0 },
    mix: (port, verb) => {
      calls.push(`${port} ${verb}`);
      const count = counts.get(port) ?? 0;
      counts.set(port, count + 1);
      if (crash?.at !== calls.length) return script[port]?.[count] ?? 'ok';
      crashedAt = sim.time.now();
      return crash.when;
    },
  });
  const request: TestRequest = { ...newRequestOf(kind, 1, sim.start, registryOf(sim)), callbacks: 2 };
  sim.truth.add(request);
  const deliveries = deliveredAt.map(at => [at, request] as const);
  await runSimulation(sim, { deliveries, oddSweeps: 0, longest: 86_400_000, afterwards: 61_000 });
  await verify(sim);
  const run = { calls, violations: sim.truth.violations, recoveryMs: recovery(sim, request, crashedAt) };
  sim.close();
  return run;
}

/** Returns the time from a crash to the next attempt, in milliseconds; zero if nothing was left to do. */
function recovery({ watch, time }: Simulation, { uid }: TestRequest, crashedAt = Number.POSITIVE_INFINITY): number {
  const writes = watch.writes.get(uid) ?? [];
  const before = writes.findLast(({ at }) => at <= crashedAt);
  if (before === undefined || isFinal(before.receipt.state)) return 0;
  const claims = before.receipt.claims;
  const next = writes.find(({ at, receipt }) => at > crashedAt && (receipt.claims > claims || isFinal(receipt.state)));
  return (next?.at ?? time.now()) - crashedAt;
}
