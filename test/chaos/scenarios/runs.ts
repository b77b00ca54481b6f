import type { Mix } from '../support/faults.ts';
import type { Outcome } from '../support/measures.ts';
import { type MixOptions, runMix } from './mix.ts';
import { type QuotaOptions, runHourly, runQuota, runSmallQuota, type SmallQuotaOptions } from './quota.ts';

/** One run of a scenario, with the label that is printed. */
export interface Run {
  readonly label: string;
  readonly run: () => Promise<Outcome>;
}

export function seeds(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

export function mixed(label: string, mix: Mix, seed: number, requests: number, more: Partial<MixOptions> = {}): Run {
  return {
    label: `seed ${seed}, ${requests} requests, ${label}`,
    run: () => runMix({ ...more, mix, seed, requests }),
  };
}

export function quota(options: QuotaOptions): Run {
  const { seed, atOnce, limit, share, maxDelayMs, coldStarts } = options;
  const delay = `${options.varying === true ? 'sometimes' : 'always'} up to ${maxDelayMs} ms`;
  const label = `seed ${seed}, ${atOnce} at once, ${share} of ${limit}, ${delay}, ${coldStarts} cold starts`;
  return { label, run: () => runQuota(options) };
}

export function smallQuota(label: string, options: SmallQuotaOptions): Run {
  const { seed, requests, limit, quotaPeriod } = options;
  const what = `seed ${seed}, ${requests} requests, half of ${limit} calls per ${quotaPeriod}, ${label}`;
  return { label: what, run: () => runSmallQuota(options) };
}

/** Every combination of limit, requests at once, delay and cold starts. */
export function quotas(): readonly Run[] {
  const limits = [
    { limit: 100, share: 0.5 },
    { limit: 100, share: 1 },
    { limit: 20, share: 0.5 },
    { limit: 1000, share: 0.5 },
  ];
  const delays = [{ maxDelayMs: 150 }, { maxDelayMs: 1500 }, { maxDelayMs: 6000, varying: true }];
  return limits.flatMap(limit =>
    [1, 2, 5, 10, 20, 50].flatMap((atOnce, seed) =>
      delays.flatMap(delay => [0.05, 1].map(coldStarts => quota({ seed, atOnce, coldStarts, ...delay, ...limit }))),
    ),
  );
}

export function hourly(requests: number, seed: number): readonly Run[] {
  return (['hour', 'minute'] as const).map(period => ({
    label: `seed ${seed}, ${requests} requests, settings state ${period}`,
    run: () => runHourly(seed, requests, period),
  }));
}
