import { broken } from '../support/bounds.ts';
import { calm } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { live } from '../support/live.ts';
import { newAskOf } from '../support/people.ts';
import { townOf } from '../support/population.ts';
import { mostInWindow } from '../support/windows.ts';
import { openWorld } from '../support/world.ts';

export interface HourlyNumbers {
  readonly violations: readonly string[];
  /** Calls of the busiest sliding hour. */
  readonly most: number;
  readonly refusedForQuota: number;
  readonly hours: number;
}

const hour = 3_600_000;

/** A limit of a hundred calls an hour, whatever settings believe its period to be. */
export async function runHourly(
  seed: number,
  requests: number,
  quotaPeriod: 'minute' | 'hour',
): Promise<HourlyNumbers> {
  const world = openWorld({ seed, mix: calm, callsPerMinute: 100, periodSeconds: 3600, quotaPeriod });
  const { time, start, voucherify } = world;
  const town = townOf(world);
  const deliveries = Array.from({ length: requests }, (_, number) => {
    const at = (number * 2 * hour) / requests;
    const ask = newAskOf('source', number, start + at, town);
    world.truth.ask(ask);
    return [at, ask] as const;
  });
  await live(world, { deliveries, oddSweeps: 0, longest: 60 * 24 * hour });
  await judge(world);
  world.close();
  const most = mostInWindow(voucherify.sent, 'main', hour);
  const refusedForQuota = voucherify.sent.filter(({ status }) => status === 429).length;
  return {
    violations: [
      ...world.truth.violations,
      ...broken(['calls in an hour', most, 50], ['calls refused for the quota', refusedForQuota, 0]),
    ],
    most,
    refusedForQuota,
    hours: (time.now() - start) / hour,
  };
}
