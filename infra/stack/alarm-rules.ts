import { Duration } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import {
  Alarm,
  type AlarmProps,
  ComparisonOperator,
  type IMetric,
  type MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { type AlarmName, alarmFor, typedEntries } from './alarm-catalog.ts';
import type { Functions } from './functions.ts';
import { type MetricTerms, noMatchShare, type OwnMetrics, together } from './metrics.ts';

/** What alarms and the dashboard look at. */
export interface AlarmSources extends Functions {
  readonly api: RestApi;
  /** Names of the platforms in the settings. */
  readonly platforms: readonly string[];
  /** Calls that each rule of the firewall turned away; none where there is no firewall. */
  readonly turnedAway: readonly IMetric[];
}

/**
 * Sweeps that fail or find no room have no alarm of their own: when they hurt somebody, the sweep has stopped. Nor has a
 * 5xx by itself: where a platform cannot be told later, 503 is how it is asked to come again, and nothing is wrong.
 */
export function alarmRules(metrics: OwnMetrics, { webhook }: AlarmSources): Readonly<Record<AlarmName, AlarmRule>> {
  const codes = (name: AlarmName) => codesOf(name, metrics);
  const deadline = metrics.ofSweep('DeadlineUsed');
  return {
    'oldest-open-half': deadlineAbove(deadline, 50),
    'oldest-open-late': deadlineAbove(deadline, 80),
    'needs-review': anyOf({ ...codes('needs-review'), waiting: metrics.ofSweep('NeedsReview') }),
    'wrong-customer-deleted': anyOf(codes('wrong-customer-deleted')),
    'voucherify-access-refused': anyOf(codes('voucherify-access-refused'), withinAnHour),
    'sweep-stopped': missingFor(metrics.sweeps),
    'unproven-responses': anyOf(codes('unproven-responses')),
    paused: anyOf({ ...codes('paused'), standing: metrics.ofSweep('Paused') }),
    'no-match-rate': anomalyAlarm(noMatchShare(metrics)),
    'requests-rejected': anyOf({
      ...codes('requests-rejected'),
      errors: webhook.function.metricErrors(),
      throttles: webhook.function.metricThrottles(),
    }),
    'platform-out-of-sync': anyOf(codes('platform-out-of-sync')),
    'evidence-unsigned': anyOf({ ...codes('evidence-unsigned'), waiting: metrics.ofSweep('Unsigned') }),
  };
}

/** By names that an expression can have. */
function codesOf(name: AlarmName, metrics: OwnMetrics): MetricTerms {
  const codes = typedEntries(alarmFor).flatMap(([code, raised]) => (raised === name ? [code] : []));
  return Object.fromEntries(codes.map(code => [code.replaceAll('-', '_'), metrics.alarm(code)]));
}

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
const withinAnHour: Lasting = { period: Duration.minutes(5), evaluationPeriods: 13 };

/**
 * Stands while any of the metrics says one or more. Several periods are looked at, because metrics come a minute late and
 * what is missing until then counts as nothing (CloudWatch User Guide, "Using math expressions", FILL).
 */
function anyOf(parts: MetricTerms, { period, evaluationPeriods } = fiveMinutes): AlarmRule {
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
function missingFor(metric: Metric): AlarmRule {
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
function deadlineAbove(deadline: Metric, percent: number): AlarmRule {
  return {
    metric: deadline.with({ period: Duration.hours(1) }),
    threshold: percent,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods: 2,
    datapointsToAlarm: 1,
    treatMissingData: TreatMissingData.IGNORE,
  };
}

/** How far above the usual share it must be, in standard deviations of what CloudWatch has learnt. */
const far = 3;

/** Stands while the last hour was far above the band that CloudWatch has learnt for it. */
function anomalyAlarm(metric: MathExpression): AlarmRule {
  return {
    metric: Metric.anomalyDetectionFor({ metric, stdDevs: far, period: Duration.hours(1) }),
    threshold: Alarm.ANOMALY_DETECTION_NO_THRESHOLD,
    comparisonOperator: ComparisonOperator.GREATER_THAN_UPPER_THRESHOLD,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.IGNORE,
  };
}
