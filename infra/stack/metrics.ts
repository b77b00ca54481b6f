import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { FinalKind } from '../../lambda/domain/erasure.ts';
import type { Alarm } from '../../lambda/domain/failure.ts';
import type { Dimension, MetricName } from '../../lambda/io/metrics.ts';
import { typedEntries } from './alarm-catalog.ts';

/** The metrics that filters of the access log publish: for requests of platforms, and for events of customers. */
export const gatewayRefusals = 'GatewayRefusals';
export const eventRefusals = 'EventRefusals';

/** The service's own metrics, most of them published in the functions' log lines, with a period of one minute. */
export interface OwnMetrics {
  readonly alarm: (code: Alarm) => Metric;
  readonly accepted: (platform: string) => Metric;
  /** Closed receipts, of all platforms or of one. */
  readonly closed: (outcome: FinalKind, platform?: string) => Metric;
  /** One per finished sweep. */
  readonly sweeps: Metric;
  /** Requests that API Gateway refused before the function. */
  readonly refusals: Metric;
  /** Events of customers that API Gateway refused before the function: above all by the throttle. */
  readonly eventRefusals: Metric;
  /** Events of the customers of a project that were taken. */
  readonly customerEvents: (project: string) => Metric;
  /** The largest value that a sweep published. */
  readonly ofSweep: (name: MetricName) => Metric;
}

export function ownMetrics(namespace: string): OwnMetrics {
  const period = Duration.minutes(1);
  const metric = (metricName: MetricName, statistic: string, dimensions: Dimensions = {}) =>
    new Metric({ namespace, metricName, statistic, dimensionsMap: { ...dimensions }, period });
  const closed = (dimensions: Dimensions) => metric('Closed', Stats.SUM, dimensions);
  return {
    alarm: code => metric('Alarms', Stats.SUM, { alarm: code }),
    accepted: platform => metric('Accepted', Stats.SUM, { platform }),
    closed: (outcome, platform) => closed(platform === undefined ? { outcome } : { platform, outcome }),
    sweeps: metric('Sweeps', Stats.SUM),
    refusals: new Metric({ namespace, metricName: gatewayRefusals, statistic: Stats.SUM, period }),
    eventRefusals: new Metric({ namespace, metricName: eventRefusals, statistic: Stats.SUM, period }),
    customerEvents: project => metric('CustomerEvents', Stats.SUM, { project }),
    ofSweep: name => metric(name, Stats.MAXIMUM),
  };
}

/** A dimension that no log line has does not compile. */
type Dimensions = Readonly<Partial<Record<Dimension, string>>>;

/** Metrics by their names in an expression. */
export type MetricTerms = Readonly<Record<string, Metric | MathExpression>>;

/** Returns the sum of the metrics; missing data counts as zero. */
export function sumMetrics(parts: MetricTerms, period: Duration): MathExpression {
  return new MathExpression({ expression: sumExpression(parts), usingMetrics: withPeriod(period, parts), period });
}

/** Returns the metrics with another period: all metrics of an expression must have the same. */
function withPeriod(period: Duration, parts: MetricTerms): Record<string, Metric | MathExpression> {
  return Object.fromEntries(typedEntries(parts).map(([name, metric]) => [name, metric.with({ period })]));
}

/**
 * Returns the expression of a sum. A metric that was never published does not exist, and `+` with a missing series may
 * return no data, while `SUM` over an array uses the series that exist. `SUM` over a single series would add up all its
 * data points instead (CloudWatch User Guide, "Using math expressions", SUM).
 */
function sumExpression(parts: MetricTerms): string {
  const filled = Object.keys(parts).map(name => `FILL(${name}, 0)`);
  return filled.length === 1 ? filled.join() : `SUM([${filled.join(', ')}])`;
}

/** Added to the number of receipts of an hour, so that two receipts at night do not raise an alarm. */
const damping = 10;

const hour = Duration.hours(1);

/**
 * Returns the damped share of closed receipts without a deletion, in percent: it is smaller when there are few receipts. A
 * wrong identifier mapping ends in `not-identifiable` as often as in `no-match`, and wrong times of a platform end in
 * `created-later`, so all count.
 */
export function noMatchShare(metrics: OwnMetrics): MathExpression {
  const unmatched = {
    no_match: metrics.closed('no-match'),
    not_identifiable: metrics.closed('not-identifiable'),
    created_later: metrics.closed('created-later'),
  };
  const closed = sumMetrics({ erased: metrics.closed('erased'), ...unmatched }, hour);
  return new MathExpression({
    expression: `100 * (${sumExpression(unmatched)}) / (closed + ${damping})`,
    usingMetrics: { ...withPeriod(hour, unmatched), closed },
    label: 'Closed without a match (%)',
    period: hour,
  });
}
