/** The fields of a log line that can become metrics. None of them is personal data. */
export interface MetricSource {
  readonly event: string;
  readonly alarm?: string;
  readonly platform?: string;
  readonly outcome?: string;
  readonly project?: string;
  readonly code?: string;
  readonly oldestOpenMs?: number;
  readonly deadlineUsedPercent?: number;
  readonly needsReview?: number;
  readonly paused?: number;
  readonly unsigned?: number;
}

const units = {
  Alarms: 'Count',
  Accepted: 'Count',
  Closed: 'Count',
  Sweeps: 'Count',
  OldestOpen: 'Milliseconds',
  DeadlineUsed: 'Percent',
  NeedsReview: 'Count',
  Paused: 'Count',
  Unsigned: 'Count',
  CustomerEvents: 'Count',
} as const;

export type MetricName = keyof typeof units;

/** The fields that can be dimensions: each has few values, all defined by this service. */
export type Dimension = 'alarm' | 'platform' | 'outcome' | 'project';

/** Metrics with the same sets of dimensions. */
interface Group {
  readonly sets: readonly (readonly Dimension[])[];
  readonly values: readonly (readonly [MetricName, number | undefined])[];
}

/**
 * Returns the fields that CloudWatch reads metrics from, to be added to the line, whose own fields are the dimensions
 * (CloudWatch User Guide, "Specification: Embedded metric format"). Empty for a line without metrics. `at` is in epoch
 * milliseconds.
 */
export function embeddedMetrics(line: MetricSource, namespace: string, at: number): Readonly<Record<string, unknown>> {
  const groups = [alarms, ...eventGroups(line)]
    .map(group => withoutMissing(group, line))
    .filter(({ sets, values }) => sets.length > 0 && values.length > 0);
  if (groups.length === 0) return {};
  const directives = groups.map(({ sets, values }) => ({
    Namespace: namespace,
    Dimensions: sets,
    Metrics: values.map(([name]) => ({ Name: name, Unit: units[name] })),
  }));
  const values = Object.fromEntries(groups.flatMap(group => group.values));
  return { _aws: { Timestamp: at, CloudWatchMetrics: directives }, ...values };
}

const alarms: Group = { sets: [['alarm']], values: [['Alarms', 1]] };

function eventGroups(line: MetricSource): readonly Group[] {
  const isNew = line.event === 'accepted' && line.code === 'stored';
  if (isNew) return [{ sets: [['platform']], values: [['Accepted', 1]] }];
  if (line.event === 'customer-event') return [{ sets: [['project']], values: [['CustomerEvents', 1]] }];
  if (line.event === 'sweep') return [{ sets: [[]], values: sweepValues(line) }];
  if (line.event !== 'closed') return [];
  return [{ sets: [['platform', 'outcome'], ['outcome']], values: [['Closed', 1]] }];
}

function sweepValues(line: MetricSource): Group['values'] {
  return [
    ['Sweeps', 1],
    ['OldestOpen', line.oldestOpenMs],
    ['DeadlineUsed', line.deadlineUsedPercent],
    ['NeedsReview', line.needsReview],
    ['Paused', line.paused],
    ['Unsigned', line.unsigned],
  ];
}

/** Removes missing dimensions and values: CloudWatch rejects the whole line if it names a field that the line lacks. */
function withoutMissing({ sets, values }: Group, line: MetricSource): Group {
  return {
    sets: sets.filter(set => set.every(name => line[name] !== undefined && line[name] !== '')),
    values: values.filter(([, value]) => Number.isFinite(value)),
  };
}
