import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { BenchWorld } from './bench-world.ts';
import { markdown, summary } from './statistics.ts';
import { bundledModule, type Subject } from './subjects.ts';
import type { Looped } from './warm-loop.ts';

/** Before measuring, so that what is compiled on the way is compiled. */
const unmeasured = 300;
const rounds = 3;

interface Measured {
  readonly loops: Looped[];
  counts: Readonly<Record<string, number>>;
}

/** One process for each subject and round that calls the handler again and again, without a runtime client between. */
export async function warm(world: BenchWorld, times: number): Promise<readonly string[]> {
  const file = bundledModule(import.meta.resolve('./warm-loop.ts'), join(world.folder, 'loop'));
  const measured = new Map<Subject, Measured>(world.subjects.map(subject => [subject, { loops: [], counts: {} }]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [subject, of] of measured) {
      const before = await world.counts();
      of.loops.push(await looped(world, file, subject, times));
      of.counts = difference(before, await world.counts());
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

type All = readonly { readonly name: string; readonly loops: readonly Looped[] }[];

function overhead(all: All, times: number): string {
  const summaries = all.map(({ name, loops }) => ({ name, ...summary(loops.flatMap(({ ms }) => ms)) }));
  const ours = summaries[0]?.median ?? 0;
  const rows = summaries.map(({ name, median, p99 }) => [
    name,
    median.toFixed(2),
    p99.toFixed(2),
    name === 'webhook' ? '' : (ours - median).toFixed(2),
  ]);
  const head = ['warm request', 'p50, ms', 'p99, ms', 'webhook over it at p50, ms'];
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

async function looped(world: BenchWorld, file: string, subject: Subject, times: number): Promise<Looped> {
  const args = ['--import', world.preload, file, join(subject.folder, 'index.mjs'), `${times}`, `${unmeasured}`];
  const env = { ...world.variables, ...world.surroundings, AWS_LAMBDA_FUNCTION_NAME: 'erasure-webhook' };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const said = await text(child.stderr);
  process.off('exit', kill);
  if (!said.startsWith('{')) throw new Error(`${subject.name}: ${said}`);
  return JSON.parse(said) as Looped;
}
