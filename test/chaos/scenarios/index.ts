import { usual, wild } from '../support/faults.ts';
import { runAwaits, stories } from './awaits.ts';
import { runBacklog } from './backlog.ts';
import { runDeadKey } from './dead-key.ts';
import { runFlood } from './flood.ts';
import { runKilled } from './killed.ts';
import { runInterleavings, runRules } from './properties.ts';
import { runReplays } from './replays.ts';
import { both, hourly, mixed, quota, quotas, type Run, seeds, smallQuota } from './runs.ts';
import { runTwoProjects } from './two-projects.ts';
import { runVersions } from './versions.ts';

export type Size = 'small' | 'full';

interface Scenario {
  readonly what: string;
  readonly runs: Readonly<Record<Size, readonly Run[]>>;
}

const hour = 3_600_000;
const two = ['main', 'us'] as const;

/** Everything that `npm run chaos` runs; the small size is that of `npm test`. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  mix: {
    what: 'requests with faults of every adapter, crashes, duplicates, new registrations and outages',
    runs: {
      small: [
        mixed('everything, often', { seed: 1, requests: 500, mix: wild, operated: true }),
        mixed('everything, often, two projects', {
          seed: 2,
          requests: 500,
          mix: wild,
          projects: two,
          skewMs: 20_000,
          decided: true,
        }),
        mixed('everything, often, by tokens, six hours down', {
          seed: 3,
          requests: 500,
          mix: wild,
          auth: 'oauth',
          outageMs: 6 * hour,
        }),
        mixed('the usual', { seed: 4, requests: 500, mix: usual }),
        mixed('the usual, six hours down', { seed: 5, requests: 500, mix: usual, outageMs: 6 * hour }),
      ],
      full: seeds(20).flatMap(seed => [
        mixed('the usual', { seed, requests: 10_000, mix: usual, skewMs: 500 }),
        mixed('the usual, six hours down', { seed, requests: 10_000, mix: usual, outageMs: 6 * hour }),
        mixed('the usual, five days down', {
          seed,
          requests: 10_000,
          mix: usual,
          outageMs: 120 * hour,
          callbacksDownMs: 48 * hour,
        }),
        mixed('everything, often, two projects, six hours down', {
          seed,
          requests: 2000,
          mix: wild,
          projects: two,
          outageMs: 6 * hour,
          skewMs: 20_000,
          operated: true,
          decided: true,
          auth: seed % 2 === 0 ? 'oauth' : 'api-key',
        }),
      ]),
    },
  },
  awaits: {
    what: 'a crash before and after every await of accept, attempt, sweep and callback',
    runs: both(stories.map(story => ({ label: story.name, run: () => runAwaits(story) }))),
  },
  interleavings: {
    what: 'two to five deliveries and some sweeps, in the orders that fast-check generates',
    runs: {
      small: [{ label: 'seed 1, 300 orders', run: () => runInterleavings(1, 300) }],
      full: seeds(3).map(seed => ({
        label: `seed ${seed}, 10000 orders`,
        run: () => runInterleavings(seed, 10_000),
      })),
    },
  },
  rules: {
    what: 'command sequences of the receipt rules: no closed receipt ever changes',
    runs: {
      small: [{ label: 'seed 1, 1000 sequences', run: () => runRules(1, 1000) }],
      full: seeds(3).map(seed => ({ label: `seed ${seed}, 10000 sequences`, run: () => runRules(seed, 10_000) })),
    },
  },
  quota: {
    what: 'calls in every sliding minute, with 1 to 50 requests at once and cold starts',
    runs: {
      small: [
        quota({ seed: 1, atOnce: 1, limit: 100, share: 0.5, slowest: 150, coldStarts: 1, minutes: 3 }),
        quota({ seed: 2, atOnce: 10, limit: 100, share: 1, slowest: 150, coldStarts: 0.05, minutes: 3 }),
        quota({ seed: 3, atOnce: 50, limit: 160, share: 0.5, slowest: 1500, coldStarts: 1, minutes: 3 }),
      ],
      full: quotas(),
    },
  },
  backlog: {
    what: 'a backlog is processed as fast as the quota share permits',
    runs: {
      small: [{ label: 'seed 1, 400 requests', run: () => runBacklog(1, 400) }],
      full: seeds(2).map(seed => ({ label: `seed ${seed}, 10000 requests`, run: () => runBacklog(seed, 10_000) })),
    },
  },
  flood: {
    what: 'a platform that requests a mass deletion within an hour',
    runs: {
      small: [{ label: 'seed 1, 300 requests, 50 allowed', run: () => runFlood(1, 300, 50) }],
      full: [
        { label: 'seed 1, 10000 requests, 500 allowed', run: () => runFlood(1, 10_000, 500) },
        { label: 'seed 2, the usual faults', run: () => runFlood(2, 10_000, 500, usual) },
      ],
    },
  },
  projects: {
    what: 'two projects, one of them unreachable for a day',
    runs: {
      small: [{ label: 'seed 1, 30 requests', run: () => runTwoProjects(1, 30) }],
      full: [
        { label: 'seed 1, 500 requests', run: () => runTwoProjects(1, 500) },
        { label: 'seed 2, 500 requests, the usual faults', run: () => runTwoProjects(2, 500, usual) },
      ],
    },
  },
  keys: {
    what: 'a key that is rejected for six hours, and a new version of its secret',
    runs: {
      small: [{ label: 'seed 1, 100 requests', run: () => runDeadKey(1, 100) }],
      full: seeds(5).map(seed => ({ label: `seed ${seed}, 2000 requests`, run: () => runDeadKey(seed, 2000) })),
    },
  },
  hourly: {
    what: 'a limit of a hundred calls an hour, known and unknown to the settings',
    runs: {
      small: hourly(60, 1),
      full: seeds(3).flatMap(seed => hourly(400, seed)),
    },
  },
  replays: {
    what: 'signed redactions of Shopify that are replayed after the customers registered again',
    runs: {
      small: [{ label: 'seed 1, 50 customers', run: () => runReplays(1, 50) }],
      full: seeds(5).map(seed => ({ label: `seed ${seed}, 1000 customers`, run: () => runReplays(seed, 1000) })),
    },
  },
  'small-quota': {
    what: 'requests of ten look-ups, where the quota of one attempt covers only a few of them',
    runs: {
      small: [
        smallQuota('calm', { seed: 1, requests: 10, limit: 20, quotaPeriod: 'minute' }),
        smallQuota('the usual faults', { seed: 2, requests: 3, limit: 10, quotaPeriod: 'hour', mix: usual }),
        smallQuota('another project’s key at first', {
          seed: 3,
          requests: 1,
          limit: 10,
          quotaPeriod: 'hour',
          otherKeyMs: hour,
        }),
      ],
      full: seeds(5).flatMap(seed => [
        smallQuota('calm', { seed, requests: 200, limit: 20, quotaPeriod: 'minute' }),
        smallQuota('the usual faults', { seed, requests: 200, limit: 40, quotaPeriod: 'minute', mix: usual }),
        smallQuota('the usual faults', { seed, requests: 10, limit: 10, quotaPeriod: 'hour', mix: usual }),
        smallQuota('another project’s key at first', {
          seed,
          requests: 1,
          limit: 10,
          quotaPeriod: 'hour',
          otherKeyMs: hour,
        }),
      ]),
    },
  },
  versions: {
    what: 'an older and a newer version of the code on the same rows',
    runs: {
      small: [{ label: 'seed 1, 200 requests', run: () => runVersions(1, 200) }],
      full: seeds(5).map(seed => ({ label: `seed ${seed}, 2000 requests`, run: () => runVersions(seed, 2000) })),
    },
  },
  killed: {
    what: '`npm start` killed under load, as a real process',
    runs: {
      small: [{ label: 'seed 1, 100 requests', run: () => runKilled({ seed: 1, requests: 100, kills: 2 }) }],
      full: seeds(3).map(seed => ({
        label: `seed ${seed}, 3000 requests`,
        run: () => runKilled({ seed, requests: 3000, kills: 25 }),
      })),
    },
  },
};
