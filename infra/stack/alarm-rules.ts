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
import { type MetricTerms, noMatchShare, type OwnMetrics, sumMetrics } from './metrics.ts';

/** The resources that alarms and the dashboard observe. */
export interface AlarmSources extends Functions {
  readonly api: RestApi;
  /** Names of the platforms in the settings. */
  readonly platforms: readonly string[];
  /** Requests that each rule of the web ACL blocked; empty without a web ACL. */
  readonly blockedRequests: readonly IMetric[];
}

/**
 * Returns the rule of every alarm. A single failed or throttled sweep has no alarm: if it matters, `sweep-stopped`
 * starts. A 5xx reply has none either: for a platform without callbacks, 503 is the normal way to request a retry.
 */
export function alarmRules(metrics: OwnMetrics, { webhook }: AlarmSources): Readonly<Record<AlarmName, AlarmRule>> {
  const codes = (name: AlarmName) => codeMetrics(name, metrics);
  const deadline = metrics.ofSweep('DeadlineUsed');
  return {
    'oldest-open-half': deadlineAbove(deadline, 50),
    'oldest-open-late': deadlineAbove(deadline, 80),
    'needs-review': anyOf({ ...codes('needs-review'), waiting: metrics.ofSweep('NeedsReview') }),
    'wrong-customer-deleted': anyOf(codes('wrong-customer-deleted')),
    'voucherify-access-refused': anyOf(codes('voucherify-access-refused'), withinAnHour),
    'sweep-stopped': missingFor(metrics.sweeps),
    'unproven-responses': anyOf(codes('unproven-responses')),
    paused: anyOf({ ...codes('paused'), active: metrics.ofSweep('Paused') }),
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

/** Metrics of the codes that raise an alarm. Expressions allow no dashes in names. */
function codeMetrics(name: AlarmName, metrics: OwnMetrics): MetricTerms {
  const codes = typedEntries(alarmFor).flatMap(([code, alarm]) => (alarm === name ? [code] : []));
  return Object.fromEntries(codes.map(code => [code.replaceAll('-', '_'), metrics.alarm(code)]));
}

/** When an alarm is in the ALARM state. */
export type AlarmRule = Pick<
  AlarmProps,
  'metric' | 'threshold' | 'evaluationPeriods' | 'datapointsToAlarm' | 'comparisonOperator' | 'treatMissingData'
>;

/** How long an alarm lasts after the last event. */
interface EvaluationWindow {
  readonly period: Duration;
  readonly evaluationPeriods: number;
}

const fiveMinutes: EvaluationWindow = { period: Duration.minutes(1), evaluationPeriods: 5 };

/** While Voucherify rejects everything, it is probed once an hour: the alarm lasts from one probe to the next. */
const withinAnHour: EvaluationWindow = { period: Duration.minutes(5), evaluationPeriods: 13 };

/**
 * Starts when any of the metrics is one or more. It evaluates several periods, because metrics arrive a minute late and
 * missing data counts as zero until then (CloudWatch User Guide, "Using math expressions", FILL).
 */
function anyOf(parts: MetricTerms, { period, evaluationPeriods } = fiveMinutes): AlarmRule {
  return {
    metric: sumMetrics(parts, period),
    threshold: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods,
    datapointsToAlarm: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  };
}

/** Starts when a metric that is published every minute has been missing for five minutes. */
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
 * Starts when a percentage of the deadline has passed. A sweep publishes the largest age of the receipts that it
 * processed and of the oldest one that the previous sweep knew. Without a sweep, ages are unknown and the alarm keeps its
 * state; missing sweeps have their own alarm.
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

/** Width of the band that CloudWatch learns, in standard deviations. */
const bandWidth = 3;

/** Starts when the last hour was above the band that CloudWatch has learned. */
function anomalyAlarm(metric: MathExpression): AlarmRule {
  return {
    metric: Metric.anomalyDetectionFor({ metric, stdDevs: bandWidth, period: Duration.hours(1) }),
    threshold: Alarm.ANOMALY_DETECTION_NO_THRESHOLD,
    comparisonOperator: ComparisonOperator.GREATER_THAN_UPPER_THRESHOLD,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.IGNORE,
  };
}
