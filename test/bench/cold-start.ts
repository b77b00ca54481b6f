import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { descriptionOf, type FunctionProcess, startFunction } from '../e2e/support/function-process.ts';
import { deleteRequest } from '../e2e/support/messages.ts';
import type { BenchHarness } from './bench-harness.ts';
import { markdown, summary } from './statistics.ts';
import type { Subject } from './subjects.ts';

const periodUs = 100_000;
/** Version 1 of Linux control groups has a hierarchy for the processor, version 2 has one for all. */
const version1 = existsSync('/sys/fs/cgroup/cpu/cpu.cfs_quota_us');
const group = join(version1 ? '/sys/fs/cgroup/cpu' : '/sys/fs/cgroup', `erasure-bench-${process.pid}`);

let opened: boolean | undefined;

/** Gives a process, with all its threads, only this part of one processor; without permission it changes nothing. */
function confine(pid: number | undefined, share: number): void {
  opened ??= openGroup(Math.round(share * periodUs));
  if (opened && pid !== undefined) writeFileSync(join(group, 'cgroup.procs'), String(pid));
}

/** Returns what the table says about the quota. */
function quotaText(share: number): string {
  return opened === true
    ? `with ${share.toFixed(2)} of a processor`
    : 'without a limit of CPU, which needs a writable cgroup';
}

function openGroup(quotaUs: number): boolean {
  try {
    mkdirSync(group);
    process.once('exit', removeGroup);
    const [file, text] = version1 ? ['cpu.cfs_quota_us', `${quotaUs}`] : ['cpu.max', `${quotaUs} ${periodUs}`];
    writeFileSync(join(group, file), text);
    return true;
  } catch {
    return false;
  }
}

/** It is empty by then: each measured process has ended. */
function removeGroup(): void {
  try {
    rmdirSync(group);
  } catch (error) {
    console.error(`${group} is left: ${error}`);
  }
}

interface Started {
  readonly readyMs: number;
  readonly firstResponseMs: number;
  readonly cpuMs: number;
}

/** Measures fresh processes under the runtime interface client; the subjects alternate, so that drift affects all equally. */
export async function coldStart(harness: BenchHarness, runs: number): Promise<string> {
  const measured = new Map<string, Started[]>(harness.subjects.map(({ name }) => [name, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const subject of harness.subjects) measured.get(subject.name)?.push(await startOnce(harness, subject, run));
  }
  const base = mediansOf(measured.get('bare, SDK') ?? []);
  const rows = [...measured].map(([name, started]) => {
    const of = mediansOf(started);
    const { least, most } = summary(started.map(({ firstResponseMs }) => firstResponseMs));
    const ratios = [of.firstResponseMs / base.firstResponseMs, of.cpuMs / base.cpuMs].map(one => one.toFixed(2));
    return [name, ...[of.readyMs, of.firstResponseMs, least, most, of.cpuMs].map(ms => ms.toFixed(1)), ...ratios];
  });
  const head = [
    ...['fresh process', 'started, median ms', 'first response, median ms', 'min', 'max', 'CPU, median ms'],
    ...['× bare, SDK', 'CPU × bare, SDK'],
  ];
  return `${markdown([head, ...rows])}\n\n${runs} starts each, under ${harness.client.name}, ${quotaText(shareOf(harness))}`;
}

function mediansOf(started: readonly Started[]): Started {
  const of = (key: keyof Started) => summary(started.map(one => one[key])).median;
  return { readyMs: of('readyMs'), firstResponseMs: of('firstResponseMs'), cpuMs: of('cpuMs') };
}

/** Lambda's part of one processor in proportion to memory; 1,769 MB are one (Lambda Developer Guide, "Configure memory"). */
function shareOf({ assembly }: BenchHarness): number {
  return descriptionOf(assembly.webhook).memoryMb / 1769;
}

const executed = v.looseObject({ statusCode: v.literal(200) });

async function startOnce(harness: BenchHarness, subject: Subject, run: number): Promise<Started> {
  const started = await startFunction({
    ...descriptionOf(harness.assembly.webhook),
    bundle: subject.folder,
    variables: harness.variables,
    extraVariables: harness.extraVariables,
    client: harness.client.entry,
    preload: harness.preload,
  });
  confine(started.pid, shareOf(harness));
  try {
    return await timed(started, run);
  } finally {
    await started.stop();
  }
}

async function timed({ spawnedAt, ready, invoke, pid }: FunctionProcess, run: number): Promise<Started> {
  const answer = invoke(deleteRequest(`crm-cold-${process.pid}-${run}`));
  await Promise.race([ready, answer]);
  const readyMs = performance.now() - spawnedAt;
  v.parse(executed, await answer);
  return { readyMs, firstResponseMs: performance.now() - spawnedAt, cpuMs: cpuMsOf(pid) };
}

/** CPU time of all threads of a process so far, from Linux (proc_pid_schedstat: the first field, in nanoseconds); else NaN. */
function cpuMsOf(pid: number | undefined): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const times = threads.map(id => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]));
    return times.reduce((sum, time) => sum + time, 0) / 1e6;
  } catch {
    return Number.NaN;
  }
}
