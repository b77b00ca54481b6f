import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { FinalKind } from '../lambda/erasure.ts';
import type { Alarm } from '../lambda/failure.ts';
import type { Dimension, MetricName } from '../lambda/io/metrics.ts';
import { typedEntries } from './entries.ts';

/** The metrics that the functions' log lines carry, as alarms and the dashboard ask for them: by the minute. */
export interface OwnMetrics {
  readonly alarm: (code: Alarm) => Metric;
  readonly accepted: (platform: string) => Metric;
  /** Receipts that were closed, of every platform or of one. */
  readonly closed: (outcome: FinalKind, platform?: string) => Metric;
  /** One a run. */
  readonly sweeps: Metric;
  /** The largest number that a sweep told. */
  readonly ofSweep: (name: MetricName) => Metric;
}

export function ownMetrics(namespace: string): OwnMetrics {
  const metric = (metricName: MetricName, statistic: string, dimensions: Dimensions = {}) =>
    new Metric({ namespace, metricName, statistic, dimensionsMap: { ...dimensions }, period: Duration.minutes(1) });
  const closed = (dimensions: Dimensions) => metric('Closed', Stats.SUM, dimensions);
  return {
    alarm: code => metric('Alarms', Stats.SUM, { alarm: code }),
    accepted: platform => metric('Accepted', Stats.SUM, { platform }),
    closed: (outcome, platform) => closed(platform === undefined ? { outcome } : { platform, outcome }),
    sweeps: metric('Sweeps', Stats.SUM),
    ofSweep: name => metric(name, Stats.MAXIMUM),
  };
}

/** A dimension that no line carries does not compile. */
type Dimensions = Readonly<Partial<Record<Dimension, string>>>;

/** Metrics by the names that they have in an expression. */
export type MetricTerms = Readonly<Record<string, Metric>>;

/** All of them together; one that is silent counts nothing. */
export function together(parts: MetricTerms, period: Duration): MathExpression {
  return new MathExpression({ expression: sumOf(parts), usingMetrics: every(period, parts), period });
}

/** The same metrics by another period: an expression takes one for all. */
export function every(period: Duration, parts: MetricTerms): Record<string, Metric> {
  return Object.fromEntries(typedEntries(parts).map(([name, metric]) => [name, metric.with({ period })]));
}

/**
 * A metric that no line has ever carried does not exist, and adding to what is not there could be nothing: `SUM` over an
 * array takes the series that there are. Over a single one it would add up all of its time instead (CloudWatch User
 * Guide, "Using math expressions", SUM).
 */
export function sumOf(parts: MetricTerms): string {
  const filled = Object.keys(parts).map(name => `FILL(${name}, 0)`);
  return filled.length === 1 ? filled.join() : `SUM([${filled.join(', ')}])`;
}
