import { expect, test } from 'vitest';
import { alarmFor } from '../../infra/alarm-texts.ts';
import example from '../../infra/settings.json' with { type: 'json' };
import { settingsWith, synthesised } from './synthesised.ts';

const settings = settingsWith({ platforms: { ...example.platforms, segment: {} } });
const { of, readable } = synthesised({ settings });

interface Widget {
  readonly properties: {
    readonly title: string;
    readonly alarms?: readonly string[];
    readonly metrics?: readonly (readonly unknown[])[];
    readonly annotations?: unknown;
  };
}

const [board] = of('AWS::CloudWatch::Dashboard');
const { widgets } = JSON.parse(String(readable(board.DashboardBody))) as { readonly widgets: readonly Widget[] };
const graphs = new Map(widgets.map(({ properties }) => [properties.title, properties]));

/** The metrics of a graph as words: namespace, name, dimensions. */
const shown = (title: string) =>
  (graphs.get(title)?.metrics ?? []).map(services => services.filter(part => typeof part === 'string').join(' '));

test('dashboard: has these graphs, and every alarm', () => {
  expect(board.DashboardName).toBe('erasure');
  expect([...graphs.keys()]).toEqual([
    'Who is hurt',
    ...['Time used of the deadline (%)', 'Age of the oldest open erasure (ms)', 'Sweeps'],
    ...['Waiting for a person', 'Scopes that are paused', 'Closed and not signed'],
    ...['Accepted, by platform', 'Closed, by platform and outcome', 'Closed without finding anybody (%)'],
    ...['Requests', 'Answered 4xx and 5xx', 'Time to answer (ms)'],
    ...['Functions: time (ms)', 'Functions: errors and throttles'],
    'Codes of the log that raised alarms',
  ]);
  expect(graphs.get('Who is hurt')?.alarms).toHaveLength(of('AWS::CloudWatch::Alarm').length);
});

test('dashboard: each figure of the sweep has a graph', () => {
  expect(shown('Time used of the deadline (%)')).toEqual(['erasure DeadlineUsed']);
  expect(shown('Age of the oldest open erasure (ms)')).toEqual(['erasure OldestOpen']);
  expect(shown('Sweeps')).toEqual(['erasure Sweeps']);
  expect(shown('Waiting for a person')).toEqual(['erasure NeedsReview']);
  expect(shown('Scopes that are paused')).toEqual(['erasure Paused']);
  expect(shown('Closed and not signed')).toEqual(['erasure Unsigned']);
});

test('dashboard: each platform of the settings has its lines', () => {
  expect(shown('Accepted, by platform')).toEqual(['ketch', 'segment'].map(name => `erasure Accepted platform ${name}`));
  const outcomes = ['erased', 'no-match', 'not-identifiable', 'refused'];
  expect(shown('Closed, by platform and outcome')).toEqual(
    ['ketch', 'segment'].flatMap(name => outcomes.map(one => `erasure Closed outcome ${one} platform ${name}`)),
  );
});

test('dashboard: each alarm code has its own line', () => {
  const codes = Object.keys(alarmFor).map(code => `erasure Alarms alarm ${code}`);
  expect(shown('Codes of the log that raised alarms')).toEqual(codes);
});
