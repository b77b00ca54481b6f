import { broken } from '../support/bounds.ts';
import { calm, type Mix } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { type Delivery, live } from '../support/live.ts';
import { newAskOf } from '../support/people.ts';
import { townOf } from '../support/population.ts';
import { mostInWindow } from '../support/windows.ts';
import { openWorld } from '../support/world.ts';

export interface QuotaOptions {
  readonly seed: number;
  /** Requests that come in at one moment, again and again. */
  readonly atOnce: number;
  readonly limit: number;
  readonly share: number;
  /** Milliseconds that Voucherify takes at most for one way; half a minute so, half a minute quick where it is unsteady. */
  readonly slowest: number;
  readonly unsteady?: boolean;
  readonly coldStarts: number;
  readonly mix?: Mix;
  readonly minutes?: number;
}

export interface QuotaNumbers {
  readonly violations: readonly string[];
  /** Calls that left in the busiest sliding minute, and how many may. */
  readonly most: number;
  readonly allowed: number;
  readonly refusedForQuota: number;
  readonly calls: number;
}

/** The service uses the quota alone; about twice as many requests arrive as its share permits. */
export async function runQuota(options: QuotaOptions): Promise<QuotaNumbers> {
  const { seed, atOnce, limit, share, slowest, coldStarts, unsteady = false, mix = calm, minutes = 10 } = options;
  const slow = (now: number) => (unsteady && now % 60_000 > 30_000 ? 150 : slowest);
  const world = openWorld({ seed, mix, callsPerMinute: limit, quotaShare: share, slowest: slow, coldStarts });
  const town = townOf(world);
  const every = (atOnce * 60_000) / (limit * share);
  const deliveries: Delivery[] = [];
  for (let at = 0; at < minutes * 60_000; at += every) {
    for (let one = 0; one < atOnce; one += 1) {
      const ask = newAskOf('source', deliveries.length, world.start + at, town);
      world.truth.ask(ask);
      deliveries.push([at + town.random.between(0, 300), ask]);
    }
  }
  await live(world, { deliveries, oddSweeps: 0.1, longest: 86_400_000 });
  await judge(world);
  const { sent } = world.voucherify;
  world.close();
  const most = mostInWindow(sent, 'main', 60_000);
  const refusedForQuota = sent.filter(call => call.status === 429).length;
  const bounds = broken(
    ['calls in a minute', most, limit * share],
    ['calls refused for the quota', refusedForQuota, 0],
  );
  const violations = [...world.truth.violations, ...bounds];
  return { violations, most, allowed: limit * share, refusedForQuota, calls: sent.length };
}
