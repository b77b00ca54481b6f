/** The part of a log line that is counted; nothing else of a line becomes a metric, and none of this is personal. */
export interface MetricSource {
  readonly event: string;
  readonly alarm?: string;
  readonly platform?: string;
  readonly outcome?: string;
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
} as const;

export type MetricName = keyof typeof units;

/** The fields of a line that may tell metrics of one name apart: each has few values, all of them words of ours. */
export type Dimension = 'alarm' | 'platform' | 'outcome';

/** Numbers that are counted under the same sets of dimensions. */
interface Group {
  readonly sets: readonly (readonly Dimension[])[];
  readonly values: readonly (readonly [MetricName, number | undefined])[];
}

/**
 * What CloudWatch reads metrics from, to be added to the line, whose own fields are the dimensions (CloudWatch User
 * Guide, "Specification: Embedded metric format"). Empty for a line that counts nothing. `at` in epoch milliseconds.
 */
export function embeddedMetrics(line: MetricSource, namespace: string, at: number): Readonly<Record<string, unknown>> {
  const groups = groupsOf(line)
    .map(group => present(group, line))
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

function groupsOf(line: MetricSource): readonly Group[] {
  return [{ sets: [['alarm']], values: [['Alarms', 1]] }, ...ofEvent(line)];
}

function ofEvent(line: MetricSource): readonly Group[] {
  const isNew = line.event === 'accepted' && line.code === 'stored';
  if (isNew) return [{ sets: [['platform']], values: [['Accepted', 1]] }];
  if (line.event === 'sweep') return [{ sets: [[]], values: ofSweep(line) }];
  if (line.event !== 'closed') return [];
  return [{ sets: [['platform', 'outcome'], ['outcome']], values: [['Closed', 1]] }];
}

function ofSweep(line: MetricSource): Group['values'] {
  return [
    ['Sweeps', 1],
    ['OldestOpen', line.oldestOpenMs],
    ['DeadlineUsed', line.deadlineUsedPercent],
    ['NeedsReview', line.needsReview],
    ['Paused', line.paused],
    ['Unsigned', line.unsigned],
  ];
}

/** A document that names what the line does not hold is refused as a whole, and with it what the line does hold. */
function present({ sets, values }: Group, line: MetricSource): Group {
  return {
    sets: sets.filter(set => set.every(name => line[name] !== undefined && line[name] !== '')),
    values: values.filter(([, value]) => Number.isFinite(value)),
  };
}
