import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, MathExpression, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { every, type OwnMetrics, sumOf, together } from './metrics.ts';
import type { AlarmRule } from './watch.ts';

/** What is added to the receipts of an hour, so that two at night make no share worth an alarm. */
const damping = 10;

/** How far above the usual share it must be, in standard deviations of what CloudWatch has learnt. */
const far = 3;

const hour = Duration.hours(1);

/**
 * The share of closed receipts that found nobody, in percent, damped: the fewer there are, the smaller it is. A wrong
 * mapping ends in `not-identifiable` as often as in `no-match`, so both count.
 */
export function noMatchShare(metrics: OwnMetrics): MathExpression {
  const nobody = { no_match: metrics.closed('no-match'), not_identifiable: metrics.closed('not-identifiable') };
  const closed = together({ erased: metrics.closed('erased'), ...nobody }, hour);
  return new MathExpression({
    expression: `100 * (${sumOf(nobody)}) / (closed + ${damping})`,
    usingMetrics: { ...every(hour, nobody), closed },
    label: 'Closed without finding anybody (%)',
    period: hour,
  });
}

/** Stands while the last hour was far above the band that CloudWatch has learnt for it. */
export function anomalyAlarm(metric: MathExpression): AlarmRule {
  return {
    metric: Metric.anomalyDetectionFor({ metric, stdDevs: far, period: hour }),
    threshold: Alarm.ANOMALY_DETECTION_NO_THRESHOLD,
    comparisonOperator: ComparisonOperator.GREATER_THAN_UPPER_THRESHOLD,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.IGNORE,
  };
}
