import { Duration } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import {
  Alarm,
  type AlarmProps,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
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
  /** Absent if no events of customers are received. */
  readonly events?: EventSources;
}

/** The events of customers that alarms observe. */
interface EventSources {
  readonly function: IFunction;
  readonly projects: readonly string[];
  readonly quietHours: number;
}

/**
 * Returns the rules of all alarms but those that {@link SimpleAlarmName} excludes. A single failed or throttled sweep has
 * no alarm: if it matters, `sweep-stopped` starts. A 5xx reply has none either: for a platform without callbacks, 503 is the normal way to request a retry.
 */
export function alarmRules(
  metrics: OwnMetrics,
  { webhook, blockedRequests }: AlarmSources,
): Readonly<Record<SimpleAlarmName, AlarmRule>> {
  const codes = (name: AlarmName) => codeMetrics(name, metrics);
  const deadline = metrics.ofSweep('DeadlineUsed');
  return {
    'deadline-half-used': deadlineAbove(deadline, 50),
    'deadline-nearly-used': deadlineAbove(deadline, 80),
    'needs-review': anyOf({ ...codes('needs-review'), waiting: metrics.ofSweep('NeedsReview') }),
    'wrong-customer-deleted': anyOf(codes('wrong-customer-deleted')),
    'voucherify-unavailable': anyOf(codes('voucherify-unavailable'), withinAnHour),
    'sweep-stopped': missingFor(metrics.sweeps),
    'unproven-responses': anyOf(codes('unproven-responses')),
    paused: anyOf({ ...codes('paused'), active: metrics.ofSweep('Paused') }),
    'requests-rejected': anyOf({
      ...codes('requests-rejected'),
      refused_by_gateway: metrics.refusals,
      ...(blockedRequests.length === 0 ? {} : { many_blocked: manyBlocked(blockedRequests) }),
      errors: webhook.function.metricErrors(),
      throttles: webhook.function.metricThrottles(),
    }),
    'platform-out-of-sync': anyOf(codes('platform-out-of-sync')),
    'erased-person-still-present': anyOf(codes('erased-person-still-present')),
    'evidence-unsigned': anyOf({ ...codes('evidence-unsigned'), waiting: metrics.ofSweep('Unsigned') }),
  };
}

/** Below this number in a minute, blocked requests are normal: a web ACL blocks scanners and floods by design. */
const manyBlockedPerMinute = 64;

/** Returns one or more if many requests were blocked, otherwise zero. */
function manyBlocked(blockedRequests: readonly IMetric[]): MathExpression {
  const parts = Object.fromEntries(blockedRequests.map((metric, index) => [`blocked_${index}`, metric]));
  const filled = Object.keys(parts).map(name => `FILL(${name}, 0)`);
  return new MathExpression({
    expression: `FLOOR((${filled.join(' + ')}) / ${manyBlockedPerMinute})`,
    usingMetrics: parts,
    period: Duration.minutes(1),
  });
}

/** Every alarm except the composite ones and those on events of customers. */
type SimpleAlarmName = Exclude<AlarmName, 'no-match-rate' | 'erased-person-reappeared' | 'customer-events-lost'>;

/** Returns the rule of the alarm on reappearances. */
export function reappearedRule(metrics: OwnMetrics): AlarmRule {
  return anyOf(codeMetrics('erased-person-reappeared', metrics));
}

/**
 * Returns the rules of which one must be breached for the alarm on lost events: an event was not taken, or no event of a
 * project was taken for as long as the settings allow. The first failure counts: after twelve repeats in a day, Voucherify
 * switches its webhook off ("Introduction to webhooks").
 */
export function lostEventRules(metrics: OwnMetrics, { function: receiver, projects, quietHours }: EventSources) {
  const failing = anyOf({
    ...codeMetrics('customer-events-lost', metrics),
    refused_by_gateway: metrics.eventRefusals,
    errors: receiver.metricErrors(),
    throttles: receiver.metricThrottles(),
  });
  const rules = new Map([['rejected', failing]]);
  for (const project of projects) rules.set(`quiet-${project}`, quietFor(metrics.customerEvents(project), quietHours));
  return rules;
}

/** Starts when a metric has been missing in each of so many hours. */
function quietFor(metric: Metric, hours: number): AlarmRule {
  return {
    metric: metric.with({ period: Duration.hours(1) }),
    threshold: 1,
    comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
    evaluationPeriods: hours,
    treatMissingData: TreatMissingData.BREACHING,
  };
}

/**
 * Returns the rules that must both be breached for the alarm on the share of receipts without a match. CloudWatch learns a
 * band near zero from quiet hours, in which a single unmatched receipt is unusual, so the share must also be high.
 */
export function noMatchRules(metrics: OwnMetrics): Readonly<Record<'unusual' | 'high', AlarmRule>> {
  const share = noMatchShare(metrics);
  return { unusual: anomalyAlarm(share), high: shareAbove(share, 25) };
}

/** Starts when the damped share of the last hour reached a percentage. Without data the alarm keeps its state. */
function shareAbove(metric: MathExpression, percent: number): AlarmRule {
  return {
    metric,
    threshold: percent,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.IGNORE,
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

/** A used-up quota is probed once an hour: the alarm lasts from one probe to the next. */
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
 * Starts when a percentage of the deadline has passed. A sweep publishes the largest share of the deadline that the
 * receipts it processed have used, or the one that the previous sweep knew. Without a sweep, it is unknown and the alarm
 * keeps its state; missing sweeps have their own alarm.
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
