import {
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type GraphWidgetProps,
  type IWidget,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { byCode } from './alarm-texts.ts';
import type { Alarms } from './alarms.ts';
import { entries } from './entries.ts';
import type { Watched } from './watches.ts';

/** One page: what stands, what platforms are answered, how the open erasures do, how the functions do. */
export function dashboard(scope: Construct, prefix: string, watched: Watched, alarms: Alarms): void {
  const { api, webhook, sweeper, turnedAway } = watched;
  const stage = api.deploymentStage;
  const both = [webhook.function, sweeper.function];
  const { metrics, all } = alarms;
  new Dashboard(scope, 'Dashboard', {
    dashboardName: prefix,
    widgets: [
      [new AlarmStatusWidget({ title: 'Who is hurt', alarms: [...all], width: 24 })],
      [
        graph('Requests', [stage.metricCount(), stage.metricClientError(), stage.metricServerError()]),
        graph('Time to answer', [
          stage.metricLatency({ statistic: Stats.p(50) }),
          stage.metricLatency({ statistic: Stats.p(99) }),
        ]),
        graph('Oldest open erasure', [metrics.oldestOpen]),
      ],
      [
        graph('Waiting for a person', [metrics.needsHuman]),
        graph(
          'Functions: time',
          both.map(one => one.metricDuration({ statistic: Stats.p(99) })),
        ),
        graph(
          'Functions: errors',
          both.map(one => one.metricErrors()),
        ),
      ],
      [
        graph(
          'Alarming log lines',
          entries(byCode).map(([code]) => metrics.alarm(code)),
          24,
        ),
      ],
      ...(turnedAway.length === 0 ? [] : [[graph('Turned away by the firewall', [...turnedAway], 24)]]),
    ],
  });
}

function graph(title: string, left: NonNullable<GraphWidgetProps['left']>, width = 8): IWidget {
  return new GraphWidget({ title, left, width });
}
