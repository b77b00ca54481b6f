import { readPauses, resume } from '../../../lambda/control/pauses.ts';
import { isFinal } from '../../../lambda/receipts/receipt.ts';
import { broken } from '../support/bounds.ts';
import { calm, type Mix } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { live } from '../support/live.ts';
import { newAskOf } from '../support/people.ts';
import { townOf } from '../support/population.ts';
import { openWorld } from '../support/world.ts';

export interface FloodNumbers {
  readonly violations: readonly string[];
  readonly accepted: number;
  /** Requests that were finished before the operator resumed the platform. */
  readonly proceeded: number;
  readonly paused: boolean;
  readonly alarms: number;
  readonly finished: number;
}

const hour = 3_600_000;
const scope = 'platform:ketch';

/** Runs a mass deletion with the platform's secret within an hour; two hours later an operator resumes the platform. */
export async function runFlood(
  seed: number,
  requests: number,
  perHour: number,
  mix: Mix = calm,
): Promise<FloodNumbers> {
  const world = openWorld({ seed, mix, callsPerMinute: 2000, limits: { requestsPerHour: perHour }, lags: true });
  const { time, watch, stores, alarms } = world;
  const town = townOf(world);
  const deliveries = Array.from({ length: requests }, (_, number) => {
    const at = (number * hour) / requests;
    const ask = { ...newAskOf('source', number, world.start + at, town), callbacks: 1 };
    world.truth.ask(ask);
    return [at, ask] as const;
  });
  const ended = () => [...watch.receipts.values()].filter(({ state }) => isFinal(state)).length;
  let [proceeded, paused] = [0, false];
  time.in(3 * hour, () => {
    proceeded = ended();
    void readPauses([scope], stores.control).then(({ paused: scopes }) => {
      paused = scopes.has(scope);
      return resume(scope, { actor: 'on-call', reason: 'looked at it', at: time.now() }, stores.control);
    });
  });
  await live(world, { deliveries, oddSweeps: 0.03, longest: 30 * 24 * hour, atLeast: 3 * hour });
  await judge(world);
  world.close();
  const finished = ended();
  const violations = [
    ...world.truth.violations,
    ...broken(['requests that proceeded', proceeded, perHour], ['requests that were lost', requests - finished, 0]),
    ...(paused ? [] : ['no pause stood']),
  ];
  return {
    violations,
    accepted: watch.receipts.size,
    proceeded,
    paused,
    alarms: alarms.filter(({ alarm }) => alarm === 'platform-paused').length,
    finished,
  };
}
