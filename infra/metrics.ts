import { Duration } from 'aws-cdk-lib';
import { Metric, Stats, Unit } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern, type ILogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Alarm } from '../lambda/failure.ts';
import type { LogLine } from '../lambda/io/log.ts';
import type { Functions } from './functions.ts';

/** What the functions' logs tell, as metrics of the deployment's own namespace. */
export interface LogMetrics {
  readonly alarm: (code: Alarm) => Metric;
  /** One a run. */
  readonly sweeps: Metric;
  readonly oldestOpen: Metric;
  readonly needsHuman: Metric;
}

/** Adds the filters; the functions themselves write nothing but log lines. */
export function logMetrics(scope: Construct, namespace: string, { webhook, sweeper }: Functions): LogMetrics {
  for (const [id, { logs }] of Object.entries({ WebhookAlarms: webhook, SweeperAlarms: sweeper })) {
    new MetricFilter(scope, id, {
      logGroup: logs,
      filterPattern: FilterPattern.stringValue(field('alarm'), '=', '*'),
      metricNamespace: namespace,
      metricName: 'Alarms',
      metricValue: '1',
      dimensions: { Code: field('alarm') },
      unit: Unit.COUNT,
    });
  }
  const sweep = (name: string, value: string, unit: Unit) => ofSweep(scope, namespace, sweeper.logs, name, value, unit);
  return {
    alarm: code => metric({ namespace, metricName: 'Alarms', dimensionsMap: { Code: code }, statistic: Stats.SUM }),
    sweeps: sweep('Sweeps', '1', Unit.COUNT).with({ statistic: Stats.SUM }),
    oldestOpen: sweep('OldestOpen', field('oldestOpenMs'), Unit.MILLISECONDS),
    needsHuman: sweep('NeedsHuman', field('needsHuman'), Unit.COUNT),
  };
}

/** A number out of the line that every sweep ends with. */
function ofSweep(
  scope: Construct,
  namespace: string,
  logGroup: ILogGroup,
  metricName: string,
  metricValue: string,
  unit: Unit,
): Metric {
  const filterPattern = FilterPattern.stringValue(field('event'), '=', sweepEvent);
  new MetricFilter(scope, metricName, {
    logGroup,
    filterPattern,
    metricNamespace: namespace,
    metricName,
    metricValue,
    unit,
  });
  return metric({ namespace, metricName, statistic: Stats.MAXIMUM });
}

const sweepEvent: LogLine['event'] = 'sweep';

/** The name of a field is one that the log has, or this does not compile. */
function field(name: keyof LogLine): string {
  return `$.${name}`;
}

function metric(props: ConstructorParameters<typeof Metric>[0]): Metric {
  return new Metric({ period: Duration.minutes(1), ...props });
}
