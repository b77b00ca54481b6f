import { calm, type Mix } from '../support/faults.ts';
import { exceeded, mostInWindow, type Outcome, throttledCalls } from '../support/measures.ts';
import { registryOf } from '../support/population.ts';
import { type Delivery, newRequestOf } from '../support/requests.ts';
import { evenDeliveries, runAndVerify } from '../support/run-simulation.ts';
import { openSimulation } from '../support/simulation.ts';
import { keyOf } from '../support/voucherify.ts';

export interface QuotaOptions {
  readonly seed: number;
  /** Requests that arrive at the same moment, repeatedly. */
  readonly atOnce: number;
  readonly limit: number;
  readonly share: number;
  /** Maximum one-way delay to Voucherify in milliseconds; with `varying` only in every second half minute. */
  readonly maxDelayMs: number;
  readonly varying?: boolean;
  readonly coldStarts: number;
  readonly mix?: Mix;
  readonly minutes?: number;
}

const hour = 3_600_000;

/** The service uses the quota alone; about twice as many requests arrive as its share permits. */
export async function runQuota(options: QuotaOptions): Promise<Outcome> {
  const { seed, atOnce, limit, share, coldStarts, varying = false, mix = calm, minutes = 10 } = options;
  const maxDelayMs = (now: number) => (varying && now % 60_000 > 30_000 ? 150 : options.maxDelayMs);
  const sim = openSimulation({ seed, mix, callsPerMinute: limit, quotaShare: share, maxDelayMs, coldStarts });
  const registry = registryOf(sim);
  const every = (atOnce * 60_000) / (limit * share);
  const deliveries: Delivery[] = [];
  for (let at = 0; at < minutes * 60_000; at += every) {
    for (let count = 0; count < atOnce; count += 1) {
      const request = newRequestOf('source', deliveries.length, sim.start + at, registry);
      sim.truth.add(request);
      deliveries.push([at + registry.random.between(0, 300), request]);
    }
  }
  await runAndVerify(sim, { deliveries, oddSweeps: 0.1, longest: 24 * hour });
  const { sent } = sim.voucherify;
  const most = mostInWindow(sent, 'main', 60_000);
  const throttled = throttledCalls(sent);
  const bounds = exceeded(['calls in a minute', most, limit * share], ['calls that got a 429', throttled, 0]);
  const violations = [...sim.truth.violations, ...bounds];
  return { violations, most, allowed: limit * share, throttled, calls: sent.length };
}

/** Voucherify allows a hundred calls an hour; the settings state that period, or a minute. */
export async function runHourly(seed: number, count: number, quotaPeriod: 'minute' | 'hour'): Promise<Outcome> {
  const sim = openSimulation({ seed, mix: calm, callsPerMinute: 100, periodSeconds: 3600, quotaPeriod });
  const deliveries = evenDeliveries(sim, { count, within: 2 * hour });
  await runAndVerify(sim, { deliveries, oddSweeps: 0, longest: 60 * 24 * hour });
  const most = mostInWindow(sim.voucherify.sent, 'main', hour);
  const throttled = throttledCalls(sim.voucherify.sent);
  const bounds = exceeded(['calls in an hour', most, 50], ['calls that got a 429', throttled, 0]);
  const hours = (sim.time.now() - sim.start) / hour;
  return { violations: [...sim.truth.violations, ...bounds], most, throttled, hours };
}

export interface SmallQuotaOptions {
  readonly seed: number;
  readonly requests: number;
  /** Calls that Voucherify allows per period; the service may use half of them. */
  readonly limit: number;
  readonly quotaPeriod: 'minute' | 'hour';
  readonly mix?: Mix;
  /** How long the secret contains the key of another project, in milliseconds: less than the look-ups of one request take. */
  readonly otherKeyMs?: number;
}

const secret = 'erasure/voucherify/main';

/** Runs requests with ten look-ups each, where the quota of one attempt covers only a few. */
export async function runSmallQuota(options: SmallQuotaOptions): Promise<Outcome> {
  const { seed, requests: count, limit, quotaPeriod, mix = calm, otherKeyMs = 0 } = options;
  const periodSeconds = quotaPeriod === 'hour' ? 3600 : 60;
  const quota = { callsPerMinute: limit, periodSeconds, quotaPeriod, quotaShare: 0.5 };
  const sim = openSimulation({ seed, mix, ...quota, coldStarts: 0.5 });
  const { time, start, voucherify, secrets, truth } = sim;
  const deliveries = evenDeliveries(sim, { count, within: count * 1000, kind: 'many' });
  if (otherKeyMs > 0) {
    const right = secrets[secret] ?? '';
    const other = { ...keyOf('other'), project: 'other' };
    voucherify.sandbox.addKey(other);
    secrets[secret] = JSON.stringify(other);
    time.in(otherKeyMs, () => {
      secrets[secret] = right;
    });
  }
  await runAndVerify(sim, { deliveries, oddSweeps: 0.03, longest: 72 * hour });
  const most = mostInWindow(voucherify.sent, 'main', periodSeconds * 1000);
  const callsPerNeeded = voucherify.sent.length / truth.neededCalls();
  const bounds = exceeded(
    ['calls in a period', most, limit / 2],
    ['calls that got a 429', throttledCalls(voucherify.sent), 0],
    ['calls for each needed one', callsPerNeeded, mix === calm && otherKeyMs === 0 ? 1.25 : 2],
    ['receipts in review', sim.watch.waiting().needsReview, 0],
  );
  const hours = (time.now() - start) / hour;
  const violations = [...truth.violations, ...bounds];
  return { violations, calls: voucherify.sent.length, callsPerNeeded, most, hours };
}
