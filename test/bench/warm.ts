import { join } from 'node:path';
import type { BenchHarness } from './bench-harness.ts';
import { printedJson } from './measured-process.ts';
import { markdown, summary } from './statistics.ts';
import { bundledModule, type Subject } from './subjects.ts';
import type { WarmMeasurement } from './warm-loop.ts';

/** Calls before the measurement, so that the code is compiled. */
const unmeasured = 300;
const rounds = 3;

interface Measured {
  readonly loops: WarmMeasurement[];
  counts: Readonly<Record<string, number>>;
}

/** Measures repeated calls of the handler in one process per subject and round, without a runtime client. */
export async function warm(harness: BenchHarness, times: number): Promise<readonly string[]> {
  const file = bundledModule(import.meta.resolve('./warm-loop.ts'), join(harness.folder, 'loop'));
  const measured = new Map<Subject, Measured>(harness.subjects.map(subject => [subject, { loops: [], counts: {} }]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [subject, of] of measured) {
      const before = await harness.counts();
      of.loops.push(await looped(harness, file, subject, times));
      of.counts = difference(before, await harness.counts());
    }
  }
  const all = [...measured].map(([{ name }, { loops, counts }]) => ({ name, loops, counts }));
  return [
    overhead(all, times),
    memory(all),
    markdown([
      ['calls of one erasure', 'AWS', 'Voucherify', 'which'],
      ...all.map(({ name, counts }) => [name, ...callsOf(counts, times + unmeasured)]),
    ]),
  ];
}

type All = readonly { readonly name: string; readonly loops: readonly WarmMeasurement[] }[];

function overhead(all: All, times: number): string {
  const summaries = all.map(({ name, loops }) => ({
    name,
    ...summary(loops.flatMap(({ ms }) => ms)),
    cpu: summary(loops.map(({ cpuMs }) => cpuMs)).median,
  }));
  const base = summaries.find(({ name }) => name === 'bare, SDK');
  const rows = summaries.map(({ name, median, p99, cpu }) => [
    ...[name, median.toFixed(2), p99.toFixed(2), cpu.toFixed(2)],
    ...[median / (base?.median ?? Number.NaN), cpu / (base?.cpu ?? Number.NaN)].map(one => one.toFixed(2)),
  ]);
  const head = ['warm request', 'p50, ms', 'p99, ms', 'CPU, ms', '× bare, SDK at p50', 'CPU × bare, SDK'];
  return `${markdown([head, ...rows])}\n\n${rounds} processes of ${times} requests each, after ${unmeasured} unmeasured`;
}

function memory(all: All): string {
  const mb = (bytes: number) => (bytes / 1_048_576).toFixed(0);
  const rows = all.map(({ name, loops }) => [
    name,
    mb(summary(loops.map(({ rssFirst }) => rssFirst)).median),
    mb(summary(loops.map(({ rssLast }) => rssLast)).median),
  ]);
  return markdown([['resident memory', 'after the first request, MB', 'after the last, MB'], ...rows]);
}

function callsOf(counts: Readonly<Record<string, number>>, erasures: number): (string | number)[] {
  const each = Object.entries(counts).map(([operation, count]) => [operation, count / erasures] as const);
  const often = each
    .filter(([, count]) => count >= 0.5)
    .map(([operation, count]) => [operation, Math.round(count)] as const);
  const sum = (ofVoucherify: boolean) =>
    often
      .filter(([name]) => name.endsWith('Voucherify') === ofVoucherify)
      .reduce((total, [, count]) => total + count, 0);
  return [sum(false), sum(true), often.map(([operation, count]) => `${count} ${operation}`).join(', ')];
}

function difference(before: Readonly<Record<string, number>>, after: typeof before): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]));
}

async function looped(harness: BenchHarness, file: string, subject: Subject, times: number): Promise<WarmMeasurement> {
  return printedJson(harness, [file, join(subject.folder, 'index.mjs'), `${times}`, `${unmeasured}`]);
}
