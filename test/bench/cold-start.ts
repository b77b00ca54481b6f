import * as v from 'valibot';
import { descriptionOf, type FunctionProcess, startFunction } from '../e2e/support/function-process.ts';
import { deleteRequest } from '../e2e/support/messages.ts';
import type { BenchHarness } from './bench-harness.ts';
import { markdown, summary } from './statistics.ts';
import type { Subject } from './subjects.ts';

interface Started {
  readonly readyMs: number;
  readonly firstResponseMs: number;
}

/** Measures fresh processes under the runtime interface client; the subjects alternate, so that drift affects all equally. */
export async function coldStart(harness: BenchHarness, runs: number): Promise<string> {
  const measured = new Map<string, Started[]>(harness.subjects.map(({ name }) => [name, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const subject of harness.subjects) measured.get(subject.name)?.push(await startOnce(harness, subject, run));
  }
  const rows = [...measured].map(([name, started]) => {
    const ready = summary(started.map(({ readyMs }) => readyMs));
    const firstResponse = summary(started.map(({ firstResponseMs }) => firstResponseMs));
    const { least, median, most } = firstResponse;
    return [name, ...[ready.median, median, least, most].map(ms => ms.toFixed(1))];
  });
  const head = ['fresh process', 'started, median ms', 'first answer, median ms', 'least', 'most'];
  return `${markdown([head, ...rows])}\n\n${runs} starts each, under ${harness.client.name}`;
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
  try {
    return await timed(started, run);
  } finally {
    await started.stop();
  }
}

async function timed({ spawnedAt, ready, invoke }: FunctionProcess, run: number): Promise<Started> {
  const answer = invoke(deleteRequest(`crm-cold-${process.pid}-${run}`));
  await Promise.race([ready, answer]);
  const readyMs = performance.now() - spawnedAt;
  v.parse(executed, await answer);
  return { readyMs, firstResponseMs: performance.now() - spawnedAt };
}
