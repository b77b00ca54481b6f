import { broken } from '../support/bounds.ts';
import { calm, type Mix } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { live } from '../support/live.ts';
import { newAskOf } from '../support/people.ts';
import { townOf } from '../support/population.ts';
import { keyOf } from '../support/voucherify.ts';
import { mostInWindow } from '../support/windows.ts';
import { openWorld } from '../support/world.ts';

export interface SmallQuotaOptions {
  readonly seed: number;
  readonly requests: number;
  /** Calls that Voucherify allows per period; the service may use half of them. */
  readonly limit: number;
  readonly quotaPeriod: 'minute' | 'hour';
  readonly mix?: Mix;
  /** How long the secret holds the key of another project, in milliseconds: less than one request's look-ups take. */
  readonly otherKeyMs?: number;
}

export interface SmallQuotaNumbers {
  readonly violations: readonly string[];
  readonly calls: number;
  readonly callsPerNeeded: number;
  /** Calls of the busiest sliding period. */
  readonly most: number;
  readonly hours: number;
}

const hour = 3_600_000;
const secret = 'erasure/voucherify/main';

/** Runs requests with ten look-ups each, where the quota of one attempt covers only a few. */
export async function runSmallQuota(options: SmallQuotaOptions): Promise<SmallQuotaNumbers> {
  const { seed, requests, limit, quotaPeriod, mix = calm, otherKeyMs = 0 } = options;
  const periodSeconds = quotaPeriod === 'hour' ? 3600 : 60;
  const quota = { callsPerMinute: limit, periodSeconds, quotaPeriod, quotaShare: 0.5 };
  const world = openWorld({ seed, mix, ...quota, coldStarts: 0.5 });
  const { time, start, voucherify, secrets, truth } = world;
  const town = townOf(world);
  const deliveries = Array.from({ length: requests }, (_, number) => {
    const ask = newAskOf('many', number, start + number * 1000, town);
    truth.ask(ask);
    return [number * 1000, ask] as const;
  });
  if (otherKeyMs > 0) {
    const right = secrets[secret] ?? '';
    const other = { ...keyOf('other'), project: 'other' };
    voucherify.sandbox.addKey(other);
    secrets[secret] = JSON.stringify(other);
    time.in(otherKeyMs, () => {
      secrets[secret] = right;
    });
  }
  await live(world, { deliveries, oddSweeps: 0.03, longest: 72 * hour });
  await judge(world);
  const needed = [...truth.asks.values()].reduce((sum, ask) => sum + ask.needed, 0);
  const numbers = {
    calls: voucherify.sent.length,
    callsPerNeeded: voucherify.sent.length / needed,
    most: mostInWindow(voucherify.sent, 'main', periodSeconds * 1000),
    hours: (time.now() - start) / hour,
  };
  const refused = voucherify.sent.filter(({ status }) => status === 429).length;
  world.close();
  const bounds = broken(
    ['calls in a period', numbers.most, limit / 2],
    ['calls refused for the quota', refused, 0],
    ['calls for each needed one', numbers.callsPerNeeded, mix === calm && otherKeyMs === 0 ? 1.25 : 2],
    ['receipts that wait for a person', world.watch.waiting().human, 0],
  );
  return { ...numbers, violations: [...truth.violations, ...bounds] };
}
