import { Duration } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import {
  type AlarmProps,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { queueIndex } from '../lambda/io/table-layout.ts';
import type { NumberAlarm } from './alarm-texts.ts';
import type { Functions } from './functions.ts';
import type { LogMetrics } from './metrics.ts';
import type { Tables } from './tables.ts';

/** When an alarm stands. */
export type Watch = Pick<
  AlarmProps,
  'metric' | 'threshold' | 'evaluationPeriods' | 'datapointsToAlarm' | 'comparisonOperator' | 'treatMissingData'
>;

/** What alarms and the dashboard look at. */
export interface Watched extends Functions {
  readonly api: RestApi;
  readonly tables: Tables;
  /** Calls that each rule of the firewall turned away; none where there is no firewall. */
  readonly turnedAway: readonly IMetric[];
}

/** GDPR, Article 12(3): one month. */
const deadline = Duration.days(30).toMilliseconds();
const fiveMinutes = { period: Duration.minutes(5) };

export function watches(metrics: LogMetrics, { api, tables, webhook, sweeper }: Watched): Record<NumberAlarm, Watch> {
  return {
    'waiting-for-a-person': { metric: metrics.needsHuman.with(fiveMinutes), threshold: 1, evaluationPeriods: 1 },
    'sweep-stopped': {
      metric: metrics.sweeps,
      threshold: 1,
      evaluationPeriods: 5,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.BREACHING,
    },
    'oldest-open-half': olderThan(metrics, deadline / 2),
    'oldest-open-late': olderThan(metrics, (deadline * 4) / 5),
    'webhook-errors': once(webhook.function.metricErrors(fiveMinutes)),
    'webhook-throttled': once(webhook.function.metricThrottles(fiveMinutes)),
    'sweeper-errors': { ...once(sweeper.function.metricErrors(fiveMinutes)), threshold: 3 },
    'sweeper-throttled': { ...once(sweeper.function.metricThrottles(fiveMinutes)), threshold: 3 },
    'api-5xx': once(api.deploymentStage.metricServerError(fiveMinutes)),
    'receipts-throttled': once(throttles(tables.receipts, queueIndex.name)),
    'identifiers-throttled': once(throttles(tables.identifiers)),
  };
}

function once(metric: IMetric): Watch {
  return { metric, threshold: 1, evaluationPeriods: 1 };
}

/**
 * A sweep knows the age of what it worked on, and it works on every open receipt at least once an hour. No sweep says
 * nothing about ages, so the alarm stays as it is; that there is none has its own alarm.
 */
function olderThan(metrics: LogMetrics, threshold: number): Watch {
  return {
    metric: metrics.oldestOpen.with({ period: Duration.hours(1) }),
    threshold,
    evaluationPeriods: 2,
    datapointsToAlarm: 1,
    treatMissingData: TreatMissingData.IGNORE,
  };
}

/** DynamoDB counts throttled reads and writes apart, and those of an index apart from those of its table. */
function throttles(table: Table, index?: string): IMetric {
  const dimensions = [{}, ...(index === undefined ? [] : [{ GlobalSecondaryIndexName: index }])];
  const counts = dimensions.flatMap(dimension =>
    ['ReadThrottleEvents', 'WriteThrottleEvents'].map(
      metricName =>
        new Metric({
          namespace: 'AWS/DynamoDB',
          metricName,
          dimensionsMap: { TableName: table.tableName, ...dimension },
          statistic: Stats.SUM,
          ...fiveMinutes,
        }),
    ),
  );
  return new MathExpression({
    expression: 'SUM(FILL(METRICS(), 0))',
    usingMetrics: Object.fromEntries(counts.map((metric, position) => [`m${position}`, metric])),
    label: 'Throttled calls',
    ...fiveMinutes,
  });
}
