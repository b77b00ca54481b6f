import { broken } from '../support/bounds.ts';
import { calm } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { live } from '../support/live.ts';
import { newAskOf } from '../support/people.ts';
import { townOf } from '../support/population.ts';
import { mostInWindow } from '../support/windows.ts';
import { openWorld } from '../support/world.ts';

export interface BacklogNumbers {
  readonly violations: readonly string[];
  /** From the end of the outage to the last receipt's end, in minutes. */
  readonly minutes: number;
  /** What it takes at the pace that the rules allow: the calls, one interval after the other. */
  readonly expected: number;
  readonly most: number;
  readonly refusedForQuota: number;
  /** Requests that came in while it drained, and those of them that were answered with their end at once. */
  readonly fresh: number;
  readonly freshAnswered: number;
}

const minute = 60_000;

/** Minutes between two requests that come in meanwhile. */
const freshEvery = 2;

/** After an outage: the last pause between two probes, the sweep that brings the good one, and the sweep that follows. */
const awakeningMinutes = 3;

/** All requests arrive while Voucherify is down; the backlog must then be processed as fast as the share permits, not faster. */
export async function runBacklog(seed: number, requests: number, limit = 160, share = 0.5): Promise<BacklogNumbers> {
  const world = openWorld({ seed, mix: calm, callsPerMinute: limit, quotaShare: share, lags: true });
  const { time, start, voucherify } = world;
  const within = requests * 200;
  const town = townOf(world);
  const asked = (at: number, number: number) => {
    const ask = { ...newAskOf('source', number, start + at, town), callbacks: 1 };
    world.truth.ask(ask);
    return [at, ask] as const;
  };
  const back = within + 30 * minute;
  const backlog = Array.from({ length: requests }, (_, number) => asked((number * within) / requests, number));
  const fresh = Array.from({ length: requests / 100 }, (_, number) =>
    asked(back + (5 + number * freshEvery) * minute, requests + number),
  );
  const deliveries = [...backlog, ...fresh];
  voucherify.sandbox.outage('down');
  time.in(back, () => voucherify.sandbox.outage(undefined));
  await live(world, { deliveries, oddSweeps: 0, longest: 30 * 24 * 60 * minute });
  await judge(world);
  const ends = [...world.watch.receipts.values()].map(({ closedAt = Number.POSITIVE_INFINITY }) => closedAt);
  const needed = [...world.truth.asks.values()].reduce((sum, ask) => sum + ask.needed, 0);
  const burst = Math.max(1, Math.floor(Math.min(5, (limit * share) / 10)));
  const numbers = {
    minutes: (ends.reduce((last, at) => Math.max(last, at), 0) - start - back) / minute,
    expected: needed / (limit * share - burst),
    most: mostInWindow(voucherify.sent, 'main', minute),
    refusedForQuota: voucherify.sent.filter(call => call.status === 429).length,
    fresh: fresh.length,
    freshAnswered: fresh.filter(([, { uid }]) => world.sender.exchanges.get(uid)?.toldOpen === false).length,
  };
  world.close();
  const bounds = broken(
    ['minutes to drain', numbers.minutes, numbers.expected * 1.05 + awakeningMinutes],
    ['calls in a minute', numbers.most, limit * share],
    ['calls refused for the quota', numbers.refusedForQuota, 0],
    ['fresh requests that had to wait', numbers.fresh - numbers.freshAnswered, 0],
  );
  return { ...numbers, violations: [...world.truth.violations, ...bounds] };
}
