import { runHourly } from './hourly.ts';
import { type MixOptions, runMix } from './mix.ts';
import { type QuotaOptions, runQuota } from './quota.ts';
import { runSmallQuota, type SmallQuotaOptions } from './small-quota.ts';

/** What came of one run: what must not be; whatever else it holds was counted. */
export interface Outcome {
  readonly violations: readonly string[];
}

export interface Run {
  readonly label: string;
  readonly run: () => Promise<Outcome>;
}

export function seeds(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

export function both(runs: readonly Run[]): { readonly small: readonly Run[]; readonly full: readonly Run[] } {
  return { small: runs, full: runs };
}

export function mixed(label: string, options: MixOptions): Run {
  return { label: `seed ${options.seed}, ${options.requests} requests, ${label}`, run: () => runMix(options) };
}

export function quota(options: QuotaOptions): Run {
  const { seed, atOnce, limit, share, slowest, coldStarts } = options;
  const speed = `${options.unsteady === true ? 'now and then' : 'always'} up to ${slowest} ms`;
  const label = `seed ${seed}, ${atOnce} at once, ${share} of ${limit}, ${speed}, ${coldStarts} cold`;
  return { label, run: () => runQuota(options) };
}

export function smallQuota(label: string, options: SmallQuotaOptions): Run {
  const { seed, requests, limit, quotaPeriod } = options;
  const what = `seed ${seed}, ${requests} requests, half of ${limit} calls an ${quotaPeriod}, ${label}`;
  return { label: what.replace('an minute', 'a minute'), run: () => runSmallQuota(options) };
}

export function quotas(): readonly Run[] {
  const limits = [
    { limit: 100, share: 0.5 },
    { limit: 100, share: 1 },
    { limit: 20, share: 0.5 },
    { limit: 1000, share: 0.5 },
  ];
  const speeds = [{ slowest: 150 }, { slowest: 1500 }, { slowest: 6000, unsteady: true }];
  return limits.flatMap(limit =>
    [1, 2, 5, 10, 20, 50].flatMap((atOnce, seed) =>
      speeds.flatMap(speed => [0.05, 1].map(coldStarts => quota({ seed, atOnce, coldStarts, ...speed, ...limit }))),
    ),
  );
}

export function hourly(requests: number, seed: number): readonly Run[] {
  return (['hour', 'minute'] as const).map(period => ({
    label: `seed ${seed}, ${requests} requests, settings say ${period}`,
    run: () => runHourly(seed, requests, period),
  }));
}
