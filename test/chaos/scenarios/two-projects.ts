import { isFinal } from '../../../lambda/receipts/receipt.ts';
import { broken } from '../support/bounds.ts';
import { calm, type Mix } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { live } from '../support/live.ts';
import { newAskOf } from '../support/people.ts';
import { townOf } from '../support/population.ts';
import { openWorld } from '../support/world.ts';

export interface TwoProjectsNumbers {
  readonly violations: readonly string[];
  /** Receipts that were closed while a required project was unreachable. */
  readonly closedMeanwhile: number;
  /** Customers of the reachable project that were deleted during the outage of the other one, and their total. */
  readonly deletedMeanwhile: number;
  readonly askedMeanwhile: number;
  /** Writes of a receipt, on average. */
  readonly writes: number;
  readonly callsToTheDead: number;
}

const hour = 3_600_000;

/** Runs two projects, of which the second closes every connection for a day while requests arrive. */
export async function runTwoProjects(seed: number, requests: number, mix: Mix = calm): Promise<TwoProjectsNumbers> {
  const world = openWorld({ seed, mix, projects: ['main', 'us'], callsPerMinute: 600, lags: true });
  const { time, watch, start, voucherify } = world;
  const town = { ...townOf(world), projects: ['main', 'us'] as const };
  const within = 20 * hour;
  const deliveries = Array.from({ length: requests }, (_, number) => {
    const at = (number * within) / requests;
    const ask = newAskOf('source', number, start + at, town);
    world.truth.ask(ask);
    return [at, ask] as const;
  });
  let [closedMeanwhile, deletedMeanwhile] = [0, 0];
  voucherify.down('us', true);
  time.in(24 * hour, () => {
    closedMeanwhile = [...watch.receipts.values()].filter(({ state }) => isFinal(state)).length;
    deletedMeanwhile = voucherify.sandbox.deletions().length;
    voucherify.down('us', false);
  });
  await live(world, { deliveries, oddSweeps: 0.03, longest: 30 * 24 * hour, atLeast: 24 * hour });
  await judge(world);
  world.close();
  const writes = [...watch.writes.values()].reduce((sum, { length }) => sum + length, 0);
  const bounds = broken(
    ['receipts closed while one project was out of reach', closedMeanwhile, 0],
    ['people of the other project who had to wait', requests - deletedMeanwhile, 0],
  );
  return {
    violations: [...world.truth.violations, ...bounds],
    closedMeanwhile,
    deletedMeanwhile,
    askedMeanwhile: requests,
    writes: writes / requests,
    callsToTheDead: voucherify.sent.filter(({ project, at }) => project === 'us' && at < start + 24 * hour).length,
  };
}
