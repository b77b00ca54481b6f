import { Duration } from 'aws-cdk-lib';
import { type AlarmProps, ComparisonOperator, type Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { type MetricTerms, together } from './metrics.ts';

/** When an alarm stands. */
export type AlarmRule = Pick<
  AlarmProps,
  'metric' | 'threshold' | 'evaluationPeriods' | 'datapointsToAlarm' | 'comparisonOperator' | 'treatMissingData'
>;

/** How long an alarm stands after the last of what it stands for. */
interface Lasting {
  readonly period: Duration;
  readonly evaluationPeriods: number;
}

const fiveMinutes: Lasting = { period: Duration.minutes(1), evaluationPeriods: 5 };

/** Voucherify is tried once an hour while it refuses everything: the alarm stands from one try to the next. */
export const withinAnHour: Lasting = { period: Duration.minutes(5), evaluationPeriods: 13 };

/**
 * Stands while any of the metrics says one or more. Several periods are looked at, because metrics come a minute late and
 * what is missing until then counts as nothing (CloudWatch User Guide, "Using math expressions", FILL).
 */
export function anyOf(parts: MetricTerms, { period, evaluationPeriods } = fiveMinutes): AlarmRule {
  return {
    metric: together(parts, period),
    threshold: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods,
    datapointsToAlarm: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  };
}

/** Stands when a metric that comes every minute has stayed away for five: silence is the alarm. */
export function missingFor(metric: Metric): AlarmRule {
  return {
    metric,
    threshold: 1,
    comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
    evaluationPeriods: 5,
    treatMissingData: TreatMissingData.BREACHING,
  };
}

/**
 * Stands from a percentage of the deadline on. A sweep knows the age of what it came by, and of the worst that the one
 * before it knew. No sweep says nothing about ages, so the alarm stays as it is; that there is none has
 * its own alarm.
 */
export function deadlineAbove(deadline: Metric, percent: number): AlarmRule {
  return {
    metric: deadline.with({ period: Duration.hours(1) }),
    threshold: percent,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods: 2,
    datapointsToAlarm: 1,
    treatMissingData: TreatMissingData.IGNORE,
  };
}
