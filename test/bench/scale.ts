import { calm } from '../chaos/support/faults.ts';
import { throttledCalls } from '../chaos/support/measures.ts';
import { evenDeliveries, runSimulation } from '../chaos/support/run-simulation.ts';
import { openSimulation } from '../chaos/support/simulation.ts';
import { markdown } from './statistics.ts';

const minute = 60_000;
const share = 0.5;

/** Minutes that are measured: after the first sweep with Voucherify, while the backlog lasts. */
const measured = 6;

/**
 * Measures in virtual time which part of the allowed calls the sweep uses while it has a backlog: the code of the product,
 * a sandbox with its limit, and random delays of the network and the store. Returns a table.
 */
export async function sweepShare(limits: readonly number[], delays: readonly number[]): Promise<string> {
  const rows: string[][] = [];
  for (const limit of limits) {
    for (const delay of delays) {
      const { used, throttled } = await usedShare(limit, delay);
      rows.push([String(limit), String(delay), `${(used * 100).toFixed(1)} %`, String(throttled)]);
      console.error(rows.at(-1)?.join('  '));
    }
  }
  return markdown([['limit, calls a minute', 'delay, ms', 'used part of the share', '429'], ...rows]);
}

async function usedShare(limit: number, delay: number): Promise<{ readonly used: number; readonly throttled: number }> {
  const sim = openSimulation({
    seed: 1,
    mix: calm,
    callsPerMinute: limit,
    quotaShare: share,
    maxDelayMs: () => Math.max(21, delay),
    coldStarts: 0,
  });
  const allowed = limit * share;
  // One erasure needs two calls, so this lasts longer than what is measured.
  const count = Math.ceil((allowed / 2) * (measured + 3));
  sim.voucherify.sandbox.outage('down');
  const deliveries = evenDeliveries(sim, { count, within: 5 * minute, callbacks: 1 });
  const from = 15 * minute;
  sim.time.in(from - 2 * minute, () => sim.voucherify.sandbox.outage(undefined));
  const until = from + measured * minute;
  await runSimulation(sim, { deliveries, oddSweeps: 0, longest: until, afterwards: 0 });
  const calls = sim.voucherify.sent.filter(({ at }) => at >= sim.start + from && at < sim.start + until);
  const throttled = throttledCalls(sim.voucherify.sent);
  sim.close();
  return { used: calls.length / (measured * allowed), throttled };
}
