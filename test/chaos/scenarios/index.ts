import { type Mix, usual, wild } from '../support/faults.ts';
import type { Outcome } from '../support/measures.ts';
import { awaitScenarios, runAwaits } from './awaits.ts';
import { runHolds } from './holds.ts';
import { runInterleavings } from './interleavings.ts';
import { runKilled } from './killed.ts';
import { runFlood, runReplays } from './mass-requests.ts';
import { runBacklog, runRejectedKey, runThrottledAws, runTwoProjects } from './outages.ts';
import { runReappearances } from './reappearances.ts';
import { runRefusals } from './refusals.ts';
import { runResidues, runResiduesInBacklog } from './residues.ts';
import { runRules } from './rules.ts';
import { hourly, mixed, quota, quotas, type Run, seeds, smallQuota } from './runs.ts';
import { runSoak } from './soak.ts';
import { runVerifications } from './verifications.ts';
import { runVersions } from './versions.ts';
import { runWithdrawals } from './withdrawals.ts';

export type Size = 'small' | 'full';

interface Scenario {
  readonly what: string;
  readonly runs: Readonly<Record<Size, readonly Run[]>>;
}

/** Returns the runs of a scenario: one in the small size, and one per seed in full size. */
function sized(unit: string, small: number, full: number, seedCount: number, run: SeededRun): Scenario['runs'] {
  const runOf = (seed: number, size: number) => ({
    label: `seed ${seed}, ${size} ${unit}`,
    run: () => run(seed, size),
  });
  return { small: [runOf(1, small)], full: seeds(seedCount).map(seed => runOf(seed, full)) };
}

/** Runs with usual faults, and smaller ones with all faults. */
function faulty(unit: string, small: number, full: number, run: FaultyRun): Scenario['runs'] {
  const runOf = (seed: number, size: number, mix: Mix) => ({
    label: `seed ${seed}, ${size} ${unit}, ${mix === usual ? 'usual faults' : 'all faults, high probability'}`,
    run: () => run(seed, size, mix),
  });
  const inFullSize = (seed: number) => [runOf(seed, full, usual), runOf(seed, 1000, wild)];
  return { small: [runOf(1, small, usual), runOf(2, small, wild)], full: seeds(5).flatMap(inFullSize) };
}

function both(first: Scenario['runs'], second: Scenario['runs']): Scenario['runs'] {
  return { small: [...first.small, ...second.small], full: [...first.full, ...second.full] };
}

type FaultyRun = (seed: number, size: number, mix: Mix) => Promise<Outcome>;

type SeededRun = (seed: number, size: number) => Promise<Outcome>;

const hour = 3_600_000;
const awaits = awaitScenarios.map(scenario => ({ label: scenario.name, run: () => runAwaits(scenario) }));
const otherKey = { limit: 10, quotaPeriod: 'hour', requests: 1, otherKeyMs: hour } as const;
const two = ['main', 'us'] as const;

const shown = (seed: number, requests: number, how: string, options: Parameters<typeof runVerifications>[2]) => ({
  label: `seed ${seed}, ${requests} requests, shown ${how}`,
  run: () => runVerifications(seed, requests, options),
});

/** Everything that `npm run chaos` runs; `npm run check` runs the small size. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  refusals: {
    what: 'deletions that are denied, records that are too large, and identifiers that Voucherify refuses',
    runs: {
      small: [{ label: 'seed 1, 90 requests', run: () => runRefusals(1, 90) }],
      full: seeds(5).flatMap(seed => [
        { label: `seed ${seed}, 1800 requests`, run: () => runRefusals(seed, 1800) },
        { label: `seed ${seed}, 1800 requests, usual faults`, run: () => runRefusals(seed, 1800, usual) },
      ]),
    },
  },
  mix: {
    what: 'requests with faults of every adapter, crashes, duplicates, new registrations and outages',
    runs: {
      small: [
        mixed('all faults, high probability', wild, 1, 500, { withOperations: true }),
        mixed('all faults, high probability, two projects', wild, 2, 500, {
          projects: two,
          skewMs: 20_000,
          withDecisions: true,
        }),
        mixed('all faults, high probability, OAuth, six hours of outage', wild, 3, 500, {
          auth: 'oauth',
          outageMs: 6 * hour,
        }),
        mixed('usual faults', usual, 4, 500),
        mixed('usual faults, six hours of outage', usual, 5, 500, { outageMs: 6 * hour }),
      ],
      full: seeds(20).flatMap(seed => [
        mixed('usual faults', usual, seed, 10_000, { skewMs: 500 }),
        mixed('usual faults, six hours of outage', usual, seed, 10_000, { outageMs: 6 * hour }),
        mixed('usual faults, five days of outage', usual, seed, 10_000, {
          outageMs: 120 * hour,
          callbacksDownMs: 48 * hour,
        }),
        mixed('all faults, high probability, two projects, six hours of outage', wild, seed, 2000, {
          projects: two,
          outageMs: 6 * hour,
          skewMs: 20_000,
          withOperations: true,
          withDecisions: true,
          auth: seed % 2 === 0 ? 'oauth' : 'api-key',
        }),
      ]),
    },
  },
  awaits: {
    what: 'a crash before and after every await of accept, attempt, sweep and callback',
    runs: { small: awaits, full: awaits },
  },
  interleavings: {
    what: 'two to five deliveries and some sweeps, in the orders that fast-check generates',
    runs: sized('orders', 300, 10_000, 3, runInterleavings),
  },
  rules: {
    what: 'command sequences of the receipt rules: no closed receipt ever changes',
    runs: sized('sequences', 3000, 20_000, 3, runRules),
  },
  quota: {
    what: 'calls in every sliding minute, with 1 to 50 requests at once and cold starts',
    runs: {
      small: [
        quota({ seed: 1, atOnce: 1, limit: 100, share: 0.5, maxDelayMs: 150, coldStarts: 1, minutes: 3 }),
        quota({ seed: 2, atOnce: 10, limit: 100, share: 1, maxDelayMs: 150, coldStarts: 0.05, minutes: 3 }),
        quota({ seed: 3, atOnce: 50, limit: 160, share: 0.5, maxDelayMs: 1500, coldStarts: 1, minutes: 3 }),
      ],
      full: quotas(),
    },
  },
  backlog: {
    what: 'a backlog is processed as fast as the quota share permits',
    runs: sized('requests', 400, 10_000, 2, runBacklog),
  },
  flood: {
    what: 'a platform that requests a mass deletion within an hour',
    runs: {
      small: [{ label: 'seed 1, 300 requests, 50 allowed', run: () => runFlood(1, 300, 50) }],
      full: [
        { label: 'seed 1, 10000 requests, 500 allowed', run: () => runFlood(1, 10_000, 500) },
        { label: 'seed 2, usual faults', run: () => runFlood(2, 10_000, 500, usual) },
      ],
    },
  },
  projects: {
    what: 'two projects, one of them unreachable for a day',
    runs: {
      small: [{ label: 'seed 1, 30 requests', run: () => runTwoProjects(1, 30) }],
      full: [
        { label: 'seed 1, 500 requests', run: () => runTwoProjects(1, 500) },
        { label: 'seed 2, 500 requests, usual faults', run: () => runTwoProjects(2, 500, usual) },
      ],
    },
  },
  keys: {
    what: 'a key that is rejected for six hours, and a new version of its secret',
    runs: sized('requests', 100, 2000, 5, runRejectedKey),
  },
  'throttled-aws': {
    what: 'a queue whose index is throttled for three hours, and a throttled signing key',
    runs: sized('requests', 100, 2000, 5, runThrottledAws),
  },
  hourly: {
    what: 'a limit of a hundred calls per hour, with right and wrong settings',
    runs: {
      small: hourly(60, 1),
      full: seeds(3).flatMap(seed => hourly(400, seed)),
    },
  },
  replays: {
    what: 'signed redactions of Shopify that are replayed after the customers registered again',
    runs: sized('customers', 50, 1000, 5, runReplays),
  },
  'small-quota': {
    what: 'requests of ten look-ups, where the quota of one attempt covers only a few of them',
    runs: {
      small: [
        smallQuota('no faults', { seed: 1, requests: 10, limit: 20, quotaPeriod: 'minute' }),
        smallQuota('usual faults', { seed: 2, requests: 3, limit: 10, quotaPeriod: 'hour', mix: usual }),
        smallQuota('key of another project at first', { seed: 3, ...otherKey }),
      ],
      full: seeds(5).flatMap(seed => [
        smallQuota('no faults', { seed, requests: 200, limit: 20, quotaPeriod: 'minute' }),
        smallQuota('usual faults', { seed, requests: 200, limit: 40, quotaPeriod: 'minute', mix: usual }),
        smallQuota('usual faults', { seed, requests: 10, limit: 10, quotaPeriod: 'hour', mix: usual }),
        smallQuota('key of another project at first', { seed, ...otherKey }),
      ]),
    },
  },
  reappearances: {
    what: 'persons who register again before, during and after their erasure, and the events about them',
    runs: faulty('persons', 300, 3000, runReappearances),
  },
  soak: {
    what: 'weeks with outages, rotated keys, pauses, two versions at once, and clocks that are set forward and back',
    runs: {
      small: [{ label: 'seed 1, 5 days', run: () => runSoak({ seed: 1, days: 5, requestsPerDay: 40 }) }],
      full: seeds(4).map(seed => ({
        label: `seed ${seed}, 6 weeks`,
        run: () => runSoak({ seed, days: 42, requestsPerDay: 100 }),
      })),
    },
  },
  verifications: {
    what: 'customers that Voucherify still returns for minutes or days after their deletion, with outages and crashes',
    runs: {
      small: [
        shown(1, 100, 'for five minutes', { shownMs: hour / 12 }),
        shown(2, 100, 'for days', { shownMs: 1000 * hour }),
        shown(3, 100, 'for days, callbacks down for a day', { shownMs: 1000 * hour, callbacksDownMs: 24 * hour }),
      ],
      full: seeds(5).flatMap(seed => [
        shown(seed, 2000, 'for 40 minutes, callbacks down for a day', {
          shownMs: hour / 1.5,
          callbacksDownMs: 24 * hour,
        }),
        shown(seed, 2000, 'for days', { shownMs: 1000 * hour }),
      ]),
    },
  },
  holds: {
    what: 'legal holds that an operator sets on a customer at any time, and releases',
    runs: faulty('requests', 300, 3000, runHolds),
  },
  residues: {
    what: 'counts of what Voucherify lists before and after a deletion, with and without a backlog',
    runs: both(
      faulty('requests', 60, 2000, runResidues),
      sized('requests at once', 300, 1000, 5, runResiduesInBacklog),
    ),
  },
  withdrawals: {
    what: 'requests that their platform withdraws at any time, with and without a delay before the first attempt',
    runs: faulty('requests', 200, 3000, runWithdrawals),
  },
  versions: {
    what: 'an older and a newer version of the code on the same rows',
    runs: sized('requests', 200, 2000, 5, runVersions),
  },
  killed: {
    what: '`npm start` killed under load, as a real process',
    runs: sized('requests', 100, 3000, 3, runKilled),
  },
};
