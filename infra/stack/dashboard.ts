import { Stack } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type GraphWidgetProps,
  type IMetric,
  type IWidget,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { FinalKind } from '../../lambda/domain/erasure.ts';
import { manualPlatform } from '../../lambda/domain/names.ts';
import { alarmFor, typedEntries } from './alarm-catalog.ts';
import type { AlarmSources } from './alarm-rules.ts';
import type { Alarms } from './alarms.ts';
import type { OwnMetrics } from './metrics.ts';
import { noMatchShare } from './metrics.ts';

/** Creates the dashboard: alarms, open and closed erasures, replies of the API, and functions. */
export function createDashboard(
  scope: Construct,
  prefix: string,
  sources: AlarmSources,
  { all, metrics }: Alarms,
): void {
  const { platforms, blockedRequests } = sources;
  new Dashboard(scope, 'Dashboard', {
    // Dashboards are global in an account, and one account may have a deployment in each of two regions.
    dashboardName: `${prefix}-${Stack.of(scope).region}`,
    widgets: [
      [new AlarmStatusWidget({ title: 'Alarms', alarms: [...all.values()], width: 24 })],
      openWidgets(metrics),
      backlogWidgets(metrics),
      closedWidgets(metrics, platforms),
      apiWidgets(sources, metrics),
      functionWidgets(sources),
      [graph('Alarm codes in the log', codeMetrics(metrics), { width: 24 })],
      ...(blockedRequests.length === 0
        ? []
        : [[graph('Requests blocked by the web ACL', blockedRequests, { width: 24 })]]),
    ],
  });
}

const outcomes: readonly FinalKind[] = ['erased', 'no-match', 'not-identifiable', 'created-later', 'refused'];

function openWidgets(metrics: OwnMetrics): IWidget[] {
  const thresholds = { leftAnnotations: [{ value: 50 }, { value: 80 }] };
  return [
    graph('Deadline used (%)', [metrics.ofSweep('DeadlineUsed')], thresholds),
    graph('Age of the oldest open request (ms)', [metrics.ofSweep('OldestOpen')]),
    graph('Sweeps', [metrics.sweeps]),
  ];
}

function backlogWidgets(metrics: OwnMetrics): IWidget[] {
  return [
    graph('Needs review', [metrics.ofSweep('NeedsReview')]),
    graph('Active pauses', [metrics.ofSweep('Paused')]),
    graph('Closed but not signed', [metrics.ofSweep('Unsigned')]),
  ];
}

function closedWidgets(metrics: OwnMetrics, platforms: readonly string[]): IWidget[] {
  const closed = [...platforms, manualPlatform].flatMap(platform =>
    outcomes.map(outcome => metrics.closed(outcome, platform)),
  );
  return [
    graph('Accepted, by platform', [...platforms, manualPlatform].map(metrics.accepted)),
    graph('Closed, by platform and outcome', closed),
    graph('Closed without a match (%)', [noMatchShare(metrics)]),
  ];
}

function apiWidgets({ api: { deploymentStage: stage } }: AlarmSources, { refusals }: OwnMetrics): IWidget[] {
  const latency = [50, 99].map(percentile => stage.metricLatency({ statistic: Stats.p(percentile) }));
  return [
    graph('Requests', [stage.metricCount()]),
    graph('4xx and 5xx replies, and refusals of the gateway', [
      stage.metricClientError(),
      stage.metricServerError(),
      refusals,
    ]),
    graph('Latency (ms)', latency),
  ];
}

function functionWidgets({ webhook, sweeper }: AlarmSources): IWidget[] {
  const functions = [webhook.function, sweeper.function];
  const width = { width: 12 };
  return [
    graph(
      'Functions: duration (ms)',
      functions.map(one => one.metricDuration({ statistic: Stats.p(99) })),
      width,
    ),
    graph(
      'Functions: errors and throttles',
      functions.flatMap(one => [one.metricErrors(), one.metricThrottles()]),
      width,
    ),
  ];
}

function codeMetrics(metrics: OwnMetrics): readonly IMetric[] {
  return typedEntries(alarmFor).map(([code]) => metrics.alarm(code));
}

function graph(title: string, left: readonly IMetric[], props: GraphWidgetProps = {}): IWidget {
  return new GraphWidget({ title, left: [...left], width: 8, ...props });
}
