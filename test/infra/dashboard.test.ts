import { expect, test } from 'vitest';
import example from '../../infra/settings.json' with { type: 'json' };
import { alarmFor, alarmTexts } from '../../infra/stack/alarm-catalog.ts';
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
  // Dashboards are global in an account: the same stack in two regions needs two names.
  expect(readable(board.DashboardName)).toBe('erasure-AWS::Region');
  expect([...graphs.keys()]).toEqual([
    'Alarms',
    ...['Deadline used (%)', 'Age of the oldest open request (ms)', 'Sweeps'],
    ...['Needs review', 'Active pauses', 'Closed but not signed'],
    ...['Accepted, by platform', 'Closed, by platform and outcome', 'Closed without a match (%)'],
    ...['Requests', '4xx and 5xx replies, and refusals of the gateway', 'Latency (ms)'],
    ...['Functions: duration (ms)', 'Functions: errors and throttles'],
    'Alarm codes in the log',
  ]);
  // The two on events of customers exist only if events are received.
  expect(graphs.get('Alarms')?.alarms).toHaveLength(Object.keys(alarmTexts).length - 2);
});

test('dashboard: each figure of the sweep has a graph', () => {
  expect(shown('Deadline used (%)')).toEqual(['erasure DeadlineUsed']);
  expect(shown('Age of the oldest open request (ms)')).toEqual(['erasure OldestOpen']);
  expect(shown('Sweeps')).toEqual(['erasure Sweeps']);
  expect(shown('Needs review')).toEqual(['erasure NeedsReview']);
  expect(shown('Active pauses')).toEqual(['erasure Paused']);
  expect(shown('Closed but not signed')).toEqual(['erasure Unsigned']);
});

test('dashboard: each platform of the settings has its lines', () => {
  expect(shown('Accepted, by platform')).toEqual(['ketch', 'segment'].map(name => `erasure Accepted platform ${name}`));
  const outcomes = ['erased', 'no-match', 'not-identifiable', 'created-later', 'refused'];
  expect(shown('Closed, by platform and outcome')).toEqual(
    ['ketch', 'segment'].flatMap(name => outcomes.map(one => `erasure Closed outcome ${one} platform ${name}`)),
  );
});

test('dashboard: each alarm code has its own line', () => {
  const codes = Object.keys(alarmFor).map(code => `erasure Alarms alarm ${code}`);
  expect(shown('Alarm codes in the log')).toEqual(codes);
});
