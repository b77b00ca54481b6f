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
import type { FinalKind } from '../lambda/erasure.ts';
import { alarmFor } from './alarm-texts.ts';
import type { Alarms } from './alarms.ts';
import { typedEntries } from './entries.ts';
import type { OwnMetrics } from './metrics.ts';
import { noMatchShare } from './no-match-rate.ts';
import type { AlarmSources } from './watches.ts';

/** One page: who is hurt, how the erasures do, what platforms are answered, how the functions do. */
export function dashboard(scope: Construct, prefix: string, watched: AlarmSources, { all, metrics }: Alarms): void {
  const { platforms, turnedAway } = watched;
  new Dashboard(scope, 'Dashboard', {
    dashboardName: prefix,
    widgets: [
      [new AlarmStatusWidget({ title: 'Who is hurt', alarms: [...all], width: 24 })],
      openErasures(metrics),
      waiting(metrics),
      endedErasures(metrics, platforms),
      answers(watched),
      running(watched),
      [graph('Codes of the log that raised alarms', codes(metrics), { width: 24 })],
      ...(turnedAway.length === 0 ? [] : [[graph('Turned away by the firewall', turnedAway, { width: 24 })]]),
    ],
  });
}

const outcomes: readonly FinalKind[] = ['erased', 'no-match', 'not-identifiable', 'refused'];

function openErasures(metrics: OwnMetrics): IWidget[] {
  const thresholds = { leftAnnotations: [{ value: 50 }, { value: 80 }] };
  return [
    graph('Time used of the deadline (%)', [metrics.ofSweep('DeadlineUsed')], thresholds),
    graph('Age of the oldest open erasure (ms)', [metrics.ofSweep('OldestOpen')]),
    graph('Sweeps', [metrics.sweeps]),
  ];
}

function waiting(metrics: OwnMetrics): IWidget[] {
  return [
    graph('Waiting for a person', [metrics.ofSweep('NeedsReview')]),
    graph('Scopes that are paused', [metrics.ofSweep('Paused')]),
    graph('Closed and not signed', [metrics.ofSweep('Unsigned')]),
  ];
}

function endedErasures(metrics: OwnMetrics, platforms: readonly string[]): IWidget[] {
  const closed = platforms.flatMap(platform => outcomes.map(outcome => metrics.closed(outcome, platform)));
  return [
    graph('Accepted, by platform', platforms.map(metrics.accepted)),
    graph('Closed, by platform and outcome', closed),
    graph('Closed without finding anybody (%)', [noMatchShare(metrics)]),
  ];
}

function answers({ api: { deploymentStage: stage } }: AlarmSources): IWidget[] {
  const latency = [50, 99].map(percentile => stage.metricLatency({ statistic: Stats.p(percentile) }));
  return [
    graph('Requests', [stage.metricCount()]),
    graph('Answered 4xx and 5xx', [stage.metricClientError(), stage.metricServerError()]),
    graph('Time to answer (ms)', latency),
  ];
}

function running({ webhook, sweeper }: AlarmSources): IWidget[] {
  const both = [webhook.function, sweeper.function];
  const width = { width: 12 };
  return [
    graph(
      'Functions: time (ms)',
      both.map(one => one.metricDuration({ statistic: Stats.p(99) })),
      width,
    ),
    graph(
      'Functions: errors and throttles',
      both.flatMap(one => [one.metricErrors(), one.metricThrottles()]),
      width,
    ),
  ];
}

function codes(metrics: OwnMetrics): readonly IMetric[] {
  return typedEntries(alarmFor).map(([code]) => metrics.alarm(code));
}

function graph(title: string, left: readonly IMetric[], props: GraphWidgetProps = {}): IWidget {
  return new GraphWidget({ title, left: [...left], width: 8, ...props });
}
