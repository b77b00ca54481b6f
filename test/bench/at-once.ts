import { join } from 'node:path';
import type { AtOnce } from './at-once-loop.ts';
import type { BenchHarness } from './bench-harness.ts';
import { printedJson } from './measured-process.ts';
import { markdown, summary } from './statistics.ts';
import { bundledModule, type Subject } from './subjects.ts';

/** Instances of the bundle in one process, requests in flight in each, of these how many each, and before them. */
const situations = [
  {
    name: '50 in flight in one instance',
    numbers: [1, 50, 20, 4],
    subjects: ['webhook', 'webhook before', 'bare, SDK'],
  },
  // Only the webhook has a row that all instances write.
  { name: '100 instances, one request each', numbers: [100, 1, 1, 1], subjects: ['webhook', 'webhook before'] },
];

/** Measures whole requests at once, the subjects alternating. */
export async function atOnce(harness: BenchHarness, rounds: number): Promise<string> {
  const file = bundledModule(import.meta.resolve('./at-once-loop.ts'), join(harness.folder, 'at-once'));
  const rows: (string | number)[][] = [];
  for (const situation of situations) rows.push(...(await measure({ harness, file, rounds }, situation)));
  const times = ['a second', '× bare, SDK', 'CPU, ms each', 'p50, ms', 'most, ms'];
  const head = ['requests at once', 'subject', ...times, '200', '503', 'other'];
  return `${markdown([head, ...rows])}\n\n${rounds} rounds: medians, and the sums of the answers`;
}

interface Run {
  readonly harness: BenchHarness;
  readonly file: string;
  readonly rounds: number;
}

async function measure(
  { harness, file, rounds }: Run,
  { name, numbers, subjects: names }: (typeof situations)[number],
) {
  const subjects = harness.subjects.filter(subject => names.includes(subject.name));
  const measured = new Map<Subject, AtOnce[]>(subjects.map(subject => [subject, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [subject, of] of measured) {
      const args = [file, join(subject.folder, 'index.mjs'), ...numbers.map(String)];
      of.push(await printedJson<AtOnce>(harness, args));
    }
  }
  const base = [...measured].find(([subject]) => subject.name === 'bare, SDK')?.[1] ?? [];
  return [...measured].map(([subject, of]) => [name, subject.name, ...cellsOf(of, base)]);
}

function cellsOf(of: readonly AtOnce[], base: readonly AtOnce[]): (string | number)[] {
  const median = (pick: (one: AtOnce) => number) => summary(of.map(pick)).median;
  const count = (accept: (status: string) => boolean) =>
    of
      .flatMap(({ statuses }) => Object.entries(statuses))
      .reduce((sum, [status, n]) => sum + (accept(status) ? n : 0), 0);
  const { median: p50, most } = summary(of.flatMap(({ ms }) => ms));
  const rate = ({ ms, seconds }: AtOnce) => ms.length / seconds;
  return [
    median(rate).toFixed(0),
    base.length === 0 ? '' : (median(rate) / summary(base.map(rate)).median).toFixed(2),
    median(({ ms, cpuMs }) => cpuMs / ms.length).toFixed(1),
    p50.toFixed(0),
    most.toFixed(0),
    count(status => status === '200'),
    count(status => status === '503'),
    count(status => status !== '200' && status !== '503'),
  ];
}
