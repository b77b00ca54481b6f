import { isObject } from './json-schema.ts';

/** The part of an alarm's definition that decides its state. */
interface AlarmDefinition {
  readonly AlarmName: string;
  readonly ComparisonOperator: string;
  readonly Threshold?: number;
  readonly ThresholdMetricId?: string;
  readonly TreatMissingData?: string;
  readonly Metrics?: readonly Query[];
  readonly AlarmActions?: readonly unknown[];
}

type Query = { readonly Id: string; readonly ReturnData?: boolean } & (
  | { readonly Expression: string }
  | { readonly MetricStat: { readonly Metric: MetricDefinition; readonly Stat: string } }
);

interface MetricDefinition {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[];
}

/**
 * Returns the names of the alarms in the ALARM state if all these log lines belong to one period. `alarms` are the
 * properties of the synthesized `AWS::CloudWatch::Alarm` resources. Metrics of AWS services have no data, and anomaly
 * alarms are never in the ALARM state: a log contains neither. Alarms without an action are parts of a composite alarm and
 * are left out. Throws for an unsupported definition.
 */
export function startedAlarms(
  alarms: readonly Readonly<Record<string, unknown>>[],
  emfLines: readonly string[],
): readonly string[] {
  const points = readPoints(emfLines);
  return alarms
    .map(alarm => alarm as unknown as AlarmDefinition)
    .filter(({ ThresholdMetricId, AlarmActions = [] }) => ThresholdMetricId === undefined && AlarmActions.length > 0)
    .filter(alarm => isBreached(alarm, alarmValue(alarm, points)))
    .map(({ AlarmName }) => AlarmName);
}

function isBreached(
  { AlarmName, ComparisonOperator, Threshold = Number.NaN, TreatMissingData }: AlarmDefinition,
  value?: number,
) {
  if (value === undefined) return TreatMissingData === 'breaching';
  if (ComparisonOperator === 'GreaterThanOrEqualToThreshold') return value >= Threshold;
  if (ComparisonOperator === 'LessThanThreshold') return value < Threshold;
  throw new Error(`${AlarmName}: ${ComparisonOperator} is not supported`);
}

/** Returns `undefined` for a metric without data. */
function alarmValue(alarm: AlarmDefinition, points: Points): number | undefined {
  const { Metrics } = alarm;
  if (Metrics === undefined) {
    const { Statistic, ...metric } = alarm as unknown as MetricDefinition & { readonly Statistic: string };
    return statistic(Statistic, points.get(keyOf(metric)));
  }
  const stats = Metrics.flatMap(query => ('MetricStat' in query ? [[query.Id, query.MetricStat] as const] : []));
  const values = new Map(stats.map(([id, { Metric, Stat }]) => [id, statistic(Stat, points.get(keyOf(Metric)))]));
  const [watched] = Metrics.filter(query => query.ReturnData === true);
  if (watched === undefined || !('Expression' in watched)) throw new Error(`${alarm.AlarmName}: has no expression`);
  return sum(watched.Expression, values);
}

/** `FILL(a, 0)` or `SUM([FILL(a, 0), FILL(b, 0)])`: the two supported forms of expression. */
function sum(expression: string, values: ReadonlyMap<string, number | undefined>): number {
  const terms = /^SUM\(\[(.*)\]\)$/.exec(expression)?.[1] ?? expression;
  return terms
    .split(/(?<=\)), /)
    .map(term => {
      const name = /^FILL\((\w+), 0\)$/.exec(term)?.[1] ?? '';
      if (!values.has(name)) throw new Error(`${expression}: is not supported`);
      return values.get(name) ?? 0;
    })
    .reduce((total, value) => total + value, 0);
}

function statistic(name: string, points: readonly number[] | undefined): number | undefined {
  if (points === undefined) return undefined;
  if (name === 'Sum') return points.reduce((total, point) => total + point, 0);
  if (name === 'Maximum') return Math.max(...points);
  throw new Error(`${name}: is not supported`);
}

/** Data points by metric and dimensions. */
type Points = ReadonlyMap<string, readonly number[]>;

/** Extracts the data points as CloudWatch does: one for each set of dimensions. */
function readPoints(lines: readonly string[]): Points {
  const points = new Map<string, number[]>();
  for (const line of lines) {
    const root = JSON.parse(line) as Readonly<Record<string, unknown>>;
    for (const { key, value } of pointsIn(root)) points.set(key, [...(points.get(key) ?? []), value]);
  }
  return points;
}

interface Directive {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly { readonly Name: string }[];
}

function pointsIn(root: Readonly<Record<string, unknown>>): readonly { key: string; value: number }[] {
  if (!isObject(root['_aws'])) return [];
  const directives = root['_aws']['CloudWatchMetrics'] as readonly Directive[];
  return directives.flatMap(({ Namespace, Dimensions, Metrics }) =>
    Dimensions.flatMap(set =>
      Metrics.map(({ Name }) => {
        const named = set.map(name => ({ Name: name, Value: String(root[name]) }));
        return { key: keyOf({ Namespace, MetricName: Name, Dimensions: named }), value: Number(root[Name]) };
      }),
    ),
  );
}

function keyOf({ Namespace, MetricName, Dimensions = [] }: MetricDefinition): string {
  const named = Dimensions.map(({ Name, Value }) => `${Name}=${JSON.stringify(Value)}`).sort();
  return [Namespace, MetricName, ...named].join(' ');
}
