import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import { failureFields, jsonLog, type LogLine, sourcePosition } from '../../lambda/io/log.ts';
import { embeddedMetrics } from '../../lambda/io/metrics.ts';
import { leaks, token } from '../support/canary.ts';
import { holds } from '../support/fuzz.ts';

const at = Date.parse('2026-01-15T12:00:00.123Z');
const dimensions = ['alarm', 'platform', 'outcome'];

/** Returns the metrics of a line: the values, and the sets of dimensions of each. */
function counted(line: LogLine) {
  const { _aws, ...values } = embeddedMetrics(line, 'erasure', at);
  const sets = directivesOf({ _aws }).flatMap(({ Dimensions, Metrics }) =>
    Metrics.map(({ Name }) => [Name, Dimensions.map(set => set.join('+'))] as const),
  );
  return { values, sets: Object.fromEntries(sets) };
}

interface Directive {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
}

function directivesOf({ _aws }: Readonly<Record<string, unknown>>): readonly Directive[] {
  return (_aws as { readonly CloudWatchMetrics: readonly Directive[] } | undefined)?.CloudWatchMetrics ?? [];
}

describe('log', () => {
  test('line: is one JSON object with the time of its clock', () => {
    const written: string[] = [];
    let now = at;
    const log = jsonLog(
      line => written.push(line),
      () => now,
    );
    log({ event: 'sweep', claimed: 2, code: 'two\nlines' });
    now += 1000;
    log({ event: 'alarm', alarm: 'internal', platform: 'ketch' });
    expect(written).toEqual([
      '{"time":"2026-01-15T12:00:00.123Z","event":"sweep","claimed":2,"code":"two\\nlines"}\n',
      '{"time":"2026-01-15T12:00:01.123Z","event":"alarm","alarm":"internal","platform":"ketch"}\n',
    ]);
  });

  test('refusal: is logged by code, alarm and origin, never by its message', () => {
    expect(failureFields(new Failure('invalid', 'message'))).toEqual({ code: 'invalid' });
    const named = { alarm: 'internal', origin: 'receive.ts:1:2' } as const;
    const full = new Failure('internal', 'message', { ...named, headers: { a: 'b' } });
    expect(failureFields(full)).toEqual({ code: 'internal', ...named });
  });

  test('metrics: are in the line itself, under the namespace of the deployment', () => {
    const lines: string[] = [];
    const line: LogLine = { event: 'accepted', platform: 'ketch', code: 'stored' };
    jsonLog(
      written => lines.push(written),
      () => at,
      'erasure-test',
    )(line);
    const Metrics = [{ Name: 'Accepted', Unit: 'Count' }];
    const CloudWatchMetrics = [{ Namespace: 'erasure-test', Dimensions: [['platform']], Metrics }];
    const _aws = { Timestamp: at, CloudWatchMetrics };
    expect(JSON.parse(lines.join(''))).toEqual({ time: '2026-01-15T12:00:00.123Z', ...line, _aws, Accepted: 1 });
  });
});

/** Every field of a line; a missing field does not compile. */
const texts = { project: '', receipt: '', code: '', call: '', origin: '', secret: '', rule: '' } as const;
const numbers = {
  ...{ status: 0, claimed: 0, closed: 0, unclaimed: 0, delivered: 0, failed: 0, staleMs: 0, signed: 0 },
  ...{ needsReview: 0, oldestOpenMs: 0, deadlineUsedPercent: 0, paused: 0, unsigned: 0 },
} as const;
const counting = ['needsReview', 'oldestOpenMs', 'deadlineUsedPercent', 'paused', 'unsigned'];
const everything: Required<LogLine> = {
  ...texts,
  ...numbers,
  ...{ event: 'sweep', alarm: 'internal', platform: 'ketch', outcome: 'erased' },
};
const events: readonly LogLine['event'][] = [
  ...(['accepted', 'attempt', 'closed', 'rejected', 'callback', 'sweep', 'alarm', 'aws'] as const),
];

const anyLine: fc.Arbitrary<LogLine> = fc.record(
  {
    event: fc.constantFrom(...events),
    alarm: fc.constantFrom<LogLine['alarm'] & string>('internal', 'needs-review'),
    platform: fc.constantFrom('ketch', 'in-house'),
    outcome: fc.constantFrom('erased', 'in-progress'),
    ...Object.fromEntries(Object.keys(texts).map(name => [name, fc.constantFrom(token(name), 'stored')])),
    ...Object.fromEntries(Object.keys(numbers).map(name => [name, fc.double({ noDefaultInfinity: true })])),
  },
  { requiredKeys: ['event'] },
);

describe('metrics', () => {
  test.each<[LogLine, object, object]>([
    [{ event: 'alarm', alarm: 'needs-review', platform: 'ketch' }, { Alarms: 1 }, { Alarms: ['alarm'] }],
    [{ event: 'rejected', alarm: 'internal', code: 'internal' }, { Alarms: 1 }, { Alarms: ['alarm'] }],
    [{ event: 'accepted', platform: 'ketch', code: 'stored' }, { Accepted: 1 }, { Accepted: ['platform'] }],
    [
      { event: 'closed', platform: 'ketch', outcome: 'no-match', code: 'no-match' },
      { Closed: 1 },
      { Closed: ['platform+outcome', 'outcome'] },
    ],
    [{ event: 'sweep' }, { Sweeps: 1 }, { Sweeps: [''] }],
    [
      { event: 'sweep', oldestOpenMs: 7, deadlineUsedPercent: 0.5, needsReview: 0, paused: 2, signed: 9, unsigned: 1 },
      { Sweeps: 1, OldestOpen: 7, DeadlineUsed: 0.5, NeedsReview: 0, Paused: 2, Unsigned: 1 },
      { Sweeps: [''], OldestOpen: [''], DeadlineUsed: [''], NeedsReview: [''], Paused: [''], Unsigned: [''] },
    ],
    [
      { event: 'sweep', alarm: 'evidence-unsigned' },
      { Alarms: 1, Sweeps: 1 },
      { Alarms: ['alarm'], Sweeps: [''] },
    ],
  ])('%j: is counted', (line, values, sets) => {
    expect(counted(line)).toEqual({ values, sets });
  });

  test.each<LogLine>([
    { event: 'accepted', platform: 'ketch', code: 'repeated' },
    { event: 'attempt', platform: 'ketch', outcome: 'erased', code: 'erased' },
    { event: 'callback', platform: 'ketch', code: 'ended' },
    { event: 'aws', call: 'GetItem', code: 'TimeoutError' },
    { event: 'accepted', code: 'stored' },
    { event: 'closed', platform: '', outcome: '' },
  ])('%j: is not counted', line => {
    expect(embeddedMetrics(line, 'erasure', at)).toEqual({});
  });

  test('missing name or number: the rest is counted', () => {
    expect(counted({ event: 'closed', outcome: 'erased' }).sets).toEqual({ Closed: ['outcome'] });
    expect(counted({ event: 'sweep', oldestOpenMs: Number.NaN }).values).toEqual({ Sweeps: 1 });
  });

  // CloudWatch User Guide, "Specification: Embedded metric format".
  test('any line: the metrics have the published format', () => {
    holds(
      fc.property(anyLine, line => {
        const metrics = embeddedMetrics(line, 'erasure', at);
        if (Object.keys(metrics).length === 0) return;
        const root = JSON.parse(JSON.stringify({ ...line, ...metrics })) as Readonly<Record<string, unknown>>;
        expect(root['_aws']).toEqual({ Timestamp: at, CloudWatchMetrics: expect.any(Array) });
        for (const { Dimensions, Metrics, ...others } of directivesOf(root)) {
          expect([others, Dimensions.length > 0]).toEqual([{ Namespace: 'erasure' }, true]);
          expect(Metrics.length).toBeGreaterThan(0);
          expect(Metrics.length).toBeLessThanOrEqual(100);
          for (const { Name, ...unit } of Metrics) {
            expect(unit).toEqual({ Unit: expect.stringMatching(/^(Milliseconds|Percent|Count)$/) });
            expect(root[Name]).toEqual(expect.any(Number));
          }
          for (const set of Dimensions) {
            expect(set.length).toBeLessThanOrEqual(30);
            for (const name of set) expect(root[name]).toMatch(/./);
          }
        }
      }),
    );
  });

  test('any line: dimensions are alarm, platform and outcome, and all else is numbers', () => {
    const planted = new Map(Object.keys(texts).map(name => [name, token(name)]));
    holds(
      fc.property(anyLine, line => {
        const { _aws, ...values } = embeddedMetrics(line, 'erasure', at);
        for (const value of Object.values(values)) expect(Number.isFinite(value)).toBe(true);
        const names = directivesOf({ _aws }).flatMap(({ Dimensions }) => Dimensions.flat());
        expect(dimensions).toEqual(expect.arrayContaining(names));
        expect(leaks(planted, { metrics: JSON.stringify({ _aws, values }) })).toEqual([]);
      }),
    );
  });

  test('other fields: change nothing', () => {
    for (const event of events) {
      const told = { ...everything, event, code: 'stored' };
      const needed = ['event', 'code', ...dimensions, ...counting];
      const rest = Object.fromEntries(Object.entries(told).filter(([name]) => needed.includes(name)));
      expect(embeddedMetrics({ event, ...rest }, 'erasure', at)).toEqual(embeddedMetrics(told, 'erasure', at));
    }
  });
});

describe('position of an internal error', () => {
  const folder = mkdtempSync(join(tmpdir(), 'erasure-positions-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const bundle = join(folder, 'index.mjs');
  buildSync({
    stdin: { contents: 'export const first = 1;\n\nexport const thrower = () => missing();', sourcefile: 'thrower.ts' },
    ...{ outfile: bundle, bundle: true, format: 'esm', minify: true, sourcemap: true, sourcesContent: false },
  });

  test('in a bundle with its source map: names the source file and line', () => {
    const column = readFileSync(bundle, 'utf8').indexOf('missing') + 1;
    expect(sourcePosition(`index.mjs:1:${column}`, pathToFileURL(bundle).href)).toBe('thrower.ts:3:30');
  });

  test.each(['ops.ts:3:1', 'unknown', 'index.mjs:x', 'index.mjs:1:1'])(
    '%s without a source map: is unchanged',
    text => {
      expect(sourcePosition(text, pathToFileURL(join(folder, 'absent', 'index.mjs')).href)).toBe(text);
    },
  );
});
